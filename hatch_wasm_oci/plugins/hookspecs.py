"""The hooks that a plugin can implement, in the order in which a build calls them.

A plugin is a module or an object with functions of these names, marked by `hatch_wasm_oci.hookimpl`. A distribution
names its plugin in the entry-point group `hatch_wasm_oci`; a project names its own files in the setting `plugins`. A
function takes only those of the arguments that it needs, by name. This package's own behaviour is a plugin too, named
`builtin`: it is registered first and therefore asked last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hatch_wasm_oci.consumers.acceptance import Consumer
    from hatch_wasm_oci.image.formats import ImageFormat
    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.image.reference import Reference
    from hatch_wasm_oci.project.report import PackagedImage
    from hatch_wasm_oci.project.settings import Settings
    from hatch_wasm_oci.registry.credentials import Credential
    from hatch_wasm_oci.registry.referrers import Attach
    from hatch_wasm_oci.registry.transfer import PushReceipt
    from hatch_wasm_oci.testing.backends import RegistryBackend
    from hatch_wasm_oci.wasm.finding import Finding
    from hatch_wasm_oci.wasm.module import Module

PROJECT_NAME = "hatch_wasm_oci"
PREFIX = "wasm_oci_"

hookspec = pluggy.HookspecMarker(PROJECT_NAME)
hookimpl = pluggy.HookimplMarker(PROJECT_NAME)


@hookspec
def wasm_oci_formats() -> Mapping[str, ImageFormat] | None:
    """Register formats of images, for the setting `format`.

    Returns:
        Formats by name. One that has a built-in format's name replaces it.
    """


@hookspec(firstresult=True)
def wasm_oci_module(settings: Settings) -> Module | bytes | None:
    """Provide the module; the built-in plugin runs the compile command if it must, and reads the file.

    To post-process the module, such as by an optimiser, write a wrapper: it gets what the others returned.

    Args:
        settings: The settings of the image that is built.

    Returns:
        The module, or its bytes; None to leave it to the next plugin.
    """


@hookspec
def wasm_oci_check(settings: Settings, module: Module) -> Iterable[Finding] | None:
    """Check the module; with the setting `lint = "error"`, a finding of severity `error` ends the build.

    Args:
        settings: The settings of the image that is built.
        module: The module as it will be packaged.

    Returns:
        What is wrong with it.
    """


@hookspec
def wasm_oci_annotations(settings: Settings, module: Module) -> Mapping[str, str] | None:
    """Add annotations, which are the image's labels too; the project's own tables win over them.

    Args:
        settings: The settings of the image that is built.
        module: The module as it will be packaged.

    Returns:
        Annotations by key. Where two plugins give the same key, the one that was registered last wins.
    """


@hookspec(firstresult=True)
def wasm_oci_runtime_config(settings: Settings, module: Module) -> Mapping[str, Any] | bytes | None:
    """Provide the runtime configuration; the built-in plugin takes it from the setting `runtime-config`.

    Args:
        settings: The settings of the image that is built.
        module: The module as it will be packaged.

    Returns:
        A JSON object, or the bytes of one; None to leave it to the next plugin.
    """


@hookspec
def wasm_oci_packaged(settings: Settings, packaged: PackagedImage) -> None:
    """Be told that an image was written; not called where the one of an earlier build still serves.

    Args:
        settings: The settings of the image that was built.
        packaged: Where archive and report are, and what they hold.
    """


@hookspec(firstresult=True)
def wasm_oci_credentials(registry: str, repository: str) -> Credential | tuple[str, str] | None:
    """Provide the credential for a registry, after what was given by hand and before podman's and Docker's files.

    Args:
        registry: The registry's host, with its port if it has one.
        repository: The repository's path.

    Returns:
        A user name and a password, or a `Credential`; None to leave it to the next.
    """


@hookspec
def wasm_oci_pushed(reference: Reference, image: Image, receipt: PushReceipt, attach: Attach) -> None:
    """Be told that an image was pushed, and attach to it what refers to it, such as a signature or an SBOM.

    Args:
        reference: Where it was pushed: the first tag, with the digest.
        image: The image.
        receipt: What the push did.
        attach: Call it with an artifact type (text), the artifact's content (bytes), the content's media type (text)
            and annotations (a mapping of text to text) to push an artifact that refers to the image; it returns the
            artifact's digest (OCI image-spec 1.1, manifest.md, subject).
    """


@hookspec
def wasm_oci_consumers() -> Mapping[str, Consumer] | None:
    """Register consumers of images, for `hatch-wasm-oci verify` and `hatch_wasm_oci.verify`.

    Returns:
        The rules of consumers by name, such as those of a cluster with limits of its own. One that has a built-in
        consumer's name replaces it.
    """


@hookspec
def wasm_oci_registry_backends() -> Mapping[str, RegistryBackend] | None:
    """Register registries that tests can use, for pytest's option `--oci-registry` and its ini twin `oci_registry`.

    Returns:
        Backends by name. A backend is a function that takes the path of an empty directory (`pathlib.Path`), its own
        until the end of the session, and returns a context manager, which starts the registry, gives a
        `hatch_wasm_oci.testing.RunningRegistry` and ends the registry again. It raises
        `hatch_wasm_oci.testing.RegistryMissingError` where what it needs is not installed. One that has a built-in
        backend's name replaces it.
    """
