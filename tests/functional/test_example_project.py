"""The example project, compiled by the C compiler of the PyPI package ziglang."""

from __future__ import annotations

import importlib.util
import platform
import shutil
import sys
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.image import archive

from .sample import Sample

if TYPE_CHECKING:
    from .front_ends import FrontEnds

EXAMPLE = Path(__file__).parents[2] / "example_project"
# What ziglang 0.16.0 makes of src/plugin.c on Linux x86_64, and the images of it.
MODULE = "aacaf24e4aa9af456223baa900565cd27f631f9ed0f0dd868e0d03faf5522a90"
MANIFESTS = {
    "oci": "sha256:8925924708b1171491d5eda1d855ad626b8f00a12d0795a17e4c6511a17feb9e",
    "docker": "sha256:2e8aa07d8882f1d39bc87640d0bd980a589af4bd3bfc7c9057cbdf2e6aaf2158",
}

pytestmark = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None,
    reason="the example is compiled by ziglang: pip install ziglang==0.16.0",
)


def copy(root: Path) -> Sample:
    left = shutil.ignore_patterns("build", "dist", "plugin.wasm", "__pycache__", ".zig-cache")
    shutil.copytree(EXAMPLE, root, ignore=left)
    return Sample(root)


def own_cache(sample: Sample) -> dict[str, str]:
    """Let zig find nothing that an earlier build left."""
    cache = f"{sample.root}.zig-cache"
    return {"ZIG_GLOBAL_CACHE_DIR": cache, "ZIG_LOCAL_CACHE_DIR": cache}


def build(front_ends: FrontEnds, sample: Sample) -> None:
    result = front_ends.hatchling(sample.root, "build", **own_cache(sample))
    assert result.code == 0, result.err
    assert len([line for line in result.lines if line.endswith("(unchanged)")]) == 1  # compiled once for both targets


@pytest.mark.parametrize("image_format", ["oci", "docker"])
def test_the_example_builds_reproducibly(front_ends: FrontEnds, tmp_path: Path, image_format: str) -> None:
    samples = copy(tmp_path / "here"), copy(tmp_path / "there")
    for sample in samples:
        pyproject = sample.root / "pyproject.toml"
        table = "[tool.hatch.build.hooks.wasm-oci]\n"
        pyproject.write_text(pyproject.read_text().replace(table, f'{table}format = "{image_format}"\n'))
        build(front_ends, sample)
    sample, other = samples
    module = (sample.root / "plugin.wasm").read_bytes()
    assert module == (other.root / "plugin.wasm").read_bytes()
    assert sample.outputs == other.outputs
    assert sample.distributions == other.distributions
    assert sample.outputs.keys() == {f"hello-filter-0.1.0.{image_format}.tar", "hello-filter-0.1.0.json"}
    assert len(sample.distributions) == 2

    report = sample.report
    image, names = archive.read(sample.root / "build" / "wasm-oci" / report["archive"])
    assert image.digest == report["manifest_digest"]
    assert bytes(image.module().data) == module
    assert names == (
        "registry.example.com/filters/hello-filter:0.1.0",
        "registry.example.com/filters/hello-filter:latest",
    )
    assert report["abi_version"] == "0.2.1"
    assert not report["findings"]
    if (sys.platform, platform.machine(), version("ziglang")) == ("linux", "x86_64", "0.16.0"):
        assert report["module_sha256"] == MODULE
    if report["module_sha256"] == MODULE:
        assert report["manifest_digest"] == MANIFESTS[image_format]


def test_the_demonstration_says_that_what_came_back_is_what_was_built(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = copy(tmp_path / "example_project")
    result = front_ends.run(sample.root, sys.executable, "demo.py", **own_cache(sample))
    assert result.code == 0, result.err
    shown = {line[2:17].strip(): line[17:] for line in result.out.splitlines() if line.startswith("  ")}
    report = sample.report
    size = len((sample.root / "plugin.wasm").read_bytes())
    assert shown["module"] == f"{size} bytes, proxy-wasm ABI 0.2.1"
    assert shown["module sha256"] == report["module_sha256"]
    assert shown["archive"] == "example_project/build/wasm-oci/hello-filter-0.1.0.oci.tar"
    assert shown["sent"].startswith("2 blobs, ")
    assert shown["digest"] == report["manifest_digest"]
    assert shown["compared"] == (f"manifest, config, layer and module ({size} bytes) are the same, byte for byte")
    if importlib.util.find_spec("envoy") is not None:
        assert shown["answer"] == "200"
        headers = [line[17:] for line in result.out.splitlines() if line.startswith("  header ")]
        assert headers == ["x-hatch-wasm: hello from the registry", "x-echo: are you there?"]
    assert shown["spec.url"] == "oci://registry.example.com/filters/hello-filter:0.1.0"
    assert shown["spec.sha256"] == report["manifest_digest"].removeprefix("sha256:")


def test_the_demonstration_goes_without_envoy_where_there_is_none(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = copy(tmp_path / "example_project")
    (sample.root / "envoy.py").write_text("raise ImportError('there is none')\n")
    result = front_ends.run(sample.root, sys.executable, "demo.py", **own_cache(sample), PATH="/nowhere")
    assert result.code == 0, result.err
    shown = {line[2:17].strip(): line[17:] for line in result.out.splitlines() if line.startswith("  ")}
    assert shown["left out"].startswith("envoy: no Envoy was found.")
    assert shown["to have it"].startswith('pip install "hatch-wasm-oci[envoy]"')
    assert "answer" not in shown
    assert shown["spec.url"] == "oci://registry.example.com/filters/hello-filter:0.1.0"
