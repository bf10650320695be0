from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.testing.host.shared import SharedData

from .probe import Ask, Out

if TYPE_CHECKING:
    from collections.abc import Callable


def test_a_test_reads_and_sets_shared_data() -> None:
    data = SharedData()
    data["key"] = b"value"
    assert (dict(data), data.find("key")) == ({"key": b"value"}, (b"value", 1))
    del data["key"]
    assert not data


def test_plugins_share_what_they_are_told_to(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    get = Ask("get", "proxy_get_shared_data", ("key", Out(0), Out(1), Out(2)), "bytes")
    reader = module(request_headers=[get])
    writer = wasm_plugin(module(request_headers=[Ask("set", "proxy_set_shared_data", ("key", "value", 0))]))
    together, apart = wasm_plugin(reader, share_with=writer), wasm_plugin(reader)
    writer.exchange()
    assert writer.shared_data["key"] == b"value"
    for plugin, line in ((together, "request_headers: get=0 value"), (apart, "request_headers: get=1 ")):
        plugin.exchange()
        assert plugin.logs[-1].message == line


def test_the_listener_of_a_queue_is_told(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    listener = wasm_plugin(
        module(
            configure=[Ask("register", "proxy_register_shared_queue", ("queue", Out(0)))],
            queue_ready=[Ask("dequeue", "proxy_dequeue_shared_queue", (1, Out(0), Out(1)), "bytes")],
        )
    )
    sender = wasm_plugin(
        module(request_headers=[Ask("send", "proxy_enqueue_shared_queue", (1, "item"))]), share_with=listener
    )
    sender.exchange()
    assert [line.message for line in listener.logs][-2:] == ["proxy_on_queue_ready(1)", "queue_ready: dequeue=0 item"]
