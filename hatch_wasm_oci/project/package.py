"""The main job: settings and plugins in, an image in its archive out."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from hatch_wasm_oci import __version__
from hatch_wasm_oci.errors import ImageError, ModuleError, PluginError
from hatch_wasm_oci.image.formats import ImageContents, ImageFormat
from hatch_wasm_oci.project import output, report, runtime_config, state
from hatch_wasm_oci.wasm.finding import Finding
from hatch_wasm_oci.wasm.module import Module

if TYPE_CHECKING:
    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.plugins.manager import Plugins
    from hatch_wasm_oci.project.report import PackagedImage
    from hatch_wasm_oci.project.settings import Settings


def formats(plugins: Plugins) -> dict[str, ImageFormat]:
    """Return the formats that plugins register, by name.

    Args:
        plugins: The plugins.

    Raises:
        PluginError: One of them registers something else.
    """
    found: dict[str, ImageFormat] = {}
    for registered in reversed(plugins.call("wasm_oci_formats")):
        if not isinstance(registered, Mapping) or not all(isinstance(one, ImageFormat) for one in registered.values()):
            raise _wrong_result(plugins, "wasm_oci_formats", "something else than a mapping of names to ImageFormat")
        found.update(registered)
    return found


def package(settings: Settings, plugins: Plugins) -> PackagedImage:
    """Make the image of a project, as an archive and a report beside it, unless it is there already.

    Args:
        settings: The settings.
        plugins: The plugins that take part.

    Returns:
        What was made, or what an earlier build of the same inputs had made.

    Raises:
        WasmOciError: Any of its subclasses but RegistryError; nothing half-made is left.
    """
    module = _module(settings, plugins)
    # What this package itself finds depends on what the fingerprint covers; other plugins may look at anything.
    findings = _findings(settings, plugins, module) if plugins.implementers("wasm_oci_check") else None
    contents = _contents(settings, plugins, module)
    fingerprint = _fingerprint(settings, plugins, contents, findings)
    image_format = formats(plugins)[settings.format]
    path = settings.output_directory / f"{settings.stem}{image_format.suffix}"
    last = state.read(settings.state_path)
    if last.packaged == fingerprint and last.outputs == state.signature(path, settings.report_path):
        try:
            return replace(report.read(settings.report_path), unchanged=True)
        except ImageError:
            pass  # somebody else's file of the same size and time: write ours again
    from hatch_wasm_oci.image import archive  # an unchanged build has no need of it

    findings = _findings(settings, plugins, module) if findings is None else findings
    image = _build(plugins, image_format, contents)
    packaged = report.describe(settings, contents, image, path, findings)
    pieces = archive.write(image, _names(settings), settings.time)
    output.write({path: pieces, settings.report_path: [report.write(packaged)]})
    plugins.call("wasm_oci_packaged", settings=settings, packaged=packaged)
    # After the hook: where it failed, the next build must call it again.
    outputs = state.signature(path, settings.report_path)
    state.write(settings.state_path, last._replace(packaged=fingerprint, outputs=outputs))
    return packaged


def clean(settings: Settings, plugins: Plugins) -> None:
    """Remove the outputs of all versions and formats of an image, and no other file.

    Args:
        settings: The settings.
        plugins: The plugins, for the formats that there may be.

    Raises:
        OutputError: A file can't be removed.
    """
    suffixes = {image_format.suffix for image_format in formats(plugins).values()}
    directory = settings.output_directory
    ours = [settings.state_path, settings.report_path]
    for path in sorted(directory.glob(f"{settings.name}-*.json")):
        try:
            packaged = report.read(path)
        except ImageError:
            continue
        if packaged.name == settings.name and path.stem == f"{packaged.name}-{packaged.version}":
            others = (directory / f"{path.stem}{suffix}" for suffix in suffixes)
            ours += [path, directory / f".{path.stem}.state", *others]
    ours += [directory / f"{settings.stem}{suffix}" for suffix in suffixes]
    output.remove(dict.fromkeys(ours), settings.project.root)


def _module(settings: Settings, plugins: Plugins) -> Module:
    result = plugins.call("wasm_oci_module", settings=settings)
    if isinstance(result, (bytes, bytearray, memoryview)):
        result = Module(result, "what wasm_oci_module returned")
    if not isinstance(result, Module):
        raise _wrong_result(plugins, "wasm_oci_module", "neither a Module nor bytes")
    return result


def _findings(settings: Settings, plugins: Plugins, module: Module) -> list[Finding]:
    if settings.lint == "off":
        return []
    findings: list[Finding] = []
    for result in plugins.call("wasm_oci_check", settings=settings, module=module):
        # A generator raises only here, outside of the call.
        found = plugins.guard("wasm_oci_check", functools.partial(list, result))
        if not all(map(_is_finding, found)):
            raise _wrong_result(plugins, "wasm_oci_check", "something else than findings")
        findings += found
    findings.sort(key=lambda finding: finding.severity != "error")
    if settings.lint == "error" and any(finding.severity == "error" for finding in findings):
        lines = "\n".join(str(finding) for finding in findings if finding.severity == "error")
        raise ModuleError(f"{settings.module} is not fit to ship:\n{lines}", '\nMend it, or set lint to "warn".')
    return findings


def _contents(settings: Settings, plugins: Plugins, module: Module) -> ImageContents:
    derived: dict[str, str] = {}
    for result in reversed(plugins.call("wasm_oci_annotations", settings=settings, module=module)):
        if not isinstance(result, Mapping) or not all(_is_text(text) for pair in result.items() for text in pair):
            raise _wrong_result(plugins, "wasm_oci_annotations", "something else than a mapping of text to text")
        derived.update(result)
    return ImageContents(
        module=module,
        runtime_config=_runtime_config(settings, plugins, module),
        annotations=_without_empty({**derived, **settings.annotations}),
        labels=_without_empty({**derived, **settings.labels}),
        time=settings.time,
        compression=settings.compression,
    )


def _runtime_config(settings: Settings, plugins: Plugins, module: Module) -> bytes | None:
    result = plugins.call("wasm_oci_runtime_config", settings=settings, module=module)
    if result is None:
        return None
    try:
        if isinstance(result, Mapping):
            return runtime_config.encode(result)
        if isinstance(result, bytes):
            runtime_config.check(result, "it")
            return result
    except ValueError as error:
        raise _wrong_result(
            plugins, "wasm_oci_runtime_config", f"a configuration that can't be used: {error}"
        ) from None
    raise _wrong_result(plugins, "wasm_oci_runtime_config", "neither a mapping nor bytes")


def _fingerprint(
    settings: Settings, plugins: Plugins, contents: ImageContents, findings: Iterable[Finding] | None
) -> str:
    return state.fingerprint(
        __version__,
        settings.name,
        settings.project.version,
        settings.format,
        plugins.identities,
        contents.module.sha256,
        None if contents.runtime_config is None else contents.runtime_config.hex(),
        sorted(contents.annotations.items()),
        sorted(contents.labels.items()),
        contents.time,
        contents.compression,
        _names(settings),
        settings.lint,
        settings.envoy,
        None if findings is None else [finding.to_json() for finding in findings],
    )


def _build(plugins: Plugins, image_format: ImageFormat, contents: ImageContents) -> Image:
    from hatch_wasm_oci.image.manifest import Image

    image = plugins.guard("wasm_oci_formats", functools.partial(image_format.build, contents))
    if not isinstance(image, Image):
        raise _wrong_result(plugins, "wasm_oci_formats", "a format that builds something else than an Image")
    return image


def _names(settings: Settings) -> tuple[str, ...]:
    if settings.repository:
        return tuple(map(str, settings.references))
    # What `docker load` and `podman load` show for an image that has no repository yet.
    name = settings.name.lower().strip("._-")
    return tuple(f"{name}:{tag}" for tag in settings.tags)


def _is_text(value: object) -> bool:
    try:
        return isinstance(value, str) and value.encode() is not None
    except UnicodeEncodeError:  # half of a surrogate pair
        return False


def _is_finding(value: object) -> bool:
    if not isinstance(value, Finding) or value.severity not in ("error", "warning"):
        return False
    return all(map(_is_text, value.to_json().values()))


def _without_empty(texts: Mapping[str, str]) -> dict[str, str]:
    return {key: text for key, text in texts.items() if text}


def _wrong_result(plugins: Plugins, hook: str, what: str) -> PluginError:
    return PluginError(
        f"A plugin returned {what} from {hook}; it is implemented by {plugins.implementers(hook) or 'builtin'}.",
        "Mend it, or leave it out.",
    )
