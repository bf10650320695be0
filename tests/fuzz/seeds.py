"""What fuzzing starts from: for each target, inputs that reach deep into it. All are made here; no binary is kept."""

from __future__ import annotations

import functools
import gzip
import io
import json
import tarfile
from typing import TYPE_CHECKING

from hatch_wasm_oci.image import archive
from hatch_wasm_oci.image.descriptor import (
    DOCKER_CONFIG,
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    OCI_CONFIG,
    OCI_INDEX,
    OCI_LAYER,
    OCI_MANIFEST,
    WASM_CONFIG,
    WASM_CONTENT,
)
from hatch_wasm_oci.image.formats import FORMATS
from tests.fuzz.targets import split
from tests.samples import contents, core_module, section

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_LARGEST = 64 * 1024


@functools.cache
def seeds(target: str) -> list[bytes]:
    """Make the seeds of a target.

    Args:
        target: Its name in `targets.TARGETS`.
    """
    return [seed for seed in _SEEDS[target]() if len(seed) <= _LARGEST]


def _modules() -> Iterator[bytes]:
    from tests.wasm.corpus import samples

    for sample in filter(lambda each: each.text, samples()):
        yield sample.data
    yield from (b"", b"\0asm", b"\0asm\x0d\0\1\0", b"\x7fELF\2\1\1", b"BC\xc0\xde", b"(module)\n", b"<html>", b"PK\3\4")
    yield gzip.compress(core_module())
    made_by = b"\2\x08language\1\4Rust\0\x0cprocessed-by\1\5rustc\x061.95.0"
    yield core_module() + section(0, b"\x09producers" + made_by) + section(0, b"\4name\0\2\1m\1\4\1\0\1f")


def _sections() -> Iterator[bytes]:
    return map(split, _modules())


def _tars() -> Iterator[bytes]:
    for form in (tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT):
        for names in (["plugin.wasm"], ["a" * 60 + "/ö" + "b" * 60, "./plugin.wasm"], []):
            buffer = io.BytesIO()
            with tarfile.open(fileobj=buffer, mode="w", format=form) as file:
                for name in names:
                    entry = tarfile.TarInfo(name)
                    entry.size = 8
                    file.addfile(entry, io.BytesIO(b"\0asm\1\0\0\0"))
            yield buffer.getvalue()[:4096]
    for kind in (tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.GNUTYPE_SPARSE, tarfile.CHRTYPE):
        entry = tarfile.TarInfo("plugin.wasm")
        entry.type = kind
        yield entry.tobuf() + bytes(1024)
    sparse = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "x", "GNU.sparse.realsize": "9"}
    for headers in (sparse, {"GNU.sparse.map": "0,1,2", "GNU.sparse.size": "9"}, {"size": "99", "path": "plugin.wasm"}):
        entry = tarfile.TarInfo("plugin.wasm")
        entry.pax_headers = headers
        yield entry.tobuf(tarfile.PAX_FORMAT) + bytes(1024)


def _gzips() -> Iterator[bytes]:
    for data in (b"", b"a" * 1000, core_module(size=3000)):
        yield gzip.compress(data, mtime=0)
        yield gzip.compress(data, 0, mtime=0)
        yield gzip.compress(data, mtime=0) * 2 + bytes(8)
    # A length code that no compressor uses, for 258 (see RFC 1951, 3.2.6).
    yield bytes.fromhex("1f8b08000000000002034b4c1c05e360140c77000003da389ae8030000")
    yield b"\x1f\x8b\x08\x1e\0\0\0\0\0\xff\2\0xxname\0comment\0" + gzip.compress(b"x", mtime=0)[10:]


def _layers() -> Iterator[bytes]:
    for data in _tars():
        yield data
        yield gzip.compress(data, mtime=0)


def _archives() -> Iterator[bytes]:
    for format_ in FORMATS.values():
        yield b"".join(archive.write(format_.build(contents()), ["registry.example/a/b:1"], 0))
    yield from _tars()


def _manifests(config: str, layer: str, media_type: str = OCI_MANIFEST) -> str:
    value = {"schemaVersion": 2, "mediaType": media_type, "annotations": {"a": "b"}}
    layers = [{"mediaType": layer}] * 2
    text = json.dumps({**value, "config": {"mediaType": config}, "layers": layers})
    numbers = iter("233")
    parts = text.split('{"mediaType"')
    return parts[0] + "".join(f'{{@{next(numbers)},"mediaType"{part}' for part in parts[1:])


def _images() -> Iterator[bytes]:
    index = f'{{"schemaVersion":2,"mediaType":"{OCI_INDEX}","manifests":[{{"mediaType":"{OCI_MANIFEST}",@1}}]}}'
    module = core_module()
    for manifest in (
        _manifests(OCI_CONFIG, OCI_LAYER),
        _manifests(DOCKER_CONFIG, DOCKER_LAYER, DOCKER_MANIFEST),
        _manifests(WASM_CONFIG, WASM_CONTENT),
        index,
    ):
        for layer in (b"tar:" + module, b"gzip:" + module, module):
            yield b"\n--\n".join((index.encode(), manifest.encode(), b"{}", layer))


def _candidates() -> Iterator[bytes]:
    yield from _images()
    for image in _images():
        _, manifest, *rest = image.split(b"\n--\n")
        yield b"\n--\n".join((manifest, b"", *rest))


def _documents() -> Iterator[bytes]:
    zeros = f'"digest":"sha256:{"0" * 64}","size":1'
    for image in _images():
        for part in image.split(b"\n--\n", 2)[:2]:
            yield part.replace(b"@1", zeros.encode()).replace(b"@2", zeros.encode()).replace(b"@3", zeros.encode())
    platform = {"os": "linux", "architecture": "amd64"}
    child = {"mediaType": OCI_MANIFEST, "digest": f"sha512:{'0' * 128}", "size": 1, "platform": platform}
    yield json.dumps({"schemaVersion": 2, "manifests": [{**child, "platform": {"os": "unknown"}}, child]}).encode()
    yield from (b'{"a":"\\ud800"}', b"[NaN]", b"[" * 3000, b'{"size":1e400}', b'"\\u00e4"', b"9" * 5000, b"\xff\xfe{}")


def _references() -> Iterator[bytes]:
    digest = f"@sha256:{'0' * 64}"
    names = ("ghcr.io/acme/filter:1.0", "localhost:5000/a", "docker.io/nginx", "oci://[::1]:5000/a-b/c__d.e:x", "a/b")
    for name in names:
        yield name.encode()
        yield (name + digest).encode()


def _challenges() -> Iterator[bytes]:
    yield b'Bearer realm="https://a.example/token",service="s",scope="repository:a/b:pull,push"'
    yield b'Basic realm="say \\"hello\\"", Negotiate abcd==, Digest qop=auth, nonce=a/b?c=d'
    yield b'bearer , ,Basic , error="insufficient_scope", x = "\xe4'


_SEEDS: dict[str, Callable[[], Iterator[bytes]]] = {
    "module": _modules,
    "sections": _sections,
    "gzip": _gzips,
    "layer": _layers,
    "archive": _archives,
    "image": _images,
    "consumer": _candidates,
    "document": _documents,
    "reference": _references,
    "challenge": _challenges,
}
