"""Finding the credential for a registry, where users of Docker and podman already keep it."""

from __future__ import annotations

import base64
import binascii
import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hatch_wasm_oci.errors import RegistryError

IDENTITY_USER = "<token>"
"""The user name by which a helper says that the secret is an identity token."""
HELPER_TIMEOUT = 30.0
"""How long a credential helper may take, in seconds."""

_FILE_LIMIT = 4 * 1024 * 1024
_SECRET_LIMIT = 256 * 1024
_HELPER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_DOCKER_HUB_KEYS = ("https://index.docker.io/v1/", "index.docker.io", "docker.io", "registry-1.docker.io")
_DOCKER_HUB_HOSTS = ("docker.io", "index.docker.io", "registry-1.docker.io")


@dataclass(frozen=True)
class Credential:
    """What proves to a registry who asks; its secrets are in no text that it gives of itself.

    Args:
        source: Where it was found, for errors.
        username: The user's name; empty where a token alone is used.
        password: The password, or an access token in its place.
        identity_token: A refresh token, to be exchanged for access tokens.
        registry_token: An access token, to be sent as it is.
    """

    source: str
    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)
    registry_token: str = field(default="", repr=False)


@dataclass(frozen=True)
class Search:
    """The outcome of looking for a credential.

    Args:
        credential: What was found; None for nothing.
        places: Where was looked, and what was there, for errors.
    """

    credential: Credential | None
    places: tuple[str, ...]


CredentialSource = Callable[[str, str], "Search"]
"""Looks for the credential for a registry's host and a repository's path."""


def from_environment(environment: Mapping[str, str]) -> Credential | None:
    """Take the credential from `HATCH_WASM_OCI_USERNAME` and `_PASSWORD`, or from `HATCH_WASM_OCI_TOKEN`.

    Args:
        environment: The process's environment.

    Returns:
        None where neither is set.

    Raises:
        RegistryError: There is a user name without a password, or the reverse.
    """
    names = ("HATCH_WASM_OCI_USERNAME", "HATCH_WASM_OCI_PASSWORD", "HATCH_WASM_OCI_TOKEN")
    username, password, token = (environment.get(name, "") for name in names)
    if token:
        return Credential(names[2], registry_token=token.strip())
    if bool(username) != bool(password):
        missing = names[0] if password else names[1]
        raise RegistryError(f"{missing} is not set, though its counterpart is.", "Set both, or neither.")
    return Credential(names[0], username, password) if username else None


def config_files(environment: Mapping[str, str]) -> tuple[Path, ...]:
    """Return the files in which podman and Docker keep credentials, in the order in which they are asked.

    Args:
        environment: The process's environment.
    """
    if named := environment.get("REGISTRY_AUTH_FILE"):
        return (Path(named),)
    files = []
    if runtime := environment.get("XDG_RUNTIME_DIR"):
        files.append(Path(runtime) / "containers" / "auth.json")
    home = environment.get("HOME") or environment.get("USERPROFILE")
    if configuration := environment.get("XDG_CONFIG_HOME") or (f"{home}/.config" if home else ""):
        files.append(Path(configuration) / "containers" / "auth.json")
    if docker := environment.get("DOCKER_CONFIG") or (f"{home}/.docker" if home else ""):
        files.append(Path(docker) / "config.json")
    return tuple(files)


def from_files(files: tuple[Path, ...], registry: str, repository: str) -> Search:
    """Look for a credential in Docker's and podman's files: per file the helpers, the store, then `auths`.

    Args:
        files: The files, in order.
        registry: The registry's host.
        repository: The repository's path; an entry for the longest part of it wins.

    Raises:
        RegistryError: A file is malformed, or a helper fails in another way than by having nothing.
    """
    places: list[str] = []
    for path in files:
        configuration = _load(path)
        if configuration is None:
            places.append(f"{path} (not there)")
            continue
        for credential in _in_file(configuration, path, registry, repository):
            if credential is not None:
                return Search(credential, (*places, credential.source))
        places.append(f"{path} (nothing for {registry})")
    return Search(None, tuple(places))


def _load(path: Path) -> Mapping[str, Any] | None:
    try:
        with path.open("rb") as file:
            data = file.read(_FILE_LIMIT + 1)
        value = json.loads(data) if len(data) <= _FILE_LIMIT else None
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RegistryError(f"{path} can't be read: {error.strerror}.", "Check its permissions.") from None
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        # Not a word of its content: it holds secrets.
        raise RegistryError(f"{path} is no JSON object.", "Mend it, or log in again with docker or podman.")
    return value


