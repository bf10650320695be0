"""What a tool pushed, written down so that it can be made again for any module: no binary is kept."""

from __future__ import annotations

import hashlib
import json
import tarfile
import zlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Json: TypeAlias = "Mapping[str, Any]"
    Part: TypeAlias = "Json | bytes | Callable[[bytes], bytes]"


@dataclass(frozen=True)
class Recorded:
    """What one command of one tool pushes.

    Args:
        tool: The tool and its version.
        command: What was run.
        root: The manifest or index that the tag names. `@NAME` stands in it for the digest or the size of a part.
        parts: By name: manifests and configs as JSON, in which the same holds, and `#NAME` stands for the digest of a
            part that is not pushed; other blobs as they are, or made of the module.
        indent: By how many spaces the tool indents manifests; None where it writes them in one line.
    """

    tool: str
    command: str
    root: Json
    parts: Mapping[str, Part]
    indent: int | None = None


@dataclass
class Pushed:
    """The bytes that arrive at the registry: the root's, and those of other manifests and of the blobs, by name."""

    root: bytes = b""
    manifests: dict[str, bytes] = field(default_factory=dict)
    blobs: dict[str, bytes] = field(default_factory=dict)


def make(recorded: Recorded, module: bytes) -> Pushed:
    """Make what the tool would push for a module."""
    pushed = Pushed()

    def content(name: str) -> bytes:
        part = recorded.parts[name]
        if isinstance(part, bytes):
            return part
        return part(module) if callable(part) else written(part)

    def filled(value: Any, key: str = "") -> Any:
        if isinstance(value, dict):
            return {name: filled(one, name) for name, one in value.items()}
        if isinstance(value, list):
            return [filled(one) for one in value]
        if not isinstance(value, str) or value[:1] not in ("@", "#"):
            return value
        name = value[1:]
        data = content(name)
        if value.startswith("@"):
            part = recorded.parts[name]
            manifest = isinstance(part, dict) and "layers" in part
            (pushed.manifests if manifest else pushed.blobs)[name] = data
        return len(data) if key == "size" else digest(data)

    def written(value: Json) -> bytes:
        indent = recorded.indent if "schemaVersion" in value else None
        separators = (",", ":") if indent is None else (",", ": ")
        text = json.dumps(filled(dict(value)), indent=indent, separators=separators, ensure_ascii=False)
        return text.encode()

    pushed.root = written(recorded.root)
    return pushed


def digest(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def tar(module: bytes, *, mode: int, owner: str = "", padding: int = 1024) -> bytes:
    """Make the archive that holds the module alone, as Go's archive/tar writes it.

    Args:
        module: The module.
        mode: The field of the header; some tools keep the file's type in it.
        owner: The names of user and group.
        padding: How many zero bytes end it; GNU tar fills its records of 20 blocks.
    """
    entry = tarfile.TarInfo("plugin.wasm")
    entry.size, entry.uname, entry.gname, entry.mtime = len(module), owner, owner, 1795481116
    header = bytearray(entry.tobuf(tarfile.USTAR_FORMAT))
    header[100:108] = b"%07o\0" % mode
    header[329:345] = b"0000000\0" * 2
    header[148:156] = b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    return bytes(header) + module + bytes(-len(module) % 512 + padding)


def gzip(data: bytes, header: str, *, flushed: bool = False) -> bytes:
    """Compress with a tool's own header.

    Args:
        data: The bytes.
        header: The ten bytes, hexadecimal.
        flushed: Whether the data ends in an empty block, as pgzip leaves it.
    """
    compressor = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    stream = compressor.compress(data) + (compressor.flush(zlib.Z_SYNC_FLUSH) if flushed else b"")
    stream += compressor.flush()
    return bytes.fromhex(header) + stream + zlib.crc32(data).to_bytes(4, "little") + len(data).to_bytes(4, "little")
