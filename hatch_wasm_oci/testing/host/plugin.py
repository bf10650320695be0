"""A plugin under test: loaded, started and configured in this process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.testing.host import loading
from hatch_wasm_oci.testing.host.constants import LEVELS
from hatch_wasm_oci.testing.host.context import ROOT
from hatch_wasm_oci.testing.host.exchange import Exchange
from hatch_wasm_oci.testing.host.failure import HostUsageError, PluginFailedError
from hatch_wasm_oci.testing.host.message import Response
from hatch_wasm_oci.testing.host.shared import Shared
from hatch_wasm_oci.testing.host.state import Host, Settings
from hatch_wasm_oci.testing.host.stream import Stream

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from types import TracebackType

    from typing_extensions import Self

    from hatch_wasm_oci.testing.host.calls import HttpCall
    from hatch_wasm_oci.testing.host.clock import Clock
    from hatch_wasm_oci.testing.host.exchange import Upstream
    from hatch_wasm_oci.testing.host.headers import HeaderSource
    from hatch_wasm_oci.testing.host.logs import LogLine
    from hatch_wasm_oci.testing.host.message import Body
    from hatch_wasm_oci.testing.host.metrics import Metrics
    from hatch_wasm_oci.testing.host.shared import SharedData

NEWEST_ENVOY = "1.40"
"""The Envoy whose rules the host follows."""
_NANOSECONDS = 1_000_000_000


class WasmPlugin:
    """A plugin in the in-process host.

    Args:
        source: The module: a path, bytes, a `Module`, an image, or the path of an archive.
        configuration: The plugin's configuration.
        vm_configuration: The VM's configuration.
        root_id: Which of the module's root contexts to use.
        name: The plugin's name.
        vm_id: The VM's name; plugins share data under it.
        environment: The environment variables that Envoy is told to give the module.
        properties: Properties by their paths, `"node.id"` or `("filter_state", "a.b")`, beside those that the host
            knows of requests and responses: texts, bytes, numbers, booleans, mappings and lists.
        upstreams: The clusters that the plugin may call: their names, or a mapping to what answers the call at once,
            a function of the call that returns a `Response`; None for those that the test answers.
        foreign_functions: Further functions for `proxy_call_foreign_function`, from bytes to bytes, by name.
        envoy: The Envoy version whose functions the module finds, such as `1.36`.
        timeout: How long each call into the module may take, in seconds.
        log_level: From which level on lines are kept; what the plugin gets when it asks for the level.
        fail_open: Whether streams go on without the plugin once it has failed, instead of ending with 503.
        share_with: A plugin whose shared data and queues this one has too.

    Raises:
        PluginFailedError: Envoy would refuse the plugin or crash over it; its words are in `envoy`.
        HostMissingError: wasmtime is not installed.
        WasmOciError: There is no module in the source.
    """

    def __init__(
        self,
        source: Any,
        *,
        configuration: str | bytes = "",
        vm_configuration: str | bytes = "",
        root_id: str = "",
        name: str = "plugin",
        vm_id: str = "",
        environment: Mapping[str, str] | None = None,
        properties: Mapping[str | tuple[str, ...], Any] | None = None,
        upstreams: Iterable[str] | Mapping[str, Callable[[HttpCall], Response] | None] = (),
        foreign_functions: Mapping[str, Callable[[bytes], bytes | None]] | None = None,
        envoy: str = NEWEST_ENVOY,
        timeout: float = 10.0,
        log_level: str = "trace",
        fail_open: bool = False,
        share_with: WasmPlugin | None = None,
    ) -> None:
        if log_level not in LEVELS:
            raise SettingsError([f"log_level: {log_level!r} is none of {', '.join(LEVELS)}."])
        answers = upstreams if isinstance(upstreams, Mapping) else dict.fromkeys(upstreams)
        settings = Settings(
            name=name,
            configuration=_bytes(configuration),
            vm_configuration=_bytes(vm_configuration),
            root_id=root_id,
            vm_id=vm_id,
            environment=dict(environment or {}),
            properties=dict(properties or {}),
            upstreams=dict(answers),
            foreign_functions=dict(foreign_functions or {}),
            log_level=LEVELS.index(log_level),
            fail_open=fail_open,
        )
        self._shared: Shared = share_with._shared if share_with else Shared()  # noqa: SLF001 - another of the same kind
        self._host = Host(settings, self._shared)
        self._closed = False
        try:
            loading.start(self._host, loading.module_of(source), envoy, timeout)
        except PluginFailedError as error:
            error.logs = tuple(self._host.logs)  # the lines before a failure tell most of it
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    @property
    def logs(self) -> list[LogLine]:
        """What the plugin logged, in order: `.level` and `.message`."""
        return self._host.logs

    @property
    def metrics(self) -> Metrics:
        """The plugin's metrics by name: numbers, and lists for histograms."""
        return self._host.metrics

    @property
    def calls(self) -> list[HttpCall]:
        """The HTTP calls that the plugin has made, in order, answered or not."""
        return self._host.calls

    @property
    def shared_data(self) -> SharedData:
        """The shared data, a mapping to bytes that a test may change."""
        return self._shared.data

    @property
    def clock(self) -> Clock:
        """The time that the plugin sees; stands still until it is moved."""
        return self._host.clock

    @property
    def tick_period(self) -> int:
        """How often the plugin wants to be called, in milliseconds; 0 for never."""
        return self._host.tick_period

    @property
    def failed(self) -> bool:
        """Whether the plugin has trapped: each further stream ends with 503, or passes it by with `fail_open`."""
        return self._host.failed

    def stream(self) -> Stream:
        """Begin a stream, to be given part by part."""
        return Stream(self._host)

    def exchange(
        self,
        headers: HeaderSource = None,
        body: Body = b"",
        trailers: HeaderSource = None,
        *,
        upstream: Upstream | None = None,
    ) -> Exchange:
        """Send a whole request through the plugin to an upstream, and its response back.

        Args:
            headers: The request's headers; a GET of `/` at `example.com` where they say nothing else.
            body: The body; a list of bytes arrives piece by piece.
            trailers: The trailers.
            upstream: The response, or a function of the request that gives it; an empty 200 by default.

        Returns:
            What the client got, and what the upstream got.

        Raises:
            PluginFailedError: The plugin trapped, or did not return in time.
            HostUsageError: The plugin changed a body and left its content-length.
        """
        return Exchange(self._host, headers, body, trailers, Response() if upstream is None else upstream)

    def tick(self) -> None:
        """Move the time on to the plugin's next tick, and call it.

        Raises:
            HostUsageError: The plugin has set no tick period.
            PluginFailedError: It trapped.
        """
        due = self._host.next_tick
        if due is None:
            raise HostUsageError(
                "The plugin has set no tick period.", "Envoy would never call its proxy_on_tick either."
            )
        self.advance(max(0, due - self._host.clock.now) / _NANOSECONDS)

    def advance(self, seconds: float) -> None:
        """Move the time on; ticks and the timeouts of calls happen as they come due.

        Args:
            seconds: How far.
        """
        host = self._host
        end = host.clock.now + round(seconds * _NANOSECONDS)
        while True:
            calls = [(each.due, each) for each in host.calls if not each.answered and each.due is not None]
            times = [due for due, _ in calls] + ([] if host.next_tick is None else [host.next_tick])
            if not times or min(times) > end:
                break
            host.clock.now = max(host.clock.now, min(times))
            for due, call in calls:
                if due <= host.clock.now:
                    call.time_out()
            if host.next_tick is not None and host.next_tick <= host.clock.now:
                host.next_tick = host.clock.now + host.tick_period * 1_000_000
                with host.turn():
                    if not host.failed:
                        host.callback(ROOT, "proxy_on_tick")
        host.clock.now = end

    def shut_down(self) -> bool:
        """Tell the plugin that it is not needed any more.

        Returns:
            Whether it is done; if not, it will say so by `proxy_done`.
        """
        host = self._host
        if host.failed:
            return True
        with host.turn():
            host.shutting_down = True
            done, _ = host.callback(ROOT, "proxy_on_done")
            if done != 0 and host.shutting_down:
                host.shutting_down = False
                host.callback(ROOT, "proxy_on_delete")
            return not host.shutting_down

    def close(self) -> None:
        """Free the instance; nothing can be sent through it any more."""
        if not self._closed:
            self._closed = True
            self._host.failed = True
            self._host.machine.close()


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value
