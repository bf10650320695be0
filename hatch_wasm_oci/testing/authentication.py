"""Who may do what: Basic, or Bearer with a token endpoint of its own, with the challenge that a test needs."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
import secrets
import threading
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol
from urllib.parse import parse_qs

from hatch_wasm_oci.testing.http1.message import Response, error_response, json_response

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_wasm_oci.testing.htpasswd import PasswordHash
    from hatch_wasm_oci.testing.http1.message import Request

    Users = Mapping[str, str | PasswordHash] | Mapping[str, str] | Mapping[str, PasswordHash]

TOKEN_PATH = "/token"  # noqa: S105 - a path, not a token

_MAXIMUM_FORM = 64 * 1024
_MAXIMUM_TOKENS = 10_000
_SCOPE = re.compile(r"([a-z]+(?:\([a-z]+\))?):([^ ]+):([a-z*,]*)")


@dataclass(frozen=True)
class Access:
    """What a request needs, or a token gives (distribution, "Token Scope Documentation").

    Args:
        kind: `repository` or `registry`.
        name: The repository, or `catalog`.
        actions: Of `pull`, `push`, `delete`, `*`.
    """

    kind: str
    name: str
    actions: frozenset[str]

    def __str__(self) -> str:
        order = ("pull", "push", "delete", "*")
        return f"{self.kind}:{self.name}:{','.join(action for action in order if action in self.actions)}"

    def covers(self, other: Access) -> bool:
        """Whether who has this may do that."""
        return (self.kind, self.name) == (other.kind, other.name) and self.actions >= other.actions


@dataclass(frozen=True)
class Refusal:
    """Why a request is refused, and the challenge to answer it with."""

    challenge: str
    message: str


class Authentication(Protocol):
    """What the registry asks of a way of authentication."""

    def refusal(self, request: Request, accesses: list[Access]) -> Refusal | None:
        """Return why a request may not do this; None where it may."""

    def token_response(self, request: Request) -> Response | None:
        """Answer a request for a token; None where it is none."""


@dataclass(frozen=True)
class BasicAuthentication:
    """A user name and a password with every request (RFC 7617).

    Args:
        users: Passwords by user name, or what `read_htpasswd` returns.
        realm: The challenge's realm; None leaves it out, which Istio needs of a registry without TLS.
        anonymous_pull: Whether everybody may read.
    """

    users: Users = field(repr=False)
    realm: str | None = "embedded registry"
    anonymous_pull: bool = False

    def refusal(self, request: Request, accesses: list[Access]) -> Refusal | None:
        """Return why a request may not do this; None where it may."""
        if _user(self.users, request.headers.get("authorization")) is not None:
            return None
        if self.anonymous_pull and accesses and _only_pulls(accesses) and "authorization" not in request.headers:
            return None
        challenge = "Basic" if self.realm is None else f"Basic realm={_quoted(self.realm)}"
        return Refusal(challenge, "The user name or password is missing or wrong.")

    def token_response(self, request: Request) -> Response | None:  # noqa: ARG002 - the protocol's signature
        """There are no tokens here."""
        return None


@dataclass(frozen=True)
class _Token:
    user: str
    accesses: tuple[Access, ...]
    expires: float


class BearerAuthentication:
    """Tokens, from an endpoint of the registry's own (distribution, "Docker Registry v2 authentication").

    Args:
        users: Passwords by user name, or what `read_htpasswd` returns.
        realm: The URL of the token endpoint in the challenge; None is the registry's own, under the name that the
            client asked for.
        service: The challenge's service.
        lifetime: Seconds that a token is good for.
        anonymous_pull: Whether everybody gets a token to read with.
        oauth2: Whether the endpoint takes POST; else it gives 404, as older ones do.
        answer_key: Under which key the endpoint gives the token.
    """

    def __init__(
        self,
        users: Users,
        *,
        realm: str | None = None,
        service: str = "embedded-registry",
        lifetime: float = 300.0,
        anonymous_pull: bool = False,
        oauth2: bool = True,
        answer_key: Literal["both", "token", "access_token"] = "both",
    ) -> None:
        self._users = dict(users)
        self._realm = realm
        self._service = service
        self._lifetime = lifetime
        self._anonymous_pull = anonymous_pull
        self._oauth2 = oauth2
        self._answer_keys = ("token", "access_token") if answer_key == "both" else (answer_key,)
        self._tokens: dict[str, _Token] = {}
        self._refresh_tokens: dict[str, str] = {}
        self._lock = threading.Lock()

    def refusal(self, request: Request, accesses: list[Access]) -> Refusal | None:
        """Return why a request may not do this; None where it may."""
        scheme, _, value = request.headers.get("authorization", "").partition(" ")
        error = ""
        if scheme.lower() == "bearer":
            with self._lock:
                token = self._tokens.get(value.strip())
            if token is None or token.expires <= time.monotonic():
                error = "invalid_token"
            elif all(any(given.covers(needed) for given in token.accesses) for needed in accesses):
                return None
            else:
                error = "insufficient_scope"
        challenge = f"Bearer realm={_quoted(self._realm or request.base + TOKEN_PATH)},service={_quoted(self._service)}"
        if accesses:
            challenge += f",scope={_quoted(' '.join(map(str, accesses)))}"
        if error:
            challenge += f",error={_quoted(error)}"
        return Refusal(challenge, "A token is missing, expired, or does not cover this.")

    def token_response(self, request: Request) -> Response | None:
        """Answer GET and POST of the token endpoint; None for every other path."""
        if request.path != TOKEN_PATH:
            return None
        if request.method == "GET":
            return self._get_token(request)
        if request.method == "POST" and self._oauth2:
            return self._post_token(request)
        status = 404 if request.method == "POST" else 405
        return error_response(status, "UNSUPPORTED", "The token endpoint does not take this method.")

    def expire(self) -> None:
        """Let every token that was given out be expired; refresh tokens stay good."""
        with self._lock:
            self._tokens.clear()

    def _get_token(self, request: Request) -> Response:
        authorization = request.headers.get("authorization")
        user = _user(self._users, authorization)
        if user is None and (authorization is not None or not self._anonymous_pull):
            return _denied()
        if (request.parameter("service") or self._service) != self._service:
            return error_response(400, "DENIED", "The service is not this one.")
        offline = user is not None and request.parameter("offline_token") in {"true", "1"}
        return self._give(user, request.parameters("scope"), offline=offline)

    def _post_token(self, request: Request) -> Response:
        body = request.body.read(_MAXIMUM_FORM)
        try:
            form = parse_qs((body or b"").decode("utf-8"), max_num_fields=100)
        except ValueError:
            form = {}
        first = {name: values[0] for name, values in form.items()}
        if first.get("service", self._service) != self._service:
            return _oauth_error("invalid_request")
        kind = first.get("grant_type")
        if kind == "refresh_token":
            with self._lock:
                user = self._refresh_tokens.get(first.get("refresh_token", ""))
        elif kind == "password":
            user = _checked(self._users, first.get("username", ""), first.get("password", ""))
        else:
            return _oauth_error("unsupported_grant_type")
        if user is None:
            return _oauth_error("invalid_grant", status=401)
        refresh = first.get("refresh_token") if kind == "refresh_token" else None
        offline = kind == "refresh_token" or first.get("access_type") == "offline"
        return self._give(user, form.get("scope", []), offline=offline, refresh=refresh)

    def _give(self, user: str | None, scopes: list[str], *, offline: bool, refresh: str | None = None) -> Response:
        accesses = parse_scopes(scopes)
        if user is None:
            accesses = [Access(item.kind, item.name, item.actions & {"pull"}) for item in accesses]
        token = secrets.token_urlsafe(32)
        now = time.monotonic()
        if offline and refresh is None:
            refresh = secrets.token_urlsafe(32)
        with self._lock:
            if len(self._tokens) >= _MAXIMUM_TOKENS:
                self._tokens = {name: held for name, held in self._tokens.items() if held.expires > now}
            if len(self._tokens) >= _MAXIMUM_TOKENS or len(self._refresh_tokens) >= _MAXIMUM_TOKENS:
                return error_response(429, "TOOMANYREQUESTS", "Too many tokens are in use.")
            self._tokens[token] = _Token(user or "", tuple(accesses), now + self._lifetime)
            if refresh is not None and user is not None:
                self._refresh_tokens[refresh] = user
        answer: dict[str, object] = dict.fromkeys(self._answer_keys, token)
        answer["expires_in"] = int(self._lifetime)
        answer["issued_at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        answer["scope"] = " ".join(map(str, accesses))
        if refresh is not None:
            answer["refresh_token"] = refresh
        return json_response(200, answer, {"Cache-Control": "no-store"})


def parse_scopes(scopes: list[str]) -> list[Access]:
    """Parse scopes, which come as several parameters, as one with spaces, or both; what is no scope gives nothing."""
    found: dict[tuple[str, str], frozenset[str]] = {}
    for text in " ".join(scopes).split(" "):
        match = _SCOPE.fullmatch(text)
        if match is not None:
            key = (match[1], match[2])
            found[key] = found.get(key, frozenset()) | frozenset(match[3].split(",")) - {""}
    return [Access(kind, name, actions) for (kind, name), actions in found.items()]


def _user(users: Users, authorization: str | None) -> str | None:
    scheme, _, encoded = (authorization or "").partition(" ")
    if scheme.lower() != "basic":
        return None
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return None
    name, colon, password = text.partition(":")
    return _checked(users, name, password) if colon else None


def _checked(users: Users, name: str, password: str) -> str | None:
    expected = users.get(name)
    if expected is None:
        return None
    if isinstance(expected, str):
        return name if hmac.compare_digest(expected.encode(), password.encode()) else None
    return name if expected.matches(password) else None


def _only_pulls(accesses: list[Access]) -> bool:
    return all(access.actions <= {"pull"} for access in accesses)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _denied() -> Response:
    return error_response(
        401, "UNAUTHORIZED", "The user name or password is missing or wrong.", headers={"WWW-Authenticate": "Basic"}
    )


def _oauth_error(code: str, status: int = 400) -> Response:
    return json_response(status, {"error": code}, {"Cache-Control": "no-store"})
