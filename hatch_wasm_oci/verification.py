"""Asking the consumers' rules about an image, wherever it lies: what the doors that do so share."""

from __future__ import annotations

import functools
import os
from collections.abc import Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.consumers.acceptance import Consumer
from hatch_wasm_oci.consumers.candidate import Candidate, resolve
from hatch_wasm_oci.errors import InvalidReferenceError, PluginError, SettingsError, shown
from hatch_wasm_oci.image.archive import Archive
from hatch_wasm_oci.image.manifest import Image
from hatch_wasm_oci.image.reference import Reference
from hatch_wasm_oci.project.report import PackagedImage

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hatch_wasm_oci.consumers.acceptance import Acceptance
    from hatch_wasm_oci.plugins.manager import Plugins


_SHOWN = 200


def is_archive(source: str) -> bool:
    """Tell whether a text names an archive rather than an image in a registry.

    Args:
        source: What a user gave.
    """
    return source.endswith(".tar") or os.path.exists(source)  # noqa: PTH110 - which raises where a text is no path


def registered(plugins: Plugins) -> dict[str, Consumer]:
    """Return the consumers that plugins register, by name.

    Args:
        plugins: The plugins.

    Raises:
        PluginError: One of them registers something else.
    """
    found: dict[str, Consumer] = {}
    for result in reversed(plugins.call("wasm_oci_consumers")):
        if not _is_mapping(result):
            raise PluginError(
                "A plugin returned something else than a mapping of names to Consumer from wasm_oci_consumers: "
                f"{plugins.implementers('wasm_oci_consumers')}.",
                "Mend it, or leave it out.",
            )
        found.update(result)
    return found


def verify(
    source: Image | PackagedImage | str | os.PathLike[str],
    consumers: str | Iterable[str] | None,
    plugins: Plugins | None,
    options: Mapping[str, Any],
) -> tuple[Acceptance, ...]:
    """Ask consumers about an image.

    Args:
        source: As for `hatch_wasm_oci.verify`.
        consumers: Their names; all where not given.
        plugins: The plugins that take part; the installed ones where not given.
        options: How to talk to the registry.

    Raises:
        WasmOciError: See `hatch_wasm_oci.verify`.
    """
    from hatch_wasm_oci.access import installed_plugins

    taking_part = plugins or installed_plugins()
    known = registered(taking_part)
    names = [consumers] if isinstance(consumers, str) else list(known if consumers is None else consumers)
    for name in names:
        if name not in known:
            raise SettingsError([f"consumers: there is no consumer {shown(name)}. Choose of {_listed(known)}."])
    with looked_at(source, taking_part, options) as candidate:
        return tuple(
            taking_part.guard("wasm_oci_consumers", functools.partial(known[name].judge, name, candidate))
            for name in dict.fromkeys(names)
        )


@contextmanager
def looked_at(
    source: Image | PackagedImage | str | os.PathLike[str], plugins: Plugins, options: Mapping[str, Any]
) -> Iterator[Candidate]:
    """Look at an image as a consumer does, wherever it lies.

    Args:
        source: As for `hatch_wasm_oci.verify`.
        plugins: Plugins that are asked for credentials.
        options: How to talk to the registry.

    Yields:
        The image, as long as what it lies in is open.

    Raises:
        WasmOciError: See `hatch_wasm_oci.verify`.
    """
    if isinstance(source, Image):
        yield Candidate.of(source)
    elif isinstance(source, PackagedImage):
        yield _archived(source.archive, source.reference)
    elif not isinstance(source, str) or is_archive(source):
        yield _archived(Path(source), None)
    else:
        from hatch_wasm_oci.access import connect
        from hatch_wasm_oci.registry import transfer

        try:
            reference = Reference.parse(source)
        except InvalidReferenceError as error:
            name = source if source.isprintable() and len(source) <= _SHOWN else shown(source)
            problem = f"There is no archive {name}, and as a reference: {error.problem}"
            raise InvalidReferenceError(problem, error.remedy) from None
        with transfer.look(reference, connect(plugins=plugins, **options)) as candidate:
            yield candidate


def _archived(path: Path, reference: str | None) -> Candidate:
    archive = Archive(path)
    names = [reference] if reference else archive.names
    name = next((parsed for parsed in map(_parsed, names) if parsed), None)
    return resolve(archive.root(), archive.manifest, archive.blob, name)


def _parsed(name: str) -> Reference | None:
    try:
        return Reference.parse(name)
    except InvalidReferenceError:
        return None  # as where the project has no repository: nothing that a registry could be asked for


def _is_mapping(value: object) -> bool:
    return (
        isinstance(value, Mapping)
        and all(isinstance(name, str) for name in value)
        and all(isinstance(one, Consumer) for one in value.values())
    )


def _listed(names: Iterable[str]) -> str:
    return ", ".join(map(repr, names))
