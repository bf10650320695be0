"""The README can't drift: its tables are those of the code, and its examples run."""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest

from hatch_wasm_oci import package, pull
from hatch_wasm_oci.cli import main
from hatch_wasm_oci.cli.arguments import parser
from hatch_wasm_oci.hatch.publish_settings import KEYS
from hatch_wasm_oci.plugins import hookspecs
from hatch_wasm_oci.project.table import IMAGE_KEYS, PROJECT_KEYS
from hatch_wasm_oci.testing import EmbeddedRegistry
from tests.consumers.images import image, plugin
from tests.samples import load, plugin_module

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8") if README.exists() else ""


def first_column(marker: str) -> list[str]:
    """Return the code in the first column of the table after a comment."""
    table = TEXT.partition(f"<!-- {marker}: ")[2].partition("\n\n")[2].partition("\n\n")[0]
    return [row.split("`")[1] for row in table.splitlines()[2:]]


def examples(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", TEXT, re.DOTALL)


def test_every_setting_is_in_the_table() -> None:
    assert first_column("settings") == [*IMAGE_KEYS, *PROJECT_KEYS]


def test_every_key_of_publishing_is_in_the_table() -> None:
    assert first_column("publish") == list(KEYS)


def test_every_hook_is_in_the_table() -> None:
    hooks = [name for name in vars(hookspecs) if name.startswith(hookspecs.PREFIX)]
    assert first_column("hooks") == hooks


def test_every_command_is_in_the_table() -> None:
    (commands,) = (action.choices for action in parser()._actions if action.dest == "==SUPPRESS==" or action.choices)
    assert [usage.split()[1] for usage in first_column("commands")] == list(commands or ())


def test_the_table_of_the_quick_start_is_right(tmp_path: Path) -> None:
    tomllib = import_module("tomllib" if sys.version_info >= (3, 11) else "tomli")
    (text,) = (example for example in examples("toml") if "compile" in example)
    table = tomllib.loads(text)["tool"]["hatch"]["build"]["hooks"]["wasm-oci"]
    (settings,) = load(tmp_path, **{key.replace("-", "_"): value for key, value in table.items()})
    assert settings.compile == ("cargo", "build", "--release", "--target", "wasm32-wasip1")
    assert str(settings.references[0]) == "ghcr.io/acme/header-filter:1.0"


def test_the_python_example_runs(tmp_path: Path) -> None:
    (text,) = (example for example in examples("python") if "hatch_wasm_oci.package(" in example)
    project = tmp_path / "example_project"
    project.mkdir()
    (project / "pyproject.toml").write_text('[project]\nname = "hello-filter"\nversion = "0.1.0"\n')
    (project / "plugin.wasm").write_bytes(plugin_module())
    with EmbeddedRegistry() as registry:
        text = text.replace("127.0.0.1:5000", registry.host).replace('"example_project"', repr(str(project)))
        names: dict[str, object] = {}
        exec(text, names)
        assert names["image"] == pull(names["receipt"].references[0])  # type: ignore[attr-defined]


def console(marker: str) -> tuple[list[str], str]:
    """Return the command after a comment, and what it is said to print."""
    block = TEXT.partition(f"<!-- {marker}: ")[2].partition("```console\n$ hatch-wasm-oci ")[2].partition("```")[0]
    command, _, output = block.partition("\n")
    return command.split(), output


@pytest.mark.parametrize(("marker", "name"), [("verify", "filter.wasm"), ("manifest", "plugin.wasm")])
def test_the_command_line_prints_what_the_examples_say(
    marker: str,
    name: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    command, expected = console(marker)
    monkeypatch.chdir(tmp_path)
    Path("config.json").write_text('{"header": "x-mesh"}')
    stored = image(plugin(name=name))
    with EmbeddedRegistry() as registry:
        stored.pushed(registry, "1.2.0", "acme/header-filter")
        assert main([word.replace("ghcr.io", registry.host) for word in command]) == (marker == "verify")
        printed = capsys.readouterr().out.replace(registry.host, "ghcr.io")
    digest = stored.digest.removeprefix("sha256:")
    # Written plain or quoted, as it starts with a letter or a digit.
    printed = printed.replace(f"sha256: {digest}\n", f'sha256: "{digest}"\n')
    assert printed.replace(digest, "8925924708b1…") == expected


def test_the_linter_prints_what_the_example_says(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wasmtime = pytest.importorskip("wasmtime", reason="needs: pip install wasmtime")
    command, expected = console("lint")
    monkeypatch.chdir(tmp_path)
    Path("plugin.wasm").write_bytes(
        wasmtime.wat2wasm("""(module (import "env" "proxy_set_header" (func (param i32 i32) (result i32)))
          (memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))
          (func (export "proxy_on_tick") (param i32))
          (func (export "malloc") (param i32) (result i32) i32.const 0)
          (func (export "proxy_on_request_header") (param i32 i32 i32) (result i32) i32.const 0))""")
    )
    assert main(command) == 1
    assert capsys.readouterr().out == expected


def test_the_plugin_example_is_a_plugin(tmp_path: Path) -> None:
    (text,) = (example for example in examples("python") if "wasm-opt" in example)
    tool = tmp_path / "wasm-opt"
    tool.write_text(
        f"#!{sys.executable}\nimport sys\nsys.stdout.buffer.write(sys.stdin.buffer.read() + bytes([0, 1, 0]))\n"
    )
    tool.chmod(0o755)
    (tmp_path / "optimise.py").write_text(text)
    (tmp_path / "pyproject.toml").write_text(
        '[project]\nname = "p"\nversion = "1"\n[tool.hatch.build.hooks.wasm-oci]\nplugins = ["optimise.py"]\n'
    )
    (tmp_path / "plugin.wasm").write_bytes(plugin_module())
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", str(tmp_path), prepend=":")
        packaged = package(tmp_path)
    assert bytes(packaged.image.module().data) == plugin_module() + bytes([0, 1, 0])
