from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import ImageError, OutputError
from hatch_wasm_oci.project import output

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@pytest.fixture
def dead_process() -> int:
    process = subprocess.Popen([sys.executable, "-c", ""])
    process.wait()
    return process.pid


def test_files_are_written_whole(tmp_path: Path) -> None:
    first, second = tmp_path / "new" / "directory" / "a", tmp_path / "new" / "directory" / "b"
    for content in (b"one", b"two"):
        output.write({first: [content, memoryview(b"x" * 10**6), b""], second: [content]})
        assert first.read_bytes() == content + b"x" * 10**6
        assert second.read_bytes() == content
    assert names(first.parent) == ["a", "b"]


def breaks_off() -> Iterator[bytes]:
    yield b"new"
    raise ImageError("No.")


def test_what_fails_on_the_way_leaves_the_old_files(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    output.write({first: [b"old"], second: [b"old"]})
    with pytest.raises(ImageError):
        output.write({first: [b"new"], second: breaks_off()})
    assert (first.read_bytes(), second.read_bytes(), names(tmp_path)) == (b"old", b"old", ["a", "b"])


def test_a_directory_that_is_a_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "build").write_text("mine")
    with pytest.raises(OutputError, match=r"build/wasm-oci can't be written: Not a directory\. Make room"):
        output.write({tmp_path / "build" / "wasm-oci" / "a": [b"x"]})
    with pytest.raises(OutputError, match="can't be written"):
        output.write({tmp_path / "build" / "a": [b"x"]})
    output.remove([tmp_path / "build" / "a"], tmp_path)
    assert (tmp_path / "build").read_text() == "mine"


def test_a_file_that_is_a_directory_is_said(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(OutputError, match="a can't be written"):
        output.write({tmp_path / "a": [b"x"]})
    with pytest.raises(OutputError, match="a can't be removed"):
        output.remove([tmp_path / "a"], tmp_path)
    assert names(tmp_path) == ["a"]


def test_only_what_a_dead_build_left_is_cleaned_up(tmp_path: Path, dead_process: int) -> None:
    foreign = [
        ".a.tmp",
        ".a.x.tmp",
        f".a.{dead_process}.tmp",
        f".ab.{dead_process}.00000000.tmp",
        f"a.{dead_process}.00000000.tmp",
    ]
    running = f".a.{os.getpid()}.00000000.tmp"
    for name in (*foreign, running, f".a.{dead_process}.00000000.tmp", f".a.{'9' * 30}.00000000.tmp"):
        (tmp_path / name).touch()
    output.write({tmp_path / "a": [b"x"]})
    assert names(tmp_path) == sorted([*foreign, running, "a", f".a.{'9' * 30}.00000000.tmp"])
    output.remove([tmp_path / "a"], tmp_path)
    assert names(tmp_path) == sorted(foreign)


def test_directories_go_when_they_are_empty_and_only_then(tmp_path: Path) -> None:
    path = tmp_path / "build" / "wasm-oci" / "a"
    output.write({path: [b"x"]})
    output.remove([path, path], tmp_path)
    assert names(tmp_path) == []
    output.write({path: [b"x"]})
    (tmp_path / "build" / "other").touch()
    output.remove([path], tmp_path)
    assert names(tmp_path / "build") == ["other"]
    output.remove([path], tmp_path)


def test_a_directory_of_somebody_elses_stays(tmp_path: Path) -> None:
    path = tmp_path / "elsewhere" / "a"
    output.write({path: [b"x"]})
    output.remove([path], tmp_path / "project")
    assert (names(tmp_path), names(path.parent)) == (["elsewhere"], [])
