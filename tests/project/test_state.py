from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hatch_wasm_oci.project import state
from hatch_wasm_oci.project.state import State
from tests.image.test_descriptor import JSON

if TYPE_CHECKING:
    from pathlib import Path


def test_a_state_comes_back(tmp_path: Path) -> None:
    written = State("a", "b", "c", {"x": [1, 2]})
    state.write(tmp_path / "s", written)
    assert state.read(tmp_path / "s") == written
    state.write(tmp_path / "s", State())
    assert state.read(tmp_path / "s") == State()


HOSTILE = [
    b"",
    b"[]",
    b"5",
    b'{"other":1}',
    b'{"compiled":5}',
    b'{"outputs":[]}',
    b'{"outputs":{"a":1}}',
    b'{"outputs":{"a":["x"]}}',
    b'{"outputs":' + b"[" * 3000 + b"]" * 3000 + b"}",
    b"x" * 10**5,
    b'{"compiled":"' + b"x" * 10**5 + b'"}',
    b"\xff",
]


@pytest.mark.parametrize("data", HOSTILE)
def test_what_can_not_be_understood_is_an_empty_state(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "s").write_bytes(data)
    assert state.read(tmp_path / "s") == State()


def test_what_is_not_there_is_an_empty_state(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert state.read(tmp_path / "s") == state.read(tmp_path) == state.read(tmp_path / "file" / "s") == State()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(st.sampled_from(["compiled", "module", "packaged", "outputs"]), JSON))
def test_any_json_is_a_state_that_can_be_written(tmp_path: Path, value: dict[str, Any]) -> None:
    (tmp_path / "s").write_text(json.dumps(value))
    found = state.read(tmp_path / "s")
    state.write(tmp_path / "t", found)
    assert state.read(tmp_path / "t") == found


def test_a_fingerprint_is_the_same_in_every_process_and_takes_any_file_name() -> None:
    assert (
        state.fingerprint("a", [1, None], {"k": "ä"})
        == "a36265fcef172780f4fe23e7014108aecde9f360f4ef39afb84753829a232c3d"
    )
    assert state.fingerprint("\udcff") != state.fingerprint("\udcfe")
    assert state.fingerprint("a", "b") != state.fingerprint("ab", "")


def test_a_signature_tells_of_a_change(tmp_path: Path) -> None:
    path = tmp_path / "f"
    assert state.signature(path) is None
    path.write_bytes(b"x")
    first = state.signature(path)
    assert first == {"f": [1, path.stat().st_mtime_ns]}
    path.write_bytes(b"xy")
    assert state.signature(path) != first
    assert state.signature(path, tmp_path / "none") is None
