from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.hatch import display
from hatch_wasm_oci.project.package import package
from tests.samples import core_module, plugins, settings_in

if TYPE_CHECKING:
    from pathlib import Path


class App:
    def __init__(self) -> None:
        self.lines: list[str] = []

    def display_info(self, line: str) -> None:
        self.lines.append(f"info {line}")

    def display_warning(self, line: str) -> None:
        self.lines.append(f"warning {line}")


def test_what_was_made_is_shown_in_one_line_and_findings_after_it(tmp_path: Path) -> None:
    (tmp_path / "plugin.wasm").write_bytes(core_module(["x"], size=12_345))
    packaged = package(settings_in(tmp_path, compression="store", lint="warn"), plugins())
    app = App()
    display.packaged(app, packaged)
    display.packaged(app, replace(packaged, unchanged=True, findings=()))
    digest = packaged.manifest_digest
    assert app.lines[0] == f"info wasm-oci: demo-1.0.oci.tar {digest} (12.3 kB → {display.size(packaged.layer_size)})"
    assert app.lines[1].startswith("warning wasm-oci: error WO301: The module exports no function")
    assert app.lines[2:] == [f"info wasm-oci: demo-1.0.oci.tar {digest} (unchanged)"]


def test_each_line_of_an_error_says_whose_it_is() -> None:
    assert display.error(SettingsError(["a: x", "b: y"])) == "wasm-oci: a: x\nwasm-oci: b: y"


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (999_949, "999.9 kB"),
        (1_000_000, "1.0 MB"),
        (32 * 10**6, "32.0 MB"),
    ],
)
def test_sizes(count: int, text: str) -> None:
    assert display.size(count) == text
