"""The consumers' checks of where a registry sends them for a token.

Istio's own is in its pkg/wasm/imagefetcher.go, validateRealmURL; the one of the library that both fetch with in
go-containerregistry, pkg/v1/remote/transport/bearer.go.
"""

from __future__ import annotations

import ipaddress
import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Iterator

# Go's IsPrivate, IsLoopback and IsLinkLocalUnicast; Python's own is_private covers more.
_REFUSED = tuple(
    map(
        ipaddress.ip_network,
        (
            "10.0.0.0/8",
            "172.16.0.0/12",
            "192.168.0.0/16",
            "fc00::/7",
            "127.0.0.0/8",
            "::1/128",
            "169.254.0.0/16",
            "fe80::/10",
        ),
    )
)
_UNSPECIFIED = tuple(map(ipaddress.ip_network, ("0.0.0.0/32", "::/128", "224.0.0.0/24", "ff02::/16")))
_BEARER = re.compile(r"(?:^|,)\s*bearer\s", re.IGNORECASE)
_REALM = re.compile(r'realm="([^"]*)"')
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):")


def refused_realms(challenge: str) -> Iterator[tuple[str, str]]:
    """Find the realms in a challenge that Istio does not follow. It looks at all of them, those of `Basic` too.

    Args:
        challenge: The value of a `WWW-Authenticate` header, not trusted.

    Yields:
        The realm, and Istio's words for what is wrong with it.
    """
    for realm in _REALM.findall(challenge):
        words = _problem(realm)
        if words:
            yield realm, words


def refused_bearer_realms(challenge: str, registry: str) -> Iterator[tuple[str, str]]:
    """Find the realm in a challenge that go-containerregistry does not follow: that of `Bearer`, on a private address.

    Args:
        challenge: The value of a `WWW-Authenticate` header, not trusted.
        registry: The registry's host, with its port if it has one; a realm in the same place is followed.

    Yields:
        The realm, and the library's words for what is wrong with it.
    """
    bearer = _BEARER.search(challenge)
    found = _REALM.search(challenge, bearer.end()) if bearer else None
    if found is None:
        return
    try:
        authority, host = urlsplit(found[1]).netloc.rpartition("@")[2], _host(found[1])
    except ValueError:
        return
    if authority != registry and _is_in(host, (*_REFUSED, *_UNSPECIFIED)):
        yield found[1], f'realm host "{host}" is a private or link-local address'


def _problem(realm: str) -> str:  # noqa: PLR0911 - one for each of Istio's own
    scheme = _SCHEME.match(realm)
    if scheme is None and ":" in realm.partition("/")[0]:
        return f'invalid realm URL: parse "{realm}": first path segment in URL cannot contain colon'
    name = scheme[1].lower() if scheme else ""
    if name not in ("http", "https"):
        return f'realm scheme "{name}" not allowed'
    try:
        host = _host(realm)
    except ValueError:
        return f"invalid realm URL: parse \"{realm}\": missing ']' in host"
    if not host:
        return "realm missing host"
    # In this case and spelling alone: LOCALHOST and 0.0.0.0 pass.
    if host == "metadata.google.internal":
        return "realm targets cloud metadata service"
    if host == "localhost":
        return "realm targets localhost"
    return "realm targets private/loopback/link-local IP" if _is_in(host, _REFUSED) else ""


def _host(realm: str) -> str:
    authority = urlsplit(realm).netloc.rpartition("@")[2]
    if authority.startswith("["):
        return authority[1:].partition("]")[0]
    return authority.partition(":")[0]


def _is_in(host: str, networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]) -> bool:
    try:
        address = ipaddress.ip_address("" if "%" in host else host)  # Go knows no zones here
    except ValueError:
        return False  # a name, whatever it resolves to
    address = getattr(address, "ipv4_mapped", None) or address
    return any(address.version == network.version and address in network for network in networks)
