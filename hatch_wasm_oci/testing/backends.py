"""Registries that tests run against, by name: ours, a real one, one that runs already, those of plugins."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from hatch_wasm_oci.errors import InvalidReferenceError, PluginError, RegistryError, SettingsError
from hatch_wasm_oci.image.reference import parse_repository

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from pathlib import Path

    from hatch_wasm_oci.plugins.manager import Plugins
    from hatch_wasm_oci.testing.registry import EmbeddedRegistry

_HOOK = "wasm_oci_registry_backends"


class RegistryMissingError(RegistryError):
    """What a backend needs is not installed; tests fail, or skip where pytest was told to."""


@dataclass(frozen=True)
class RunningRegistry:
    """A registry that answers, and how tests are to talk to it.

    Args:
        url: `http://host:port` or `https://host`, without a slash at the end.
        prefix: The path before every repository that tests make, such as `acme/tests`; empty for none.
        options: What `hatch_wasm_oci.push` and `pull` need for it, such as `ca_file`, `username` and `password`.
        own: Whether it was started for these tests, so that nothing of the user's, such as the credentials in Docker's
            files, is for it.
        embedded: The embedded registry, with its log and faults, where it is one.
    """

    url: str
    prefix: str = ""
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    own: bool = True
    embedded: EmbeddedRegistry | None = None

    @property
    def host(self) -> str:
        """The registry as it stands in a reference: `127.0.0.1:45123`."""
        return self.url.partition("://")[2]


class RegistryBackend(Protocol):
    """A function that takes an empty directory, and returns what starts a registry, gives it, and ends it."""

    def __call__(self, directory: Path, /) -> AbstractContextManager[RunningRegistry]:
        """Return the context manager; `directory` is the registry's own."""


@contextmanager
def embedded(directory: Path) -> Iterator[RunningRegistry]:  # noqa: ARG001 - a backend's signature; it is in memory
    """Run the embedded registry, in memory.

    Args:
        directory: Not used.
    """
    from hatch_wasm_oci.testing.registry import EmbeddedRegistry

    with EmbeddedRegistry() as registry:
        yield RunningRegistry(registry.url, embedded=registry)


@contextmanager
def distribution(directory: Path) -> Iterator[RunningRegistry]:
    """Run the CNCF's registry, found on PATH as `docker-registry` or `registry`.

    Args:
        directory: Where it keeps configuration, log and blobs.

    Raises:
        RegistryMissingError: It is not installed.
        RegistryError: It does not start.
    """
    from hatch_wasm_oci.testing.cncf_distribution import serve

    with serve(directory) as url:
        yield RunningRegistry(url)


BACKENDS: Mapping[str, RegistryBackend] = {"embedded": embedded, "distribution": distribution}
"""The backends that this package itself has."""


def running(url: str) -> RegistryBackend:
    """Return the backend for a registry that runs already; tests leave behind in it what they push.

    Args:
        url: `https://host`, or with a path that goes before every repository: `https://ghcr.io/acme/tests`.

    Raises:
        SettingsError: It is no such URL, or has a password in it.
    """
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise SettingsError(["oci-registry: a URL is no place for a password. Log in by `docker login` instead."])
    prefix = parts.path.strip("/")
    try:
        parse_repository(f"{parts.netloc}/{prefix or 'x'}")
    except InvalidReferenceError as error:
        raise SettingsError([f"oci-registry: {url!r} is no registry's URL. {error.problem}"]) from None
    if parts.query or parts.fragment:
        raise SettingsError([f"oci-registry: {url!r} has more than a host and a path. Leave the rest out."])

    @contextmanager
    def backend(_directory: Path) -> Iterator[RunningRegistry]:
        options = {"plain_http": True} if parts.scheme == "http" else {}
        yield RunningRegistry(f"{parts.scheme}://{parts.netloc}", prefix, options, own=False)

    return backend


def find(name: str, plugins: Plugins) -> RegistryBackend:
    """Return the backend of a name, or for a URL.

    Args:
        name: `embedded`, `distribution`, the name that a plugin gives, or a URL.
        plugins: The plugins.

    Raises:
        SettingsError: There is no such backend.
        PluginError: A plugin registers something else than backends.
    """
    if name.startswith(("http://", "https://")):
        return running(name)
    backends = dict(BACKENDS)
    for registered in reversed(plugins.call(_HOOK)):
        if not isinstance(registered, Mapping) or not all(map(callable, registered.values())):
            raise PluginError(
                f"A plugin returned something else than a mapping of names to functions from {_HOOK}; "
                f"it is implemented by {plugins.implementers(_HOOK)}.",
                "Mend it, or leave it out.",
            )
        backends.update(registered)
    if name not in backends:
        known = ", ".join(map(repr, backends))
        raise SettingsError([f"oci-registry: there is no backend {name!r}. Choose of {known}, or give a URL."])
    return backends[name]


def plugins_of(project: Path) -> Plugins:
    """Load the plugins that may have backends: those that are installed, and the project's own.

    Args:
        project: The project's directory; one without a table of ours has no plugins of its own.

    Raises:
        WasmOciError: One of them can't be loaded, or the project's table can't be read.
    """
    from hatch_wasm_oci.access import installed_plugins

    plugins = installed_plugins()
    pyproject = project / "pyproject.toml"
    if pyproject.is_file() and b"wasm-oci" in pyproject.read_bytes():
        from hatch_wasm_oci.hatch.metadata import read_metadata, tables_of
        from hatch_wasm_oci.project.paths import plugin_files

        plugins.load_files(project, plugin_files(tables_of(read_metadata(project))))
    return plugins
