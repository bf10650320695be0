from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.image.descriptor import OCI_LAYER, Blob
from hatch_wasm_oci.testing import EmbeddedRegistry
from tests.consumers.images import AMD64, image, index, plugin

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Runner

GOOD = image(plugin())
BAD = image(plugin(name="filter.wasm"))
STALE = "  note: Without a digest, an image that was pulled once under this tag is not pulled again: pin the digest."


@pytest.fixture
def registry(logged_out: Path) -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


def test_what_is_accepted_ends_well(run: Runner, registry: EmbeddedRegistry, tmp_path: Path) -> None:
    name = GOOD.pushed(registry)
    assert run.lines("verify", name) == [
        f"istio: accepted; pin {GOOD.digest}",
        STALE,
        f"envoy-gateway: accepted; pin {GOOD.digest}",
        STALE,
    ]
    pinned = f"{name}@{GOOD.digest}"
    assert run.lines("verify", pinned, "--for", "istio") == [f"istio: accepted; pin {GOOD.digest}"]
    assert run.lines("verify", name, "-q") == []
    assert run.lines("verify", GOOD.archived(tmp_path), "--for", "all", "--for", "istio") == [
        f"istio: accepted; pin {GOOD.digest}",
        f"envoy-gateway: accepted; pin {GOOD.digest}",
    ]
    (found,) = run.json("verify", pinned, "--for", "envoy-gateway")
    assert found == {
        "consumer": "envoy-gateway",
        "accepted": True,
        "digest": GOOD.digest,
        "sha256": GOOD.digest[7:],
        "problems": [],
        "notes": [],
    }


def test_what_is_refused_ends_with_status_one(run: Runner, registry: EmbeddedRegistry, tmp_path: Path) -> None:
    name = BAD.pushed(registry)
    lines = run.lines("verify", name, "--for", "istio", status=1)
    why = (
        "The layer has no file named plugin.wasm. Build the image again with the module under exactly this name: "
        "Istio and Envoy Gateway look for no other."
    )
    logs = (
        "could not fetch Wasm binary: the given image is in invalid format as an OCI image: 2 errors occurred: "
        "* could not parse as compat variant: could not extract wasm binary: plugin.wasm not found in the archive "
        "* could not parse as oci variant: number of layers must be 2 but got 1"
    )
    assert lines == ["istio: refused", f"  {why}", f"  it logs: {logs}"]
    assert run.lines("verify", BAD.archived(tmp_path), "--for", "istio", status=1) == lines
    for found in run.json("verify", name, status=1):
        assert (found["accepted"], found["digest"], found["sha256"]) == (False, None, None)
        (problem,) = found["problems"]
        assert problem.keys() == {"code", "words", "why", "remedy"}


def test_of_an_index_the_digest_of_its_child_is_to_be_pinned(run: Runner, registry: EmbeddedRegistry) -> None:
    stored = index((GOOD, AMD64))
    first, note, _ = run.lines("verify", stored.pushed(registry), "--for", "istio")
    assert first == f"istio: accepted; pin {GOOD.digest}"
    assert note.startswith(f"  note: The tag names an index, {stored.digest}")
    refused = run.lines("verify", stored.pushed(registry, stored.digest), status=1)
    assert f"which does not match: {stored.digest[7:]}" in refused[2]


def test_a_tag_latest_has_a_note_of_its_own(run: Runner, registry: EmbeddedRegistry) -> None:
    _, note = run.lines("verify", GOOD.pushed(registry, "latest"), "--for", "istio")
    assert note == "  note: Without a digest, `:latest` is pulled again whenever the resource changes."


def test_an_image_can_not_steer_the_terminal(run: Runner, registry: EmbeddedRegistry) -> None:
    hostile = image(Blob.of("\x1b[2J\u202e\n" + OCI_LAYER, b"x"))
    output = "\n".join(run.lines("verify", hostile.pushed(registry), status=1))
    assert output.replace("\n", "").isprintable()


def test_what_can_not_be_looked_at_is_an_error(run: Runner, registry: EmbeddedRegistry, tmp_path: Path) -> None:
    assert "404" in run.error("verify", f"{registry.host}/acme/filter:none")
    assert "there is no consumer 'kong'. Choose of 'istio', 'envoy-gateway'." in run.error(
        "verify", "x", "--for", "kong"
    )
    assert "There is no archive acme/filter, and as a reference: " in run.error("verify", "acme/filter")
    assert "can't be read: No such file" in run.error("verify", "none.tar")
    (tmp_path / "x.tar").write_bytes(b"x" * 2048)
    assert "is no archive of an image" in run.error("verify", "x.tar")
