"""What each command does: options in, a value to print as JSON and lines to print for readers out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hatch_wasm_oci.errors import InvalidReferenceError, RegistryError

if TYPE_CHECKING:
    import argparse

    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.registry.transfer import PushReceipt

_PASSWORD_LIMIT = 64 * 1024


class Outcome(NamedTuple):
    """What a command prints when it is done: as JSON, unless the value is None, or line by line; and how it ends.

    Args:
        value: What is printed as JSON.
        lines: What is printed for readers.
        status: The exit status: 0, or 1 where a check says no.
    """

    value: Any
    lines: list[str]
    status: int = 0


def build(options: argparse.Namespace) -> Outcome:
    """Package a project's images, as `hatch build` does.

    Args:
        options: `project`, `image` and the settings that override the project's.
    """
    from hatch_wasm_oci.hatch.build import Build
    from hatch_wasm_oci.hatch.display import size

    keys = ("format", "directory", "lint", "compression")
    overrides = {key: getattr(options, key) for key in keys if getattr(options, key) is not None}
    chosen = Build(Path(options.project).absolute(), overrides=overrides)
    images = (chosen.only(options.image) if options.image else chosen).package()
    lines = []
    for image in images:
        made = "unchanged" if image.unchanged else f"module {size(image.module_size)}, layer {size(image.layer_size)}"
        lines.append(f"{image.archive} {image.manifest_digest} ({made})")
        lines += [f"  {finding.severity} {finding}" for finding in image.findings]
    value = [{**image.to_json(), "archive": str(image.archive), "unchanged": image.unchanged} for image in images]
    return Outcome(value, lines)


def push(options: argparse.Namespace) -> Outcome:
    """Push the image of an archive.

    Args:
        options: `source`, `destinations`, `tag`, and how to push and to talk to the registry.
    """
    from hatch_wasm_oci import api
    from hatch_wasm_oci.image.reference import Reference

    image, names = api.read(options.source)
    wanted = list(options.destinations or names)
    if options.tag and wanted:
        first = Reference.parse(wanted[0])
        wanted = [name for name in wanted if options.destinations and Reference.parse(name).tag] + [
            str(first.with_tag(tag)) for tag in options.tag
        ]
    elif options.destinations:
        wanted = [_tagged(name) for name in wanted]
    return _pushed(options, api.push(image, wanted, **_pushing(options), **access(options)))


def pull(options: argparse.Namespace) -> Outcome:
    """Pull an image into an archive, or its module into a file.

    Args:
        options: `reference`, `output`, `digest_file`, and how to talk to the registry.
    """
    from hatch_wasm_oci import api
    from hatch_wasm_oci.image.reference import Reference

    reference = Reference.parse(options.reference)
    image = api.pull(options.reference, **access(options))
    name = f"{reference.repository.rpartition('/')[2]}-{reference.tag or image.digest[7:19]}.oci.tar"
    path = Path(options.output or name)
    description = _description(image)  # before anything is written: it tells whether there is a module
    _write(image, path, f"{reference.name}:{reference.tag}" if reference.tag else None)
    _write_digest(options, image.digest)
    line = f"pulled {reference.name}@{image.digest} to {path}"
    return Outcome({**description, "output": str(path)}, [line])


def copy(options: argparse.Namespace) -> Outcome:
    """Copy an image from an archive or registry to an archive or registry.

    Args:
        options: `source`, `destination`, and how to push and to talk to both registries.
    """
    from hatch_wasm_oci import api

    if _is_file(options.destination):
        image = _image(options.source, access(options, "from_"))
        description = _description(image)
        _write(image, Path(options.destination), None)
        _write_digest(options, image.digest)
        value = {**description, "output": options.destination}
        return Outcome(value, [f"copied {image.digest} to {options.destination}"])
    pushing = {**_pushing(options), **access(options)}
    destination = _tagged(options.destination)
    if _is_file(options.source):
        return _pushed(options, api.push(options.source, destination, **pushing))
    origin = access(options, "from_")
    return _pushed(options, api.copy(options.source, destination, source_options=origin, **pushing))


def inspect(options: argparse.Namespace) -> Outcome:
    """Say what an image is.

    Args:
        options: `source`, and how to talk to the registry.
    """
    from hatch_wasm_oci.hatch.display import size

    value = _description(_image(options.source, access(options)))
    module = value["module"]
    lines = [
        f"manifest  {value['digest']}  {value['media_type']}",
        f"config    {value['config']['digest']}  {value['config']['mediaType']}",
        *(f"layer     {one['digest']}  {one['mediaType']}  {size(one['size'])}" for one in value["layers"]),
        f"module    sha256:{module['sha256']}  {size(module['size'])}  ABI {module['abi_version'] or 'none'}",
        *(f"annotation {key} = {text}" for key, text in value["annotations"].items()),
    ]
    return Outcome(value, lines)


def _is_file(text: str) -> bool:
    from hatch_wasm_oci.verification import is_archive

    return text.endswith(".wasm") or is_archive(text)


def _tagged(name: str) -> str:
    from hatch_wasm_oci.image.reference import Reference

    reference = Reference.parse(name)
    if reference.digest:
        raise InvalidReferenceError(f"{name} names a digest, which is not for choosing.", "Name a tag, or nothing.")
    return str(reference)


def _image(source: str, connection: dict[str, Any]) -> Image:
    from hatch_wasm_oci import api

    if _is_file(source):
        return api.read(source)[0]
    try:
        return api.pull(source, **connection)
    except InvalidReferenceError as error:
        problem = f"There is no archive {source}, and as a reference: {error.problem}"
        raise InvalidReferenceError(problem, error.remedy) from None


def _write(image: Image, path: Path, name: str | None) -> None:
    from hatch_wasm_oci.image import archive
    from hatch_wasm_oci.image.formats import DEFAULT_TIME
    from hatch_wasm_oci.project import output

    if path.suffix == ".wasm":
        output.write({path: [image.module().data]})
    else:
        output.write({path: archive.write(image, [name] if name else [], DEFAULT_TIME)})


def _write_digest(options: argparse.Namespace, digest: str) -> None:
    if options.digest_file:
        from hatch_wasm_oci.project import output

        output.write({Path(options.digest_file): [f"{digest}\n".encode()]})


def _pushed(options: argparse.Namespace, receipt: PushReceipt) -> Outcome:
    _write_digest(options, receipt.digest)
    verb = "would push" if receipt.dry_run else "pushed"
    lines = [f"{verb} {name}" for name in receipt.references]
    if not receipt.dry_run:
        counts = (("sent", receipt.uploaded), ("mounted", receipt.mounted), ("there already", receipt.present))
        blobs = ", ".join(f"{len(digests)} {words}" for words, digests in counts if digests)
        lines.append(f"blobs: {blobs}" if blobs else "the registry had all of it already")
        lines += [f"moved {tag}, which named {digest}" for tag, digest in receipt.moved]
    lines.append(f"pin it as {receipt.pinned_reference}")
    return Outcome(receipt.to_json(), lines)


def _description(image: Image) -> dict[str, Any]:
    module = image.module()
    return {
        "digest": image.digest,
        "media_type": image.manifest.media_type,
        "config": image.manifest.config.to_json(),
        "layers": [layer.to_json() for layer in image.manifest.layers],
        "annotations": dict(image.manifest.annotations),
        "module": {"sha256": module.sha256, "size": module.size, "abi_version": module.abi_version},
    }


def _pushing(options: argparse.Namespace) -> dict[str, Any]:
    return {"dry_run": options.dry_run, "overwrite": not options.no_overwrite, "chunk_size": options.chunk_size}


def access(options: argparse.Namespace, prefix: str = "") -> dict[str, Any]:
    """Take out of the options how to talk to a registry, as the Python functions have it.

    Args:
        options: What the command line says.
        prefix: What the names of the options begin with, such as `from_`.

    Raises:
        RegistryError: There is no password where one is to come from standard input.
    """
    from hatch_wasm_oci.registry.progress import progress_for

    def given(name: str) -> Any:
        return getattr(options, prefix + name)

    return {
        "plain_http": given("plain_http"),
        "insecure": given("insecure"),
        "ca_file": given("ca_file"),
        "client_certificate": given("client_cert"),
        "client_key": given("client_key"),
        "username": given("username"),
        "password": _password() if given("password_stdin") else "",
        "progress": progress_for(sys.stderr, quiet=options.quiet or options.json),
    }


def _password() -> str:
    if sys.stdin is None or sys.stdin.isatty():
        raise RegistryError("There is no password on standard input.", "Pipe it in, or log in with docker or podman.")
    password = sys.stdin.read(_PASSWORD_LIMIT).rstrip("\r\n")
    if not password:
        raise RegistryError("There is no password on standard input.", "Pipe it in; it can be read for one registry.")
    return password
