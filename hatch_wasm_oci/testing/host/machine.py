"""One instance of a module: its memory, its callbacks, and the host functions that it is linked with."""

from __future__ import annotations

import ctypes
import struct
import weakref
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.testing.host import engine
from hatch_wasm_oci.testing.host.failure import HostUsageError, PluginFailedError, crash
from hatch_wasm_oci.testing.host.traps import failure_of, too_deep
from hatch_wasm_oci.wasm.declarations import FUNCTION, MEMORY
from hatch_wasm_oci.wasm.subject import MAX_PAGES, NO_INSTANCE

if TYPE_CHECKING:
    from collections.abc import Callable

    import wasmtime

    from hatch_wasm_oci.wasm.declarations import Import
    from hatch_wasm_oci.wasm.envoy_tables import HostFunction
    from hatch_wasm_oci.wasm.module import Module
    from hatch_wasm_oci.wasm.subject import Subject

    HostCall = Callable[..., int | None]

_PAGE = 65_536
_MEMORY_LIMIT = MAX_PAGES * _PAGE
_TABLE_LIMIT = 10_000_000
# How often the module and the host may call each other within a call: malloc may itself ask the host for something.
_DEEPEST = 32
_MASK_32 = (1 << 32) - 1
_RESTRICTED = "Uncaught Error: restricted_callback"


