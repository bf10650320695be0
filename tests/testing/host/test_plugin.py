from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.errors import ModuleError, SettingsError
from hatch_wasm_oci.testing import HostUsageError, PluginFailedError, WasmPlugin
from hatch_wasm_oci.wasm.module import Module

from .probe import Ask, Kept, Out, pairs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CALL = ("proxy_http_call", pairs([(":path", "/check"), (":method", "GET"), (":authority", "a")]))


def call(cluster: str = "authz", timeout: int = 500) -> Ask:
    return Ask("call", CALL[0], (cluster, CALL[1], "", pairs([]), timeout, Kept(0)))


GO_ON = [
    Ask("status", "proxy_get_header_map_value", (6, ":status", Out(0), Out(1)), "bytes"),
    Ask("stream", "proxy_set_effective_context", (2,)),
    Ask("go on", "proxy_continue_stream", (0,)),
]


def test_it_takes_a_module_in_every_form(module: Callable[..., bytes], make_wasm_image: Any, tmp_path: Path) -> None:
    data = module(configure=[])
    path = tmp_path / "plugin.wasm"
    path.write_bytes(data)
    image = make_wasm_image(wasm=data)
    for source in (
        data,
        bytearray(data),
        Module(data),
        path,
        str(path),
        image,
        image.report,
        image.image,
        image.archive,
    ):
        with WasmPlugin(source) as plugin:
            assert [line.message for line in plugin.logs] == ["proxy_on_configure(0)"]
    with pytest.raises(ModuleError):
        WasmPlugin(b"text")


