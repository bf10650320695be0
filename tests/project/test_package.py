from __future__ import annotations

import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci import hookimpl
from hatch_wasm_oci.errors import ModuleError, OutputError, PluginError, WasmOciError
from hatch_wasm_oci.image import archive, layer
from hatch_wasm_oci.project import report
from hatch_wasm_oci.project.package import clean, package
from hatch_wasm_oci.wasm.finding import Finding
from tests.samples import plugin_module, plugins, project, settings_in

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_wasm_oci.plugins.manager import Plugins
    from hatch_wasm_oci.project.report import PackagedImage


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "plugin.wasm").write_bytes(plugin_module())
    return tmp_path


def build(root: Path, found: Plugins | None = None, **values: Any) -> PackagedImage:
    return package(settings_in(root, **values), found or plugins())


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    return {path.name: (path.read_bytes(), path.stat().st_mtime_ns) for path in (root / "build" / "wasm-oci").iterdir()}


class Counting:
    def __init__(self) -> None:
        self.calls = 0

    @hookimpl
    def wasm_oci_packaged(self) -> None:
        self.calls += 1


def test_an_image_is_packaged(root: Path) -> None:
    packaged = build(root, repository="ghcr.io/acme/demo")
    assert packaged.archive == root / "build" / "wasm-oci" / "demo-1.0.oci.tar"
    assert report.read(packaged.report) == packaged
    read = archive.read(packaged.archive)
    assert read.image.module().data == plugin_module()
    assert read.names == ("ghcr.io/acme/demo:1.0",)
    assert sorted(snapshot(root)) == [".demo-1.0.state", "demo-1.0.json", "demo-1.0.oci.tar"]
    assert not packaged.unchanged


def test_a_second_run_writes_nothing_and_compresses_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    counting = Counting()
    first = build(root, plugins(counting))
    before = snapshot(root)
    monkeypatch.setattr(layer, "compress", None)
    os.utime(root / "plugin.wasm", ns=(1, 1))
    second = build(root, plugins(counting))
    assert (second, snapshot(root)) == (replace(first, unchanged=True), before)
    assert counting.calls == 1


CHANGES: list[dict[str, Any]] = [
    {"annotations": {"a": "b"}},
    {"labels": {"a": "b"}},
    {"runtime_config": {"config": {}}},
    {"format": "docker"},
    {"format": "artifact"},
    {"compression": "store"},
    {"repository": "ghcr.io/acme/demo"},
    {"tags": ["other"]},
]


@pytest.mark.parametrize("change", CHANGES, ids=str)
def test_a_changed_setting_makes_it_anew(root: Path, change: dict[str, Any]) -> None:
    first = build(root)
    second = build(root, **change)
    assert not second.unchanged
    names_alone = not {"repository", "tags"}.isdisjoint(change)
    assert (second.manifest_digest == first.manifest_digest) == names_alone
    assert build(root, **change).unchanged


def test_tags_without_a_repository_are_the_names_in_the_archive(root: Path) -> None:
    assert archive.read(build(root, tags=["a", "b"]).archive).names == ("demo:a", "demo:b")
    assert archive.read(build(root, tags=["c"]).archive).names == ("demo:c",)


def test_a_changed_module_or_plugin_makes_it_anew(root: Path) -> None:
    first = build(root)
    (root / "plugin.wasm").write_bytes(plugin_module(abi="proxy_abi_version_0_2_0"))
    second = build(root)
    assert second.manifest_digest != first.manifest_digest
    (root / "local.py").write_text("")
    found = plugins()
    found.load_files(root, ["local.py"])
    assert not build(root, found).unchanged
    assert build(root, found).unchanged


@pytest.mark.parametrize("name", ["demo-1.0.oci.tar", "demo-1.0.json", ".demo-1.0.state"])
@pytest.mark.parametrize("content", [None, b"", b"{}"])
def test_a_lost_or_damaged_output_is_made_anew(root: Path, name: str, content: bytes | None) -> None:
    first = build(root)
    path = first.archive.with_name(name)
    path.unlink() if content is None else path.write_bytes(content)
    assert build(root) == first
    assert report.read(first.report) == first


