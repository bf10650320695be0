"""A connection to a registry, put together from what a door was told: options, environment, plugins, files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import PluginError, RegistryError
from hatch_wasm_oci.registry import credentials
from hatch_wasm_oci.registry.connection import Connection
from hatch_wasm_oci.registry.credentials import Credential, Search

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_wasm_oci.plugins.manager import Plugins
    from hatch_wasm_oci.registry.credentials import CredentialSource


def connect(
    *,
    username: str = "",
    password: str = "",
    plugins: Plugins | None = None,
    given: bool = True,
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> Connection:
    """Say how to talk to a registry.

    Credentials are looked for in this order: those given, the environment, plugins, podman's and Docker's files.

    Args:
        username: A user name given by hand.
        password: The password that goes with it.
        plugins: Plugins that are asked for credentials; the installed ones where not given.
        given: Whether credentials of the environment are for this registry. They are for one registry only: where an
            image goes from one to another, the one that it goes to.
        environment: The environment; the process's where not given.
        options: Further fields of `Connection`, such as `plain_http` or `ca_file`.

    Raises:
        RegistryError: A user name is given without a password, or the reverse.
    """
    environment = os.environ if environment is None else environment
    if bool(username) != bool(password):
        raise RegistryError("A user name needs a password, and a password a user name.", "Give both, or neither.")
    credential = Credential("the options", username, password) if username else None
    if credential is None and given:
        credential = credentials.from_environment(environment)
    files = credentials.config_files(environment)

    def in_files(registry: str, repository: str) -> Search:
        return credentials.from_files(files, registry, repository)

    return Connection(credential=credential, credential_sources=(_of_plugins(plugins), in_files), **options)


def _of_plugins(plugins: Plugins | None) -> CredentialSource:
    def search(registry: str, repository: str) -> Search:
        asked = plugins or installed_plugins()
        found = asked.call("wasm_oci_credentials", registry=registry, repository=repository)
        names = asked.implementers("wasm_oci_credentials")
        if found is None:
            return Search(None, (f"plugins ({names}: nothing)",) if names else ())
        if isinstance(found, tuple) and list(map(type, found)) == [str, str]:
            found = Credential(f"a plugin ({names})", *found)
        if not isinstance(found, Credential):
            raise PluginError(
                f"A plugin returned something else than a user name and a password from wasm_oci_credentials: {names}.",
                "Mend it, or leave it out.",
            )
        return Search(found, (found.source,))

    return search


def installed_plugins() -> Plugins:
    """Load this package's own behaviour and the plugins that are installed, for work outside of a project.

    Raises:
        PluginError: One of them can't be loaded.
    """
    from hatch_wasm_oci.plugins.manager import Plugins
    from hatch_wasm_oci.project import builtin

    plugins = Plugins(builtin)
    plugins.load_installed()
    return plugins
