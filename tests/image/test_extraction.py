from __future__ import annotations

import contextlib
import gzip
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.errors import ImageError, RefusedError
from hatch_wasm_oci.image.descriptor import (
    DOCKER_LAYER,
    DOCKER_MANIFEST,
    OCI_LAYER,
    OCI_MANIFEST,
    WASM_CONFIG,
    WASM_CONTENT,
    Descriptor,
    sha256,
)
from hatch_wasm_oci.image.extraction import BLOB_LIMIT, extract
from hatch_wasm_oci.image.layer import runtime_config
from hatch_wasm_oci.wasm.module import MODULE_LIMIT
from tests.consumers.images import DIR, MODULE, REG, plugin, tar

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.image.descriptor import Buffer

TYPES = [OCI_LAYER, DOCKER_LAYER, WASM_CONTENT, WASM_CONFIG, "application/vnd.oci.image.layer.v1.tar+zstd", ""]


def sized(media_type: str, size: int) -> Descriptor:
    return Descriptor(media_type, sha256(b""), size)


def nothing(_descriptor: Descriptor) -> Buffer:
    raise AssertionError("it is not to be asked for")


@pytest.mark.parametrize(
    ("media_type", "layers", "code", "said"),
    [
        (OCI_MANIFEST, [sized(OCI_LAYER, BLOB_LIMIT + 1)], "too-large", "failed to read plugin.wasm: unexpected EOF"),
        (DOCKER_MANIFEST, [sized(DOCKER_LAYER, BLOB_LIMIT + 1)], "too-large", "unexpected EOF"),
        (
            "",
            [sized(WASM_CONFIG, 2), sized(WASM_CONTENT, MODULE_LIMIT + 1)],
            "truncated",
            "could not parse as oci variant: wasm layer size exceeds maximum size 268435456",
        ),
        (OCI_MANIFEST, [], "no-layers", "number of layers must be greater than zero"),
        (DOCKER_MANIFEST, [], "no-layers", "as Docker container number of layers must be greater than zero"),
        (OCI_MANIFEST, [sized(WASM_CONTENT, 8)] * 3, "layer-count", "number of layers must be 2 but got 3"),
    ],
)
def test_what_is_refused_before_it_is_fetched(media_type: str, layers: list[Descriptor], code: str, said: str) -> None:
    with pytest.raises(RefusedError) as caught:
        extract(media_type, layers, nothing)
    assert caught.value.code == code
    assert said in " ".join(caught.value.said)


@pytest.mark.parametrize(
    ("media_type", "remedy"),
    [
        ("application/vnd.oci.image.layer.v1.tar+zstd", "compression=gzip"),
        ("application/vnd.docker.image.rootfs.diff.tar.zstd", "compression=gzip"),
        ("application/vnd.oci.image.layer.v1.tar", "--dest-compress"),
        ("application/vnd.docker.image.rootfs.diff.tar", "--dest-compress"),
        ("application/vnd.oci.image.layer.nondistributable.v1.tar+gzip", "from scratch"),
        (DOCKER_LAYER, "skopeo copy --format oci"),
        ("application/octet-stream", "Build the image again."),
    ],
)
def test_each_type_of_layer_has_its_remedy(media_type: str, remedy: str) -> None:
    with pytest.raises(RefusedError) as caught:
        extract(OCI_MANIFEST, [sized(media_type, 8)], nothing)
    assert remedy in caught.value.remedy


def test_a_type_of_layer_from_outside_is_shown_short_and_harmless() -> None:
    with pytest.raises(RefusedError) as caught:
        extract(OCI_MANIFEST, [sized("\x1b[2J" + "x" * 10**6, 8)], nothing)
    text = " ".join((caught.value.problem, *caught.value.said))
    assert text.isprintable()
    assert len(text) < 1500


@given(
    st.sampled_from([OCI_MANIFEST, DOCKER_MANIFEST, ""]),
    st.lists(st.tuples(st.sampled_from(TYPES), st.binary(max_size=200)), max_size=3),
    st.sampled_from([bytes, gzip.compress]),
)
def test_any_layers_are_read_or_refused(media_type: str, parts: list[Any], pack: Callable[[bytes], bytes]) -> None:
    blobs = {}
    layers = []
    for kind, data in parts:
        stream = pack(data)
        layers.append(Descriptor(kind, sha256(stream), len(stream)))
        blobs[sha256(stream)] = stream
    with contextlib.suppress(RefusedError):
        extracted = extract(media_type, layers, lambda layer: blobs[layer.digest])
        assert bytes(extracted.data) in blobs.values()  # no bytes of so few are a tar


def test_what_can_not_be_had_is_no_refusal() -> None:
    def broken(_descriptor: Descriptor) -> Buffer:
        raise ImageError("It is damaged.")

    with pytest.raises(ImageError, match="It is damaged") as caught:
        extract(OCI_MANIFEST, [sized(OCI_LAYER, 8)], broken)
    assert not isinstance(caught.value, RefusedError)


def test_the_runtime_configuration_is_found_where_it_is_one() -> None:
    def packed(*entries: tuple[str, bytes, bytes]) -> bytes:
        return gzip.compress(tar(*entries))

    module = ("plugin.wasm", REG, MODULE)
    assert runtime_config(packed(module, ("a/runtime-config.json", REG, b'{"a":1}'))) == b'{"a":1}'
    assert runtime_config(packed(("runtime-config.json", REG, b"{}"), module)) == b"{}"
    assert runtime_config(packed(module)) is None
    assert runtime_config(packed(module, ("runtime-config.json", DIR, b""))) is None
    assert runtime_config(b"no gzip") is None
    assert runtime_config(bytes(plugin().data)[:-30]) is None
