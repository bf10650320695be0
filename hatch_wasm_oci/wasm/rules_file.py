"""WO1xx: the file is no module that Envoy's engine can read."""

from __future__ import annotations

from itertools import chain, islice
from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm import filetype
from hatch_wasm_oci.wasm.declarations import FUNCTION
from hatch_wasm_oci.wasm.envoy_scan import ABI_PREFIX, ABI_VERSIONS
from hatch_wasm_oci.wasm.finding import Finding
from hatch_wasm_oci.wasm.recognition import recognise
from hatch_wasm_oci.wasm.remedies import remedy
from hatch_wasm_oci.wasm.subject import NO_BYTECODE, shown
from hatch_wasm_oci.wasm.value_types import DEFAULT_PAGE_SIZE_LOG2

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hatch_wasm_oci.wasm.declarations import Binary
    from hatch_wasm_oci.wasm.envoy_scan import Scan

CORRUPTED = "Failed to parse corrupted Wasm module"
NO_ABI = "Missing or unknown Proxy-Wasm ABI version"
NOTHING_LOADED = "Plugin configured to fail closed failed to load"
_V8_MAX_PAGES_64 = 262_144
_V8_MAX_TABLE = 10_000_000
_V8_MAX_PARAMETERS = 1000
_V8_MAX_BODY = 7_654_321
_V8_MAX_DATA_SEGMENTS = 100_000
_MOST_EXCESSES = 10
_CODES = {
    filetype.EMPTY: "WO101",
    filetype.FOREIGN: "WO102",
    filetype.TRUNCATED: "WO103",
    filetype.OTHER_VERSION: "WO104",
    filetype.COMPONENT: "WO105",
}


def _envoy_line(binary: Binary, scan: Scan) -> str:
    if not binary.size:
        return NOTHING_LOADED
    if scan.corrupted:
        return CORRUPTED
    return NO_BYTECODE if scan.abi else NO_ABI


def not_a_module(data: memoryview, binary: Binary, scan: Scan) -> Finding:
    """Say what a file is that is no module."""
    found = recognise(data)
    return Finding(
        _CODES[binary.format],
        "error",
        f"The file is no WebAssembly module: {found.what if found else binary.format}.",
        _envoy_line(binary, scan),
        "A module starts with the bytes 00 61 73 6d and the version 01 00 00 00.",
        found.remedy if found else "",
    )


def unreadable(binary: Binary, scan: Scan) -> Iterator[Finding]:
    """Find what is cut off or malformed."""
    fault = binary.fault
    if scan.corrupted:
        place = str(fault) if fault else f"byte {scan.offset}: {scan.corrupted}"
        names = fault is None
        yield Finding(
            "WO109" if names else "WO106",
            "error",
            f"The module is cut off or damaged at {place}.",
            CORRUPTED,
            "Envoy reads function names for its stack traces and refuses a module whose `name` section is malformed."
            if names
            else "A section is longer than the rest of the file: a copy, download or build was cut off.",
            "Strip the names (wasm-strip, wasm-opt --strip-debug), or build again with a newer toolchain."
            if names
            else "Build or copy the file again, and compare the sizes.",
        )
    elif fault:
        yield Finding(
            "WO107",
            "error",
            f"The module is malformed {'in the' if fault.section else 'at'} {fault}.",
            NO_BYTECODE,
            "Engines refuse a module that breaks the rules of the WebAssembly specification anywhere.",
            "Build it again. If a tool rewrote the module, or a proposal's feature was switched on, leave that out.",
        )


def missing_abi(binary: Binary, scan: Scan, toolchain: str) -> Iterator[Finding]:
    """Find that Envoy can't tell for which ABI version the module was made."""
    if scan.abi or scan.corrupted:
        return
    named = [each for each in binary.exports if each.name.startswith(ABI_PREFIX)]
    message = "The module exports no function that names its proxy-wasm ABI version."
    code = "WO301"
    if named and named[0].kind != FUNCTION:
        code, message = "WO303", f"{shown(named[0].name)} is exported as a {named[0].kind}, not as a function."
    elif named:
        code, message = "WO302", f"{shown(named[0].name)} names an ABI version that Envoy does not know."
    known = ", ".join([f"{ABI_PREFIX}{each.replace('.', '_')}" for each in ABI_VERSIONS])
    yield Finding(
        code,
        "error",
        message,
        NO_ABI,
        f"Envoy looks for one of the functions {known}.",
        remedy("abi", toolchain),
    )


def _large_spaces(binary: Binary) -> Iterator[str]:
    for memory in binary.memories:
        if memory.page_size_log2 != DEFAULT_PAGE_SIZE_LOG2:
            yield f"a memory has pages of 2^{memory.page_size_log2} bytes (the proposal “custom page sizes”)"
        if memory.wide and max(memory.minimum, memory.maximum or 0) > _V8_MAX_PAGES_64:
            yield f"a 64-bit memory has more than {_V8_MAX_PAGES_64} pages"
    for table in binary.tables:
        if table.limits.shared:
            yield "a table is shared (the proposal “shared-everything threads”)"
        if table.limits.minimum > _V8_MAX_TABLE:
            yield f"a table starts with more than {_V8_MAX_TABLE} entries"


def _large_numbers(binary: Binary) -> Iterator[str]:
    if any(max(len(each.function.params), len(each.function.results)) > _V8_MAX_PARAMETERS for each in binary.types):
        yield f"a function type has more than {_V8_MAX_PARAMETERS} parameters or results"
    if any(end - begin > _V8_MAX_BODY for begin, end in binary.bodies):
        yield f"a function body has more than {_V8_MAX_BODY} bytes"
    if binary.data.count > _V8_MAX_DATA_SEGMENTS:
        yield f"there are {binary.data.count} data segments, more than {_V8_MAX_DATA_SEGMENTS}"


def beyond_engine(binary: Binary) -> Iterator[Finding]:
    """Find what the specification or a proposal allows, but not Envoy's engine."""
    for excess in islice(chain(_large_spaces(binary), _large_numbers(binary)), _MOST_EXCESSES):
        yield Finding(
            "WO108",
            "error",
            f"Envoy's engine (V8) does not take the module: {excess}.",
            NO_BYTECODE,
            "V8 has limits of its own, and Envoy switches no experimental feature on.",
            "Build without that feature, or below that limit. Data segments can be joined: wasm-opt --memory-packing",
        )
