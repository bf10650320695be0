"""Build, push and test the OCI images in which Wasm plugins travel to Istio and Envoy."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hatch_wasm_oci.api import copy as copy
    from hatch_wasm_oci.api import lint as lint
    from hatch_wasm_oci.api import package as package
    from hatch_wasm_oci.api import pull as pull
    from hatch_wasm_oci.api import push as push
    from hatch_wasm_oci.api import verify as verify
    from hatch_wasm_oci.consumers.acceptance import Acceptance as Acceptance
    from hatch_wasm_oci.consumers.acceptance import Consumer as Consumer
    from hatch_wasm_oci.consumers.acceptance import Refusal as Refusal
    from hatch_wasm_oci.consumers.candidate import Candidate as Candidate
    from hatch_wasm_oci.errors import CompileError as CompileError
    from hatch_wasm_oci.errors import EnvoyError as EnvoyError
    from hatch_wasm_oci.errors import ImageError as ImageError
    from hatch_wasm_oci.errors import InvalidReferenceError as InvalidReferenceError
    from hatch_wasm_oci.errors import ModuleError as ModuleError
    from hatch_wasm_oci.errors import OutputError as OutputError
    from hatch_wasm_oci.errors import PluginError as PluginError
    from hatch_wasm_oci.errors import RegistryError as RegistryError
    from hatch_wasm_oci.errors import SettingsError as SettingsError
    from hatch_wasm_oci.errors import WasmOciError as WasmOciError
    from hatch_wasm_oci.image.descriptor import Blob as Blob
    from hatch_wasm_oci.image.descriptor import Descriptor as Descriptor
    from hatch_wasm_oci.image.formats import ImageContents as ImageContents
    from hatch_wasm_oci.image.formats import ImageFormat as ImageFormat
    from hatch_wasm_oci.image.manifest import Image as Image
    from hatch_wasm_oci.image.manifest import Manifest as Manifest
    from hatch_wasm_oci.image.reference import Reference as Reference
    from hatch_wasm_oci.plugins.hookspecs import hookimpl as hookimpl
    from hatch_wasm_oci.project.report import PackagedImage as PackagedImage
    from hatch_wasm_oci.project.settings import Project as Project
    from hatch_wasm_oci.project.settings import Settings as Settings
    from hatch_wasm_oci.registry.credentials import Credential as Credential
    from hatch_wasm_oci.registry.transfer import PushReceipt as PushReceipt
    from hatch_wasm_oci.wasm.finding import Finding as Finding
    from hatch_wasm_oci.wasm.module import Module as Module

__version__ = "0.1.0"

_HOMES = {
    "api": ("copy", "lint", "package", "pull", "push", "verify"),
    "consumers.acceptance": ("Acceptance", "Consumer", "Refusal"),
    "consumers.candidate": ("Candidate",),
    "errors": (
        "CompileError",
        "EnvoyError",
        "ImageError",
        "InvalidReferenceError",
        "ModuleError",
        "OutputError",
        "PluginError",
        "RegistryError",
        "SettingsError",
        "WasmOciError",
    ),
    "image.descriptor": ("Blob", "Descriptor"),
    "image.formats": ("ImageContents", "ImageFormat"),
    "image.manifest": ("Image", "Manifest"),
    "image.reference": ("Reference",),
    "plugins.hookspecs": ("hookimpl",),
    "project.report": ("PackagedImage",),
    "project.settings": ("Project", "Settings"),
    "registry.credentials": ("Credential",),
    "registry.transfer": ("PushReceipt",),
    "wasm.finding": ("Finding",),
    "wasm.module": ("Module",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: PLE0604 - all of them are text
    "__version__",
    *_HOME_OF,
]


def __getattr__(name: str) -> Any:
    # Loaded when first asked for: a build hook must not pay for requests, nor a test run for the builder.
    home = _HOME_OF.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