def test_a_report_that_became_another_file_of_the_same_size_and_time_is_made_anew(root: Path) -> None:
    first = build(root)
    status = first.report.stat()
    first.report.write_bytes(b"x" * status.st_size)
    os.utime(first.report, ns=(status.st_mtime_ns, status.st_mtime_ns))
    assert build(root) == first
    assert report.read(first.report) == first


def test_annotations_come_from_the_metadata_and_an_empty_text_takes_one_away(root: Path) -> None:
    described = project(
        root,
        description="A demo.",
        license="MIT",
        authors=("A", "B <b@example.com>"),
        urls={"Source Code": "https://example.com/s", "Home-Page": "x", "homepage": "https://example.com"},
    )
    settings = replace(
        settings_in(root, annotations={"org.opencontainers.image.title": "", "x": "y"}), project=described
    )
    assert package(settings, plugins()).image.manifest.annotations == {
        "module.wasm.image/variant": "compat",
        "org.opencontainers.image.authors": "A, B <b@example.com>",
        "org.opencontainers.image.created": "2020-02-02T00:00:00Z",
        "org.opencontainers.image.description": "A demo.",
        "org.opencontainers.image.licenses": "MIT",
        "org.opencontainers.image.source": "https://example.com/s",
        "org.opencontainers.image.url": "https://example.com",
        "org.opencontainers.image.version": "1.0",
        "x": "y",
    }


class Checking:
    @hookimpl
    def wasm_oci_check(self) -> list[Finding]:
        return [Finding("X2", "warning", "Odd."), Finding("X1", "error", "Bad.", "envoy says so", remedy="Mend it.")]


def test_findings_end_the_build_or_stand_in_the_report(root: Path) -> None:
    with pytest.raises(ModuleError) as caught:
        build(root, plugins(Checking()))
    lines = str(caught.value).splitlines()
    assert lines[:2] == ["plugin.wasm is not fit to ship:", "X1: Bad. Mend it. Envoy says: envoy says so"]
    assert lines[-1] == 'Mend it, or set lint to "warn".'
    assert not (root / "build").exists()
    warned = build(root, plugins(Checking()), lint="warn")
    codes = [finding.code for finding in report.read(warned.report).findings]
    assert codes[0] == "X1"  # errors come first
    assert "X2" in codes
    assert build(root, plugins(Checking()), lint="off").findings == ()


def test_a_plugin_that_failed_once_packaged_is_called_again(root: Path) -> None:
    class Failing(Counting):
        @hookimpl
        def wasm_oci_packaged(self) -> None:
            super().wasm_oci_packaged()
            if self.calls == 1:
                raise RuntimeError

    failing = Failing()
    with pytest.raises(PluginError):
        build(root, plugins(failing))
    assert not build(root, plugins(failing)).unchanged
    assert failing.calls == 2
    assert build(root, plugins(failing)).unchanged


def _make_fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


