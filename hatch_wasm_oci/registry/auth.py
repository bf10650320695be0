"""Proving to a registry who asks: its challenges answered, tokens fetched and kept while they last."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlencode, urlsplit

from hatch_wasm_oci.errors import RegistryError
from hatch_wasm_oci.registry.challenge import Challenge, parse_challenges
from hatch_wasm_oci.registry.connection import is_loopback
from hatch_wasm_oci.registry.failure import redacted

if TYPE_CHECKING:
    from typing import TypeGuard

    from hatch_wasm_oci.registry.connection import Connection
    from hatch_wasm_oci.registry.credentials import Credential, Search

CLIENT_ID = "hatch-wasm-oci"
TOKEN_LIMIT = 1024 * 1024
"""The largest answer of a token endpoint that is read, in bytes."""

_DEFAULT_LIFE = 60
_LONGEST_LIFE = 10**9
_SLACK = 10.0
_OK = 200
# Token endpoints that don't know POST say so in one of these ways.
_NO_POST = (404, 405)


class Answer(NamedTuple):
    """What a token endpoint answered: status and body."""

    status: int
    body: bytes


Fetch = Callable[[str, str, Mapping[str, str], bytes | None], Answer]
"""Sends a request to a token endpoint: method, URL, headers and body."""


class Authenticator:
    """Answers the challenges of one registry for one repository, and remembers what worked.

    Args:
        registry: The registry's host.
        base: Its URL, to which credentials may go by the user's own choice.
        repository: The repository's path.
        connection: How to talk to it; holds where to look for credentials.
        fetch: Sends requests to token endpoints.
    """

    def __init__(self, registry: str, base: str, repository: str, connection: Connection, fetch: Fetch) -> None:
        self._registry = registry
        self._base = urlsplit(base)
        self._repository = repository
        self._connection = connection
        self._fetch = fetch
        self._lock = threading.RLock()
        self._search: Search | None = None
        self._challenge: Challenge | None = None
        self._scopes: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._tokens: dict[tuple[str, ...], tuple[str, float]] = {}

    @property
    def with_credential(self) -> bool:
        """Whether a credential was looked for, and found."""
        return self._search is not None and self._search.credential is not None

    def header(self, scopes: tuple[str, ...]) -> str | None:
        """Return what to send as `Authorization` before being asked; None as long as nothing was asked for.

        Args:
            scopes: What the request needs, such as `repository:acme/filter:pull,push`.

        Raises:
            RegistryError: A token can't be fetched.
        """
        with self._lock:
            return self._answer(self._challenge, self._scopes.get(scopes, scopes)) if self._challenge else None

    def challenged(self, header: str, scopes: tuple[str, ...], sent: str | None) -> str | None:
        """Answer a 401.

        Args:
            header: Its `WWW-Authenticate`, not trusted.
            scopes: What the request needs.
            sent: What had been sent as `Authorization`.

        Returns:
            What to send now; None where there is nothing better than what was sent.

        Raises:
            RegistryError: A credential or token can't be had.
        """
        with self._lock:
            challenge = self._choose(parse_challenges(header))
            if challenge is None:
                return None
            self._challenge = challenge
            if sent is not None and sent.startswith("Bearer "):
                # Expired, revoked or of too small a scope.
                self._tokens = {key: entry for key, entry in self._tokens.items() if f"Bearer {entry[0]}" != sent}
            # Kept, so that the next request for the same is sent with the same token at once.
            self._scopes[scopes] = _merged(scopes, challenge.parameters.get("scope", ""))
            answer = self._answer(challenge, self._scopes[scopes])
            return answer if answer != sent else None

    def explanation(self) -> str:
        """Say which credential was used, or where none was found: a sentence for errors, without secrets."""
        if self._search is None:
            return ""
        credential = self._search.credential
        if credential is not None:
            user = f" (user {credential.username!r})" if credential.username else ""
            return f"The credential came from {credential.source}{user}."
        places = "; ".join(self._search.places)
        return f"No credential was found; looked in: {places}." if places else "No credential was given."

    def _choose(self, challenges: tuple[Challenge, ...]) -> Challenge | None:
        by_scheme = {challenge.scheme: challenge for challenge in reversed(challenges)}
        bearer = by_scheme.get("bearer")
        return bearer if bearer and bearer.parameters.get("realm") else by_scheme.get("basic")

    def _answer(self, challenge: Challenge, scopes: tuple[str, ...]) -> str | None:
        credential = self._credential()
        if challenge.scheme == "basic":
            return _basic(credential) if credential and credential.password else None
        if credential and credential.registry_token:
            if not _is_token(credential.registry_token):
                raise RegistryError(
                    f"The token from {credential.source} has characters that no token has.",
                    "Take it again from where it came: a line end may be in it.",
                )
            return f"Bearer {credential.registry_token}"
        realm = challenge.parameters["realm"]
        service = challenge.parameters.get("service", "")
        key = (realm, service, *sorted(scopes))
        token, expiry = self._tokens.get(key, ("", 0.0))
        if not token or self._connection.retry.clock() >= expiry:
            token, life = self._token(realm, service, scopes, credential)
            # However short its life is said to be, the request for which it was fetched may use it.
            self._tokens[key] = (token, self._connection.retry.clock() + max(life - _SLACK, life / 2))
        return f"Bearer {token}"

    def _credential(self) -> Credential | None:
        if self._search is None:
            from hatch_wasm_oci.registry.credentials import Search

            places: list[str] = []
            found = self._connection.credential
            for source in self._connection.credential_sources if found is None else ():
                search = source(self._registry, self._repository)
                places += search.places
                found = search.credential
                if found is not None:
                    break
            self._search = Search(found, tuple(places))
        return self._search.credential

    def _token(
        self, realm: str, service: str, scopes: tuple[str, ...], credential: Credential | None
    ) -> tuple[str, float]:
        self._check_realm(realm, credential)
        query = [("service", service)] if service else []
        answer = Answer(_NO_POST[0], b"")
        if credential and credential.identity_token:
            form = {
                "grant_type": "refresh_token",
                "client_id": CLIENT_ID,
                "scope": " ".join(scopes),
                "refresh_token": credential.identity_token,
                **dict(query),
            }
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = self._fetch("POST", realm, headers, urlencode(form, errors="surrogateescape").encode())
        if answer.status in _NO_POST:
            query += [("client_id", CLIENT_ID), *(("scope", scope) for scope in scopes)]
            headers = {"Authorization": _basic(credential)} if credential and _has_secret(credential) else {}
            joint = "&" if urlsplit(realm).query else "?"
            answer = self._fetch("GET", f"{realm}{joint}{urlencode(query)}", headers, None)
        return self._read_token(realm, answer)

    def _read_token(self, realm: str, answer: Answer) -> tuple[str, float]:
        if answer.status != _OK:
            raise RegistryError(
                f"The token endpoint {redacted(realm)} answered {answer.status}. {self.explanation()}".rstrip(),
                "Log in again, or check that this account may use the repository.",
                status=answer.status,
                code="UNAUTHORIZED" if answer.status in (400, 401, 403) else "",
            )
        try:
            value: Any = json.loads(answer.body)
            token = value.get("token") or value.get("access_token")
            life = value.get("expires_in", _DEFAULT_LIFE)
        except (ValueError, AttributeError, RecursionError):
            token, life = None, 0
        # Characters that don't belong in a header would let the endpoint write headers of its own.
        if not _is_token(token):
            raise RegistryError(
                f"The token endpoint {redacted(realm)} answered without a token.", "Ask the registry's operator."
            )
        known = isinstance(life, (int, float)) and not isinstance(life, bool) and 0 <= life <= _LONGEST_LIFE
        return token, float(life) if known else float(_DEFAULT_LIFE)

    def _check_realm(self, realm: str, credential: Credential | None) -> None:
        try:
            parts = urlsplit(realm)
        except ValueError:
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RegistryError(
                f"The registry {self._registry} names the token endpoint {redacted(realm)!r}, which is no URL.",
                "Ask its operator to mend the realm of its challenge.",
            )
        same = (parts.scheme, parts.netloc) == (self._base.scheme, self._base.netloc)
        if credential is not None and parts.scheme == "http" and not same and not is_loopback(parts.netloc):
            raise RegistryError(
                f"The registry {self._registry} wants credentials sent to {redacted(realm)} without encryption.",
                "They were not sent: ask its operator to serve tokens over https.",
            )


def _basic(credential: Credential) -> str:
    if credential.identity_token:
        pair = f"<token>:{credential.identity_token}"
    else:
        pair = f"{credential.username}:{credential.password}"
    return f"Basic {base64.b64encode(pair.encode('utf-8', 'surrogateescape')).decode()}"


def _is_token(value: object) -> TypeGuard[str]:
    # RFC 6750's b64token is narrower; registries are not held to it.
    return isinstance(value, str) and value.isascii() and value.isprintable() and bool(value) and " " not in value


def _has_secret(credential: Credential) -> bool:
    return bool(credential.password or credential.identity_token)


def _merged(scopes: tuple[str, ...], asked: str) -> tuple[str, ...]:
    """Add what a challenge asks for: `repository:x:pull` and `repository:x:push` become one scope."""
    actions: dict[str, dict[str, None]] = {}
    for scope in (*scopes, *asked.split()):
        resource, _, names = scope.rpartition(":")
        actions.setdefault(resource, {}).update(dict.fromkeys(names.split(",")))
    return tuple(f"{resource}:{','.join(sorted(names))}" for resource, names in actions.items() if resource)
