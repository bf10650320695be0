"""Full validation of a module's function bodies, by wasmtime where it is installed."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from hatch_wasm_oci.wasm.finding import Finding
from hatch_wasm_oci.wasm.subject import NO_BYTECODE, shown

# What Envoy's engine (V8) has switched on, and no more.
_FEATURES = (
    "bulk_memory",
    "exceptions",
    "function_references",
    "gc",
    "memory64",
    "multi_memory",
    "multi_value",
    "reference_types",
    "relaxed_simd",
    "simd",
    "tail_call",
    "threads",
)
# Where wasmtime has a limit or lacks a feature, such as the exceptions of old, it says nothing about V8.
_OF_ITS_OWN = re.compile(r"feature|proposal|support|limit|enabled|(size|count)( is)? out of bounds")
_LONGEST = 300


def _engine(wasmtime: Any) -> Any:
    config = wasmtime.Config()
    config.signals_based_traps = False  # nothing runs here: leave the process's signal handlers alone
    for feature in _FEATURES:
        if hasattr(type(config), f"wasm_{feature}"):  # an older one lacks the newer
            setattr(config, f"wasm_{feature}", True)
    return wasmtime.Engine(config)


def invalid(data: memoryview) -> Finding | None:
    """Find that a module breaks the rules of the specification, in its function bodies above all.

    Args:
        data: The whole file, a core module without a fault that `parse` would find.

    Returns:
        What is wrong; None if nothing is, if wasmtime can't tell, or if none is installed.
    """
    if find_spec("wasmtime") is None:
        return None
    try:
        wasmtime: Any = import_module("wasmtime")
    except (ImportError, OSError):  # a wheel for another system
        return None
    try:
        wasmtime.Module.validate(_engine(wasmtime), bytes(data))
    except wasmtime.WasmtimeError as error:
        problem = shown(" ".join(str(error).split()))[:_LONGEST]
    else:
        return None
    if _OF_ITS_OWN.search(problem):
        return None
    return Finding(
        "WO110",
        "error",
        f"The module is invalid: {problem}.",
        NO_BYTECODE,
        "Engines check every function before they run any.",
        "Build it again, without the tool that rewrote it last. If a compiler alone made it, it is at fault.",
    )
