"""This package's own behaviour, as a plugin like any other: whatever it does, another plugin can do instead."""

from __future__ import annotations

import contextlib
import re
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import ModuleError
from hatch_wasm_oci.image.formats import FORMATS, rfc3339
from hatch_wasm_oci.plugins.hookspecs import hookimpl
from hatch_wasm_oci.project import state
from hatch_wasm_oci.wasm.module import Module

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_wasm_oci.consumers.acceptance import Consumer
    from hatch_wasm_oci.image.formats import ImageFormat
    from hatch_wasm_oci.project.settings import Settings
    from hatch_wasm_oci.wasm.finding import Finding

# OCI image-spec, annotations.md, and the labels of URLs that are well known on PyPI, without case and punctuation.
_URLS = {
    "url": ("homepage", "home", "website"),
    "source": ("source", "sourcecode", "repository", "code", "github", "gitlab"),
    "documentation": ("documentation", "docs", "doc"),
}
_PREFIX = "org.opencontainers.image."


@hookimpl
def wasm_oci_formats() -> Mapping[str, ImageFormat]:
    """Register the formats of this package."""
    return FORMATS


@hookimpl
def wasm_oci_module(settings: Settings) -> Module:
    """Compile the module unless the last one still serves, and read it."""
    if settings.compile is None:
        return Module.read(settings.module_path, settings.module)
    from hatch_wasm_oci.project import compile as compiling

    fingerprint = compiling.sources_fingerprint(settings)
    last = state.read(settings.state_path)
    if last.compiled == fingerprint:
        with contextlib.suppress(ModuleError):  # it is gone, or damaged: compile it again
            module = Module.read(settings.module_path, settings.module)
            if module.sha256 == last.module:
                return module
    compiling.run(settings)
    module = Module.read(settings.module_path, settings.module)
    state.write(settings.state_path, last._replace(compiled=fingerprint, module=module.sha256))
    return module


@hookimpl
def wasm_oci_check(settings: Settings, module: Module) -> Iterable[Finding]:
    """Say what Envoy will say of the module."""
    from hatch_wasm_oci.wasm.lint import lint

    return lint(module.data, envoy=settings.envoy)


@hookimpl
def wasm_oci_annotations(settings: Settings) -> Mapping[str, str]:
    """Derive annotations from the project's metadata (OCI image-spec, annotations.md)."""
    project = settings.project
    urls = {re.sub(r"[\W_]+", "", label.lower()): url for label, url in project.urls.items()}
    values = {
        "created": rfc3339(settings.time),
        "title": settings.name,
        "description": project.description,
        "version": project.version,
        "licenses": project.license,
        "authors": ", ".join(project.authors),
        **{key: next((urls[label] for label in labels if label in urls), "") for key, labels in _URLS.items()},
    }
    return {_PREFIX + key: value for key, value in values.items() if value}


@hookimpl
def wasm_oci_consumers() -> Mapping[str, Consumer]:
    """Register the consumers that this package knows."""
    from hatch_wasm_oci.consumers.rules import CONSUMERS  # a build has no need of them

    return CONSUMERS


@hookimpl
def wasm_oci_runtime_config(settings: Settings) -> bytes | None:
    """Take the runtime configuration from the settings."""
    return settings.runtime_config
