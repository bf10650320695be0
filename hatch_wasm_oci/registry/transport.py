"""Single requests to a registry: where it is, how long to wait, and its refusals as errors."""

from __future__ import annotations

import ipaddress
import json
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

import requests

from hatch_wasm_oci import __version__
from hatch_wasm_oci.errors import RegistryError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from typing_extensions import Self

    from hatch_wasm_oci.image.descriptor import Buffer

CONNECT_TIMEOUT = 10.0
"""How long a connection may take, in seconds."""
READ_TIMEOUT = 60.0
"""How long a registry may be silent, in seconds."""
ERROR_LIMIT = 64 * 1024
"""How much of an error's body is read, in bytes."""

_SEND_PIECE = 256 * 1024
_REFUSED = 400
_DOCKER_HUB = {"docker.io": "registry-1.docker.io", "index.docker.io": "registry-1.docker.io"}


class Body:
    """A request's body that is sent in pieces and never copied; requests takes it for a file.

    Args:
        data: The bytes.
    """

    def __init__(self, data: Buffer) -> None:
        self._data = memoryview(data)
        self._position = 0

    def __len__(self) -> int:
        return len(self._data)

    def read(self, _size: int = -1) -> memoryview:
        """Return the next piece; empty at the end."""
        piece = self._data[self._position : self._position + _SEND_PIECE]
        self._position += len(piece)
        return piece

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._position

    def seek(self, position: int, _whence: int = 0) -> int:
        """Go back, to send the body again.

        Args:
            position: Where to, in bytes from the start.
        """
        self._position = position
        return position

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> memoryview:
        if not (piece := self.read()):
            raise StopIteration
        return piece


class Transport:
    """A connection to one registry.

    Args:
        registry: Its host, with its port if it has one.
        plain_http: Whether to talk http to a host that is not this machine.
    """

    def __init__(self, registry: str, *, plain_http: bool = False) -> None:
        self.registry = registry
        host = _DOCKER_HUB.get(registry, registry)
        scheme = "http" if plain_http or is_loopback(registry) else "https"
        self.base = f"{scheme}://{host}"
        self._session = requests.Session()
        self._session.headers.clear()
        self._session.headers["User-Agent"] = f"hatch-wasm-oci/{__version__}"
        # Compressed in transit, a blob would come under another length than its own.
        self._session.headers["Accept-Encoding"] = "identity"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.close()

    def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Buffer | None = None,
        accepted: tuple[int, ...],
        stream: bool = False,
    ) -> requests.Response:
        """Send one request.

        Args:
            method: The method.
            url: The whole URL.
            headers: Further headers.
            body: The body.
            accepted: The statuses that are no refusal.
            stream: Whether the caller reads the answer's body itself.

        Raises:
            RegistryError: The registry can't be reached, or refuses.
        """
        try:
            response = self._session.request(
                method,
                url,
                headers=dict(headers or {}),
                data=None if body is None else cast("IO[bytes]", Body(body)),
                timeout=(CONNECT_TIMEOUT, READ_TIMEOUT),
                allow_redirects=False,
                stream=True,
            )
            if response.status_code not in accepted:
                raise refusal(method, response)
            if not stream:
                response.raw.drain_conn()
        except (requests.RequestException, OSError) as error:
            raise RegistryError(
                f"The registry {self.registry} can't be reached for {method} {redacted(url)}: {_cause(error)}.",
                "Check its name, and that it runs.",
            ) from error
        return response


def is_loopback(registry: str) -> bool:
    """Tell whether a registry is on this machine, where plain http is the custom.

    Args:
        registry: Its host, with its port if it has one.
    """
    host = urlsplit(f"//{registry}").hostname or ""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def redacted(url: str) -> str:
    """Return a URL without what could be secret in it: user, query and fragment.

    Args:
        url: The URL.
    """
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def refusal(method: str, response: requests.Response) -> RegistryError:
    """Make an error of a registry's answer (OCI distribution-spec, Error Codes).

    Args:
        method: The request's method.
        response: The answer, its body not read yet.
    """
    code, message = _error_of(response.raw.read(ERROR_LIMIT, decode_content=True))
    words = f"{code}: {message}" if code else message or response.reason or "no reason given"
    return RegistryError(
        f"The registry answered {response.status_code} to {method} {redacted(response.url)}: {words.rstrip('.')}.",
        "Check the name and the permissions." if response.status_code < 500 else "Try again later.",  # noqa: PLR2004
        status=response.status_code,
        code=code,
    )


def _error_of(body: bytes) -> tuple[str, str]:
    try:
        first: Any = json.loads(body)["errors"][0]
        return str(first.get("code", "")), str(first.get("message", ""))
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return "", ""  # a proxy's or web server's page


def _cause(error: BaseException) -> str:
    while error.__context__ is not None and not isinstance(error, OSError):
        error = error.__context__
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
