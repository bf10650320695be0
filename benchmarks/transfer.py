"""Pushing to a registry and pulling from it: the time beyond the bare requests, their number, and the memory."""

from __future__ import annotations

import hashlib
import http.client
import itertools
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import deflate
import distribution
from measuring import call, interleaved, process
from modules import SOURCES, real_or_synthetic
from results import MEBIBYTE, MEGABYTE, MILLISECOND, Table

from hatch_wasm_oci.image import archive
from hatch_wasm_oci.image.formats import FORMATS, ImageContents
from hatch_wasm_oci.image.reference import Reference
from hatch_wasm_oci.project.output import write
from hatch_wasm_oci.registry import transfer
from hatch_wasm_oci.testing.registry import EmbeddedRegistry
from hatch_wasm_oci.wasm.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from measuring import Cost

    from hatch_wasm_oci.image.manifest import Image

FACTOR = 1.25
REQUESTS_AGAIN = 4
ALLOWANCE = 40 * MEBIBYTE
_ROUNDS = 12
_SOURCES = SOURCES[-2:-1]  # 14 MB
_PUSH = """
import sys
from hatch_wasm_oci import push
push(sys.argv[1], sys.argv[2])
"""
_PULL = """
import sys
from hatch_wasm_oci import pull
pull(sys.argv[1]).module()
"""


def run() -> Iterator[Table]:
    """Measure."""
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        ((label, path),) = real_or_synthetic(directory, _SOURCES).items()
        module = Module.read(path, path.name)
        images = {
            compression: FORMATS["oci"].build(ImageContents(module, compression=compression))
            for compression in ("deflate", "store")
        }
        with _registry(directory) as (kind, host):
            yield _times(f"{label}, {kind}", host, images, module.size)
            yield _requests(kind, host, images["deflate"])
            yield _memory(label, directory, host, images, module.size)


@contextmanager
def _registry(directory: Path) -> Iterator[tuple[str, str]]:
    if distribution.is_installed():
        with distribution.running(directory) as host:
            yield "docker-registry", host
    else:
        with EmbeddedRegistry() as embedded:
            yield "the embedded registry, as docker-registry is not installed", embedded.host


def _times(label: str, host: str, images: dict[str, Image], size: int) -> Table:
    table = Table(
        f"Push and pull of {size / MEGABYTE:.0f} MB ({label}), in process, each push to a new repository",
        "push: the same requests by http.client over one connection of its own; "
        "pull: likewise, and SHA-256 of layer and tar, and one pass of libdeflate",
        f"{FACTOR} times the floor",
        ("", "MB sent", "floor ms", "ours ms", "ratio", "CPU ratio"),
    )
    for compression, image in images.items():
        pushes = (_pushing_bare(host, f"bare/{compression}", image), _pushing(f"{host}/ours/{compression}", image))
        there = Reference.parse(f"{host}/there:{compression}")
        transfer.push(image, [there])
        pulls = (_pulling_bare(host, compression, image), _pulling(there))
        for name, sides in (("push", pushes), ("pull", pulls)):
            floor, ours = interleaved(sides, _ROUNDS)
            ratio, cpu = ours.wall / floor.wall, ours.cpu / floor.cpu
            sent = image.manifest.layers[-1].size / MEGABYTE
            numbers = (floor.wall / MILLISECOND, ours.wall / MILLISECOND)
            cells = (f"{sent:.1f}", *(f"{one:.1f}" for one in numbers), f"{ratio:.2f}", f"{cpu:.2f}")
            table.rows.append((f"{name}, {compression}", *cells))
            if ratio > FACTOR and cpu > FACTOR:
                table.exceeded.append(f"{name}, {compression}: {ratio:.2f}")
    return table


def _pushing(repository: str, image: Image) -> Callable[[], Cost]:
    number = itertools.count()
    return lambda: call(lambda: transfer.push(image, [Reference.parse(f"{repository}/{next(number)}:1")]))


def _pushing_bare(host: str, repository: str, image: Image) -> Callable[[], Cost]:
    number = itertools.count()
    return lambda: call(lambda: _push_bare(host, f"{repository}/{next(number)}", image))


