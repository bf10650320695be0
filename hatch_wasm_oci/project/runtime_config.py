"""The runtime configuration that travels beside a module (solo-io/wasm, spec.md, Format)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import shown
from hatch_wasm_oci.image.json_document import strict_json, to_json

if TYPE_CHECKING:
    from pathlib import Path

LIMIT = 1024 * 1024
"""The largest runtime configuration, in bytes."""


def encode(value: Mapping[str, Any]) -> bytes:
    """Write a runtime configuration down as JSON.

    Args:
        value: The configuration.

    Raises:
        ValueError: It holds what JSON has no form for, such as a date, or a field of the wrong kind.
    """
    _check(value)
    try:
        data = to_json(dict(value))
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"it can't be written as JSON: {error}. Use texts, numbers, lists and tables.") from None
    if len(data) > LIMIT:
        raise ValueError(f"it has more than {LIMIT} bytes. Make it smaller.")
    return data


def read(path: Path, name: str) -> bytes:
    """Read a runtime configuration from a file and check it; its bytes go into the image as they are.

    Args:
        path: The file.
        name: How to call it in errors.

    Raises:
        ValueError: It is missing, too large, or no JSON object.
    """
    try:
        if not path.is_file():
            raise ValueError(f"there is no file {name!r}. Create it, or write the configuration as a table.")
        with path.open("rb") as file:
            data = file.read(LIMIT + 1)
    except OSError as error:
        raise ValueError(f"{name!r} can't be read: {error.strerror}. Check its permissions.") from None
    check(data, repr(name))
    return data


def check(data: bytes, name: str) -> None:
    """Check that bytes are a runtime configuration.

    Args:
        data: The bytes.
        name: What they are, for errors.

    Raises:
        ValueError: They are too many, or no JSON object.
    """
    if len(data) > LIMIT:
        raise ValueError(f"{name} has more than {LIMIT} bytes. Make it smaller.")
    try:
        value = strict_json(data)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{name} is no JSON: {error}. Mend it.") from None
    if not isinstance(value, dict):
        problem = f"{name} is no JSON object. Write one with type, abiVersions and config."
        raise ValueError(problem)  # noqa: TRY004 - the value is wrong, not this code
    _check(value)


def _check(value: Mapping[str, Any]) -> None:
    kinds: dict[str, tuple[type, str]] = {
        "type": (str, "a text"),
        "abiVersions": (list, "a list"),
        "config": (Mapping, "a table"),
    }
    for key, (kind, words) in kinds.items():
        if key in value and not isinstance(value[key], kind):
            problem = f"its {key} is {shown(value[key])}, not {words}. See solo-io/wasm, spec.md, Format."
            raise ValueError(problem)
