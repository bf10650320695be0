"""The embedded registry: its start, a push to it, and many clients at once."""

from __future__ import annotations

import http.client
import itertools
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import distribution
from measuring import Cost, call, interleaved
from modules import SOURCES, real_or_synthetic
from results import MEGABYTE, MILLISECOND, Table

from hatch_wasm_oci.image.formats import FORMATS, ImageContents
from hatch_wasm_oci.image.reference import Reference
from hatch_wasm_oci.registry import transfer
from hatch_wasm_oci.testing.registry import EmbeddedRegistry
from hatch_wasm_oci.wasm.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from hatch_wasm_oci.image.manifest import Image

READY = 5 * MILLISECOND
FACTOR = 0.5
CLIENTS, REQUESTS = 200, 50
_ROUNDS = 12
_SOURCES = SOURCES[-2:-1]  # 14 MB


def run() -> Iterator[Table]:
    """Measure."""
    yield _start()
    if distribution.is_installed():
        yield _push()
    else:
        print("\nNo docker-registry is installed here: pushes are not compared.")
    yield _many()


def _start() -> Table:
    table = Table(
        "From nothing to the first answer of the embedded registry, in process",
        "none",
        f"{READY / MILLISECOND:.0f} ms",
        ("", "ms", "CPU ms"),
    )

    def start() -> Cost:
        registry = EmbeddedRegistry()

        def answer() -> None:
            registry.start()
            _get(registry.host, 1)

        cost = call(answer)
        registry.stop()
        return cost

    (cost,) = interleaved([start], _ROUNDS)
    table.rows.append(("start and GET /v2/", f"{cost.wall / MILLISECOND:.2f}", f"{cost.cpu / MILLISECOND:.2f}"))
    if cost.wall > READY:
        table.exceeded.append(f"{cost.wall / MILLISECOND:.1f} ms")
    return table


def _push() -> Table:
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        ((label, path),) = real_or_synthetic(directory, _SOURCES).items()
        # Stored, so that as many bytes travel as the module has.
        image = FORMATS["oci"].build(ImageContents(Module.read(path, path.name), compression="store"))
        table = Table(
            f"Push of {path.stat().st_size / MEGABYTE:.0f} MB ({label}, stored), in process, each to a new repository",
            "the same push to docker-registry",
            f"{FACTOR} times the floor",
            ("", "floor ms", "ours ms", "ratio"),
        )
        with distribution.running(directory) as host, EmbeddedRegistry() as embedded:
            floor, ours = interleaved([_pushing(host, image), _pushing(embedded.host, image, embedded.clear)], _ROUNDS)
    ratio = ours.wall / floor.wall
    table.rows.append(("push", f"{floor.wall / MILLISECOND:.1f}", f"{ours.wall / MILLISECOND:.1f}", f"{ratio:.2f}"))
    if ratio > FACTOR:
        table.exceeded.append(f"{ratio:.2f}")
    return table


def _pushing(host: str, image: Image, clean: Callable[[], None] = lambda: None) -> Callable[[], Cost]:
    number = itertools.count()

    def push() -> Cost:
        reference = Reference.parse(f"{host}/demo/{next(number)}:1")
        cost = call(lambda: transfer.push(image, [reference]))
        clean()
        return cost

    return push


def _many() -> Table:
    table = Table(
        f"{CLIENTS} clients at once, each {REQUESTS} requests over a connection of its own",
        "none",
        "no error",
        ("", "requests", "errors", "seconds", "requests/s"),
    )
    errors: list[BaseException] = []
    gate = threading.Barrier(CLIENTS + 1)

    def client(host: str) -> None:
        gate.wait()
        try:
            _get(host, REQUESTS)
        except (OSError, http.client.HTTPException, AssertionError) as error:
            errors.append(error)

    with EmbeddedRegistry() as registry:
        threads = [threading.Thread(target=client, args=(registry.host,)) for _ in range(CLIENTS)]
        for thread in threads:
            thread.start()
        gate.wait()
        started = time.perf_counter()
        for thread in threads:
            thread.join()
        seconds = time.perf_counter() - started
        answered = len(registry.log)
    count = CLIENTS * REQUESTS
    table.rows.append(("GET /v2/", str(count), str(len(errors)), f"{seconds:.2f}", f"{count / seconds:.0f}"))
    if errors or answered != count:
        table.exceeded.append(f"{len(errors)} errors, {answered} answers; the first: {errors[:1]!r}")
    return table


def _get(host: str, times: int) -> None:
    connection = http.client.HTTPConnection(host, timeout=60)
    for _ in range(times):
        connection.request("GET", "/v2/")
        with connection.getresponse() as response:
            assert response.status == http.HTTPStatus.OK, response.status
            response.read()
    connection.close()