def _pulling(reference: Reference) -> Callable[[], Cost]:
    # Whoever pulls gets the module, verified.
    return lambda: call(lambda: transfer.pull(reference).module().sha256)


def _pulling_bare(host: str, tag: str, image: Image) -> Callable[[], Cost]:
    return lambda: call(lambda: _pull_bare(host, tag, image))


def _requests(kind: str, host: str, image: Image) -> Table:
    table = Table(
        f"Requests of a push of one tag to {kind}",
        "one, which asks what the tag names",
        f"{REQUESTS_AGAIN} requests and no blob when pushing again",
        ("", "requests", "blobs sent"),
    )
    reference = Reference.parse(f"{host}/again:1")
    for name in ("first", "again", "another tag"):
        target = reference.with_tag("2") if name == "another tag" else reference
        receipt = transfer.push(image, [target])
        table.rows.append((name, str(receipt.requests), str(len(receipt.uploaded))))
        if name == "again" and (receipt.uploaded or receipt.requests > REQUESTS_AGAIN):
            table.exceeded.append(f"{receipt.requests} requests, {len(receipt.uploaded)} blobs")
    return table


def _memory(label: str, directory: Path, host: str, images: dict[str, Image], size: int) -> Table:
    table = Table(
        f"Peak memory (ru_maxrss) of processes that push and pull {label}",
        f"the module, {size / MEBIBYTE:.1f} MiB, and its layer",
        f"both and {ALLOWANCE // MEBIBYTE} MiB",
        ("", "layer MiB", "peak MiB", "limit MiB"),
    )
    for compression, image in images.items():
        path, target = directory / f"{compression}.oci.tar", f"{host}/memory:{compression}"
        write({path: archive.write(image, [target], 0)})
        layer = image.manifest.layers[-1].size
        limit = size + layer + ALLOWANCE
        for name, command in (("push", [_PUSH, str(path), target]), ("pull", [_PULL, target])):
            peak = process([sys.executable, "-c", *command], directory).peak
            cells = (f"{number / MEBIBYTE:.1f}" for number in (layer, peak, limit))
            table.rows.append((f"{name}, {compression}", *cells))
            if peak > limit:
                table.exceeded.append(f"{name}, {compression}: {peak / MEBIBYTE:.1f} MiB")
    return table


def _push_bare(host: str, repository: str, image: Image) -> None:
    connection = http.client.HTTPConnection(host)
    base = f"/v2/{repository}"
    kinds = {"Accept": image.manifest.media_type}
    _request(connection, "HEAD", f"{base}/manifests/1", headers=kinds)
    for blob in image.blobs:
        _request(connection, "HEAD", f"{base}/blobs/{blob.descriptor.digest}")
        location = urlsplit(_request(connection, "POST", f"{base}/blobs/uploads/")[1] or "")
        query = f"{location.query}&" if location.query else ""
        url = f"{location.path}?{query}digest={blob.descriptor.digest}"
        _request(connection, "PUT", url, blob.data, {"Content-Type": "application/octet-stream"})
    headers = {"Content-Type": image.manifest.media_type}
    _request(connection, "PUT", f"{base}/manifests/1", image.manifest.data, headers)
    connection.close()


def _pull_bare(host: str, tag: str, image: Image) -> None:
    connection = http.client.HTTPConnection(host)
    headers = {"Accept": image.manifest.media_type}
    _request(connection, "GET", f"/v2/there/manifests/{tag}", headers=headers)
    for descriptor in (image.manifest.config, *image.manifest.layers):
        data, _ = _request(connection, "GET", f"/v2/there/blobs/{descriptor.digest}")
        assert f"sha256:{hashlib.sha256(data).hexdigest()}" == descriptor.digest
        if descriptor is image.manifest.layers[-1]:
            tar = deflate.gzip_decompress(data)
            hashlib.sha256(tar).digest()
    connection.close()


def _request(
    connection: http.client.HTTPConnection, method: str, path: str, body: Any = None, headers: Any = None
) -> tuple[bytes, str | None]:
    connection.request(method, path, body, headers or {})
    with connection.getresponse() as response:
        data = response.read()
        assert response.status in (200, 201, 202, 404), (method, path, response.status, data[:200])
        return data, response.getheader("Location")