def _in_file(
    configuration: Mapping[str, Any], path: Path, registry: str, repository: str
) -> Iterator[Credential | None]:
    hub = registry in _DOCKER_HUB_HOSTS
    servers = _DOCKER_HUB_KEYS if hub else (registry,)
    helpers = _mapping(configuration.get("credHelpers"))
    for server in servers:
        if helper := helpers.get(server):
            yield _ask_helper(helper, server, f"{path}: credHelpers")
    if store := configuration.get("credsStore"):
        yield _ask_helper(store, servers[0], f"{path}: credsStore")
    auths = [(_normalised(key), key, value) for key, value in _mapping(configuration.get("auths")).items()]
    names = [f"{registry}/{repository}"]
    while "/" in names[-1]:
        names.append(names[-1].rpartition("/")[0])
    if hub:
        names += [_normalised(key) for key in _DOCKER_HUB_KEYS]
    for name in names:
        for normalised, key, value in auths:
            if normalised == name:
                yield _from_entry(_mapping(value), f"{path}: auths {key!r}")


def _ask_helper(name: object, server: str, place: str) -> Credential | None:
    if not isinstance(name, str) or not _HELPER.fullmatch(name):
        raise RegistryError(f"{place} names the helper {name!r}, which is no program's name.", "Mend the file.")
    program = f"docker-credential-{name}"
    source = f"{place} {program}"
    answer = _run(program, server)
    if isinstance(answer, str):  # raised out here, so that nothing of its output hangs on the error
        raise RegistryError(f"{source} {answer}.", "Run it by hand to see why, or take it out of the file.")
    output = answer.stdout[:_SECRET_LIMIT]
    if answer.returncode:
        words = (output + b" " + answer.stderr[:1024]).decode("utf-8", "replace").lower()
        if re.search(r"credentials? not found", words):  # docker-credential-helpers, credentials/error.go
            return None
        raise RegistryError(
            f"{source} failed with status {answer.returncode}.",
            f"Run `{program} get` by hand with {server} as its input.",
        )
    try:
        value = _mapping(json.loads(output))
        user, secret = value["Username"], value["Secret"]
    except (ValueError, KeyError, RecursionError):
        user = secret = None
    if not isinstance(user, str) or not isinstance(secret, str):
        raise RegistryError(f"{source} gave no answer in the form of a helper.", "Update it, or log in again.")
    if not secret:
        return None
    if user == IDENTITY_USER:
        return Credential(source, identity_token=secret)
    return Credential(source, user, secret)


def _run(program: str, server: str) -> subprocess.CompletedProcess[bytes] | str:
    """Ask a helper; returns its answer, or in words why there is none."""
    try:
        return subprocess.run(
            [program, "get"], input=server.encode(), capture_output=True, timeout=HELPER_TIMEOUT, check=False
        )
    except FileNotFoundError:
        return "is not installed"
    except subprocess.TimeoutExpired:
        return f"did not answer in {HELPER_TIMEOUT:.0f} seconds"
    except OSError as error:
        return f"can't be run: {error.strerror}"


def _from_entry(entry: Mapping[str, Any], source: str) -> Credential | None:
    texts = {
        key: entry[key] for key in ("username", "password", "auth", "identitytoken", "registrytoken") if key in entry
    }
    if not all(isinstance(text, str) for text in texts.values()):
        raise RegistryError(f"{source} has a field that is no text.", "Log in again with docker or podman.")
    username, password = texts.get("username", ""), texts.get("password", "")
    if auth := texts.get("auth"):
        decoded = _decoded(auth)
        if decoded is None:
            raise RegistryError(f"{source} has an `auth` that is no base64 of a text.", "Log in again.")
        username, _, password = decoded.partition(":")
        password = password.rstrip("\0")  # as Docker's own reader does (cli/config/configfile)
    if username == IDENTITY_USER and password:
        return Credential(source, identity_token=password)
    credential = Credential(source, username, password, texts.get("identitytoken", ""), texts.get("registrytoken", ""))
    found = password or credential.identity_token or credential.registry_token
    return credential if found else None  # Docker leaves empty entries beside a credential store


def _decoded(text: str) -> str | None:
    try:
        return base64.b64decode(text, validate=True).decode()
    except (binascii.Error, ValueError):
        return None  # the exception holds what was decoded: it must hang on no error


def _normalised(key: str) -> str:
    """Bring a key of `auths` to the form host/path: keys come with and without scheme, version and slash."""
    name = re.sub(r"^https?://", "", key).rstrip("/")
    return re.sub(r"/v[12]$", "", name)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}
