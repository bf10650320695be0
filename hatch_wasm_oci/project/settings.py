"""The settings of an image, as one value that has been validated whole."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_wasm_oci.image.formats import DEFAULT_TIME

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from hatch_wasm_oci.image.reference import Reference

HOOK_TABLE = "tool.hatch.build.hooks.wasm-oci"
TARGET_TABLE = "tool.hatch.build.targets.wasm-oci"
DEFAULT_DIRECTORY = "build/wasm-oci"


@dataclass(frozen=True)
class Project:
    """What a project says of itself in its metadata.

    Args:
        root: Its directory.
        name: Its normalised name.
        version: Its version, normalised.
        description: Its summary; empty where it has none.
        license: Its licence expression; empty where it has none.
        authors: Its authors, each `name <address>`, the name or the address.
        urls: Its URLs by label.
        requirements: What its build requires: a change of a compiler's pin there makes modules out of date.
    """

    root: Path
    name: str
    version: str
    description: str = ""
    license: str = ""
    authors: tuple[str, ...] = ()
    urls: Mapping[str, str] = field(default_factory=dict)
    requirements: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """All that is decided about one image before it is built; made by `hatch_wasm_oci.project.table.load`.

    Args:
        project: The project.
        name: The image's name: the project's, or that in `images`.
        module: Path of the module, relative to the project's root.
        compile: The compile command; None where the module is compiled by others.
        sources: Globs of what the compile command reads; None for all files of the project.
        format: The name of the format.
        repository: Where the image is to be pushed; None where nothing says so.
        tags: The tags, expanded.
        annotations: Annotations of the manifest; an empty text removes one that would be derived.
        labels: Labels of the config, likewise.
        runtime_config: The runtime configuration, JSON; None where there is none.
        directory: Path of the outputs' directory, relative to the project's root.
        lint: `error`, `warn` or `off`.
        envoy: The lowest Envoy version that the module must load in.
        compression: `deflate` or `store`.
        time: The time that outputs bear, in seconds since 1970.
        generated: Paths, relative to the project's root, that builds of the project's other images write: none of them
            is a source unless `sources` names it.
    """

    project: Project
    name: str
    module: str = "plugin.wasm"
    compile: tuple[str, ...] | None = None
    sources: tuple[str, ...] | None = None
    format: str = "oci"
    repository: Reference | None = None
    tags: tuple[str, ...] = ()
    annotations: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    runtime_config: bytes | None = None
    directory: str = DEFAULT_DIRECTORY
    lint: str = "error"
    envoy: str = "1.36"
    compression: str = "deflate"
    time: int = DEFAULT_TIME
    generated: frozenset[str] = frozenset()

    @property
    def module_path(self) -> Path:
        """Where the module is."""
        return self.project.root / self.module

    @property
    def output_directory(self) -> Path:
        """Where the outputs go."""
        return self.project.root / self.directory

    @property
    def stem(self) -> str:
        """What the outputs' names start with."""
        return f"{self.name}-{self.project.version}"

    @property
    def report_path(self) -> Path:
        """Where the report goes."""
        return self.output_directory / f"{self.stem}.json"

    @property
    def state_path(self) -> Path:
        """Where a build keeps what the next one needs to know."""
        return self.output_directory / f".{self.stem}.state"

    @property
    def references(self) -> tuple[Reference, ...]:
        """The references under which the image is to be pushed, one for each tag; empty without a repository."""
        return tuple(self.repository.with_tag(tag) for tag in self.tags) if self.repository else ()
