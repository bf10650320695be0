"""What the filter does, tested in this process: no proxy, no port."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.testing import PluginFailedError, Response

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing import WasmImage, WasmPlugin


def test_the_configuration_becomes_a_header(wasm_plugin: Callable[..., WasmPlugin], wasm_image: WasmImage) -> None:
    plugin = wasm_plugin(wasm_image, configuration="from the test")
    exchange = plugin.exchange(upstream=Response(200, {"x-hatch-wasm": "from upstream"}, "hello"))
    assert exchange.status == 200
    assert exchange.headers.every("x-hatch-wasm") == ["from upstream", "from the test"]
    assert exchange.body == b"hello"


def test_the_request_header_comes_back(wasm_plugin: Callable[..., WasmPlugin], wasm_image: WasmImage) -> None:
    plugin = wasm_plugin(wasm_image)
    assert plugin.exchange({"x-echo": "one"}, upstream=Response(404, {"x-echo": "two"})).headers["x-echo"] == "one"
    assert "x-echo" not in plugin.exchange().headers


def test_streams_that_overlap_stay_apart(wasm_plugin: Callable[..., WasmPlugin], wasm_image: WasmImage) -> None:
    plugin = wasm_plugin(wasm_image)
    with plugin.stream() as one, plugin.stream() as other:
        for stream, echo in ((one, "1"), (other, "2")):
            stream.request_headers({"x-echo": echo}, end_of_stream=True)
        for stream in (other, one):
            stream.response_headers(end_of_stream=True)
        assert one.client.headers == {":status": "200", "x-hatch-wasm": "hello", "x-echo": "1"}
        assert other.client.headers == {":status": "200", "x-hatch-wasm": "hello", "x-echo": "2"}


@pytest.mark.parametrize("configuration", ["two\nlines", "x" * 4097])
def test_what_can_not_be_a_header_is_refused(
    wasm_plugin: Callable[..., WasmPlugin], wasm_image: WasmImage, configuration: str
) -> None:
    with pytest.raises(PluginFailedError, match="proxy_on_configure returned 0") as caught:
        wasm_plugin(wasm_image, configuration=configuration)
    assert caught.value.envoy == "Failed to configure base Wasm plugin"
