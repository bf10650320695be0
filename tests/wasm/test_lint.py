"""What the linter says of modules made by hand; test_agreement.py compares far more of them with real Envoys."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.wasm.lint import lint

if TYPE_CHECKING:
    from collections.abc import Iterable

HEADERS = (b"\x60\3\x7f\x7f\x7f\1\x7f", b"\4\0\x41\0\x0b")


def _with_functions(wasm: Any, functions: Iterable[tuple[str, bytes, bytes]]) -> bytes:
    """The plugin with more exported functions: name, type, body."""
    sections = wasm.plugin_sections()
    added = list(functions)
    first_type, first_function, exports = sections[1][0], sections[3][0], sections[7]
    changed = {
        1: bytes([first_type + len(added)]) + sections[1][1:] + b"".join([each[1] for each in added]),
        3: bytes([sections[3][0] + len(added)])
        + sections[3][1:]
        + bytes([first_type + index for index in range(len(added))]),
        7: bytes([exports[0] + len(added)])
        + exports[1:]
        + b"".join([wasm.name(each[0]) + b"\0" + bytes([first_function + index]) for index, each in enumerate(added)]),
        10: bytes([sections[10][0] + len(added)]) + sections[10][1:] + b"".join([each[2] for each in added]),
    }
    return bytes(wasm.plugin(changed))


def _codes(data: bytes, envoy: str = "1.36") -> list[str]:
    return [each.code for each in lint(data, envoy=envoy)]


def _plugin(wasm: Any) -> bytes:
    return _with_functions(wasm, [("proxy_on_request_headers", *HEADERS)])


def test_a_good_plugin_has_no_findings(wasm: Any) -> None:
    assert lint(_plugin(wasm)) == ()


def test_every_kind_of_buffer_is_taken(wasm: Any) -> None:
    data = _plugin(wasm)
    for each in (bytearray(data), memoryview(data), memoryview(bytearray(data)).toreadonly()):
        assert lint(each) == ()


def test_a_finding_says_all_that_one_needs(wasm: Any) -> None:
    data = wasm.plugin({2: b"\1" + wasm.name("env") + wasm.name("abort") + b"\0\4", 1: _types_with_abort(wasm)})
    finding = lint(data)[0]
    assert finding.code == "WO201"
    assert finding.severity == "error"
    assert finding.envoy == "Failed to load Wasm module due to a missing import: env.abort"
    assert "asc --use abort=" in finding.remedy
    assert finding.to_json() == {
        "code": finding.code,
        "severity": "error",
        "message": finding.message,
        "envoy": finding.envoy,
        "why": finding.why,
        "remedy": finding.remedy,
    }
    assert all(finding.to_json().values())


def _types_with_abort(wasm: Any) -> bytes:
    types: bytes = wasm.plugin_sections()[1]
    return bytes([types[0] + 1]) + types[1:] + b"\x60\4\x7f\x7f\x7f\x7f\0"


@pytest.mark.parametrize("version", ["", "1", "x.y", "latest"])
def test_a_version_that_is_none_is_refused(wasm: Any, version: str) -> None:
    with pytest.raises(SettingsError, match="no Envoy version"):
        lint(_plugin(wasm), envoy=version)


@pytest.mark.parametrize("version", ["1.36", "v1.36.4", " 1.40.0 ", "2.0"])
def test_versions_are_read(wasm: Any, version: str) -> None:
    assert lint(_plugin(wasm), envoy=version) == ()


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("proxy_on_request_header", "proxy_on_request_headers"),
        ("proxyOnRequestHeaders", "proxy_on_request_headers"),
        ("on_request_headers", "proxy_on_request_headers"),
        ("proxy_on_http_call_reponse", "proxy_on_http_call_response"),
        ("envoy_on_resolve_dn", "envoy_on_resolve_dns"),
    ],
)
def test_a_misspelt_callback_is_told_with_the_nearest_name(wasm: Any, name: str, meant: str) -> None:
    data = _with_functions(wasm, [("proxy_on_request_headers", *HEADERS), (name, *HEADERS)])
    (finding,) = lint(data)
    assert (finding.code, finding.severity, finding.envoy) == ("WO501", "warning", "")
    assert meant in finding.message
    assert meant in finding.remedy


def test_an_export_of_the_plugins_own_is_no_mistake(wasm: Any) -> None:
    names = ["helper", "on_start", "proxy", "memory_grow", "__wasm_call_ctors"]
    data = _with_functions(wasm, [("proxy_on_request_headers", *HEADERS), *[(name, *HEADERS) for name in names]])
    assert lint(data) == ()


def test_a_plugin_without_callbacks_is_told(wasm: Any) -> None:
    assert _codes(wasm.plugin()) == ["WO509"]


def test_two_abi_versions_are_told(wasm: Any) -> None:
    data = _with_functions(
        wasm, [("proxy_on_request_headers", *HEADERS), ("proxy_abi_version_0_2_0", b"\x60\0\0", b"\2\0\x0b")]
    )
    assert _codes(data) == ["WO502"]


def test_large_debug_sections_are_told_in_the_toolchains_words(wasm: Any) -> None:
    rust = wasm.custom("producers", b"\1" + wasm.name("language") + b"\1" + wasm.name("Rust") + wasm.name(""))
    data = _plugin(wasm) + wasm.custom(".debug_info", bytes(100_000))
    (finding,) = lint(data + rust)
    assert finding.code == "WO504"
    assert "[profile.release]" in finding.remedy
    assert "99 %" in finding.message
    assert "wasm-strip" in lint(data)[0].remedy
    assert lint(_plugin(wasm) + wasm.custom(".debug_info", bytes(1000))) == ()


def test_a_command_is_told(wasm: Any) -> None:
    start = ("_start", b"\x60\0\0", b"\2\0\x0b")
    data = _with_functions(wasm, [("proxy_on_request_headers", *HEADERS), start])
    assert _codes(data) == ["WO505"]
    compiler = wasm.name("processed-by") + b"\1" + wasm.name("Go cmd/compile") + wasm.name("go1.26")
    go = wasm.custom("producers", b"\1" + compiler)
    assert _codes(data + go) == ["WO313", "WO505"]
    assert "-buildmode=c-shared" in lint(data + go)[0].remedy


def test_what_a_later_envoy_refuses_is_told(wasm: Any) -> None:
    data = _with_functions(
        wasm,
        [
            ("proxy_on_request_headers", *HEADERS),
            ("_initialize", b"\x60\0\0", b"\2\0\x0b"),
            ("__main_void", b"\x60\0\0", b"\2\0\x0b"),
        ],
    )
    assert _codes(data) == ["WO511"]
    assert _codes(data, "1.39") == ["WO305"]


def test_all_missing_imports_are_told_in_their_order_up_to_a_bound(wasm: Any) -> None:
    imports = [wasm.name("env") + wasm.name(f"f{number}") + b"\0\0" for number in range(3)]
    findings = lint(wasm.plugin({2: wasm.vector(imports)}))
    assert [each.envoy.rsplit(".", 1)[1] for each in findings if each.code == "WO201"] == ["f0", "f1", "f2"]
    imports = [wasm.name("env") + wasm.name(f"f{number}") + b"\0\0" for number in range(3000)]
    findings = lint(wasm.plugin({2: wasm.vector(imports)}))
    assert sum([each.code == "WO201" for each in findings]) == 50


def test_names_do_no_harm_to_a_terminal(wasm: Any) -> None:
    name = "\x1b[31mred\x07\n" + "x" * 10_000
    data = wasm.plugin({2: b"\1" + wasm.name("env") + wasm.name(name) + b"\0\0"})
    for finding in lint(data):
        for text in finding.to_json().values():
            assert text.isprintable()
            assert len(text) < 1000


def test_a_module_that_is_no_plugin_is_told_only_that(wasm: Any) -> None:
    assert _codes(wasm.module({})) == ["WO301"]
    imports = b"\1" + wasm.name("gojs") + wasm.name("runtime.wasmExit") + b"\0\0"
    (finding,) = lint(wasm.module({1: b"\1\x60\0\0", 2: imports}))
    assert finding.code == "WO301"
    assert "GOOS=wasip1" in finding.remedy


@given(data=st.binary(max_size=200))
def test_any_bytes_give_findings(data: bytes) -> None:
    for each in (data, b"\0asm\1\0\0\0" + data):
        assert any(finding.severity == "error" and finding.envoy for finding in lint(each))


@given(seed=st.integers(0, 2**32), count=st.integers(1, 8))
def test_a_mutated_plugin_gives_findings_or_none(wasm: Any, seed: int, count: int) -> None:
    choose = random.Random(seed)
    data = bytearray(
        _with_functions(wasm, [("proxy_on_request_headers", *HEADERS), ("_initialize", b"\x60\0\0", b"\2\0\x0b")])
        + wasm.custom("name", b"\1\4\1\0\1f")
    )
    for _ in range(count):
        at = choose.randrange(8, len(data))
        data[at : at + choose.randrange(2)] = bytes([choose.randrange(256)])
    for finding in lint(bytes(data)):
        assert finding.code.startswith("WO")
        assert (finding.severity == "warning") == finding.code.startswith("WO5")
        assert finding.message.endswith(".")
