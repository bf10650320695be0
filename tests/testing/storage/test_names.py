from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.testing.storage.names import digest_of, is_digest, is_repository, is_tag

ANY = st.text(max_size=40) | st.text("ab0._-/:", max_size=12)


@given(ANY)
def test_what_passes_is_safe_as_a_path(text: str) -> None:
    if is_repository(text):
        path = PurePosixPath(text)
        assert not path.is_absolute()
        assert not {"", ".", ".."} & set(text.split("/"))
        assert not any(part.startswith(("_", "-", ".")) for part in path.parts)
    if is_tag(text):
        assert PurePosixPath(text).name == text
        assert not text.startswith(".")
    assert not is_digest(text)


@pytest.mark.parametrize(
    "text", ["sha256:" + "a" * 64 + "\n", "sha256:" + "\u0661" * 64, "sha1:" + "a" * 40, "", ":", None, 3]
)
def test_what_is_no_digest(text: object) -> None:
    assert not is_digest(text)


@pytest.mark.parametrize("text", ["a\n", "a/b\n", "v1\n"])
def test_a_line_end_is_part_of_no_name(text: str) -> None:
    assert not is_repository(text)
    assert not is_tag(text)


@given(st.binary(max_size=50), st.sampled_from(["sha256", "sha512"]))
def test_our_digests_are_digests(data: bytes, algorithm: str) -> None:
    assert is_digest(digest_of(data, algorithm))
