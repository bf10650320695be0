"""Every front end makes the same image, and the same sdist and wheel as it does without the hook."""

from __future__ import annotations

import hashlib
import json
import zipfile
from typing import TYPE_CHECKING

import pytest

from .sample import COMPILE, IGNORED, REPOSITORY, Sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .front_ends import FrontEnds, Result

ARCHIVE = "header-filter-1.2.0.oci.tar"
REPORT = "header-filter-1.2.0.json"
SDIST = "header_filter-1.2.0.tar.gz"
WHEEL = "header_filter-1.2.0-py3-none-any.whl"

COMMANDS: dict[str, Callable[[FrontEnds, Path], Result]] = {
    "hatch build": lambda front_ends, root: front_ends.hatch(root, "build"),
    "python -m build": lambda front_ends, root: front_ends.build(root),
    "uv build": lambda front_ends, root: front_ends.uv(root, "build"),
    "python -m hatchling build": lambda front_ends, root: front_ends.hatchling(root, "build"),
}
ISOLATED = ("hatch build", "python -m build", "uv build")


def without_hook(front_ends: FrontEnds, sample: Sample) -> dict[str, bytes]:
    """Build a project's sdist and wheel with all hooks switched off; what a compile command makes is not there yet."""
    result = front_ends.hatchling(sample.root, "build", "--no-hooks")
    assert result.code == 0, result.err
    assert not sample.runs
    assert sample.distributions.keys() == {SDIST, WHEEL}
    return sample.distributions


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("ignored", [IGNORED, None], ids=["gitignore", "no-gitignore"])
def test_a_build_adds_the_image_and_changes_nothing(
    front_ends: FrontEnds, tmp_path: Path, command: str, ignored: str | None
) -> None:
    settings = COMPILE + REPOSITORY
    plain = without_hook(front_ends, Sample.create(tmp_path / "plain", settings, ignored=ignored))
    reference = Sample.create(tmp_path / "reference", settings, ignored=ignored)
    assert front_ends.own(reference.root, "build").code == 0
    sample = Sample.create(tmp_path / "sample", settings, ignored=ignored)
    before = sample.names

    first = COMMANDS[command](front_ends, sample.root)

    assert first.code == 0, first.err
    distributions = sample.distributions
    if command == "uv build":
        assert distributions.pop(".gitignore") == b"*"  # uv's own
    assert distributions == plain
    assert sample.outputs.keys() == {ARCHIVE, REPORT}
    assert sample.outputs == reference.outputs
    assert sample.report["archive"] == ARCHIVE
    assert sample.report["reference"] == "registry.example/filters/header-filter:1.2.0"
    assert len(sample.runs) == 1
    assert sample.runs[0]["hatch"] is (command not in ISOLATED)
    new = {name for name in sample.names if not name.startswith(("build/wasm-oci/", "dist/"))} - before
    assert new == {"plugin.wasm"}

    made = sample.outputs
    second = COMMANDS[command](front_ends, sample.root)

    assert second.code == 0, second.err
    distributions = sample.distributions
    distributions.pop(".gitignore", None)
    assert distributions == plain
    assert sample.outputs == made
    assert len(sample.runs) == 1
    assert f"wasm-oci: {ARCHIVE} {sample.report['manifest_digest']} (unchanged)" in second.lines


def test_hatch_build_runs_the_compile_command_once_for_both_targets(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample")
    result = front_ends.hatch(sample.root, "build")
    assert result.code == 0, result.err
    digest = sample.report["manifest_digest"]
    assert [line.partition(" (")[0] for line in result.lines] == [f"wasm-oci: {ARCHIVE} {digest}"] * 2
    assert not result.lines[0].endswith("(unchanged)")
    assert result.lines[1].endswith("(unchanged)")
    assert "compiling src/filter.txt" in result.err
    assert len(sample.runs) == 1
    module = (sample.root / "plugin.wasm").read_bytes()
    assert sample.report["module_sha256"] == hashlib.sha256(module).hexdigest()


def test_a_changed_source_is_compiled_again(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample", COMPILE + 'sources = ["src", "compile.py"]\n')
    assert front_ends.hatchling(sample.root, "build").code == 0
    (sample.root / "README.md").write_text("No source.\n")
    assert front_ends.hatchling(sample.root, "build").code == 0
    assert len(sample.runs) == 1
    (sample.root / "src" / "filter.txt").write_text("Another one.\n")
    assert front_ends.hatchling(sample.root, "build").code == 0
    assert len(sample.runs) == 2


@pytest.mark.parametrize(
    "settings",
    [
        'compile = ["{python}", "compile.py", "src/made.wasm"]\nmodule = "src/made.wasm"\ndirectory = "images"\n',
        COMPILE + '[tool.hatch.build.targets.sdist]\nexclude = ["/src"]\n',
        COMPILE + '[tool.hatch.build]\nexclude = ["README.md", "/src"]\n',
        COMPILE + '[tool.hatch.build.targets.sdist]\ninclude = ["/*"]\n',
        COMPILE + "[tool.hatch.build]\nignore-vcs = true\n",
    ],
    ids=["other-places", "excluded-in-sdist", "excluded-in-build", "all-included", "ignore-vcs"],
)
def test_distributions_stay_what_they_are_with_other_settings(
    front_ends: FrontEnds, tmp_path: Path, settings: str
) -> None:
    plain = without_hook(front_ends, Sample.create(tmp_path / "plain", settings, ignored=None))
    sample = Sample.create(tmp_path / "sample", settings, ignored=None)
    for variables in ({}, {}, {"HATCH_WASM_OCI_SKIP": "1"}):
        result = front_ends.hatchling(sample.root, "build", **variables)
        assert result.code == 0, result.err
        assert sample.distributions == plain
    assert len(sample.runs) == 1


def test_a_module_that_the_project_asks_for_is_in_its_distributions(front_ends: FrontEnds, tmp_path: Path) -> None:
    module = "header_filter/plugin.wasm"
    settings = f'compile = ["{{python}}", "compile.py", "{module}"]\nmodule = "{module}"\n'
    sample = Sample.create(tmp_path / "sample", settings + f'[tool.hatch.build]\nartifacts = ["/{module}"]\n')
    result = front_ends.hatchling(sample.root, "build")
    assert result.code == 0, result.err
    with zipfile.ZipFile(sample.root / "dist" / WHEEL) as wheel:
        assert wheel.read(module) == (sample.root / module).read_bytes()


def test_text_that_the_terminal_cannot_show(front_ends: FrontEnds, tmp_path: Path) -> None:
    settings = COMPILE + '[tool.hatch.build.hooks.wasm-oci.annotations]\nplace = "\u65e5"\n'
    sample = Sample.create(tmp_path / "sample \u65e5", settings)
    archive = f"build/wasm-oci/{ARCHIVE}"
    results = [
        front_ends.own(sample.root, *arguments, PYTHONIOENCODING="ascii")
        for arguments in (("build",), ("inspect", archive), ("inspect", "--json", archive))
    ]
    assert not [result.err for result in results if result.code]
    assert "annotation place = \\u65e5" in results[1].out
    assert json.loads(results[2].out)["annotations"]["place"] == "\u65e5"