NOT_MODULES: dict[str, Any] = {
    "missing": lambda path: path.unlink(),
    "directory": lambda path: (path.unlink(), path.mkdir()),
    "fifo": _make_fifo,
    "too large": lambda path: os.truncate(path, 300 * 2**20),
    "component": lambda path: path.write_bytes(b"\0asm\x0d\0\x01\0"),
    "text": lambda path: path.write_bytes(b"(module)"),
    "empty": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("spoil", NOT_MODULES.values(), ids=NOT_MODULES)
def test_what_is_no_module_leaves_the_old_outputs(root: Path, spoil: Any) -> None:
    build(root)
    before = snapshot(root)
    spoil(root / "plugin.wasm")
    with pytest.raises(ModuleError):
        build(root)
    assert snapshot(root) == before


@pytest.mark.parametrize("place", ["build", "build/wasm-oci"])
def test_a_directory_that_is_a_file_is_said(root: Path, place: str) -> None:
    (root / place).parent.mkdir(exist_ok=True)
    (root / place).write_text("mine")
    with pytest.raises(OutputError, match="can't be written"):
        build(root)
    assert (root / place).read_text() == "mine"


CHILD = """
    import os, resource, signal, sys
    from pathlib import Path
    sys.path.insert(0, sys.argv[1])
    from tests.samples import plugin_module, plugins, settings_in
    from hatch_wasm_oci.errors import WasmOciError
    from hatch_wasm_oci.project import output
    from hatch_wasm_oci.project.package import package
    root, left = Path(sys.argv[2]), int(sys.argv[4])

    def die_at_the_end(genuine):
        def call(*arguments, **keywords):
            global left
            left -= 1
            if left == 0:
                if genuine is os.write:  # half of it is written
                    genuine(arguments[0], arguments[1][: len(arguments[1]) // 2])
                os.kill(os.getpid(), signal.SIGKILL)
            return genuine(*arguments, **keywords)
        return call

    if sys.argv[3] == "kill":
        os.write = die_at_the_end(os.write)
        Path.replace = die_at_the_end(Path.replace)
        Path.unlink = die_at_the_end(Path.unlink)
    else:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (left, left))
    try:
        package(settings_in(root, annotations={"new": "yes"}), plugins())
    except WasmOciError as error:
        sys.exit(str(error))
"""


def child(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    import tests.samples

    source = os.path.dirname(os.path.dirname(str(tests.samples.__file__)))  # noqa: PTH120 - short
    command = [sys.executable, "-c", dedent(CHILD), source, str(root), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize("room", [0, 100, 4000])
def test_a_full_disk_leaves_the_old_outputs(root: Path, room: int) -> None:
    (root / "plugin.wasm").write_bytes(plugin_module(size=20_000))
    build(root)
    before = snapshot(root)
    process = child(root, "full", str(room))
    assert process.returncode == 1, process.stderr
    assert "demo-1.0.oci.tar can't be written: File too large. Make room" in process.stderr
    assert snapshot(root) == before


def test_a_build_killed_at_any_moment_leaves_no_torn_file(root: Path) -> None:
    old = build(root)
    kept = snapshot(root)
    new = build(root, annotations={"new": "yes"}).manifest_digest
    digests = set()
    for moment in itertools.count(1, 2):
        for path in (root / "build" / "wasm-oci").iterdir():
            path.unlink()
        for name, (content, time) in kept.items():
            path = old.archive.with_name(name)
            path.write_bytes(content)
            os.utime(path, ns=(time, time))
        process = child(root, "kill", str(moment))
        digest = archive.read(old.archive).image.digest
        assert digest in (old.manifest_digest, new)
        if old.report.exists():
            assert report.read(old.report).manifest_digest == digest
        digests.add(digest)
        if process.returncode == 0:
            break
        assert process.returncode == -9, process.stderr
        assert build(root, annotations={"new": "yes"}).manifest_digest == new
        assert sorted(snapshot(root)) == sorted(kept)
    assert digests == {old.manifest_digest, new}
    assert moment > 5


def test_clean_removes_our_files_of_all_versions_and_no_others(root: Path) -> None:
    directory = root / "build" / "wasm-oci"
    for version, form in itertools.product(["0.9", "1.0"], ["oci", "docker"]):
        settings = settings_in(root, format=form)
        package(replace(settings, project=replace(settings.project, version=version)), plugins())
    foreign = {
        "other-1.0.oci.tar": "",
        "demo-notes.json": "{}",
        "demo-2.0.oci.tar": "mine",
        "demo-extra-1.0.json": "",
        "demo-x.txt": "",
        ".demo-1.0.json.swp.tmp": "",
    }
    for name, content in foreign.items():
        (directory / name).write_text(content)
    other = report.read(directory / "demo-1.0.json").to_json()
    for name, version in {"demo-up.json": "../../../x", "demo-a.json": "1.0", "demo-extra-1.0.json": "1.0"}.items():
        (directory / name).write_text(json.dumps({**other, "version": version}))
        foreign[name] = ""
    clean(settings_in(root), plugins())
    assert sorted(path.name for path in directory.iterdir()) == sorted(foreign)
    clean(settings_in(root), plugins())
    for name in foreign:
        (directory / name).unlink()
    build(root)
    clean(settings_in(root), plugins())
    assert [path.name for path in root.iterdir()] == ["plugin.wasm"]


def test_every_failure_is_one_that_a_door_can_show(root: Path) -> None:
    (root / "plugin.wasm").unlink()
    with pytest.raises(WasmOciError):
        build(root)
