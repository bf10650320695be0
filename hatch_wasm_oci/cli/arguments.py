"""The grammar of the command line."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci import __version__
from hatch_wasm_oci.cli import commands
from hatch_wasm_oci.cli.lint import SARIF, lint
from hatch_wasm_oci.cli.manifest import manifest
from hatch_wasm_oci.cli.registry import registry
from hatch_wasm_oci.cli.verify import verify
from hatch_wasm_oci.project.deployment import FAILURES, PHASES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

_PORT_LIMIT = 65535
_IMAGE = "an archive, or a reference: host/repository:tag or host/repository@sha256:…"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the whole command line; the options that it gives name the function to call, `command`."""
    root = argparse.ArgumentParser(prog="hatch-wasm-oci", description="Images of Wasm plugins for Istio and Envoy.")
    root.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    add = root.add_subparsers(metavar="COMMAND", required=True)

    command = _command(add, "build", commands.build, "package a project's images")
    command.add_argument("project", nargs="?", default=".", help="the project's directory (default: this one)")
    command.add_argument("--image", help="the name of one of several images")
    command.add_argument("--format", help="the format instead of the project's own")
    command.add_argument("--directory", help="the outputs' directory, relative to the project")
    command.add_argument("--lint", help="error, warn or off")
    command.add_argument("--compression", help="deflate or store")

    command = _command(add, "push", commands.push, "push an archive's image to a registry")
    command.add_argument("source", metavar="ARCHIVE", help="an archive, as a build writes it")
    command.add_argument(
        "destinations", metavar="REFERENCE", nargs="*", help="where to (default: what the archive says)"
    )
    command.add_argument("-t", "--tag", action="append", default=[], help="a further tag in the same repository")
    _pushing(command)
    _registry(command)

    command = _command(add, "pull", commands.pull, "pull an image, verified, to an archive or a module")
    command.add_argument("reference", metavar="REFERENCE", help="host/repository:tag or host/repository@sha256:…")
    command.add_argument("-o", "--output", help="the file; a name that ends with .wasm takes the module alone")
    command.add_argument("--digest-file", help="write the manifest's digest to this file")
    _registry(command)

    command = _command(add, "copy", commands.copy, "copy an image between archives and registries, its digest kept")
    command.add_argument("source", metavar="SOURCE", help=_IMAGE)
    command.add_argument("destination", metavar="DESTINATION", help=_IMAGE)
    _pushing(command)
    _registry(command)
    _registry(command, "from-", " of the source's registry")

    command = _command(add, "inspect", commands.inspect, "say what an image is")
    command.add_argument("source", metavar="IMAGE", help=_IMAGE)
    _registry(command)

    _verify(add)
    _manifest(add)

    command = _command(add, "lint", lint, "say what Envoy would make of a module")
    command.add_argument("sources", metavar="SOURCE", nargs="+", help=f"a module's file, {_IMAGE}")
    command.add_argument("--sarif", dest="json", action="store_const", const=SARIF, help="print SARIF 2.1.0")
    command.add_argument(
        "--envoy-version",
        default="1.36",
        metavar="VERSION",
        help="the lowest Envoy that it must load in (default: 1.36)",
    )
    command.add_argument(
        "--envoy", metavar="[PATH]", help="let a real Envoy load it, too: --envoy finds one, --envoy=PATH names one"
    )
    command.add_argument("--config", metavar="FILE", help="the plugin's configuration, for the real Envoy")
    command.add_argument("--root-id", default="", metavar="ID", help="the plugin's root ID, for the real Envoy")
    _registry(command)

    command = _command(add, "registry", registry, "serve a registry for development, on this machine")
    command.add_argument("--port", type=_port, default=5000, help="the port (default: 5000); 0 takes a free one")
    command.add_argument("--address", default="127.0.0.1", help="the address to listen on (default: 127.0.0.1)")
    command.add_argument("--data", metavar="DIR", help="where to keep everything (default: in memory)")
    command.add_argument("--htpasswd", metavar="FILE", help="users and passwords, as `htpasswd -m` or `-s` writes them")
    command.add_argument("--tls-cert", metavar="FILE", help="serve https with this certificate, PEM")
    command.add_argument("--tls-key", metavar="FILE", help="its key, PEM")
    command.add_argument("--read-only", action="store_true", help="refuse every write")
    return root


