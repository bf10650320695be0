"""The file that `--config` names: a plugin's configuration."""

from __future__ import annotations

from pathlib import Path

from hatch_wasm_oci.errors import SettingsError, shown

_LIMIT = 1024 * 1024


def read(path: str) -> str:
    """Read a plugin's configuration.

    Args:
        path: The file's path.

    Returns:
        Its text.

    Raises:
        SettingsError: It can't be read, is no text in UTF-8, or has more than 1 MiB.
    """
    name = f"--config: {shown(path)}"
    try:
        with Path(path).open("rb") as file:
            data = file.read(_LIMIT + 1)
    except OSError as error:
        raise SettingsError([f"{name} can't be read: {error.strerror}. Check the path."]) from None
    if len(data) > _LIMIT:
        raise SettingsError([f"{name} has more than {_LIMIT} bytes. Name another file."])
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise SettingsError([f"{name} is no text in UTF-8. Name another file."]) from None
