from __future__ import annotations

import contextlib
import hashlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.errors import ImageError
from hatch_wasm_oci.image.descriptor import Blob, Descriptor, is_digest, sha256, text_mapping, verify

DIGEST = "sha256:" + "0" * 64
VALID = {"mediaType": "a/b", "digest": DIGEST, "size": 5}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)


@given(
    st.text(min_size=1, max_size=255).filter(str.isprintable),
    st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True),
    st.integers(0, 2**70),
    st.dictionaries(st.text(), st.text(), max_size=3),
)
def test_a_descriptor_comes_back(media_type: str, digest: str, size: int, annotations: dict[str, str]) -> None:
    descriptor = Descriptor(media_type, digest, size, annotations)
    assert Descriptor.from_json(descriptor.to_json(), "here") == descriptor


def test_annotations_are_written_in_order_and_only_where_there_are_some() -> None:
    assert Descriptor("a/b", DIGEST, 5).to_json() == VALID
    assert list(Descriptor("a/b", DIGEST, 5, {"z": "", "a": ""}).to_json()["annotations"]) == ["a", "z"]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"mediaType": None}, "here.mediaType is None"),
        ({"mediaType": ""}, "here.mediaType is ''"),
        ({"mediaType": "a/\x1b[2J"}, "here.mediaType is 'a/\\x1b[2J'"),
        ({"mediaType": "a/" + "b" * 254}, "here.mediaType is 'a/bbb"),
        ({"mediaType": ["x"] * 10**5}, "here.mediaType is "),
        ({"digest": "sha256:" + "A" * 64}, "here.digest is "),
        ({"digest": DIGEST + "\n"}, "here.digest is "),
        ({"digest": "md5:" + "0" * 32}, "here.digest is "),
        ({"digest": 5}, "here.digest is 5"),
        ({"size": True}, "here.size is True"),
        ({"size": -1}, "here.size is -1"),
        ({"size": 5.0}, "here.size is 5.0"),
        ({"size": "5"}, "here.size is '5'"),
        ({"size": -(10**4200)}, "here.size is "),
        ({"annotations": []}, "here.annotations is not"),
        ({"annotations": {"a": 1}}, "here.annotations is not"),
        ({"annotations": "ab"}, "here.annotations is not"),
    ],
)
def test_a_field_of_the_wrong_kind_is_named(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ImageError) as caught:
        Descriptor.from_json({**VALID, **changes}, "here")
    assert caught.value.problem.startswith(said)
    assert len(str(caught.value)) < 1000


@given(JSON, st.sampled_from(["mediaType", "digest", "size", "annotations", "other"]))
def test_any_json_is_a_descriptor_or_refused(value: Any, key: str) -> None:
    for candidate in (value, {**VALID, key: value}):
        with contextlib.suppress(ImageError):
            Descriptor.from_json(candidate, "here")


def test_digests() -> None:
    assert sha256(b"a", bytearray(b"b"), memoryview(b"c")) == "sha256:" + hashlib.sha256(b"abc").hexdigest()
    assert is_digest(sha256())
    assert is_digest("sha512:" + "0" * 128)
    for other in ("sha256:", "sha512:" + "0" * 64, "0" * 64, None, b"sha256:", DIGEST + "0"):
        assert not is_digest(other)


def test_bytes_are_verified_by_size_and_digest() -> None:
    for algorithm in ("sha256", "sha512"):
        verify(b"abc", f"{algorithm}:{hashlib.new(algorithm, b'abc').hexdigest()}", 3, "layer")
    with pytest.raises(ImageError, match=r"The layer has 3 bytes where its descriptor says 4\."):
        verify(b"abc", sha256(b"abc"), 4, "layer")
    with pytest.raises(ImageError, match="The layer has the digest sha256:ba78"):
        verify(b"abc", sha256(b"abd"), 3, "layer")


def test_a_blob_describes_its_bytes() -> None:
    blob = Blob.of("a/b", b"abc", title="x")
    assert blob.descriptor == Descriptor("a/b", sha256(b"abc"), 3, {"title": "x"})
    assert "abc" not in repr(blob)[len("Blob(descriptor=") :].replace(sha256(b"abc"), "")


def test_a_mapping_of_texts_is_one_or_refused() -> None:
    assert text_mapping(None, "here") == {}
    assert text_mapping({"a": "b"}, "here") == {"a": "b"}
    others: list[object] = [[], 5, {"a": None}, {1: "a"}]
    for other in others:
        with pytest.raises(ImageError, match="here is not a mapping of text to text"):
            text_mapping(other, "here")
