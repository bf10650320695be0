"""Requests to one registry: sent safely, again where that may help, and followed where they are sent on to."""

from __future__ import annotations

import datetime as dt
import email.utils
import itertools
import os
import threading
from typing import IO, TYPE_CHECKING, cast
from urllib.parse import urljoin, urlsplit

import requests
import requests.utils
import urllib3
from requests.adapters import HTTPAdapter

from hatch_wasm_oci import __version__
from hatch_wasm_oci.errors import RegistryError
from hatch_wasm_oci.registry.auth import TOKEN_LIMIT, Answer, Authenticator
from hatch_wasm_oci.registry.body import Body
from hatch_wasm_oci.registry.connection import is_loopback
from hatch_wasm_oci.registry.failure import ERROR_LIMIT, redacted, refusal, unreachable
from hatch_wasm_oci.registry.parallel import Interrupted
from hatch_wasm_oci.registry.reading import pieces

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from hatch_wasm_oci.registry.connection import Connection

DOCKER_HUB_HOST = "registry-1.docker.io"

_UNAUTHORIZED = 401
_RETRIED = frozenset({408, 425, 429, 500, 502, 503, 504})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_SAME_METHOD = frozenset({307, 308})
_HOPS = 5
_CA_VARIABLES = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")


class Transport:
    """All requests to one repository of a registry. It may be used by several threads.

    Args:
        registry: The registry's host, with its port if it has one.
        repository: The repository's path.
        connection: How to talk to the registry.
    """

    def __init__(self, registry: str, repository: str, connection: Connection) -> None:
        host = DOCKER_HUB_HOST if registry in ("docker.io", "index.docker.io") else registry
        scheme = "http" if connection.plain_http or is_loopback(host) else "https"
        if not connection.plain_http and (connection.ca_file or connection.insecure or connection.client_certificate):
            scheme = "https"  # whoever speaks of certificates has one
        self.base = f"{scheme}://{host}"
        self.connection = connection
        self.interrupted = threading.Event()
        self._count = itertools.count(1)
        self.requests = 0
        """How many requests have been sent."""
        self.challenges: list[str] = []
        """The `WWW-Authenticate` of each 401 of the registry itself."""
        self._home = urlsplit(self.base)[:2]
        self._session = _session(connection)
        self._verify = _certificates(connection)
        if connection.insecure:
            # The user has said so: a warning at each request would tell nothing new.
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        self._authenticator = Authenticator(registry, self.base, repository, connection, self._fetch)

    @property
    def with_credential(self) -> bool:
        """Whether the registry asked for a credential, and one was found."""
        return self._authenticator.with_credential

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()
        self.connection.progress.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        accepted: tuple[int, ...],
        scopes: tuple[str, ...] = (),
        headers: Mapping[str, str] | None = None,
        body: Body | None = None,
        stream: bool = False,
        again: bool = True,
        last: bool = False,
    ) -> requests.Response:
        """Send one request, with what proves who asks, and again after a passing fault.

        Args:
            method: The method.
            url: The whole URL.
            accepted: The statuses that are no refusal.
            scopes: What the request needs, as token endpoints name it.
            headers: Further headers.
            body: The body.
            stream: Whether the caller reads the answer's body, and then releases or closes it.
            again: Whether the same request may be sent again; a 401 is answered in any case.
            last: Whether it cleans up, and is therefore sent after an interruption too.

        Raises:
            RegistryError: The registry can't be reached, or refuses, to the end.
            Interrupted: The user interrupted.
        """
        retry = self.connection.retry
        deadline = retry.clock() + retry.total
        attempt = 1
        while True:
            wait: float | None = None
            if not last:
                self.check_interrupted()
            try:
                response = self._authorized(method, url, scopes, dict(headers or {}), body)
                if response.status_code in accepted:
                    if not stream:
                        self._drain(response)
                    return response
                with response:
                    error = refusal(method, url, response, self._start(response), self._context(response))
                if response.status_code not in _RETRIED:
                    raise error
                wait = error.retry_after = _retry_after(response)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as fault:
                error = unreachable(method, url, fault)
                error.__cause__ = fault
                if _is_final(fault):
                    raise error from fault
            wait = retry.backoff(attempt) if wait is None else wait
            if not again or attempt >= retry.attempts or wait > retry.longest or retry.clock() + wait > deadline:
                raise error
            retry.sleep(wait)
            attempt += 1

    def check_interrupted(self) -> None:
        """End this thread's work if the user has interrupted another one.

        Raises:
            Interrupted: The user has.
        """
        if self.interrupted.is_set():
            raise Interrupted

    def _authorized(
        self, method: str, url: str, scopes: tuple[str, ...], headers: dict[str, str], body: Body | None
    ) -> requests.Response:
        sent = self._authenticator.header(scopes)
        response = self._followed(method, url, headers, body, sent)
        # Once for the challenge, and once more for a token that expired on the way.
        for _ in range(2):
            # Who is no part of this registry has no say in where its credentials go.
            if response.status_code != _UNAUTHORIZED or urlsplit(response.url)[:2] != self._home:
                break
            challenge = response.headers.get("WWW-Authenticate", "")
            self.challenges.append(challenge)
            try:
                answer = self._authenticator.challenged(challenge, scopes, sent)
            except BaseException:
                response.close()
                raise
            if answer is None:
                break
            self._drain(response)
            sent = answer
            response = self._followed(method, url, headers, body, sent)
        return response

    def _followed(
        self, method: str, url: str, headers: dict[str, str], body: Body | None, authorization: str | None
    ) -> requests.Response:
        for _ in range(_HOPS + 1):
            home = urlsplit(url)[:2] == self._home
            hop = {**headers, "Authorization": authorization} if authorization and home else headers
            response = self._once(method, url, hop, body)
            location = response.headers.get("Location")
            if response.status_code not in _REDIRECTS or not location:
                return response
            if method not in ("GET", "HEAD") and response.status_code not in _SAME_METHOD:
                return response
            self._drain(response)
            url = self.target(url, location)
        raise RegistryError(f"{redacted(url)} was redirected more than {_HOPS} times.", "Ask the registry's operator.")

    def target(self, url: str, location: str) -> str:
        """Return where a Location leads, if it may be followed there.

        Args:
            url: The URL of the request that was answered.
            location: The Location, not trusted; relative or absolute.

        Raises:
            RegistryError: It is no URL, or leads from an encrypted place to one that is not.
        """
        try:
            target = urljoin(url, location)
            parts = urlsplit(target)
        except ValueError:
            target, parts = location, urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise RegistryError(
                f"{redacted(url)} leads on to {redacted(target)!r}, which is no URL.", "Ask the registry's operator."
            )
        local = is_loopback(parts.netloc) and is_loopback(self._home[1])
        if parts.scheme == "http" and urlsplit(url).scheme == "https" and not local:
            raise RegistryError(
                f"{redacted(url)} leads on to {redacted(target)}, which is not encrypted.",
                "It was not followed: ask the registry's operator.",
            )
        return target

    def _once(self, method: str, url: str, headers: Mapping[str, str], body: Body | None) -> requests.Response:
        if body is not None:
            body.seek(0)
        self.requests = next(self._count)
        home = urlsplit(url)[:2] == self._home
        certificate, key = self.connection.client_certificate, self.connection.client_key
        # requests would send an empty file in chunks.
        data = None if body is None else cast("IO[bytes]", body) if len(body) else b""
        prepared = self._session.prepare_request(requests.Request(method, url, headers=dict(headers), data=data))
        # Not by the session: it would look at redirects, which may be no URLs, and keep cookies.
        return self._session.get_adapter(url).send(
            prepared,
            timeout=(self.connection.connect_timeout, self.connection.read_timeout),
            proxies={} if is_loopback(urlsplit(url).netloc) else requests.utils.get_environ_proxies(url),
            # Said for this registry, and for nobody to whom it sends us on.
            verify=False if home and self.connection.insecure else self._verify,
            cert=((certificate, key) if certificate and key else certificate) if home else None,
            stream=True,
        )

    def _fetch(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        """Talk to a token endpoint, with retries like any other request but without what a registry is sent."""
        retry = self.connection.retry
        for attempt in range(1, retry.attempts + 1):
            try:
                with self._once(method, url, headers, None if body is None else Body(body)) as response:
                    if response.status_code not in _RETRIED or attempt == retry.attempts:
                        return Answer(response.status_code, self._read(response, TOKEN_LIMIT))
                    wait = _retry_after(response)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as fault:
                if attempt == retry.attempts or _is_final(fault):
                    raise unreachable(method, url, fault) from fault
                wait = None
            wait = retry.backoff(attempt) if wait is None else wait
            retry.sleep(min(wait, retry.longest))
        raise AssertionError

    def _context(self, response: requests.Response) -> str:
        return self._authenticator.explanation() if response.status_code in (_UNAUTHORIZED, 403) else ""

    def _read(self, response: requests.Response, limit: int) -> bytes:
        patience, clock = self.connection.read_timeout, self.connection.retry.clock
        return b"".join(pieces(response, limit, patience, clock, decode=True))

    def _drain(self, response: requests.Response) -> None:
        """Read what is left of a small answer, so that its connection serves again; a large one is cut off."""
        try:
            whole = len(self._read(response, ERROR_LIMIT + 1)) <= ERROR_LIMIT
        except BaseException:
            response.close()
            raise
        if whole:
            response.raw.release_conn()
        else:
            response.close()

    def _start(self, response: requests.Response) -> bytes:
        try:
            return self._read(response, ERROR_LIMIT)
        except (urllib3.exceptions.HTTPError, OSError):
            return b""  # the status says enough


def _session(connection: Connection) -> requests.Session:
    session = requests.Session()
    # What the environment says is taken where it is wanted; .netrc would send a password to whoever is asked.
    session.trust_env = False
    session.headers.clear()
    session.headers["User-Agent"] = f"hatch-wasm-oci/{__version__}"
    # Compressed in transit, a blob would come under another length than its own.
    session.headers["Accept-Encoding"] = "identity"
    adapter = HTTPAdapter(pool_connections=4, pool_maxsize=max(connection.parallel, 1) * 2, max_retries=0)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


def _certificates(connection: Connection) -> str | bool:
    """Find the certificates to trust: a path, or True for the common ones."""
    bundle = connection.ca_file or next((os.environ[name] for name in _CA_VARIABLES if os.environ.get(name)), None)
    for path in (bundle, connection.client_certificate, connection.client_key):
        if path is not None and not os.path.exists(path):  # noqa: PTH110 - a file or a directory
            raise RegistryError(f"The certificate file {path} is not there.", "Name a file in PEM form.")
    return bundle or True


def _retry_after(response: requests.Response) -> float | None:
    """Read a Retry-After header, seconds or a date (RFC 9110, 10.2.3)."""
    text = response.headers.get("Retry-After", "").strip()
    if text.isascii() and text.isdigit():
        return float(text)
    try:
        moment = email.utils.parsedate_to_datetime(text)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.timezone.utc)
    return max((moment - dt.datetime.now(dt.timezone.utc)).total_seconds(), 0.0)


def _is_final(fault: BaseException) -> bool:
    """Tell whether trying again can't help: a certificate, a name, a URL, or something that is no https."""
    text = repr(fault)
    marks = ("CERTIFICATE_VERIFY_FAILED", "WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "NameResolutionError")
    return isinstance(fault, (requests.exceptions.InvalidURL, requests.exceptions.InvalidHeader)) or any(
        mark in text for mark in marks
    )
