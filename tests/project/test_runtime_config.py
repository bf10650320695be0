from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.project import runtime_config

if TYPE_CHECKING:
    from pathlib import Path


def test_a_file_travels_as_it_is(tmp_path: Path) -> None:
    data = b'{ "type": "envoy_proxy",\n "abiVersions": ["0.2.1"], "config": {"b": 1, "a": 2} }\n'
    (tmp_path / "c.json").write_bytes(data)
    assert runtime_config.read(tmp_path / "c.json", "c.json") == data


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "is no JSON"),
        (b"[]", "is no JSON object"),
        (b'{"a":NaN}', "NaN is no number"),
        ('{"a":1}'.encode("utf-16"), "is no JSON"),
        (b'{"a":"\\ud800"}', "is no JSON"),
        (b"[" * 10**5, "is no JSON"),
        (b" " * (2**20 + 1), "has more than 1048576 bytes"),
        (b'{"type":null}', "its type is None, not a text"),
        (b'{"abiVersions":"0.2.1"}', "its abiVersions is '0.2.1', not a list"),
        (b'{"config":[]}', "its config is [], not a table"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "c.json").write_bytes(data)
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the text is looked at below
        runtime_config.read(tmp_path / "c.json", "c.json")
    assert said in str(caught.value)


def test_a_name_that_can_not_be_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="can't be read: File name too long"):
        runtime_config.read(tmp_path / ("x" * 300), "c")


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="there is no file 'c'"):
        runtime_config.read(tmp_path, "c")


@pytest.mark.parametrize("value", [{"a": float("inf")}, {"a": {1}}, {"a": "\ud800"}, {"a": "x" * 2**20}, {"config": 1}])
def test_a_table_that_json_can_not_hold_is_refused(value: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="it"):
        runtime_config.encode(value)


@given(st.dictionaries(st.text(), st.none() | st.integers() | st.text() | st.lists(st.booleans())))
def test_what_is_encoded_is_a_configuration(value: dict[str, Any]) -> None:
    try:
        data = runtime_config.encode(value)
    except ValueError:
        return
    runtime_config.check(data, "it")


@given(st.binary(max_size=50))
def test_any_bytes_are_a_configuration_or_refused(data: bytes) -> None:
    try:
        runtime_config.check(data, "it")
    except ValueError as error:
        assert str(error)  # noqa: PT017 - either outcome is right
