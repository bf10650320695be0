"""What Envoy's engine says where wasmtime says another thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.failure import PluginFailedError

if TYPE_CHECKING:
    import wasmtime

_TOO_DEEP = "RangeError: Maximum call stack size exceeded"
# V8's words, by the names of wasmtime's trap codes.
_WORDS = {
    "STACK_OVERFLOW": _TOO_DEEP,
    "MEMORY_OUT_OF_BOUNDS": "RuntimeError: memory access out of bounds",
    "HEAP_MISALIGNED": "RuntimeError: operation does not support unaligned accesses",
    "TABLE_OUT_OF_BOUNDS": "RuntimeError: table index is out of bounds",
    "INDIRECT_CALL_TO_NULL": "RuntimeError: function signature mismatch",
    "BAD_SIGNATURE": "RuntimeError: function signature mismatch",
    "INTEGER_OVERFLOW": "RuntimeError: divide result unrepresentable",
    "INTEGER_DIVISION_BY_ZERO": "RuntimeError: divide by zero",
    "BAD_CONVERSION_TO_INTEGER": "RuntimeError: float unrepresentable in integer range",
    "UNREACHABLE": "RuntimeError: unreachable",
    "NULL_REFERENCE": "RuntimeError: dereferencing a null pointer",
    "ARRAY_OUT_OF_BOUNDS": "RuntimeError: array element access out of bounds",
    "CAST_FAILURE": "RuntimeError: illegal cast",
}
_INTERRUPTED = "INTERRUPT"


def too_deep(name: str) -> PluginFailedError:
    """Make the error for a function that the host calls from within its own host calls, again and again."""
    return PluginFailedError(
        f"{name} makes host calls that call it again, without end.",
        f"Function: {name} failed: Uncaught {_TOO_DEEP}",
        "traps",
    )


def failure_of(name: str, error: wasmtime.Trap | wasmtime.WasmtimeError, timeout: float) -> PluginFailedError:
    """Make the error for a callback that did not return.

    Args:
        name: The callback.
        error: What wasmtime says.
        timeout: How long it had, in seconds.
    """
    code = getattr(getattr(error, "trap_code", None), "name", "")
    if code == _INTERRUPTED:
        return PluginFailedError(
            f"{name} did not return within {timeout:g} s; Envoy would wait for ever, its thread standing still.",
            "",
            "hangs",
        )
    words = _WORDS.get(code, f"RuntimeError: {str(error).strip().splitlines()[-1]}")
    return PluginFailedError(
        f"{name} trapped: {words.partition(': ')[2]}.", f"Function: {name} failed: Uncaught {words}", "traps"
    )