def test_it_is_started_and_configured(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    get = [Ask(f"buffer {kind}", "proxy_get_buffer_bytes", (kind, 0, 99, Out(0), Out(1)), "bytes") for kind in (6, 7)]
    plugin = wasm_plugin(
        module(vm_start=get[:1], configure=get), configuration="für mich", vm_configuration=b"vm", log_level="info"
    )
    assert [str(line) for line in plugin.logs] == [
        "info     proxy_on_vm_start(2)",
        "info     vm_start: buffer 6=0 vm",
        "info     proxy_on_configure(9)",
        "info     configure: buffer 6=0 vm",
        "info     configure: buffer 7=0 f\\195;\\188;r mich",
    ]


@pytest.mark.parametrize(
    ("callback", "line"),
    [("vm_start", "Failed to start base Wasm"), ("configure", "Failed to configure base Wasm plugin")],
)
def test_what_envoy_refuses_is_refused_in_its_words(compiled: Callable[[str], bytes], callback: str, line: str) -> None:
    pieces = '(func (export "proxy_abi_version_0_2_1")) (func (export "malloc") (param i32) (result i32) local.get 0)'
    body = f'(func (export "proxy_on_{callback}") (param i32 i32) (result i32)'
    for answer, problem in (
        ("local.get 1)", "returned 0"),
        ("(i32.div_u (i32.const 1) (local.get 1)))", "divide by zero"),
    ):
        with pytest.raises(PluginFailedError, match=problem) as caught:
            WasmPlugin(compiled(f"(module {pieces} {body} {answer})"))
        assert (caught.value.envoy, caught.value.outcome) == (line, "refuses")
        assert f"Envoy says: {line}" in str(caught.value)


def test_the_linters_errors_come_first(compiled: Callable[[str], bytes]) -> None:
    with pytest.raises(PluginFailedError, match="WO301") as caught:
        WasmPlugin(compiled("(module)"))
    assert caught.value.envoy == "Missing or unknown Proxy-Wasm ABI version"
    again = pickle.loads(pickle.dumps(caught.value))
    assert (str(again), again.outcome) == (str(caught.value), "refuses")


def test_a_function_that_an_older_envoy_lacks_is_missing_there(
    compiled: Callable[[str], bytes], wasm_plugin: Any
) -> None:
    data = compiled(
        '(module (import "wasi_snapshot_preview1" "fd_sync" (func (param i32) (result i32)))'
        '(func (export "proxy_abi_version_0_2_1")) (func (export "malloc") (param i32) (result i32) local.get 0))'
    )
    wasm_plugin(data)
    with pytest.raises(PluginFailedError, match="WO208"):
        wasm_plugin(data, envoy="1.36")


def test_a_call_waits_for_its_answer(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    plugin = wasm_plugin(
        module({"request_headers": (1,)}, request_headers=[call()], http_call_response=GO_ON), upstreams={"authz"}
    )
    exchange = plugin.exchange({":path": "/x"})
    (waiting,) = plugin.calls
    assert (exchange.paused, exchange.status, exchange.upstream_request) == (True, None, None)
    assert (waiting.cluster, waiting.method, waiting.path, waiting.answered) == ("authz", "GET", "/check", False)
    waiting.respond(403, {"x": "y"}, "no")
    assert (exchange.paused, exchange.status, exchange.upstream_request.path) == (False, 200, "/x")
    assert "http_call_response: status=0 403" in [line.message for line in plugin.logs]
    with pytest.raises(HostUsageError, match="answered before"):
        waiting.respond()


def test_a_cluster_that_does_not_exist_is_a_bad_argument(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    plugin = wasm_plugin(module(request_headers=[call("nowhere")]), upstreams={"authz"})
    plugin.exchange()
    assert plugin.logs[-1].message == "request_headers: call=2"
    assert plugin.calls == []


def test_a_call_times_out_when_its_time_has_come(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    data = module({"request_headers": (1,)}, request_headers=[call()], http_call_response=GO_ON)
    plugin = wasm_plugin(data, upstreams={"authz"})
    exchange = plugin.exchange()
    plugin.advance(0.4)
    assert exchange.paused
    plugin.advance(0.1)
    assert "http_call_response: status=0 504" in [line.message for line in plugin.logs]
    assert exchange.status == 200
    reset = wasm_plugin(data, upstreams={"authz"})
    exchange = reset.exchange()
    reset.calls[0].fail()
    assert "http_call_response: status=2 " in [line.message for line in reset.logs]
    assert exchange.status == 200


def test_ticks_come_with_the_time(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    period = Ask("period", "proxy_set_tick_period_milliseconds", (250,))
    plugin = wasm_plugin(module(configure=[period], tick=[]))
    start = plugin.clock.now
    assert plugin.tick_period == 250
    plugin.tick()
    plugin.advance(0.6)
    assert [line.message for line in plugin.logs].count("proxy_on_tick()") == 3
    assert plugin.clock.now - start == 850_000_000
    with pytest.raises(HostUsageError, match="no tick period"):
        wasm_plugin(module(configure=[])).tick()


def test_a_plugin_that_trapped_has_failed(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    trap = '(func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) unreachable)'
    plugin = wasm_plugin(module(extra=trap))
    with pytest.raises(PluginFailedError, match="unreachable") as caught:
        plugin.exchange()
    assert caught.value.envoy == "Function: proxy_on_request_headers failed: Uncaught RuntimeError: unreachable"
    assert (caught.value.outcome, plugin.failed) == ("traps", True)
    assert plugin.exchange().status == 503
    open_one = wasm_plugin(module(extra=trap), fail_open=True)
    with pytest.raises(PluginFailedError):
        open_one.exchange()
    assert open_one.exchange().status == 200


def test_a_plugin_is_shut_down(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    plugin = wasm_plugin(module(done=[], delete=[]))
    assert plugin.shut_down()
    assert [line.message for line in plugin.logs] == ["proxy_on_done()", "proxy_on_delete()"]
    slow = wasm_plugin(module({"done": (0,)}, done=[], delete=[], request_headers=[Ask("done", "proxy_done")]))
    assert not slow.shut_down()
    slow.exchange()
    assert "request_headers: done=0" in [line.message for line in slow.logs]
    assert slow.logs[-1].message == "proxy_on_delete()"


def test_a_foreign_function_is_the_tests(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    ask = Ask("foreign", "proxy_call_foreign_function", ("double", "ab", Out(0), Out(1)), "bytes")
    plugin = wasm_plugin(module(request_headers=[ask]), foreign_functions={"double": lambda given: given * 2})
    plugin.exchange()
    assert plugin.logs[-1].message == "request_headers: foreign=0 abab"


def test_what_the_host_lacks_says_so(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    plugin = wasm_plugin(module(request_headers=[Ask("grpc", "proxy_grpc_stream", ("a", "b", "c", pairs([]), Out(0)))]))
    plugin.exchange()
    assert [line.level for line in plugin.logs] == ["info", "warn", "info"]
    assert plugin.logs[-1].message == "request_headers: grpc=12"


def test_log_levels_are_those_that_there_are(module: Callable[..., bytes], wasm_plugin: Any) -> None:
    with pytest.raises(SettingsError, match="'loud'"):
        wasm_plugin(module(), log_level="loud")
    plugin = wasm_plugin(module(configure=[Ask("level", "proxy_get_log_level", (Out(0),), "u32")]), log_level="warn")
    assert plugin.logs == []
