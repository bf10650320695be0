"""What a build remembers for the next one: from which inputs its outputs came."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, NamedTuple

from hatch_wasm_oci.image.json_document import to_json
from hatch_wasm_oci.project import output

if TYPE_CHECKING:
    from pathlib import Path

_LIMIT = 64 * 1024


class State(NamedTuple):
    """The memory of one image's last build; what is not remembered is done again.

    Args:
        compiled: Fingerprint of what the compile command read; empty for none.
        module: SHA-256 of the module that it left.
        packaged: Fingerprint of what the image was made of.
        outputs: Size in bytes and time of change in nanoseconds of archive and report, by name.
    """

    compiled: str = ""
    module: str = ""
    packaged: str = ""
    outputs: dict[str, list[int]] | None = None


def write(path: Path, state: State) -> None:
    """Write a state.

    Args:
        path: Its file.
        state: The state.

    Raises:
        OutputError: It can't be written.
    """
    output.write({path: [to_json(state._asdict())]})


def read(path: Path) -> State:
    """Read a state; one that is missing or can't be understood is an empty one.

    Args:
        path: Its file.
    """
    try:
        with path.open("rb") as file:
            state = State(**json.loads(file.read(_LIMIT)))
        texts = (state.compiled, state.module, state.packaged)
        return state if all(isinstance(text, str) for text in texts) and _is_signature(state.outputs) else State()
    except (OSError, ValueError, TypeError, RecursionError):
        return State()


def _is_signature(outputs: object) -> bool:
    if outputs is None:
        return True
    return isinstance(outputs, dict) and all(
        isinstance(pair, list) and all(isinstance(number, int) for number in pair) for pair in outputs.values()
    )


def fingerprint(*inputs: Any) -> str:
    """Return a digest of inputs that `json` can write, the same in every process.

    Args:
        inputs: The inputs.
    """
    # In ASCII, because a file's name may be bytes that are no text.
    return hashlib.sha256(json.dumps(inputs, separators=(",", ":")).encode()).hexdigest()


def signature(*paths: Path) -> dict[str, list[int]] | None:
    """Return what tells whether files are still as they were written: size and time of change by name.

    Args:
        paths: The files.

    Returns:
        None where one of them is missing.
    """
    try:
        return {path.name: [(status := path.stat()).st_size, status.st_mtime_ns] for path in paths}
    except OSError:
        return None
