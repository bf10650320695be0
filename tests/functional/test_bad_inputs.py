"""What users get wrong ends a build with one clear line, and leaves nothing half-written."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, NamedTuple

import pytest

from .sample import COMPILE, Sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from .front_ends import FrontEnds

KEY = "tool.hatch.build.hooks.wasm-oci"
HOOK = "from hatch_wasm_oci import hookimpl\n\n\n@hookimpl\n"
NO_MODULE = "plugin.wasm is no WebAssembly module: "
TAG_RULE = "starts with none of the last two, and has at most 128 characters."
REPOSITORY_RULE = "a path of lower-case letters, digits and single `.`, `_`, `__` or `-` between them"
HEADER = b"\0asm\x01\0\0\0"


class Case(NamedTuple):
    """One thing that is wrong.

    Args:
        settings: What stands in the hook's table.
        words: Parts of the line that says what is wrong.
        files: Files of the project, by path.
        compiled: Whether the compile command runs before the fault is found.
    """

    settings: str
    words: tuple[str, ...]
    files: dict[str, bytes | str] = {}  # noqa: RUF012 - never changed
    compiled: bool = False


def module(data: bytes, *words: str) -> Case:
    return Case("", (NO_MODULE, *words), {"plugin.wasm": data})


def plugin(source: str, *words: str, compiled: bool = False) -> Case:
    return Case(COMPILE + 'plugins = ["policy.py"]\n', ("policy.py", *words), {"policy.py": source}, compiled)


CASES = {
    "module missing": Case("", ("There is no module at plugin.wasm.", "Compile it first")),
    "module a directory": Case('module = "src"\n', ("src is no file.", "Set `module`")),
    "compiler not found": Case('compile = ["no-such-compiler"]\n', ("'no-such-compiler' was not found.", "PATH")),
    "compiler not executable": Case('compile = "./README.md"\n', ("'./README.md' can't be run", "permissions")),
    "compiler fails": Case(
        'compile = ["{python}", "-c", "print(\'error: 7 apples\'); raise SystemExit(3)"]\n',
        ("ended with status 3.", "What it printed stands above."),
    ),
    "compiler leaves no module": Case(
        'compile = ["{python}", "-c", "pass"]\n', ("left no module at plugin.wasm.", "set `module`")
    ),
    "NUL in the command": Case('compile = ["a\\u0000b"]\n', (f"{KEY}.compile[0]: ", "NUL")),
    "gzip": module(gzip.compress(HEADER), "it is compressed by gzip", "Decompress it"),
    "ELF": module(b"\x7fELF\x02\x01\x01" + bytes(57), "it is an ELF binary", "wasm target"),
    "WAT": module(b"(module)\n", "it is WebAssembly text (WAT)", "wat2wasm"),
    "empty": module(b"", "it is empty"),
    "truncated": module(HEADER[:5], "its header is cut off after 5 bytes"),
    "component": module(b"\0asm\x0d\0\x01\0", "it is a component (Component Model)", "core wasm target"),
    "tag": Case(COMPILE + 'tags = ["not ok"]\n', (f"{KEY}.tags[0]: 'not ok' is no tag.", TAG_RULE)),
    "repository": Case(
        COMPILE + 'repository = "ghcr.io/Acme/Filter"\n',
        (f"{KEY}.repository: 'Acme/Filter' is no repository's path.", REPOSITORY_RULE),
    ),
    "repository without a host": Case(
        COMPILE + 'repository = "acme/filter"\n', (f"{KEY}.repository: 'acme/filter' names no registry.", "docker.io")
    ),
    "unknown key": Case(COMPILE + "tagz = []\n", (f"{KEY}.tagz: there is no such setting.", "'tags'")),
    "absolute source": Case(
        COMPILE + 'sources = ["/src/*"]\n', (f"{KEY}.sources[0]: '/src/*' is no pattern", "src/**")
    ),
    "plugin missing": Case(
        COMPILE + 'plugins = ["policy.py"]\n', ("policy.py could not be loaded: FileNotFoundError",)
    ),
    "plugin fails to import": plugin("import no_such_thing\n", "could not be loaded: ModuleNotFoundError"),
    "plugin names an unknown hook": plugin(
        HOOK + "def wasm_oci_modul(settings): ...\n", "unknown hook wasm_oci_modul.", "wasm_oci_module?"
    ),
    "plugin raises": plugin(
        HOOK + "def wasm_oci_annotations(settings): raise KeyError('apple')\n",
        "failed in wasm_oci_annotations: KeyError: 'apple'.",
        compiled=True,
    ),
    "directory is a file": Case(
        COMPILE, ("build/wasm-oci can't be written: ", "set `directory`"), {"build/wasm-oci": b""}, compiled=True
    ),
    "directory below a file": Case(
        COMPILE, ("build/wasm-oci can't be written: ", "set `directory`"), {"build": b""}, compiled=True
    ),
}


def check(front_ends: FrontEnds, root: Path, case: Case, prepare: Callable[[Sample], object] = id) -> str:
    """Run the bad input through both doors, and return what they printed."""
    printed = ""
    for door, prefix in (("hatchling", "wasm-oci: "), ("own", "hatch-wasm-oci: ")):
        sample = Sample.create(root / door, case.settings)
        for name, content in case.files.items():
            path = sample.root / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.encode() if isinstance(content, str) else content)
        prepare(sample)
        before = sample.names
        result = (
            front_ends.hatchling(sample.root, "build") if door == "hatchling" else front_ends.own(sample.root, "build")
        )
        assert result.code == 1
        assert "Traceback" not in result.err
        (line,) = [line for line in result.err.splitlines() if line.startswith(prefix)]
        assert result.err.endswith(f"{line}\n")
        assert not [word for word in case.words if word not in line], line
        assert "builtin" not in line  # no fault of this package's own
        assert not result.out
        state = "build/wasm-oci/.header-filter-1.2.0.state"
        assert sample.names - before <= ({"plugin.wasm", state} if case.compiled else set())
        printed += result.err
    return printed


@pytest.mark.parametrize("name", CASES)
def test_a_bad_input(front_ends: FrontEnds, tmp_path: Path, name: str) -> None:
    printed = check(front_ends, tmp_path, CASES[name])
    if name == "compiler fails":
        assert printed.count("error: 7 apples\n") == 2


def test_a_module_over_the_limit_of_the_layer(front_ends: FrontEnds, tmp_path: Path) -> None:
    def make_sparse(sample: Sample) -> None:
        with (sample.root / "plugin.wasm").open("wb") as file:
            file.write(HEADER)
            file.truncate(256 * 1024 * 1024)

    words = (
        "plugin.wasm has 268435456 bytes",
        "over the limit of 268435456 bytes",
        "Istio and Envoy Gateway refuse it",
    )
    check(front_ends, tmp_path, Case("", words), make_sparse)


def test_a_version_that_no_tag_can_hold(front_ends: FrontEnds, tmp_path: Path) -> None:
    def lengthen(sample: Sample) -> None:
        pyproject = sample.root / "pyproject.toml"
        pyproject.write_text(pyproject.read_text().replace('"1.2.0"', f'"1.2.0+{"a" * 130}"'))

    check(front_ends, tmp_path, Case(COMPILE, ("project.version: '1.2.0-aaa", "is no tag.", TAG_RULE)), lengthen)


def test_every_fault_of_the_settings_has_a_line(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample", 'tags = ["not ok"]\nformat = "zip"\nrepository = "acme"\n')
    result = front_ends.hatchling(sample.root, "build")
    assert result.code == 1
    assert [line.split(": ")[1] for line in result.lines] == [
        f"{KEY}.{key}" for key in ("format", "repository", "tags[0]")
    ]


def test_hatch_build_shows_the_same(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample", "")
    result = front_ends.hatch(sample.root, "build")
    assert result.code == 1
    assert len(result.lines) == 1
    assert "Traceback" not in result.err
    assert not sample.distributions


@pytest.mark.parametrize("text", ["x = [\n", '\n[tool.hatch.build.targets]\nwasm-oci = "x"\n'], ids=["TOML", "table"])
def test_a_broken_pyproject(front_ends: FrontEnds, tmp_path: Path, text: str) -> None:
    # Hatchling answers with a traceback of its own before any plugin is asked; the command line has no excuse.
    sample = Sample.create(tmp_path / "sample", COMPILE + text)
    if "targets" in text:
        pyproject = sample.root / "pyproject.toml"
        pyproject.write_text(pyproject.read_text().replace("[tool.hatch.build.targets.wheel]", "[tool.other]"))
    result = front_ends.own(sample.root, "build")
    assert result.code == 1
    assert "Traceback" not in result.err
    assert result.err.startswith("hatch-wasm-oci: ")
    assert not sample.outputs


def test_a_plugin_that_failed_after_packaging_is_asked_again(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample", COMPILE + 'plugins = ["sign.py"]\n')
    body = "    from pathlib import Path\n    Path('signed').write_text(Path('key').read_text())\n"
    (sample.root / "sign.py").write_text(f"{HOOK}def wasm_oci_packaged(packaged):\n{body}")
    failed = front_ends.hatchling(sample.root, "build")
    assert failed.code == 1
    assert "sign.py failed in wasm_oci_packaged: FileNotFoundError" in failed.lines[0]
    (sample.root / "key").write_text("secret")
    assert front_ends.hatchling(sample.root, "build").code == 0
    assert (sample.root / "signed").read_text() == "secret"


def test_a_failed_build_leaves_the_last_image(front_ends: FrontEnds, tmp_path: Path) -> None:
    sample = Sample.create(tmp_path / "sample")
    assert front_ends.own(sample.root, "build").code == 0
    made = sample.outputs
    (sample.root / "compile.py").write_text("open('plugin.wasm', 'w').write('no module')\n")
    result = front_ends.own(sample.root, "build")
    assert result.code == 1
    assert NO_MODULE in result.err
    assert sample.outputs == made
