"""The host's state: what its functions read and change while a module runs."""

from __future__ import annotations

import contextlib
import random
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from hatch_wasm_oci.testing.host.clock import Clock
from hatch_wasm_oci.testing.host.constants import LEVELS, BufferType, Status
from hatch_wasm_oci.testing.host.context import ROOT, Context
from hatch_wasm_oci.testing.host.failure import PluginFailedError
from hatch_wasm_oci.testing.host.logs import LogLine
from hatch_wasm_oci.testing.host.metrics import Metrics

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hatch_wasm_oci.testing.host.calls import HttpCall
    from hatch_wasm_oci.testing.host.constants import MapType
    from hatch_wasm_oci.testing.host.headers import Headers
    from hatch_wasm_oci.testing.host.machine import Machine
    from hatch_wasm_oci.testing.host.shared import Shared

_MOST_KEPT = 256 * 1024 * 1024
_ENTRY = 128  # what keeping anything costs beside its bytes
_NO_CALL: dict[MapType, Headers] = {}


class Settings(NamedTuple):
    """How a plugin is set up."""

    name: str
    configuration: bytes
    vm_configuration: bytes
    root_id: str
    vm_id: str
    environment: Mapping[str, str]
    properties: Mapping[str | tuple[str, ...], Any]
    upstreams: Mapping[str, Any]
    foreign_functions: Mapping[str, Callable[[bytes], bytes | None]]
    log_level: int
    fail_open: bool


class Host:
    """A plugin's surroundings.

    Args:
        settings: How the plugin is set up.
        shared: What it shares with others.
    """

    def __init__(self, settings: Settings, shared: Shared) -> None:
        self.settings = settings
        self.shared = shared
        self.machine: Machine
        self.abi = ""
        self.clock = Clock()
        self.logs: list[LogLine] = []
        self.metrics = Metrics()
        self.calls: list[HttpCall] = []
        self.random = random.Random(0)  # noqa: S311 - the same in every run, so that tests are
        self.contexts: dict[int, Context] = {0: Context(0, 0), ROOT: Context(ROOT, 0)}
        self.current = 0
        self.effective = 0
        self.configuring = False
        self.failed = False
        self.stopped = False
        """Whether the callback that runs has given a response itself, so that its stream goes no further."""
        self.shutting_down = False
        self.tick_period = 0
        self.next_tick: int | None = None
        self.status: tuple[int, bytes] = (Status.OK, b"")
        self.call_maps = _NO_CALL
        self.call_body: bytes | None = None
        self._last_context = ROOT
        self._after: list[Callable[[], object]] = []
        self._events: deque[Callable[[], object]] = deque()
        self._turns = 0
        self._kept = 0

    @property
    def context(self) -> Context:
        """The context that host calls are about: the effective one, where the plugin has set one."""
        chosen = self.contexts.get(self.effective) if self.effective else None
        return chosen or self.contexts[self.current]

    def new_context(self) -> Context:
        """Make the context of a stream."""
        self._last_context += 1
        context = self.contexts[self._last_context] = Context(self._last_context, ROOT)
        return context

    def callback(
        self, context: int, name: str, *arguments: int, finish: Callable[[], None] | None = None
    ) -> tuple[int | None, bool]:
        """Call a plugin's callback, then do what it asked for meanwhile.

        Args:
            context: The context's number; the first argument.
            name: The callback.
            arguments: The further arguments.
            finish: What to do before what the callback asked for is done.

        Returns:
            What it returned (None if the plugin has no such callback), and whether it gave a response itself.

        Raises:
            PluginFailedError: The callback trapped, or did not return in time.
        """
        if not self.machine.has(name):
            return None, False
        before = self.current, self.effective
        self.current, self.effective, self.stopped = context, 0, False
        try:
            result = self.machine.call(name, context, *arguments)
        except BaseException:
            self.failed = True
            self._after.clear()
            raise
        finally:
            stopped = self.stopped
            self.current, self.effective = before
            self.stopped = False
        if finish:
            finish()
        while self._after:
            self._after.pop(0)()
        return result, stopped

    def after_callback(self, action: Callable[[], object]) -> None:
        """Do something when the callback that runs has returned."""
        self._after.append(action)

    def later(self, event: Callable[[], object]) -> None:
        """Do something when the present turn is over."""
        self._events.append(event)

    @contextlib.contextmanager
    def turn(self) -> Iterator[None]:
        """Hold events back until all within is done."""
        self._turns += 1
        try:
            yield
            while self._turns == 1 and self._events:
                self._events.popleft()()
        finally:
            self._turns -= 1

    def keep(self, size: int) -> None:
        """Count what the host keeps for the plugin.

        Raises:
            PluginFailedError: It is more than the host keeps.
        """
        self._kept += size + _ENTRY
        if self._kept > _MOST_KEPT:
            raise PluginFailedError(f"The plugin made the host keep more than {_MOST_KEPT >> 20} MiB.", "", "exhausts")

    def log(self, level: int, message: bytes) -> None:
        """Write a line of the log."""
        if level >= self.settings.log_level:
            self.keep(len(message))
            self.logs.append(LogLine(LEVELS[level], message.decode("utf-8", "replace")))

    def forget_call(self) -> None:
        """Take the answer of a call away again."""
        self.call_maps = _NO_CALL
        self.call_body = None
        self.status = (self.status[0], b"")

    def buffer(self, kind: BufferType) -> bytes | bytearray | None:
        """Give a buffer's content at present; None where there is no such buffer. A `bytearray` may be changed."""
        context = self.context
        found: bytes | bytearray | None
        if kind in (BufferType.REQUEST_BODY, BufferType.RESPONSE_BODY):
            found = context.bodies.get(int(kind), b"")
        elif kind == BufferType.VM_CONFIGURATION:
            found = self.settings.vm_configuration
        elif kind == BufferType.PLUGIN_CONFIGURATION:
            found = self.settings.configuration if self.configuring else None
        elif kind == BufferType.CALL_RESPONSE_BODY:
            found = self.call_body
        elif kind == BufferType.CALL_DATA:
            return context.last_buffer
        else:
            found = b""
        if found is not None:
            context.last_buffer = bytes(found)
        return found
