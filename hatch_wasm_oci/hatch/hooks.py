"""What hatch and hatchling load first; each kind is imported when asked for, as build environments lack hatch."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatchling.plugin import hookimpl

if TYPE_CHECKING:
    from hatch_wasm_oci.hatch.build_hook import WasmOciBuildHook
    from hatch_wasm_oci.hatch.builder import WasmOciBuilder
    from hatch_wasm_oci.hatch.publisher import WasmOciPublisher


@hookimpl
def hatch_register_build_hook() -> type[WasmOciBuildHook]:
    """Register the build hook `wasm-oci`."""
    from hatch_wasm_oci.hatch.build_hook import WasmOciBuildHook

    return WasmOciBuildHook


@hookimpl
def hatch_register_builder() -> type[WasmOciBuilder]:
    """Register the builder of the target `wasm-oci`."""
    from hatch_wasm_oci.hatch.builder import WasmOciBuilder

    return WasmOciBuilder


@hookimpl
def hatch_register_publisher() -> type[WasmOciPublisher]:
    """Register the publisher `wasm-oci`; called by hatch alone, which build environments don't have."""
    from hatch_wasm_oci.hatch.publisher import WasmOciPublisher

    return WasmOciPublisher
