"""What plugins share with each other: data with a version, and queues."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.constants import Status

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.state import Host


class SharedData(MutableMapping[str, bytes]):
    """Shared data by key; a test may read and set it as a mapping.

    Each value has a version, its CAS number. A plugin that sets a value by an old one is told so.
    """

    def __init__(self) -> None:
        self._entries: dict[str, tuple[bytes, int]] = {}
        self._version = 0

    def __getitem__(self, key: str) -> bytes:
        return self._entries[key][0]

    def __setitem__(self, key: str, value: bytes) -> None:
        self.put(key, value, 0)

    def __delitem__(self, key: str) -> None:
        del self._entries[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    def find(self, key: str) -> tuple[bytes, int] | None:
        """Give a value and its version."""
        return self._entries.get(key)

    def put(self, key: str, value: bytes, version: int) -> Status:
        """Set a value; with a version other than 0 only if it is the present one."""
        old = self._entries.get(key)
        if old and version and version != old[1]:
            return Status.CAS_MISMATCH
        self._version += 1
        self._entries[key] = (value, self._version)
        return Status.OK


@dataclass
class Queue:
    """A queue: who listens, and what waits."""

    listener: Host
    items: deque[bytes] = field(default_factory=deque)


class Queues:
    """Shared queues by their numbers."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str], int] = {}
        self._queues: dict[int, Queue] = {}

    def register(self, vm_id: str, name: str, listener: Host) -> int:
        """Make a queue, or take over an existing one; give its number."""
        number = self._numbers.setdefault((vm_id, name), len(self._numbers) + 1)
        self._queues.setdefault(number, Queue(listener)).listener = listener
        return number

    def resolve(self, vm_id: str, name: str) -> int | None:
        """Give the number of a queue, if there is one."""
        return self._numbers.get((vm_id, name))

    def get(self, number: int) -> Queue | None:
        """Give a queue by its number."""
        return self._queues.get(number)


@dataclass
class Shared:
    """All that plugins share."""

    data: SharedData = field(default_factory=SharedData)
    queues: Queues = field(default_factory=Queues)
