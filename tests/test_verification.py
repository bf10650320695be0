from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hatch_wasm_oci
from hatch_wasm_oci import Acceptance, Blob, Candidate, Consumer, Refusal, hookimpl
from hatch_wasm_oci.consumers.rules import CONSUMERS
from hatch_wasm_oci.errors import InvalidReferenceError, PluginError, SettingsError
from hatch_wasm_oci.image.formats import FORMATS, compat_oci
from tests.consumers.images import Stored, image, plugin
from tests.samples import contents, core_module, plugin_module, plugins

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_wasm_oci.image.descriptor import Descriptor


class Plugin:
    """Gives what it is told for consumers."""

    def __init__(self, result: Any) -> None:
        self._result = result

    @hookimpl
    def wasm_oci_consumers(self) -> Any:
        return self._result


def small_only(candidate: Candidate) -> Iterator[Refusal]:
    data = candidate.payload.data
    if data is not None and len(data) > 1000:
        yield Refusal("too-large", "module too large", f"The module has {len(data)} bytes.", "Make it smaller.")


EDGE = Consumer("Edge", small_only, lambda candidate: [f"asked of {candidate.url}"])


@pytest.mark.parametrize("form", FORMATS)
def test_every_form_of_a_source_is_taken(form: str, tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "demo"\nversion = "1.0"\n'
        '[tool.hatch.build.hooks.wasm-oci]\nrepository = "ghcr.io/acme/demo"\n'
    )
    (tmp_path / "plugin.wasm").write_bytes(plugin_module())
    packaged = hatch_wasm_oci.package(tmp_path, format=form)
    for source in (packaged, packaged.image, packaged.archive, str(packaged.archive)):
        found = hatch_wasm_oci.verify(source)
        assert [one.consumer for one in found] == ["istio", "envoy-gateway"]
        assert {one.digest for one in found} == {packaged.manifest_digest}
    (note,) = hatch_wasm_oci.verify(packaged, consumers="istio")[0].notes
    assert note.endswith("pin the digest.")  # it is to be pulled by tag
    assert hatch_wasm_oci.verify(packaged.image, consumers="istio")[0].notes == ()


def test_plugins_give_further_consumers_and_replace_ours() -> None:
    both = plugins(Plugin({"edge": EDGE}), Plugin({"istio": EDGE}))
    large, small = (compat_oci(contents(module=hatch_wasm_oci.Module(core_module(size=size)))) for size in (5000, 500))
    found = hatch_wasm_oci.verify(large, plugins=both)
    assert {one.consumer: one.accepted for one in found} == {"istio": False, "envoy-gateway": True, "edge": False}
    assert found[-1].problems[0] == Refusal(
        "too-large", "module too large", "The module has 5000 bytes.", "Make it smaller."
    )
    (edge,) = hatch_wasm_oci.verify(small, plugins=both, consumers=["edge", "edge"])
    assert edge == Acceptance("edge", small.digest, (), ("asked of oci://…",))


@pytest.mark.parametrize("result", [[EDGE], {"edge": "EDGE"}, {1: EDGE}, "edge"])
def test_what_is_no_consumer_is_told(result: Any) -> None:
    with pytest.raises(PluginError, match="something else than a mapping of names to Consumer from wasm_oci_consumers"):
        hatch_wasm_oci.verify(compat_oci(contents()), plugins=plugins(Plugin(result)))


def test_rules_that_raise_are_told_by_their_plugins_name() -> None:
    broken = Consumer("Broken", lambda _candidate: 1 / 0)  # type: ignore[arg-type, return-value]
    with pytest.raises(PluginError, match=r"The plugin plugin-0 failed in wasm_oci_consumers: ZeroDivisionError"):
        hatch_wasm_oci.verify(compat_oci(contents()), plugins=plugins(Plugin({"broken": broken})))


def test_a_consumer_that_nobody_knows_is_an_error() -> None:
    with pytest.raises(SettingsError, match=r"there is no consumer 'Istio'. Choose of 'istio', 'envoy-gateway'\."):
        hatch_wasm_oci.verify(compat_oci(contents()), consumers=["istio", "Istio"])
    assert hatch_wasm_oci.verify(compat_oci(contents()), consumers=[]) == ()


@pytest.mark.parametrize("source", ["acme/filter", "x" * 5000, "\0", ""])
def test_a_text_that_is_nothing_is_an_error(source: str) -> None:
    with pytest.raises(InvalidReferenceError, match="There is no archive "):
        hatch_wasm_oci.verify(source)


@pytest.mark.parametrize("stored", [image(plugin()), image(plugin(name="filter.wasm"))])
def test_a_layer_is_read_once_for_all_consumers(stored: Stored) -> None:
    asked = []

    def content(descriptor: Descriptor) -> bytes:
        asked.append(descriptor)
        return bytes(stored.parts[-1].data)

    candidate = Candidate(stored.data, stored.data, content)
    for name, consumer in CONSUMERS.items():
        consumer.judge(name, candidate)
    assert asked == [plugin_layer.descriptor for plugin_layer in stored.parts[1:] if isinstance(plugin_layer, Blob)]
