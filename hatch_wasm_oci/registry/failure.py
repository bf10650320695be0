"""What went wrong with a request, in words that say what to do."""

from __future__ import annotations

import json
import ssl
from http.client import HTTPException
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hatch_wasm_oci.errors import RegistryError

if TYPE_CHECKING:
    import requests

ERROR_LIMIT = 64 * 1024
"""How much of a refusal's body is read, in bytes."""

_WORDS_LIMIT = 300
_PAGES = (200, 201, 301, 302, 303, 400, 404, 405)
_REMEDIES = {
    "NAME_UNKNOWN": "Check the repository's name; some registries want it created first.",
    "NAME_INVALID": "Check the repository's name against the registry's rules.",
    "MANIFEST_UNKNOWN": "Check the tag or digest, and that it was pushed to this registry.",
    "MANIFEST_INVALID": "The registry may not take images of this form: try format oci or docker.",
    "BLOB_UNKNOWN": "The image in the registry is incomplete: push it again.",
    "DENIED": "Check that this account may do so, and its quota.",
    "TAG_INVALID": "Check the tag; if the repository's tags are immutable, publish under a new one.",
    "TOOMANYREQUESTS": "Wait, or log in: many registries allow more to those who do.",
    "UNSUPPORTED": "The registry does not allow it: it may be read-only.",
}
_STATUS_REMEDIES = {
    401: "Log in with `docker login` or `podman login`, or set HATCH_WASM_OCI_USERNAME and HATCH_WASM_OCI_PASSWORD.",
    403: _REMEDIES["DENIED"],
    404: "Check the registry's host and the repository's name.",
    405: _REMEDIES["UNSUPPORTED"],
    409: _REMEDIES["TAG_INVALID"],
    413: "The registry, or a proxy before it, limits the size of uploads: raise its limit, or try chunked uploads.",
    429: _REMEDIES["TOOMANYREQUESTS"],
    507: "The registry's storage is full: make room there.",
}


def redacted(url: str) -> str:
    """Return a URL without what could be secret in it: user, query and fragment.

    Args:
        url: The URL.
    """
    try:
        parts = urlsplit(url)
    except ValueError:
        return "something that is no URL"
    host = parts.netloc.rpartition("@")[2]
    return printable(f"{parts.scheme}://{host}{parts.path}" if host else parts.path)


def printable(text: str) -> str:
    """Return a text from outside in one line, short, and without what would steer a terminal.

    Args:
        text: The text, not trusted.
    """
    line = " ".join("".join(one if one.isprintable() else " " for one in text[: 4 * _WORDS_LIMIT]).split())
    return line if len(line) <= _WORDS_LIMIT else f"{line[:_WORDS_LIMIT]}…"


def refusal(method: str, url: str, response: requests.Response, body: bytes, context: str = "") -> RegistryError:
    """Make an error of a registry's answer (OCI distribution-spec, Error Codes).

    Args:
        method: The request's method.
        url: Its URL.
        response: The answer.
        body: The start of its body.
        context: What else is to be said, such as which credential was used; a sentence.
    """
    code, message = _error_of(body)
    status = response.status_code
    request = f"{method} {redacted(url)}"
    kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
    # A server in front of a registry shows a page of its own for other statuses too.
    if not code and kind == "text/html" and status in _PAGES:
        return RegistryError(
            f"{urlsplit(url).netloc} answered {status} to {request} with a web page: it does not look like a registry.",
            "Check the registry's host and port.",
            status=status,
        )
    # In the words of Go's server and of nginx.
    if url.startswith("http:") and not code and any(mark in body for mark in (b"HTTPS server", b"HTTPS port")):
        return RegistryError(
            f"{urlsplit(url).netloc} talks https, and {request} came by plain http.",
            "Don't ask for plain http; on this machine, name the CA file for its certificate.",
            status=status,
        )
    words = ": ".join(part for part in (code, message) if part) or response.reason
    said = printable(words or "") or "no reason given"
    lowered = message.lower()
    if "immutable" in lowered:
        remedy = "The tag can't be moved: publish under a new version."
    elif "quota" in lowered:
        remedy = "Make room in the registry, or ask for more of it."
    elif status >= 500 and status not in _STATUS_REMEDIES:  # noqa: PLR2004 - RFC 9110, 15.6
        remedy = "The registry has a problem of its own: try again later."
    else:
        remedy = _REMEDIES.get(code) or _STATUS_REMEDIES.get(status, "Check the name and the permissions.")
    end = f" {context}" if context else ""
    return RegistryError(
        f"The registry answered {status} to {request}: {said.rstrip('.')}.{end}", remedy, status=status, code=code
    )


def unreachable(  # noqa: PLR0911 - one for each cause
    method: str, url: str, error: BaseException
) -> RegistryError:
    """Make an error of a request that got no answer.

    Args:
        method: The request's method.
        url: Its URL.
        error: What was raised.
    """
    host = urlsplit(url).netloc.rpartition("@")[2]
    request = f"{method} {redacted(url)}"
    causes = list(_causes(error))
    text = " ".join(str(cause) for cause in causes)
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in causes) or "CERTIFICATE_VERIFY_FAILED" in text:
        reason = next(
            (c.verify_message for c in causes if isinstance(c, ssl.SSLCertVerificationError)), "it is unknown"
        )
        return RegistryError(
            f"The certificate of {host} is not trusted for {request}: {reason}.",
            "Name the certificate of its authority as the CA file, or in SSL_CERT_FILE.",
        )
    if any(
        mark in text for mark in ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "HTTP_REQUEST", "UNKNOWN_PROTOCOL")
    ):
        return RegistryError(
            f"{host} does not talk https, as {request} wants.", "If it is meant to be so, allow plain http for it."
        )
    if any(type(cause).__name__ == "ProxyError" for cause in causes):
        return RegistryError(f"The proxy on the way to {host} failed for {request}.", "Check HTTPS_PROXY and NO_PROXY.")
    if any(type(cause).__name__ in ("NameResolutionError", "gaierror") for cause in causes):
        return RegistryError(
            f"The name {host} of {request} doesn't resolve.", "Check the registry's host, and the network."
        )
    if any(isinstance(cause, ConnectionRefusedError) for cause in causes):
        return RegistryError(
            f"Nothing listens at {host} for {request}.", "Check the registry's host and port, and that it runs."
        )
    if any("Timeout" in type(cause).__name__ or isinstance(cause, TimeoutError) for cause in causes):
        return RegistryError(f"{host} did not answer {request} in time.", "Try again later, or check the network.")
    # What requests and urllib3 say of URLs and headers may quote secrets in them.
    words = [printable(str(cause)) for cause in causes if isinstance(cause, (OSError, HTTPException))]
    last = next((text for text in reversed(words) if text and "url" not in text.lower()), "").rstrip(".")
    last = last or type(causes[-1]).__name__
    return RegistryError(f"The connection to {host} broke during {request}: {last}.", "Try again.")


def _error_of(body: bytes) -> tuple[str, str]:
    try:
        first: Any = json.loads(body)["errors"][0]
        code, message, detail = first.get("code"), first.get("message"), first.get("detail")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError):
        return "", ""  # a proxy's or web server's page
    words = [text for text in (message, detail) if isinstance(text, str) and text]
    return code.upper() if isinstance(code, str) else "", " ".join(dict.fromkeys(words))


def _causes(error: BaseException | None) -> list[BaseException]:
    """Return an error and all that led to it: urllib3 wraps causes as arguments, reasons and contexts."""
    found: list[BaseException] = []
    waiting: list[object] = [error]
    while waiting:
        one = waiting.pop(0)
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found
