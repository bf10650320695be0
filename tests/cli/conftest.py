"""Commands run in this process, in a directory of their own, by a user who is logged in nowhere."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.cli import main

if TYPE_CHECKING:
    from pathlib import Path


class Runner:
    """Runs a command; gives its status, what it printed as lines or as JSON, and its errors."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def lines(self, *arguments: str | Path, status: int = 0) -> list[str]:
        assert main([*map(str, arguments)]) == status
        output, errors = self._capsys.readouterr()
        assert "Traceback" not in errors
        return str(output).splitlines()

    def json(self, *arguments: str | Path, status: int = 0) -> Any:
        assert main([*map(str, arguments), "--json"]) == status
        output, errors = self._capsys.readouterr()
        assert errors == ""
        return json.loads(output)

    def error(self, *arguments: str | Path) -> str:
        assert main([*map(str, arguments)]) == 1
        output, errors = self._capsys.readouterr()
        (line,) = [line for line in errors.splitlines() if line.startswith("hatch-wasm-oci: ")]
        assert output == ""
        return str(line)


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Runner:
    return Runner(capsys)


@pytest.fixture
def logged_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"HATCH_WASM_OCI_{name}", raising=False)
    return tmp_path
