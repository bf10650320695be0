"""The engine: wasmtime, loaded when first used, its compiled modules kept for the session, and a watch over time."""

from __future__ import annotations

import atexit
import contextlib
import functools
import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.testing.host.failure import HostMissingError, HostUsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import wasmtime

    from hatch_wasm_oci.wasm.module import Module

# What Envoy's engine takes; wasmtime would leave some of it out.
_FEATURES = (
    "wasm_threads",
    "shared_memory",
    "wasm_tail_call",
    "wasm_exceptions",
    "wasm_memory64",
    "wasm_multi_memory",
    "wasm_gc",
    "wasm_function_references",
)
_TICK = 0.05  # seconds between two looks at the time
_KEPT_MODULES = 32
_KEPT_BYTES = 256 * 1024 * 1024


def load() -> Engine:
    """Give the engine of this process.

    Raises:
        HostMissingError: wasmtime is not installed.
    """
    try:
        import wasmtime
    except ImportError as error:
        raise HostMissingError(
            f"The in-process host runs on wasmtime, which can't be imported: {error}.",
            'Install it: pip install "hatch-wasm-oci[host]"',
        ) from None
    return _engine(wasmtime)


@functools.cache
def _engine(wasmtime: Any) -> Engine:
    # By the module that it comes from: a test of tests may have imported wasmtime anew, and the two do not mix.
    atexit.register(_engine.cache_clear)  # wasmtime's objects complain when they outlive their module
    config = wasmtime.Config()
    config.epoch_interruption = True
    # By signals, wasmtime and Python's faulthandler, which pytest starts, would take each other's place.
    config.signals_based_traps = False
    # A test calls little and starts often: compiling is what takes the time.
    config.cranelift_opt_level = "none"
    for feature in _FEATURES:
        setattr(config, feature, True)
    return Engine(wasmtime.Engine(config))


class Engine:
    """Compiles modules, and ends calls that take too long.

    Args:
        engine: wasmtime's own.
    """

    def __init__(self, engine: wasmtime.Engine) -> None:
        self.engine = engine
        self._modules: OrderedDict[str, tuple[wasmtime.Module, int]] = OrderedDict()
        self._running = 0
        self._changed = threading.Condition()
        self._watch: threading.Thread | None = None

    def compiled(self, module: Module) -> wasmtime.Module:
        """Compile a module, or take it from an earlier time.

        Raises:
            HostUsageError: The engine can't run it, though Envoy's may.
        """
        import wasmtime

        known = self._modules.pop(module.sha256, None)
        if known is None:
            try:
                known = wasmtime.Module(self.engine, bytes(module.data)), module.size
            except wasmtime.WasmtimeError as error:
                reason = str(error).strip().splitlines()[-1].strip()
                raise HostUsageError(
                    f"wasmtime does not take the module: {reason}.", "Test it with a real Envoy instead."
                ) from None
        self._modules[module.sha256] = known
        while len(self._modules) > _KEPT_MODULES or sum(size for _, size in self._modules.values()) > _KEPT_BYTES:
            self._modules.popitem(last=False)
        return known[0]

    @contextlib.contextmanager
    def limit(self, store: wasmtime.Store, seconds: float) -> Iterator[None]:
        """End what runs in a store when it takes longer than so many seconds."""
        store.set_epoch_deadline(max(1, round(seconds / _TICK)) + 1)
        with self._changed:
            self._running += 1
            if self._watch is None:
                self._watch = threading.Thread(target=self._tick, name="wasm-host-watch", daemon=True)
                self._watch.start()
            self._changed.notify()
        try:
            yield
        finally:
            with self._changed:
                self._running -= 1

    def _tick(self) -> None:
        pause = threading.Event()
        while True:
            with self._changed:
                while not self._running:
                    self._changed.wait()
            pause.wait(_TICK)
            self.engine.increment_epoch()
