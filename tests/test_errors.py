from __future__ import annotations

import pickle

import pytest

from hatch_wasm_oci import errors

TREE = [
    errors.WasmOciError,
    errors.InvalidReferenceError,
    errors.ModuleError,
    errors.CompileError,
    errors.PluginError,
    errors.ImageError,
    errors.OutputError,
    errors.RegistryError,
    errors.EnvoyError,
]


@pytest.mark.parametrize("kind", TREE)
def test_an_error_is_its_two_sentences(kind: type[errors.WasmOciError]) -> None:
    error = kind("It is wrong.", "Mend it.")
    assert (str(error), error.problem, error.remedy) == ("It is wrong. Mend it.", "It is wrong.", "Mend it.")
    assert str(kind("It is wrong.")) == "It is wrong."
    assert isinstance(error, errors.WasmOciError)


@pytest.mark.parametrize("kind", TREE)
def test_an_error_survives_the_way_to_another_process(kind: type[errors.WasmOciError]) -> None:
    again = pickle.loads(pickle.dumps(kind("It is wrong.", "Mend it.")))
    assert type(again) is kind
    assert str(again) == "It is wrong. Mend it."


def test_settings_errors_survive_too() -> None:
    again = pickle.loads(pickle.dumps(errors.SettingsError(["a: wrong", "b: wrong"])))
    assert again.errors == ("a: wrong", "b: wrong")
    assert str(again) == "a: wrong\nb: wrong"


def test_a_registry_error_keeps_status_and_code() -> None:
    again = pickle.loads(pickle.dumps(errors.RegistryError("No.", status=404, code="MANIFEST_UNKNOWN")))
    assert (again.status, again.code) == (404, "MANIFEST_UNKNOWN")


def test_a_value_at_fault_is_shown_short_however_large_or_deep_it_is() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert errors.shown("ghcr.io/acme/filter:1.0") == "'ghcr.io/acme/filter:1.0'"
    for value in ("x" * 10**6, deep, [["y"] * 1000] * 1000, {"k" * 1000: 1}, 10**5000, b"x" * 10**6):
        assert len(errors.shown(value)) < 1000
