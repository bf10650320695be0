"""What the plugin does in a real Envoy, which loads it out of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci import EnvoyError

if TYPE_CHECKING:
    from hatch_wasm_oci.testing import EnvoyRunner, WasmImage


def test_it_adds_its_header_to_every_answer(envoy: EnvoyRunner, wasm_image: WasmImage) -> None:
    with envoy(wasm_image) as proxy:
        answer = proxy.get("/")
    assert answer.status == 200
    assert answer.headers["x-hatch-wasm"] == "hello"
    assert "x-echo" not in answer.headers


def test_its_configuration_is_the_headers_value(envoy: EnvoyRunner, wasm_image: WasmImage) -> None:
    with envoy(wasm_image, configuration="good morning") as proxy:
        assert proxy.get("/").headers["x-hatch-wasm"] == "good morning"


def test_it_sends_a_header_back_and_lets_the_upstream_see_it(envoy: EnvoyRunner, wasm_image: WasmImage) -> None:
    with envoy(wasm_image) as proxy:
        answer = proxy.get("/greetings", headers={"x-echo": "is anybody there?"})
        (request,) = proxy.upstream.requests
    assert answer.headers["x-echo"] == "is anybody there?"
    assert (request.path, request.headers["x-echo"]) == ("/greetings", "is anybody there?")


def test_two_of_them_leave_two_headers(envoy: EnvoyRunner, wasm_image: WasmImage) -> None:
    first, second = (envoy.plugin(wasm_image, configuration=text) for text in ("outer", "inner"))
    with envoy(first, second) as proxy:
        # An answer passes the plugins in the reverse order.
        assert proxy.get("/").headers.every("x-hatch-wasm") == ["inner", "outer"]


def test_a_configuration_that_could_write_headers_is_refused(envoy: EnvoyRunner, wasm_image: WasmImage) -> None:
    with pytest.raises(EnvoyError, match="can't hold a line break"), envoy(wasm_image, configuration="a\r\nb: c"):
        pass
