"""In what two images differ, side by side: manifests, configs, layers and what the layers hold."""

from __future__ import annotations

import io
import json
from itertools import zip_longest
from typing import TYPE_CHECKING, NamedTuple

from hatch_wasm_oci.errors import WasmOciError
from hatch_wasm_oci.image import tar
from hatch_wasm_oci.image.compression import decompress
from hatch_wasm_oci.image.descriptor import DOCKER_LAYER, OCI_LAYER, sha256
from hatch_wasm_oci.wasm.module import MODULE_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hatch_wasm_oci.image.descriptor import Blob, Buffer
    from hatch_wasm_oci.image.manifest import Image

_ABSENT = "(absent)"
_NAME_WIDTH = 34
_WIDTH = 44
_ROWS = 40
_AROUND = 20


class _Row(NamedTuple):
    name: str
    left: str
    right: str


def differences(left: Image, right: Image, names: tuple[str, str] = ("pushed", "pulled")) -> str:
    """Describe in what two images differ.

    Args:
        left: The one that was expected.
        right: The one that came.
        names: What to call them.

    Returns:
        A table for each part that differs, of the rows that differ alone; empty where the images are the same, byte
        for byte.
    """
    sections = [
        ("manifest", _of_documents(left.manifest.data, right.manifest.data)),
        ("config", _of_documents(_config(left), _config(right))),
        *_of_layers(left, right),
    ]
    return "\n\n".join(_table(title, rows, names) for title, rows in sections if rows)


def _config(image: Image) -> Buffer:
    return image.blob(image.manifest.config).data


def _of_documents(left: Buffer, right: Buffer) -> list[_Row]:
    if left == right:
        return []
    rows = [_Row("digest", sha256(left), sha256(right))]
    if len(left) != len(right):
        rows.append(_Row("size", f"{len(left)} bytes", f"{len(right)} bytes"))
    try:
        values = [dict(_flattened(json.loads(bytes(data)))) for data in (left, right)]
    except (ValueError, RecursionError):
        return [*rows, _of_bytes(left, right)]
    different = _of_mappings(*values)
    return rows + (different or [_of_bytes(left, right)])  # the same values, written down in another way


def _flattened(value: object, path: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(value, dict) and value:
        for key, inner in value.items():
            yield from _flattened(inner, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value:
        for index, inner in enumerate(value):
            yield from _flattened(inner, f"{path}[{index}]")
    else:
        yield path, json.dumps(value, ensure_ascii=False)


def _of_mappings(left: Mapping[str, str], right: Mapping[str, str]) -> list[_Row]:
    rows = [_Row(key, left.get(key, _ABSENT), right.get(key, _ABSENT)) for key in {**left, **right}]
    return [row for row in rows if row.left != row.right]


def _of_bytes(left: Buffer, right: Buffer) -> _Row:
    pairs = zip_longest(bytes(left), bytes(right))
    offset = next(index for index, (one, other) in enumerate(pairs) if one != other)
    start = max(0, offset - _AROUND // 2)
    shown = [repr(bytes(data[start : start + 2 * _AROUND]))[2:-1] for data in (left, right)]
    return _Row(f"from byte {start}", *shown)


def _of_layers(left: Image, right: Image) -> Iterator[tuple[str, list[_Row]]]:
    descriptors = zip_longest(left.manifest.layers, right.manifest.layers)
    for index, (one, other) in enumerate(descriptors):
        if one is None or other is None:
            yield f"layers[{index}]", [_Row("digest", *(named.digest if named else _ABSENT for named in (one, other)))]
            continue
        blobs = left.blob(one), right.blob(other)
        if bytes(blobs[0].data) != bytes(blobs[1].data):
            digests = _Row("digest", *(sha256(blob.data) for blob in blobs))
            entries = _of_mappings(*(dict(_entries(blob)) for blob in blobs))
            yield f"layers[{index}]", [digests, *(entries or [_of_bytes(blobs[0].data, blobs[1].data)])]


def _entries(blob: Blob) -> Iterator[tuple[str, str]]:
    yield "size", f"{len(blob.data)} bytes"
    if blob.descriptor.media_type not in (OCI_LAYER, DOCKER_LAYER):
        return
    try:
        archive = memoryview(decompress(blob.data, MODULE_LIMIT))
        yield "before compression", f"{len(archive)} bytes, {sha256(archive)}"
        for position, entry in enumerate(tar.entries(io.BytesIO(archive))):
            name = f"entry {position}"
            content = archive[entry.offset_data : entry.offset_data + (entry.size if entry.isreg() else 0)]
            yield f"{name} name", entry.name
            yield f"{name} type", entry.type.decode("ascii", "backslashreplace")
            yield f"{name} mode", f"{entry.mode:04o}"
            yield f"{name} owner", f"{entry.uid}:{entry.gid} {entry.uname}:{entry.gname}"
            yield f"{name} time", str(entry.mtime)
            yield f"{name} size", f"{entry.size} bytes"
            yield f"{name} content", sha256(content)
    except WasmOciError as error:
        yield "unreadable", error.problem


def _table(title: str, rows: list[_Row], names: tuple[str, str]) -> str:
    shown = rows[:_ROWS]
    width = min(_NAME_WIDTH, max(len(row.name) for row in shown))
    lines = [
        f"{title:<{width + 2}} | {names[0]:<{_WIDTH}} | {names[1]}",
        f"{'-' * (width + 2)}-+-{'-' * _WIDTH}-+-" + "-" * _WIDTH,
    ]
    for row in shown:
        columns = (
            [row.name[index : index + width] for index in range(0, len(row.name), width)],
            *map(_wrapped, row[1:]),
        )
        for name, left, right in zip_longest(*columns, fillvalue=""):
            lines.append(f"  {name:<{width}} | {left:<{_WIDTH}} | {right}".rstrip())
    if len(rows) > len(shown):
        lines.append(f"  and {len(rows) - len(shown)} more")
    return "\n".join(lines)


def _wrapped(text: str) -> list[str]:
    printable = text.encode("utf-8", "backslashreplace").decode()
    lines = [printable[start : start + _WIDTH] for start in range(0, len(printable), _WIDTH)] or [""]
    return lines if len(lines) <= 4 else [*lines[:3], "…"]  # noqa: PLR2004 - a digest of SHA-512 has four
