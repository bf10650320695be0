"""How registries are to be talked to, as values: security, limits, credentials given by hand, where progress goes."""

from __future__ import annotations

import ipaddress
import random
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from hatch_wasm_oci.registry.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.registry.credentials import Credential, CredentialSource


@dataclass(frozen=True)
class Retry:
    """How often and how long a request is tried again.

    Args:
        attempts: The most times that a request is sent.
        first: The longest wait before the second attempt, in seconds; it doubles with each further one.
        longest: The longest wait between two attempts, in seconds; a registry that asks for more is not waited for.
        total: The time, in seconds, after which no further attempt is begun.
        sleep: Waits for a number of seconds.
        clock: Tells seconds on a clock that only goes forward.
        jitter: Draws the wait from between nothing and the given seconds.
    """

    attempts: int = 6
    first: float = 0.5
    longest: float = 30.0
    total: float = 120.0
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    jitter: Callable[[float], float] = field(default=lambda longest: random.uniform(0, longest))  # noqa: S311 - no secret

    def backoff(self, attempt: int) -> float:
        """Return how many seconds to wait after an attempt: exponential, with full jitter.

        Args:
            attempt: The attempt's number, from 1.
        """
        return self.jitter(min(self.longest, self.first * 2 ** (attempt - 1)))


@dataclass(frozen=True)
class Connection:
    """How one registry is to be talked to.

    Args:
        plain_http: Talk http to this registry, though it is not on this machine.
        insecure: Don't check this registry's certificate.
        ca_file: A file of certificates to trust, PEM; the environment's, or the common ones, where not given.
        client_certificate: A file with the client's certificate, PEM.
        client_key: A file with its key, where that stands apart.
        credential: A credential given by hand, before all others.
        credential_sources: Where else to ask for credentials, in this order.
        connect_timeout: How long a connection may take, in seconds.
        read_timeout: How long the registry may be silent, in seconds.
        retry: How often to try again.
        parallel: How many blobs travel at the same time.
        chunk_size: Upload blobs in pieces of this many bytes; 0 for in one, unless the registry asks for pieces.
        progress: Is told what travels.
    """

    plain_http: bool = False
    insecure: bool = False
    ca_file: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    credential: Credential | None = None
    credential_sources: tuple[CredentialSource, ...] = ()
    connect_timeout: float = 10.0
    read_timeout: float = 60.0
    retry: Retry = field(default_factory=Retry)
    parallel: int = 4
    chunk_size: int = 0
    progress: Progress = field(default_factory=Progress)


def is_loopback(host: str) -> bool:
    """Tell whether a host is this machine, where plain http is the custom.

    Args:
        host: A host, with its port if it has one.
    """
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False
