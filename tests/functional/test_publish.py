"""`hatch publish -p wasm-oci`, by hatch itself, to a registry."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

import hatch_wasm_oci
from hatch_wasm_oci.testing.authentication import BasicAuthentication
from hatch_wasm_oci.testing.registry import EmbeddedRegistry

from .sample import COMPILE, Sample

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .front_ends import FrontEnds

ARCHIVE = "build/wasm-oci/header-filter-1.2.0.oci.tar"
PUBLISH = ("publish", "-p", "wasm-oci")
TABLE = "[tool.hatch.publish.wasm-oci]\n"


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as embedded:
        yield embedded


def build(front_ends: FrontEnds, sample: Sample) -> Sample:
    result = front_ends.hatchling(sample.root, "build", "-t", "wasm-oci")
    assert result.code == 0, result.err
    return sample


def names(registry: EmbeddedRegistry, method: str) -> list[str]:
    return [record.path for record in registry.log if record.method == method]


def test_what_hatch_built_is_published_and_then_there(
    front_ends: FrontEnds, registry: EmbeddedRegistry, tmp_path: Path
) -> None:
    repository = f"{registry.host}/filters/header-filter"
    sample = Sample.create(
        tmp_path / "sample", COMPILE + f'repository = "{repository}"\ntags = ["{{version}}", "new"]\n'
    )

    missing = front_ends.hatch(sample.root, *PUBLISH)
    assert missing.code == 1
    assert missing.err.startswith("wasm-oci: header-filter 1.2.0 is not built: there is no build/wasm-oci/header-f")
    assert "Run `hatch build`." in missing.err

    assert front_ends.hatch(sample.root, "build", "-t", "wasm-oci").code == 0
    dry = front_ends.hatch(sample.root, *PUBLISH, "-o", "dry_run=1")
    assert dry.code == 0, dry.err
    assert dry.lines[0] == f"wasm-oci: would push {repository}:1.2.0, {repository}:new"
    assert not registry.log

    first = front_ends.hatch(sample.root, *PUBLISH)
    assert first.code == 0, first.err
    digest = sample.report["manifest_digest"]
    assert first.lines[1:] == [
        f"wasm-oci: pinned: {repository}:1.2.0@{digest}",
        "wasm-oci: to put into a WasmPlugin's spec:",
        f"wasm-oci:   url: oci://{repository}:1.2.0@{digest}",
        f"wasm-oci:   sha256: {digest.removeprefix('sha256:')}",
    ]
    assert first.err.count(" sent\n") == 2  # progress, in plain lines
    for tag in ("1.2.0", "new"):
        module = hatch_wasm_oci.pull(f"{repository}:{tag}").module()
        assert module.sha256 == hashlib.sha256((sample.root / "plugin.wasm").read_bytes()).hexdigest()

    before = len(registry.log)
    second = front_ends.hatch(sample.root, *PUBLISH)
    assert second.code == 0, second.err
    assert second.lines[0].startswith("wasm-oci: unchanged: nothing was sent")
    assert [record.method for record in registry.log[before:]] == ["HEAD", "HEAD"]

    silent = front_ends.hatch(sample.root, "-q", *PUBLISH)
    assert (silent.code, silent.out, silent.err) == (0, "", "")


def test_a_version_tag_is_not_overwritten_unasked(
    front_ends: FrontEnds, registry: EmbeddedRegistry, tmp_path: Path
) -> None:
    repository = f"{registry.host}/filters/header-filter"
    settings = COMPILE + f'repository = "{repository}"\ntags = ["{{version}}", "latest"]\n'
    sample = build(front_ends, Sample.create(tmp_path / "sample", settings))
    assert front_ends.hatch(sample.root, *PUBLISH).code == 0
    old = sample.report["manifest_digest"]
    pyproject = sample.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text() + 'labels = { other = "one" }\n')
    new = build(front_ends, sample).report["manifest_digest"]
    assert new != old

    before = len(registry.log)
    for arguments in (("-n",), ()):  # hatch's standard input is empty here: nobody answers
        refused = front_ends.hatch(sample.root, *PUBLISH, *arguments)
        assert refused.code == 1
        assert refused.err.splitlines()[-1] == (
            f"wasm-oci: The tag 1.2.0 of {repository} names another image already: {old}. "
            "Raise the version, or allow it to be overwritten: -o overwrite=1, or --yes."
        )
    assert {record.method for record in registry.log[before:]} == {"HEAD"}

    moved = front_ends.hatch(sample.root, *PUBLISH, "-o", "tag=latest", "-n")
    assert moved.code == 0, moved.err
    assert f"wasm-oci: moved latest, which named {old}" in moved.lines
    assert hatch_wasm_oci.pull(f"{repository}:1.2.0").digest == old
    assert front_ends.hatch(sample.root, *PUBLISH, "-n", "--yes").code == 0
    assert hatch_wasm_oci.pull(f"{repository}:1.2.0").digest == new


def test_several_images_credentials_and_plugins_of_the_project(front_ends: FrontEnds, tmp_path: Path) -> None:
    plugin = """
from pathlib import Path
import hatch_wasm_oci

@hatch_wasm_oci.hookimpl
def wasm_oci_credentials(registry, repository):
    return "ada", "hunter2"

@hatch_wasm_oci.hookimpl
def wasm_oci_pushed(reference, receipt):
    with Path(__file__).with_name("pushed.txt").open("a") as file:
        file.write(f"{reference.repository} {len(receipt.uploaded)}\\n")
