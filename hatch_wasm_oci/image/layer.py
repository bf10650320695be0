"""The layer of a compat image: a module in a tar archive in a gzip stream, and back again under limits."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import ImageError, RefusedError, shown
from hatch_wasm_oci.image import tar
from hatch_wasm_oci.image.compression import compress, decompress_start
from hatch_wasm_oci.image.descriptor import Blob, Buffer, sha256
from hatch_wasm_oci.wasm.module import MODULE_LIMIT

if TYPE_CHECKING:
    from hatch_wasm_oci.wasm.module import Module

MODULE_NAME = "plugin.wasm"
RUNTIME_CONFIG_NAME = "runtime-config.json"
RUNTIME_CONFIG_LIMIT = 1024 * 1024
"""The largest runtime configuration that is read, in bytes."""

_CUT_OFF = "cut-off"


@dataclass(frozen=True)
class Layer:
    """One layer of a compat image.

    Args:
        blob: The compressed archive as it travels.
        diff_id: The digest of the archive before compression (OCI image-spec, config.md, rootfs).
    """

    blob: Blob
    diff_id: str


def pack(module: Module, runtime_config: bytes | None, *, media_type: str, time: int, compression: str) -> Layer:
    """Make the layer that holds a module: the same bytes from the same arguments, on every system.

    Args:
        module: The module; it becomes the entry `plugin.wasm`, mode 0644, owner 0:0.
        runtime_config: The entry `runtime-config.json` after it (solo-io/wasm, spec-compat.md), if any.
        media_type: The type of the layer.
        time: The entries' time, in seconds since 1970.
        compression: `deflate` or `store`.

    Raises:
        ImageError: The archive is larger than the consumers accept, or the compressor at hand gives other bytes than
            it must.
    """
    archive = _archive(module, runtime_config, time)
    return Layer(Blob.of(media_type, compress(archive, compression)), sha256(archive))


def unpack(stream: Buffer) -> memoryview:
    """Take the module out of a compressed layer, as Istio and Envoy Gateway do (istio, pkg/wasm/imagefetcher.go).

    Args:
        stream: The compressed layer, not trusted.

    Returns:
        The content of the first entry whose base name is `plugin.wasm`, read-only. Whatever comes after it is not
        looked at: it may be damaged, or more than the consumers accept.

    Raises:
        RefusedError: It is no gzip stream or no tar archive, is larger than the consumers accept, or has no such entry.
    """
    data, fault = decompress_start(stream, MODULE_LIMIT)
    archive = memoryview(data).toreadonly()
    first = tar.first_entry(archive, MODULE_NAME)
    if first is not None:
        return first
    try:
        return _search(archive)
    except RefusedError as error:
        if fault is None or error.code == "not-a-file":
            raise
        where = f"failed to read {MODULE_NAME}: " if error.code == _CUT_OFF else ""
        said = [where + words for words in fault.said]
        raise RefusedError(fault.problem, fault.remedy, code=fault.code, said=said) from None


def runtime_config(stream: Buffer) -> bytes | None:
    """Take the runtime configuration out of a compressed layer (solo-io/wasm, spec-compat.md).

    Args:
        stream: The compressed layer, not trusted.

    Returns:
        The content of the first entry whose base name is `runtime-config.json`; None where there is none that can be
        read.
    """
    try:
        data, _ = decompress_start(stream, MODULE_LIMIT)
        return bytes(_search(memoryview(data), RUNTIME_CONFIG_NAME)[: RUNTIME_CONFIG_LIMIT + 1])
    except ImageError:
        return None


def _archive(module: Module, runtime_config: bytes | None, time: int) -> bytearray:
    archive = module.take_frame()
    if archive is None:
        archive = bytearray().join((bytes(tar.BLOCK), module.data, tar.padding(module.size), tar.END))
    archive[: tar.BLOCK] = tar.header(MODULE_NAME, module.size, time)
    if runtime_config is not None:
        # A new buffer: the module's view pins the size of the one that it was read into.
        size = len(runtime_config)
        entry = (tar.header(RUNTIME_CONFIG_NAME, size, time), runtime_config, tar.padding(size))
        archive = bytearray().join((memoryview(archive)[: -len(tar.END)], *entry, tar.END))
    if len(archive) > MODULE_LIMIT:
        raise ImageError(
            f"The layer would have {len(archive)} bytes before compression, over the limit of {MODULE_LIMIT} bytes.",
            "Istio and Envoy Gateway refuse it: strip debug sections or optimise the module for size.",
        )
    return archive


def _search(archive: memoryview, name: str = MODULE_NAME) -> memoryview:
    for entry in tar.entries(io.BytesIO(archive)) if archive else ():  # as Go reads nothing
        if entry.name.rstrip("/").rpartition("/")[2] != name:  # as Go's filepath.Base
            continue
        if entry.issparse():
            raise RefusedError(
                f"The layer's {shown(entry.name)} is a sparse file, which can claim any size for a few bytes.",
                "Pack it without that option of tar.",
                code="sparse-file",
            )
        if not entry.isreg():
            kind = "a directory" if entry.isdir() else "a link or special file"
            raise RefusedError(
                f"The layer's {shown(entry.name)} is {kind}.",
                f"Copy the file itself to {name}.",
                code="not-a-file",
            )
        content = archive[entry.offset_data : entry.offset_data + entry.size]
        if len(content) != entry.size:
            raise RefusedError(
                f"The layer's {shown(entry.name)} is cut off.",
                "Fetch or build the image again.",
                code=_CUT_OFF,
                said=[f"failed to read {name}: unexpected EOF"],
            )
        return content
    raise RefusedError(
        f"The layer has no file named {name}.",
        "Build the image again with the module under exactly this name: Istio and Envoy Gateway look for no other.",
        code="no-plugin-wasm",
        said=[f"{name} not found in the archive"],
    )
