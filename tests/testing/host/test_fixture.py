from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.testing import HostMissingError
from hatch_wasm_oci.testing.host import engine

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]


def test_the_log_is_shown_when_a_test_fails(pytester: pytest.Pytester, module: Callable[..., bytes]) -> None:
    (pytester.path / "plugin.wasm").write_bytes(module(configure=[]))
    (pytester.path / "refused.wasm").write_bytes(module({"configure": (0, 1)}, configure=[]))
    pytester.makepyfile(
        """
        def test_passes(wasm_plugin):
            assert wasm_plugin("plugin.wasm").logs

        def test_fails(wasm_plugin):
            wasm_plugin("plugin.wasm", name="mine")
            assert False

        def test_is_refused(wasm_plugin):
            wasm_plugin("refused.wasm", name="refused")
        """
    )
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    result.assert_outcomes(passed=1, failed=2)
    result.stdout.fnmatch_lines(
        [
            "*log of the Wasm plugin 'mine'*",
            "info     proxy_on_configure(0)",
            "*PluginFailedError: *Envoy says: Failed to configure base Wasm plugin",
            "*log of the Wasm plugin 'refused'*",
            "info     proxy_on_configure(0)",
        ]
    )
    assert result.stdout.str().count("log of the Wasm plugin") == 2


def test_without_wasmtime_tests_skip_and_say_what_to_install(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wasmtime", None)
    pytester.makepyfile("def test_it(wasm_plugin): raise AssertionError")
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(['*pip install "hatch-wasm-oci?host?"*'])
    with pytest.raises(HostMissingError, match="can't be imported"):
        engine.load()
