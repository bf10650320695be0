"""The command-line door: `hatch-wasm-oci`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci import __version__
from hatch_wasm_oci.errors import InvalidReferenceError, WasmOciError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from hatch_wasm_oci.image.manifest import Image

FAILED, INTERRUPTED = 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The command line without the program's name; that of the process where not given.

    Returns:
        0 when done, 1 when the work failed; wrong usage ends the process with 2.
    """
    options = _parser().parse_args(arguments)
    command: Callable[[argparse.Namespace], tuple[dict[str, Any] | list[dict[str, Any]], list[str]]] = options.command
    try:
        value, lines = command(options)
        print(json.dumps(value, ensure_ascii=False, indent=2) if options.json else "\n".join(lines), flush=True)
    except WasmOciError as error:
        print(f"hatch-wasm-oci: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read has gone; nobody is left to tell
        return FAILED
    except KeyboardInterrupt:
        print("hatch-wasm-oci: interrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def build(options: argparse.Namespace) -> tuple[list[dict[str, Any]], list[str]]:
    """Package a project's images, as `hatch build` does.

    Args:
        options: `project`, `image` and the settings that override the project's.
    """
    from hatch_wasm_oci.build import Build
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
    return [{**image.to_json(), "archive": str(image.archive), "unchanged": image.unchanged} for image in images], lines


def push(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Push the image of an archive.

    Args:
        options: `source`, `destinations` and `plain_http`.
    """
    from hatch_wasm_oci import api

    receipt = api.push(options.source, options.destinations or None, plain_http=options.plain_http)
    sent = f"{len(receipt.uploaded)} blobs sent, {len(receipt.present)} there already"
    lines = [*(f"pushed {name}" for name in receipt.references), f"{sent}", f"pin it as {receipt.pinned_reference}"]
    return receipt.to_json(), lines


def pull(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Pull an image into an archive, or its module into a file.

    Args:
        options: `reference`, `output` and `plain_http`.
    """
    from hatch_wasm_oci import api
    from hatch_wasm_oci.image import archive
    from hatch_wasm_oci.image.formats import DEFAULT_TIME
    from hatch_wasm_oci.image.reference import Reference
    from hatch_wasm_oci.project import output

    reference = Reference.parse(options.reference)
    image = api.pull(options.reference, plain_http=options.plain_http)
    name = f"{reference.repository.rpartition('/')[2]}-{reference.tag or image.digest[7:19]}.oci.tar"
    path = Path(options.output or name)
    if path.suffix == ".wasm":
        output.write({path: [image.module().data]})
    else:
        names = [f"{reference.name}:{reference.tag}"] if reference.tag else []
        output.write({path: archive.write(image, names, DEFAULT_TIME)})
    return {**_description(image), "output": str(path)}, [f"pulled {reference.name}@{image.digest} to {path}"]


def inspect(options: argparse.Namespace) -> tuple[dict[str, Any], list[str]]:
    """Say what an image is.

    Args:
        options: `source` and `plain_http`.
    """
    from hatch_wasm_oci.hatch.display import size

    value = _description(_image(options.source, plain_http=options.plain_http))
    module = value["module"]
    lines = [
        f"manifest  {value['digest']}  {value['media_type']}",
        f"config    {value['config']['digest']}  {value['config']['mediaType']}",
        *(f"layer     {one['digest']}  {one['mediaType']}  {size(one['size'])}" for one in value["layers"]),
        f"module    sha256:{module['sha256']}  {size(module['size'])}  ABI {module['abi_version'] or 'none'}",
        *(f"annotation {key} = {text}" for key, text in value["annotations"].items()),
    ]
    return value, lines


def _image(source: str, *, plain_http: bool) -> Image:
    from hatch_wasm_oci import api
    from hatch_wasm_oci.image import archive

    if Path(source).exists() or source.endswith(".tar"):
        return archive.read(Path(source)).image
    try:
        return api.pull(source, plain_http=plain_http)
    except InvalidReferenceError as error:
        problem = f"There is no archive {source}, and as a reference: {error.problem}"
        raise InvalidReferenceError(problem, error.remedy) from None


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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="hatch-wasm-oci", description="Images of Wasm plugins for Istio and Envoy.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    command = _command(commands, "build", build, "package a project's images")
    command.add_argument("project", nargs="?", default=".", help="the project's directory (default: this one)")
    command.add_argument("--image", help="the name of one of several images")
    command.add_argument("--format", help="the format instead of the project's own")
    command.add_argument("--directory", help="the outputs' directory, relative to the project")
    command.add_argument("--lint", help="error, warn or off")
    command.add_argument("--compression", help="deflate or store")

    command = _command(commands, "push", push, "push an archive's image to a registry")
    command.add_argument("source", metavar="ARCHIVE", help="an archive, as a build writes it")
    command.add_argument(
        "destinations", metavar="REFERENCE", nargs="*", help="where to (default: what the archive says)"
    )
    _plain_http(command)

    command = _command(commands, "pull", pull, "pull an image, verified, to an archive or a module")
    command.add_argument("reference", metavar="REFERENCE", help="host/repository:tag or host/repository@sha256:…")
    command.add_argument("-o", "--output", help="the file; a name that ends with .wasm takes the module alone")
    _plain_http(command)

    command = _command(commands, "inspect", inspect, "say what an image is")
    command.add_argument("source", metavar="IMAGE", help="an archive, or a reference")
    _plain_http(command)
    return parser


def _command(commands: Any, name: str, function: Callable[..., Any], words: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=words, description=words.capitalize() + ".")
    parser.set_defaults(command=function)
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _plain_http(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--plain-http", action="store_true", help="talk http to a registry that is not on this machine")