"""
    images = "".join(
        f'[[tool.hatch.build.hooks.wasm-oci.images]]\nname = "{name}"\nlabels = {{ n = "{name}" }}\n'
        for name in ("first", "second", "third", "fourth")
    )
    with EmbeddedRegistry(authentication=BasicAuthentication({"ada": "hunter2"})) as registry:
        table = f'{TABLE}repository = "{registry.host}/filters/{{name}}"\n'
        sample = Sample.create(tmp_path / "sample", f'plugins = ["plugin.py"]\n{COMPILE}{images}{table}')
        (sample.root / "plugin.py").write_text(plugin)
        build(front_ends, sample)
        result = front_ends.hatch(sample.root, *PUBLISH)
        assert result.code == 0, result.err
        assert "hunter2" not in result.err + result.out
        told = (sample.root / "pushed.txt").read_text().splitlines()
        assert {line.split()[0] for line in told} == {
            f"filters/{name}" for name in ("first", "second", "third", "fourth")
        }
        for name in ("first", "second", "third", "fourth"):
            report = json.loads(sample.outputs[f"{name}-1.2.0.json"])
            assert any(f"filters/{name}:1.2.0@{report['manifest_digest']}" in line for line in result.lines)

        again = front_ends.hatch(sample.root, *PUBLISH, "-o", "image=second")
        assert [line.partition(" unchanged")[1] for line in again.lines][:1] == [" unchanged"]
        same = front_ends.hatch(sample.root, *PUBLISH, "-o", f"repository={registry.host}/one")
        assert same.code == 1
        assert "Two images would both be published as" in same.err
        wrong = front_ends.hatch(sample.root, *PUBLISH, "-o", "image=sixth")
        assert (
            wrong.err
            == "wasm-oci: image: there is no image 'sixth'. Name one of 'first', 'second', 'third', 'fourth'.\n"
        )


def test_archives_that_are_named_need_no_version(
    front_ends: FrontEnds, registry: EmbeddedRegistry, tmp_path: Path
) -> None:
    sample = build(front_ends, Sample.create(tmp_path / "sample"))
    pyproject = sample.root / "pyproject.toml"
    pyproject.write_text(
        pyproject.read_text().replace('version = "1.2.0"', 'dynamic = ["version"]')
        + '[tool.hatch.version]\nsource = "from-nowhere"\n'
    )
    refused = front_ends.hatch(sample.root, *PUBLISH)
    assert refused.code == 1
    assert refused.err.startswith("wasm-oci: pyproject.toml: in hatch's own environment")
    assert "from-nowhere" in refused.err
    assert "name the archive: hatch publish -p wasm-oci build/wasm-oci/" in refused.err
    assert "Traceback" not in refused.err
    option = ("-o", f"repository={registry.host}/filters/{{name}}", "-o", "tag={version}-a,b")
    result = front_ends.hatch(sample.root, *PUBLISH, *option, ARCHIVE)
    assert result.code == 0, result.err
    assert names(registry, "PUT")[-2:] == [f"/v2/filters/header-filter/manifests/{tag}" for tag in ("1.2.0-a", "b")]


def test_what_is_wrong_is_said_without_a_traceback(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = build(front_ends, Sample.create(tmp_path / "sample", f"{COMPILE}{TABLE}dry-run = 5\ndisable = false\n"))
    result = front_ends.hatch(sample.root, *PUBLISH, "-o", "repositry=x", "-o", "password=hunter2")
    assert result.code == 1
    assert [line.partition(":")[2].partition(":")[0].strip() for line in result.err.splitlines()] == [
        "option repositry",
        "option password",
        "tool.hatch.publish.wasm-oci.dry-run",
    ]
    assert "hunter2" not in result.err
    index = front_ends.hatch(sample.root, *PUBLISH, "--user", "ada")
    assert index.err == "wasm-oci: --user: it is for the publisher `index`. Use -o username=… instead.\n"
    gone = front_ends.hatch(sample.root, *PUBLISH, "none.tar")
    assert gone.code == 1
    pyproject = sample.root / "pyproject.toml"
    pyproject.write_text(pyproject.read_text().replace("dry-run = 5\n", ""))
    gone = front_ends.hatch(sample.root, *PUBLISH, "none.tar")
    assert "none.tar can't be read" in gone.err
    assert "Traceback" not in gone.err


def test_a_users_own_configuration_is_the_weakest(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = build(
        front_ends, Sample.create(tmp_path / "sample", f'{COMPILE}{TABLE}repository = "a.example/{{name}}"\n')
    )
    configuration = tmp_path / "config.toml"
    configuration.write_text('[publish.wasm-oci]\nrepository = "b.example/{name}"\ntag = "mine"\ndry-run = true\n')
    result = front_ends.hatch(sample.root, *PUBLISH, HATCH_CONFIG=str(configuration))
    assert result.code == 0, result.err
    assert result.lines[0] == "wasm-oci: would push a.example/header-filter:mine"
    configuration.write_text('[publish.wasm-oci]\npassword = "hunter2"\n')
    refused = front_ends.hatch(sample.root, *PUBLISH, HATCH_CONFIG=str(configuration))
    assert refused.code == 1
    assert refused.err.startswith("wasm-oci: publish.wasm-oci.password: files are copied and shared.")
    disabled = sample.root / "pyproject.toml"
    disabled.write_text(disabled.read_text() + "disable = true\n")
    assert front_ends.hatch(sample.root, *PUBLISH, "-n").err == "Publisher is disabled: wasm-oci\n"


def test_a_registry_that_refuses_is_one_line(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = build(front_ends, Sample.create(tmp_path / "sample"))
    with EmbeddedRegistry(read_only=True) as registry:
        arguments = (*PUBLISH, "-o", f"repository={registry.host}/demo")
        result = front_ends.hatch(sample.root, *arguments)
    assert result.code == 1
    assert len(result.lines) == 1
    assert "Traceback" not in result.err
