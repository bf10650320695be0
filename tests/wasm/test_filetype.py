from __future__ import annotations

import pytest

from hatch_wasm_oci.wasm.filetype import file_format, version


@pytest.mark.parametrize(
    ("data", "format_", "number"),
    [
        (b"", "empty", 0),
        (b"\0", "truncated header", 0),
        (b"\0asm\1\0\0", "truncated header", 0),
        (b"\0asm\1\0\0\0", "module", 1),
        (b"\0asm\2\0\0\0", "other version", 2),
        (b"\0asm\x0d\0\1\0", "component", 13),
        (b"\1", "foreign", 0),
        (b"\x1f\x8b\x08\0\0\0\0\0\0", "foreign", 0),
    ],
)
def test_a_header_says_what_a_file_is(data: bytes, format_: str, number: int) -> None:
    assert file_format(memoryview(data)) == format_
    assert version(memoryview(data)) == number