def _verify(add: Any) -> None:
    command = _command(add, "verify", verify, "say whether Istio and Envoy Gateway would take an image")
    command.add_argument("source", metavar="IMAGE", help=_IMAGE)
    command.add_argument(
        "--for",
        dest="consumers",
        action="append",
        metavar="CONSUMER",
        help="istio, envoy-gateway, one of a plugin, or all (default); may be given several times",
    )
    _registry(command)


def _manifest(add: Any) -> None:
    command = _command(add, "manifest", manifest, "write the document that brings an image into a mesh, pinned")
    command.add_argument("source", metavar="IMAGE", help=_IMAGE)
    command.add_argument("--for", dest="consumer", required=True, choices=["istio", "envoy-gateway"], help="the mesh")
    command.add_argument("--reference", help="where the image will be pulled from, if an archive does not say")
    command.add_argument("--name", help="the document's name (default: the last part of the repository)")
    command.add_argument("--namespace", help="its namespace")
    command.add_argument("--config", metavar="FILE", help="the plugin's configuration: an object, JSON or TOML")
    command.add_argument("--plugin-name", metavar="NAME", help="the name that the module knows itself by: its root ID")
    command.add_argument(
        "--target", action="append", default=[], metavar="KIND/NAME", help="what it is for, such as Gateway/eg"
    )
    command.add_argument(
        "--selector", action="append", default=[], metavar="KEY=VALUE", help="a label of what it is for (Istio)"
    )
    command.add_argument("--phase", choices=PHASES, help="where in the chain of filters (Istio)")
    command.add_argument("--priority", type=int, help="its place within the phase (Istio)")
    command.add_argument("--fail", choices=FAILURES, help="what is done with requests when the plugin fails")
    command.add_argument("--pull-secret", metavar="NAME", help="the secret with the registry's credentials")
    command.add_argument("--with-secret", action="store_true", help="write that secret too, credentials and all")
    _registry(command)


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read a command line; wrong usage ends the process.

    Args:
        arguments: The command line without the program's name.
    """
    # argparse would take the file in `lint --envoy plugin.wasm` for Envoy's path.
    return parser().parse_args(["--envoy=" if each == "--envoy" else each for each in arguments])


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) > _PORT_LIMIT:
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give a number from 0 to {_PORT_LIMIT}")
    return int(text)


def _command(
    add: Any, name: str, function: Callable[[argparse.Namespace], commands.Outcome], words: str
) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = add.add_parser(name, help=words, description=f"{words[0].upper()}{words[1:]}.")
    command.set_defaults(command=function)
    command.add_argument("--json", action="store_true", help="print JSON, and nothing else")
    command.add_argument("-q", "--quiet", action="store_true", help="print errors alone")
    return command


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 18:  # noqa: PLR2004 - more is no size of anything
        raise argparse.ArgumentTypeError(f"{text!r} is no number of bytes")
    return int(text)


def _pushing(command: argparse.ArgumentParser) -> None:
    command.add_argument("--dry-run", action="store_true", help="send nothing, and say what would be pushed")
    command.add_argument("--no-overwrite", action="store_true", help="fail where a tag names another image")
    command.add_argument("--digest-file", help="write the manifest's digest to this file")
    command.add_argument("--chunk-size", type=_count, default=0, metavar="BYTES", help="upload in pieces of this size")


def _registry(command: argparse.ArgumentParser, prefix: str = "", of: str = " of the registry") -> None:
    add = command.add_argument_group(f"access{of}").add_argument
    add(f"--{prefix}plain-http", action="store_true", help="talk http to it, though it is not on this machine")
    add(f"--{prefix}insecure", action="store_true", help="don't check its certificate")
    add(f"--{prefix}ca-file", metavar="FILE", help="certificates to trust")
    add(f"--{prefix}client-cert", metavar="FILE", help="this client's certificate")
    add(f"--{prefix}client-key", metavar="FILE", help="its key, where that stands apart")
    add(f"--{prefix}username", default="", metavar="NAME", help="a user name; the password comes from standard input")
    add(f"--{prefix}password-stdin", action="store_true", help="read the password from standard input")
