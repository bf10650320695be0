"""The command `manifest`: an image made ready for a mesh, as documents to apply."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.cli import configuration
from hatch_wasm_oci.cli.commands import Outcome, access
from hatch_wasm_oci.errors import ImageError, InvalidReferenceError, RegistryError, SettingsError, shown

if TYPE_CHECKING:
    import argparse

    from hatch_wasm_oci.consumers.candidate import Candidate
    from hatch_wasm_oci.image.reference import Reference
    from hatch_wasm_oci.plugins.manager import Plugins
    from hatch_wasm_oci.project.deployment import Deployment
    from hatch_wasm_oci.registry.credentials import Credential


def manifest(options: argparse.Namespace) -> Outcome:
    """Write the document that brings an image into a mesh, pinned by its digest, and on request the pull secret.

    Args:
        options: `source`, `consumer`, what is to stand in the document, and how to talk to the registry.
    """
    from hatch_wasm_oci.access import installed_plugins
    from hatch_wasm_oci.project.deployment import DOCUMENTS, pull_secret
    from hatch_wasm_oci.project.yaml_document import to_yaml
    from hatch_wasm_oci.verification import looked_at

    if options.with_secret and not options.pull_secret:
        raise SettingsError(["--with-secret: the secret has no name. Give it by --pull-secret NAME."])
    plugins, connection = installed_plugins(), access(options)
    with looked_at(options.source, plugins, connection) as candidate:
        deployment = _deployment(options, candidate, plugins)
    documents = [DOCUMENTS[options.consumer](deployment)]
    if options.with_secret:
        documents.insert(0, pull_secret(deployment, _credential(deployment.reference, plugins, connection)))
    return Outcome(documents, to_yaml(documents).splitlines())


def _deployment(options: argparse.Namespace, candidate: Candidate, plugins: Plugins) -> Deployment:
    from hatch_wasm_oci.project.deployment import Deployment
    from hatch_wasm_oci.verification import registered

    consumer = registered(plugins)[options.consumer]
    acceptance = consumer.judge(options.consumer, candidate)
    if acceptance.digest is None:
        first = acceptance.problems[0]
        logs = f" {consumer.title} would log: {first.line}." if first.line else ""
        raise ImageError(f"{consumer.title} refuses {options.source}: {first.why}{logs}", first.remedy)
    return Deployment(
        _reference(options, candidate),
        acceptance.digest,
        name=options.name or "",
        namespace=options.namespace,
        config=_config(Path(options.config)) if options.config else None,
        plugin_name=options.plugin_name or _root_id(candidate),
        pull_secret=options.pull_secret,
        targets=tuple(_pair("--target", text, "/", "Gateway/eg") for text in options.target),
        selector=dict(_pair("--selector", text, "=", "app=web") for text in options.selector),
        phase=options.phase,
        priority=options.priority,
        fail=options.fail,
    )


def _reference(options: argparse.Namespace, candidate: Candidate) -> Reference:
    from hatch_wasm_oci.image.reference import Reference

    if options.reference:
        return Reference.parse(options.reference)
    if candidate.reference is None:
        raise InvalidReferenceError(
            f"Nothing says where {options.source} will be pulled from.",
            "Name its place, such as `--reference ghcr.io/acme/header-filter:1.0`, or set `repository` in the project.",
        )
    return candidate.reference


def _root_id(candidate: Candidate) -> str | None:
    """Find the root ID in the image's runtime-config.json, where it names one (solo-io/wasm, spec.md)."""
    config = candidate.runtime_config().get("config")
    names = config.get("rootIds") if isinstance(config, dict) else None
    if isinstance(names, list) and len(names) == 1 and isinstance(names[0], str):
        return names[0] or None
    return None


def _config(path: Path) -> dict[str, Any]:
    text = configuration.read(str(path))
    try:
        value = _toml(text) if path.suffix == ".toml" else json.loads(text)
        json.dumps(value, allow_nan=False).encode()
    except (ValueError, TypeError, RecursionError) as error:
        kind = "TOML that JSON can hold" if path.suffix == ".toml" else "JSON"
        raise SettingsError([f"--config: {path} is no {kind}: {error}. Mend it."]) from None
    if not isinstance(value, dict):
        raise SettingsError([f"--config: {path} holds no object. Put the configuration into one: {{…}}."])
    return value


def _toml(text: str) -> Any:
    import sys
    from importlib import import_module

    # On Python 3.10 it is tomli, which hatchling brings.
    return import_module("tomllib" if sys.version_info >= (3, 11) else "tomli").loads(text)


def _pair(option: str, text: str, sign: str, example: str) -> tuple[str, str]:
    left, found, right = text.partition(sign)
    if not (left and found and right):
        raise SettingsError([f"{option}: {shown(text)} is none. Write it like {example}."])
    return left, right


def _credential(reference: Reference, plugins: Plugins, options: dict[str, Any]) -> Credential:
    from hatch_wasm_oci.access import connect

    connection = connect(plugins=plugins, **options)
    if connection.credential is not None:
        return connection.credential
    places: list[str] = []
    for source in connection.credential_sources:
        search = source(reference.registry, reference.repository)
        if search.credential is not None:
            return search.credential
        places += search.places
    raise RegistryError(
        f"No credential for {reference.registry} was found to put into the secret; looked in: {'; '.join(places)}.",
        "Log in with `docker login` or `podman login`, or leave out --with-secret.",
    )
