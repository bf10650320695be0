from __future__ import annotations

import os
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.errors import CompileError
from hatch_wasm_oci.project import builtin
from hatch_wasm_oci.project.compile import run, sources_fingerprint
from hatch_wasm_oci.wasm.module import Module
from tests.samples import core_module, settings_in

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_wasm_oci.project.settings import Settings

# A compiler that writes what its source holds, and counts its runs outside of the project.
COMPILER = """
import pathlib, sys
source, module, log = map(pathlib.Path, sys.argv[1:4])
with log.open("a") as file:
    file.write("run\\n")
module.write_bytes(source.read_bytes())
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    (root / "src").mkdir(parents=True)
    (root / "src" / "plugin.c").write_bytes(core_module())
    (root / "compiler.py").write_text(COMPILER)
    return root


def command(root: Path) -> list[str]:
    return ["{python}", "compiler.py", "src/plugin.c", "plugin.wasm", str(root.parent / "log")]


def settings(root: Path, **values: Any) -> Settings:
    return settings_in(root, **{"compile": command(root), "sources": ["src"], **values})


def runs(root: Path) -> int:
    return len((root.parent / "log").read_text().splitlines())


def test_a_module_is_compiled_once_for_its_sources(root: Path) -> None:
    for _ in range(2):
        assert builtin.wasm_oci_module(settings(root)) == Module(core_module())
    assert runs(root) == 1
    os.utime(root / "src" / "plugin.c", ns=(1, 1))
    builtin.wasm_oci_module(settings(root))
    assert runs(root) == 1, "a source's time says nothing"


def changed_source(root: Path) -> Settings:
    (root / "src" / "plugin.c").write_bytes(core_module(["other"]))
    return settings(root)


def new_source(root: Path) -> Settings:
    (root / "src" / "new.h").touch()
    return settings(root)


def changed_command(root: Path) -> Settings:
    return settings(root, compile=[*command(root), "-O3"])


def changed_requirement(root: Path) -> Settings:
    found = settings(root)
    return replace(found, project=replace(found.project, requirements=("ziglang==0.17",)))


def other_module(root: Path) -> Settings:
    (root / "plugin.wasm").write_bytes(core_module(["tampered"]))
    return settings(root)


def damaged_module(root: Path) -> Settings:
    (root / "plugin.wasm").write_bytes(b"")
    return settings(root)


def removed_module(root: Path) -> Settings:
    (root / "plugin.wasm").unlink()
    return settings(root)


@pytest.mark.parametrize(
    "change",
    [changed_source, new_source, changed_command, changed_requirement, other_module, damaged_module, removed_module],
)
def test_a_module_is_compiled_again_after_a_change(root: Path, change: Any) -> None:
    builtin.wasm_oci_module(settings(root))
    after = change(root)
    assert builtin.wasm_oci_module(after) == Module((root / "src" / "plugin.c").read_bytes())
    assert runs(root) == 2
    builtin.wasm_oci_module(after)
    assert runs(root) == 2


def test_without_a_command_the_module_is_only_read(root: Path) -> None:
    (root / "plugin.wasm").write_bytes(core_module())
    assert builtin.wasm_oci_module(settings_in(root)) == Module(core_module())
    assert not (root / "build").exists()


def test_all_files_are_sources_but_those_that_builds_leave_behind(root: Path) -> None:
    found = replace(settings(root), sources=None)
    before = sources_fingerprint(found)
    for generated in (
        "plugin.wasm",
        "build/wasm-oci/x",
        "target/x",
        "dist/x",
        ".git/x",
        ".hidden",
        "env/pyvenv.cfg",
        "env/x",
        "src/__pycache__/x",
    ):
        (root / generated).parent.mkdir(parents=True, exist_ok=True)
        (root / generated).touch()
    os.mkfifo(root / "fifo")
    (root / "dangling").symlink_to("nowhere")
    assert sources_fingerprint(found) == before
    (root / "Makefile").touch()
    assert sources_fingerprint(found) != before


def test_globs_never_take_in_what_the_build_writes(root: Path) -> None:
    found = settings(root, sources=["**/*"])
    for _ in range(2):
        builtin.wasm_oci_module(found)
    assert runs(root) == 1


def test_a_name_that_is_no_text_is_a_source_too(root: Path) -> None:
    before = sources_fingerprint(settings(root))
    (root / "src" / os.fsdecode(b"\xff.c")).touch()
    assert sources_fingerprint(settings(root)) != before


@pytest.mark.parametrize("pattern", ["x" * 300, "x" * 5000 + "/*.c"])
def test_sources_that_can_not_be_looked_for_are_said_or_not_there(root: Path, pattern: str) -> None:
    # Which of both is for Python's version to say.
    with pytest.raises(CompileError, match=r"can't be looked for: File name too long|names no file that is there"):
        sources_fingerprint(settings(root, sources=[pattern]))


def test_sources_that_are_nowhere_are_refused(root: Path) -> None:
    (root / "a.c").write_text("")
    with pytest.raises(CompileError, match=r"`sources` names no file that is there: \['scr/\*.c'\]. Mend it: "):
        sources_fingerprint(settings(root, sources=["scr/*.c"]))
    assert sources_fingerprint(settings(root, sources=["scr/*.c", "*.c"]))


def test_the_place_of_the_project_is_no_source(root: Path) -> None:
    first = sources_fingerprint(replace(settings(root), compile=("cc",)))
    moved = root.rename(root.with_name("moved"))
    assert sources_fingerprint(replace(settings(moved), compile=("cc",))) == first


def test_the_command_runs_in_the_root_without_a_shell(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    script = "import os, sys; print(os.getcwd(), sys.argv[1:], sys.stdin.read()); open('plugin.wasm', 'w').close()"
    run(settings(root, compile=["{python}", "-c", script, "$HOME", "a b", "x{python}x", "*"]))
    output = capfd.readouterr()
    assert output.out == ""
    assert output.err == f"{root} {['$HOME', 'a b', f'x{sys.executable}x', '*']} \n"


def test_a_text_is_split_as_a_shell_would(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (root / "show.py").write_text("import sys, pathlib; print(sys.argv[1:]); pathlib.Path('plugin.wasm').touch()")
    run(settings(root, compile="{python} show.py 'a b' \"c'd\" e\\ f $X"))
    assert capfd.readouterr().err == f"{['a b', chr(99) + chr(39) + 'd', 'e f', '$X']}\n"


def refused(root: Path, *command: str) -> str:
    with pytest.raises(CompileError) as caught:
        builtin.wasm_oci_module(settings(root, compile=list(command)))
    assert not (root / "build").exists()
    return str(caught.value)


def test_a_program_that_is_not_there_or_can_not_run_is_named(root: Path) -> None:
    (root / "plain").write_text("text")
    assert refused(root, "no-such-program", "x").startswith(
        "The compile command's program 'no-such-program' was not found."
    )
    assert refused(root, "./plain").startswith("The compile command's program './plain' can't be run: ")


def test_a_command_that_fails_says_why_itself(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    message = refused(root, "{python}", "-c", "import sys; print('out'); sys.stderr.write('err'); sys.exit(7)")
    assert "ended with status 7. What it printed stands above." in message
    assert sorted(capfd.readouterr().err.split()) == ["err", "out"]


def test_a_command_that_is_killed_says_by_what(root: Path) -> None:
    assert "ended with signal 9." in refused(root, "{python}", "-c", "import os; os.kill(os.getpid(), 9)")


def test_a_command_that_leaves_no_module_is_refused(root: Path) -> None:
    assert "left no module at plugin.wasm. Let it write there" in refused(root, "{python}", "-c", "")
