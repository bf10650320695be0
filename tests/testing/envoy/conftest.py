"""Plugins written as WebAssembly text, each as small as what it does."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.image.formats import FORMATS, ImageContents
from hatch_wasm_oci.wasm.envoy_binary import find_envoy
from hatch_wasm_oci.wasm.module import Module

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_wasm_oci.image.manifest import Image

# Memory: 0 to 99 for results of host calls, texts from 100, what the host hands over from 4096.
PLUGIN = """(module
 (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
 (import "env" "proxy_get_buffer_bytes" (func $buffer (param i32 i32 i32 i32 i32) (result i32)))
 (import "env" "proxy_add_header_map_value" (func $add (param i32 i32 i32 i32 i32) (result i32)))
 (import "env" "proxy_send_local_response"
  (func $answer (param i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
 (import "env" "proxy_http_call" (func $call (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
 (import "env" "proxy_continue_stream" (func $continue (param i32) (result i32)))
 (import "env" "proxy_set_effective_context" (func $context (param i32) (result i32)))
 (import "env" "proxy_define_metric" (func $define (param i32 i32 i32 i32) (result i32)))
 (import "env" "proxy_increment_metric" (func $increment (param i32 i64) (result i32)))
 {memory}
 (global $free (mut i32) (i32.const 4096))
 (global $stream (mut i32) (i32.const 0))
 (func (export "proxy_abi_version_0_2_1"))
 (func (export "proxy_on_memory_allocate") (param i32) (result i32)
  global.get $free
  (global.set $free (i32.add (global.get $free) (i32.and (i32.add (local.get 0) (i32.const 7)) (i32.const -8)))))
 (func (export "proxy_on_context_create") (param i32 i32))
 (func (export "proxy_on_vm_start") (param i32 i32) (result i32) i32.const 1)
 (func (export "proxy_on_configure") (param i32 i32) (result i32) {configure} i32.const 1)
 (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) {request} i32.const 0)
 (func (export "proxy_on_response_headers") (param i32 i32 i32) (result i32) {response} i32.const 0)
 {more}
 {data}
)"""
DATA = """
 (data (i32.const 100) "x-plugin") (data (i32.const 120) "served") (data (i32.const 140) "two\\0alines")
 (data (i32.const 160) "no entry") (data (i32.const 180) "authz")
 (data (i32.const 200)
  "\\03\\00\\00\\00\\05\\00\\00\\00\\06\\00\\00\\00\\07\\00\\00\\00\\03\\00\\00\\00\\0a\\00\\00\\00\\01\\00\\00\\00"
  ":path\\00/check\\00:method\\00GET\\00:authority\\00a\\00")
"""


def wat(request: str = "", response: str = "", configure: str = "", more: str = "", *, memory: bool = True) -> str:
    text = PLUGIN.replace("{memory}", '(memory (export "memory") 2)' if memory else "")
    for name, code in {"request": request, "response": response, "configure": configure, "more": more}.items():
        text = text.replace(f"{{{name}}}", code)
    return text.replace("{data}", DATA if memory else "")


# The configuration, to the addresses 0 (where it is) and 4 (its size).
_READ = "(drop (call $buffer (i32.const 7) (i32.const 0) (local.get 1) (i32.const 0) (i32.const 4)))"
_TEXT = "(i32.load (i32.const 0)) (i32.load (i32.const 4))"

SOURCES = {
    # Adds x-plugin with its configuration to requests and answers, and logs it.
    "adds": wat(
        request=f"(drop (call $add (i32.const 0) (i32.const 100) (i32.const 8) {_TEXT}))",
        response=f"(drop (call $add (i32.const 2) (i32.const 100) (i32.const 8) {_TEXT}))",
        configure=f"{_READ} (drop (call $log (i32.const 2) {_TEXT}))",
    ),
    "counts": wat(
        configure="(drop (call $define (i32.const 0) (i32.const 120) (i32.const 6) (i32.const 8)))",
        request="(drop (call $increment (i32.load (i32.const 8)) (i64.const 2)))"
        "(drop (call $log (i32.const 3) (i32.const 140) (i32.const 9)))",
        more='(func (export "proxy_on_log") (param i32)'
        " (drop (call $increment (i32.load (i32.const 8)) (i64.const 5))))",
    ),
    "answers": wat(
        request="(drop (call $answer (i32.const 403) (i32.const 0) (i32.const 0) (i32.const 160) (i32.const 8)"
        " (i32.const 0) (i32.const 0) (i32.const -1)))"
    ),
    # Asks the cluster `authz` before it lets a request go on.
    "asks": wat(
        request="(global.set $stream (local.get 0))"
        "(drop (call $call (i32.const 180) (i32.const 5) (i32.const 200) (i32.const 66) (i32.const 0) (i32.const 0)"
        " (i32.const 0) (i32.const 0) (i32.const 5000) (i32.const 12))) (return (i32.const 1))",
        more='(func (export "proxy_on_http_call_response") (param i32 i32 i32 i32 i32)'
        " (drop (call $context (global.get $stream))) (drop (call $continue (i32.const 0))))",
    ),
    "traps": wat(request="unreachable"),
    "never returns": wat(request="(loop (br 0))"),
    "crashes": wat(request="(drop (call $log (i32.const 2) (i32.const 0) (i32.const 1)))", memory=False),
    "crashes afterwards": wat(
        more='(func (export "proxy_on_log") (param i32) (drop (call $log (i32.const 2) (i32.const 0) (i32.const 1))))',
        memory=False,
    ),
    "refuses": wat(configure=f"{_READ} (drop (call $log (i32.const 4) {_TEXT})) (return (i32.const 0))"),
    "never starts": wat(configure="(loop (br 0))"),
}


@pytest.fixture(scope="session")
def program() -> Path:
    try:
        return find_envoy()
    except SettingsError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def image() -> Callable[[str], Image]:
    wasmtime = pytest.importorskip("wasmtime")

    def make(name: str) -> Image:
        module = Module(bytes(wasmtime.wat2wasm(SOURCES[name])))
        made: Image = FORMATS["oci"].build(ImageContents(module))
        return made

    return make
