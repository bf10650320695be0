"""Faults that a test asks the registry to play: what goes wrong in the field, on purpose and in order."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Literal

from hatch_wasm_oci.errors import SettingsError

if TYPE_CHECKING:
    import re
    from collections.abc import Iterator, Mapping

Reset = Literal["before", "during", "after"]

_RESETS = ("before", "during", "after")


@dataclass
class Fault:
    """One fault; made by `Faults.add`, which says what each field means.

    `played` counts how often it happened; `wait` returns when it first does.
    """

    method: str | None = None
    path: str | re.Pattern[str] | None = None
    times: int | None = 1
    skip: int = 0
    status: int | None = None
    code: str = ""
    body: bytes | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)
    redirect: str | None = None
    delay: float = 0.0
    hang: bool = False
    reset: Reset | None = None
    truncate: int | None = None
    corrupt: int | None = None
    drip: float | None = None
    endless: bool = False
    digest: str | None = None
    content_length: int | None = None
    played: int = field(default=0, init=False)
    _happened: threading.Event = field(default_factory=threading.Event, init=False, repr=False, compare=False)

    def wait(self, timeout: float) -> bool:
        """Wait until this fault is being played.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            Whether it was played; the request is then held, reset or answered as the fault says.
        """
        return self._happened.wait(timeout)

    def matches(self, method: str, path: str) -> bool:
        """Whether this fault is meant for such a request, apart from how often it was played."""
        if self.method is not None and self.method.upper() != method:
            return False
        if self.path is None:
            return True
        return fnmatchcase(path, self.path) if isinstance(self.path, str) else bool(self.path.search(path))

    def __str__(self) -> str:
        chosen = {
            "status": self.status,
            "code": self.code,
            "redirect": self.redirect,
            "delay": self.delay,
            "hang": self.hang,
            "reset": self.reset,
            "truncate": self.truncate,
            "corrupt": self.corrupt,
            "drip": self.drip,
            "endless": self.endless,
            "digest": self.digest,
            "content_length": self.content_length,
            "headers": ",".join(self.headers),
        }
        told = (name if value is True else f"{name}={value}" for name, value in chosen.items() if _is_set(value))
        return " ".join(told) or "fault"


def _is_set(value: object) -> bool:
    return value is not None and value is not False and value not in ("", 0.0)


class Faults:
    """The faults that wait to be played; the first that matches a request is played, alone.

    Safe to use from any thread.
    """

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()
        self._interrupt = threading.Event()

    def add(
        self,
        *,
        method: str | None = None,
        path: str | re.Pattern[str] | None = None,
        times: int | None = 1,
        skip: int = 0,
        status: int | None = None,
        code: str = "",
        body: bytes | str | None = None,
        headers: Mapping[str, str | None] | None = None,
        redirect: str | None = None,
        delay: float = 0.0,
        hang: bool = False,
        reset: Reset | None = None,
        truncate: int | None = None,
        corrupt: int | bool | None = None,
        drip: float | None = None,
        endless: bool = False,
        digest: str | None = None,
        content_length: int | None = None,
    ) -> Fault:
        """Add a fault at the end of the line.

        Without `status`, `redirect`, `reset="before"`, `reset="during"` of an upload or `hang`, the request is carried
        out as ever, and only its answer suffers: `reset="after"` is the push that succeeded and whose answer was lost.
        Requests to the second host of `redirect_blobs` are in the same line as those to the registry.

        Args:
            method: Only requests with this method.
            path: Only paths that match this glob (`/v2/*/blobs/*`; `*` also matches slashes) or that this compiled
                regular expression is found in.
            times: How many requests it spoils; None for every one.
            skip: How many matching requests pass unharmed before it begins.
            status: Answer with this status, without carrying the request out.
            code: The error code in the body of that answer; by default one that suits the status.
            body: The whole body of that answer, in place of the JSON error.
            headers: Fields to add to the answer, such as `Retry-After`; None as a value takes a field away.
            redirect: Answer with this Location, and with status 307 unless `status` says otherwise.
            delay: Seconds to wait before anything else happens.
            hang: Never answer; the connection stays open until the registry stops or is cleared.
            reset: Reset the connection: `before` the request's body is read; `during` it (or, where there is none,
                in the middle of the answer); `after` the request was carried out, without an answer.
            truncate: Send this many bytes of the body, then close the connection.
            corrupt: Change the byte at this offset of the body; True is the middle.
            drip: Send the body in small pieces, at this many bytes per second.
            endless: Send the body, and then spaces without end.
            digest: The Docker-Content-Digest of the answer.
            content_length: The Content-Length of the answer, whatever the body is; the connection then closes.

        Returns:
            The fault; its `played` says how often it happened.

        Raises:
            SettingsError: A value that no answer can have.
        """
        fault = Fault(
            method=method,
            path=path,
            times=times,
            skip=skip,
            status=status,
            code=code,
            body=body.encode() if isinstance(body, str) else body,
            headers=dict(headers or {}),
            redirect=redirect,
            delay=delay,
            hang=hang,
            reset=reset,
            truncate=truncate,
            corrupt=-1 if corrupt is True else None if corrupt is False else corrupt,
            drip=drip,
            endless=endless,
            digest=digest,
            content_length=content_length,
        )
        errors = list(_errors(fault))
        if errors:
            raise SettingsError(errors)
        with self._lock:
            self._faults.append(fault)
        return fault

    def take(self, method: str, path: str) -> Fault | None:
        """Return the fault to play for a request, counted; None where it goes unharmed."""
        with self._lock:
            for fault in self._faults:
                if not fault.matches(method, path) or (fault.times is not None and fault.played >= fault.times):
                    continue
                if fault.skip:
                    fault.skip -= 1
                    continue
                fault.played += 1
                fault._happened.set()  # noqa: SLF001 - a fault and its line are one thing
                return fault
        return None

    def clear(self) -> None:
        """Forget every fault, and end those that are being played: their connections are closed."""
        with self._lock:
            self._faults.clear()
            self._interrupt.set()
            self._interrupt = threading.Event()

    def waiting(self) -> threading.Event:
        """Return the event that ends every wait that begins now."""
        return self._interrupt

    def __len__(self) -> int:
        return len(self._faults)

    def __iter__(self) -> Iterator[Fault]:
        return iter(tuple(self._faults))


def _errors(fault: Fault) -> Iterator[str]:
    numbers = {
        "times": fault.times,
        "skip": fault.skip,
        "delay": fault.delay,
        "truncate": fault.truncate,
        "content_length": fault.content_length,
    }
    for name, value in numbers.items():
        if value is not None and value < 0:
            yield f"{name}: {value} is negative. Give 0 or more."
    if fault.drip is not None and fault.drip <= 0:
        yield f"drip: {fault.drip} bytes per second is no speed. Give more than 0."
    if fault.status is not None and not 200 <= fault.status <= 599:  # noqa: PLR2004 - the final statuses of HTTP
        yield f"status: {fault.status} is no final HTTP status. Give one from 200 to 599."
    if fault.reset is not None and fault.reset not in _RESETS:
        yield f"reset: {fault.reset!r} is not known. Give one of {', '.join(_RESETS)}."
    texts = [
        fault.redirect or "",
        fault.digest or "",
        *fault.headers,
        *(value or "" for value in fault.headers.values()),
    ]
    if any(not text.isascii() or "\r" in text or "\n" in text for text in texts):
        yield "headers: a name or value holds a line end or is not ASCII. Give plain text."
