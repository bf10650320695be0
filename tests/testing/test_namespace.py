from __future__ import annotations

from typing import Any

import pytest

from hatch_wasm_oci.errors import InvalidReferenceError, SettingsError
from hatch_wasm_oci.testing import RegistryNamespace, RunningRegistry, namespace

RUNNING = RunningRegistry("http://127.0.0.1:1", "acme/tests", {"username": "me", "password": "geheim"})


def test_references_stay_inside() -> None:
    mine = RegistryNamespace(RUNNING, "t1")
    assert mine.reference("filters/one") == "127.0.0.1:1/acme/tests/t1/filters/one:latest"
    assert mine.reference("one", "1.0") == "127.0.0.1:1/acme/tests/t1/one:1.0"
    assert mine.reference("one", None) == "127.0.0.1:1/acme/tests/t1/one"
    assert RegistryNamespace(RunningRegistry("http://127.0.0.1:1"), "").reference("one") == "127.0.0.1:1/one:latest"


@pytest.mark.parametrize(("name", "tag"), [("..", "x"), ("../one", "x"), ("One", "x"), ("", "x"), ("one", "a b")])
def test_what_can_be_no_reference_is_refused(name: str, tag: str) -> None:
    with pytest.raises(InvalidReferenceError):
        RegistryNamespace(RUNNING, "t1").reference(name, tag)


def test_passwords_are_in_no_representation() -> None:
    mine = RegistryNamespace(RUNNING, "t1")
    assert repr(mine) == "<registry http://127.0.0.1:1, repositories below acme/tests/t1>"
    assert "geheim" not in repr(RUNNING)
    credential = mine.connection().credential
    assert credential is not None
    assert credential.username == "me"
    assert "geheim" not in repr(credential)


def test_options_are_a_copy() -> None:
    mine = RegistryNamespace(RUNNING, "t1")
    mine.options.clear()
    assert mine.options == {"username": "me", "password": "geheim"}


def test_a_foreign_registry_has_neither_log_nor_faults() -> None:
    mine = RegistryNamespace(RUNNING, "t1")
    for use in (lambda: mine.log, lambda: mine.faults, lambda: mine.embedded):
        with pytest.raises(SettingsError, match="is not the embedded registry"):
            use()


@pytest.mark.parametrize(
    ("arguments", "words"), [(("none", "p", "x"), "does not go"), (("ntlm", "p", "default"), "no 'n")]
)
def test_ways_of_authentication_that_are_none(arguments: Any, words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        namespace.authentication(*arguments)