class Machine:
    """A running module.

    Args:
        module: The module; the linter found no error in it.
        subject: What is in it.
        functions: What answers its host calls, by name.
        timeout: How long a call into it may take, in seconds.
    """

    def __init__(
        self, module: Module, subject: Subject, functions: Callable[[Import], HostCall], timeout: float
    ) -> None:
        import wasmtime

        self._subject = subject
        self._engine = engine.load()
        self._timeout = timeout
        self._depth = 0
        self._starting = True
        self.initializing = False
        self._callbacks: dict[str, wasmtime.Func | None] = {}
        self._memory: wasmtime.Memory | wasmtime.SharedMemory | None = None
        compiled = self._engine.compiled(module)
        self._check_shared_memories()
        self._store = wasmtime.Store(self._engine.engine)
        self._store.set_limits(memory_size=_MEMORY_LIMIT, table_elements=_TABLE_LIMIT)
        imports = self._imports(compiled, functions)
        try:
            with self._engine.limit(self._store, timeout):
                self._instance = wasmtime.Instance(self._store, compiled, imports)
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            raise _not_started(error) from None
        self._starting = False
        self._exports = self._instance.exports(self._store)
        self._find_memory(imports)

    def close(self) -> None:
        """Free the instance."""
        self._store.close()

    def has(self, name: str) -> bool:
        """Say whether the module has a callback that Envoy calls."""
        return self._subject.usable(name) is not None

    def call(self, name: str, *arguments: int) -> int | None:
        """Call an exported function; without one, do nothing.

        Raises:
            PluginFailedError: The function trapped, or took too long.
        """
        import wasmtime

        function = self._callbacks.get(name)
        if function is None:
            if not self.has(name):
                return None
            found = self._exports[name]
            assert isinstance(found, wasmtime.Func)  # noqa: S101 - what `usable` means
            function = self._callbacks[name] = found
        if self._depth >= _DEEPEST:
            raise too_deep(name)
        self._depth += 1
        try:
            if self._depth > 1:
                return _number(function(self._store, *arguments))
            with self._engine.limit(self._store, self._timeout):
                return _number(function(self._store, *arguments))
        except (wasmtime.Trap, wasmtime.WasmtimeError) as error:
            raise failure_of(name, error, self._timeout) from None
        except RestrictedError as error:
            raise PluginFailedError(
                f"{name} calls {error}, which Envoy does not allow there.",
                f"Function: {name} failed: {_RESTRICTED}",
                "refuses",
            ) from None
        finally:
            self._depth -= 1

    def read(self, address: int, size: int) -> bytes | None:
        """Read from the module's memory; None where that lies outside."""
        base, length = self._bounds()
        return None if address + size > length else ctypes.string_at(base + address, size)

    def write(self, address: int, data: bytes) -> bool:
        """Write to the module's memory; False where that lies outside."""
        base, length = self._bounds()
        if address + len(data) > length:
            return False
        ctypes.memmove(base + address, data, len(data))
        return True

    def write_u32(self, address: int, value: int) -> bool:
        """Write a number of 32 bits."""
        return self.write(address, struct.pack("<I", value & _MASK_32))

    def write_u64(self, address: int, value: int) -> bool:
        """Write a number of 64 bits."""
        return self.write(address, struct.pack("<Q", value))

    def give(self, data: bytes, pointer: int, size: int) -> bool:
        """Hand bytes to the module, in memory that it is asked for; write where they lie, and how many they are."""
        address = 0
        if data:
            allocate = "malloc" if self.has("malloc") else "proxy_on_memory_allocate"
            address = (self.call(allocate, len(data)) or 0) & _MASK_32
            if not address or not self.write(address, data):
                return False
        return self.write_u32(pointer, address) and self.write_u32(size, len(data))

    def _bounds(self) -> tuple[int, int]:
        import wasmtime

        memory = self._memory
        if memory is None:
            raise crash("The module makes a host call that needs its memory, which it does not export.")
        if isinstance(memory, wasmtime.SharedMemory):
            return ctypes.addressof(memory.data_ptr().contents), memory.data_len()
        return ctypes.addressof(memory.data_ptr(self._store).contents), memory.data_len(self._store)

    def _find_memory(self, imports: list[Any]) -> None:
        import wasmtime

        kinds = (wasmtime.Memory, wasmtime.SharedMemory)
        exported = [self._exports[each.name] for each in self._subject.binary.exports if each.kind == MEMORY]
        # As Envoy does: the last one exported, else the imported one.
        for found in (*imports, *exported):
            if isinstance(found, kinds):
                self._memory = found

    def _check_shared_memories(self) -> None:
        for each in self._subject.binary.memories:
            if each.shared and (each.maximum or 0) > MAX_PAGES:
                raise HostUsageError(
                    f"The module wants a shared memory of up to {each.maximum} pages.",
                    f"The in-process host gives {MAX_PAGES} at most: test it with a real Envoy.",
                )

    def _imports(self, compiled: wasmtime.Module, functions: Callable[[Import], HostCall]) -> list[Any]:
        import wasmtime

        found: list[Any] = []
        for imported, wanted in zip(self._subject.binary.imports, compiled.imports, strict=True):
            if imported.kind == FUNCTION:
                host = self._subject.host_function(imported)
                assert host is not None  # noqa: S101 - the linter found none missing
                call = _guarded(weakref.ref(self), imported, host, functions(imported))
                assert isinstance(wanted.type, wasmtime.FuncType)  # noqa: S101 - as the kind says
                found.append(wasmtime.Func(self._store, wanted.type, call))
            elif isinstance(wanted.type, wasmtime.MemoryType):
                found.append(wasmtime.Memory(self._store, wanted.type))
            elif isinstance(wanted.type, wasmtime.TableType):
                found.append(wasmtime.Table(self._store, wanted.type, None))
            else:
                raise HostUsageError(f"The in-process host gives no {imported.kind} to import.")
        return found

    def enter(self, imported: Import, host: HostFunction) -> None:
        """Refuse a host call where Envoy does; called before each.

        Raises:
            PluginFailedError: Envoy would crash.
        """
        name = f"{imported.module}.{imported.name}"
        if self._starting and host.start == "always":
            raise crash(f"A start section calls {name}.")
        if self.initializing and host.initialize > self._subject.envoy:
            raise RestrictedError(name)
        if self._memory is None and host.memory == "always":
            raise crash(f"The module calls {name}, but exports no memory.")


class RestrictedError(Exception):
    """A host call that Envoy does not allow while a module is initialised."""


def _guarded(reference: weakref.ref[Machine], imported: Import, host: HostFunction, function: HostCall) -> HostCall:
    wide = [each == "i64" for each in host.signature.params]

    def call(*arguments: int) -> int | None:
        machine = reference()
        if machine is None:  # its store would be gone too
            raise RestrictedError(imported.name)
        machine.enter(imported, host)
        plain = [value if is_wide else value & _MASK_32 for value, is_wide in zip(arguments, wide, strict=True)]
        result = function(*plain)
        return None if result is None else int(result)

    return call


def _number(result: Any) -> int | None:
    return result if isinstance(result, int) else None


def _not_started(error: Exception) -> PluginFailedError:
    return PluginFailedError(f"No instance can be made of the module: {_first_line(error)}.", NO_INSTANCE, "refuses")


def _first_line(error: Exception) -> str:
    return next(iter(str(error).strip().splitlines()), "").rstrip(".:")
