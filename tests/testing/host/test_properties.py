from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.testing.host.headers import Headers
from hatch_wasm_oci.testing.host.properties import Unserialisable, serialise

from .probe import Ask, Out

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("text", b"text"),
        (b"\0\xff", b"\0\xff"),
        (True, b"\1"),
        (258, b"\2\1" + bytes(6)),
        (-1, b"\xff" * 8),
        (1.0, bytes(6) + b"\xf0\x3f"),
        ({}, bytes(4)),
        ({"a": "b"}, b"\1\0\0\0\1\0\0\0\1\0\0\0a\0b\0"),
        (["a"], b"\1\0\0\0\1\0\0\0\0\0\0\0a\0\0"),
        (Headers([("a", "1"), ("a", "2")]), b"\1\0\0\0\1\0\0\0\3\0\0\0a\0" + b"1,2\0"),
    ],
)
def test_values_are_written_as_envoy_does(value: Any, written: bytes) -> None:
    assert serialise(value) == written


def test_what_has_no_form_is_refused() -> None:
    with pytest.raises(Unserialisable):
        serialise(object())


def test_a_test_gives_properties(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    asked = {
        "node\0id": "0 sidecar",
        "node\0metadata\0NAME": "0 app",
        "node\0metadata\0nothing": "1 ",
        "filter_state\0a.b": "0 x",
        "request\0path": "0 /given",
        "request\0method": "0 GET",
        "upstream\0port": "0 P\\0;\\0;\\0;\\0;\\0;\\0;\\0;",
        "broken": "3 ",
    }
    asks = [Ask(path.replace("\0", "/"), "proxy_get_property", (path, Out(0), Out(1)), "bytes") for path in asked]
    plugin = wasm_plugin(
        module(request_headers=asks),
        properties={
            "node": {"id": "sidecar", "metadata": {"NAME": "app"}},
            ("filter_state", "a.b"): b"x",
            "request.path": "/given",
            "upstream.port": 80,
            "broken": object(),
        },
    )
    plugin.exchange()
    shown = [line.message.partition("=")[2] for line in plugin.logs[1:]]
    assert shown == list(asked.values())
