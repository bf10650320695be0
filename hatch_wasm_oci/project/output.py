"""Writing outputs whole or not at all, and taking them away again."""

from __future__ import annotations

import contextlib
import os
import re
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import OutputError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from hatch_wasm_oci.image.descriptor import Buffer

_TEMPORARY = re.compile(r"\.([0-9]+)\.[0-9a-f]{8}\.tmp")


def write(outputs: Mapping[Path, Iterable[Buffer]]) -> None:
    """Write files of one directory so that each is there whole or is the one that was there before.

    All are written under temporary names first. Then the last ones are taken away, and all are renamed in the order
    given: whoever is killed in between leaves some out, and never a new file beside an old one that tells of another.

    Args:
        outputs: The content of each file, in pieces.

    Raises:
        OutputError: A file or its directory can't be written.
    """
    temporary: dict[Path, Path] = {}
    path = next(iter(outputs)).parent
    try:
        path.mkdir(parents=True, exist_ok=True)
        for path, pieces in outputs.items():
            _remove_abandoned(path)
            temporary[path] = path.with_name(f".{path.name}.{os.getpid()}.{os.urandom(4).hex()}.tmp")
            with temporary[path].open("xb", buffering=0) as file:
                for piece in pieces:
                    _write_all(file.fileno(), piece)
        for path in list(outputs)[1:]:
            path.unlink(missing_ok=True)
        for path in outputs:
            temporary[path].replace(path)
    except OSError as error:
        raise OutputError(
            f"{path} can't be written: {error.strerror or error}.",
            "Make room and check the permissions, or set `directory` to another place.",
        ) from None
    finally:
        for path in temporary.values():
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)


def remove(paths: Iterable[Path], root: Path) -> None:
    """Take files away, with what a killed build left beside them, and their directories once empty.

    Args:
        paths: The files; those that are not there are passed over.
        root: Directories below it are taken away; it and others, which somebody else made, stay.

    Raises:
        OutputError: One of them can't be removed.
    """
    directories = []
    for path in paths:
        try:
            path.unlink(missing_ok=True)
            for abandoned in _temporary_files(path):
                abandoned.unlink(missing_ok=True)
        except NotADirectoryError:
            continue  # where a file stands in the directory's place, none of ours can be
        except OSError as error:
            raise OutputError(f"{path} can't be removed: {error.strerror}.", "Check its permissions.") from None
        directories.append(path.parent)
    for directory in dict.fromkeys(directories):
        with contextlib.suppress(OSError):  # other files are in it, and stay
            for empty in (directory, *directory.parents):
                if root not in empty.parents:
                    break
                empty.rmdir()


def _write_all(descriptor: int, piece: Buffer) -> None:
    view = memoryview(piece)
    while view:
        view = view[os.write(descriptor, view) :]


def _temporary_files(path: Path) -> dict[Path, int]:
    """Find the temporary files of an output, and the process that wrote each."""
    prefix = f".{path.name}"
    with contextlib.suppress(FileNotFoundError, NotADirectoryError), os.scandir(path.parent) as entries:
        names = [entry.name for entry in entries if entry.name.startswith(prefix)]
        matches = [(name, _TEMPORARY.fullmatch(name, len(prefix))) for name in names]
        return {path.with_name(name): int(match[1]) for name, match in matches if match}
    return {}


def _remove_abandoned(path: Path) -> None:
    """Remove what a killed build left of this file; that of one which still runs stays."""
    for abandoned, process in _temporary_files(path).items():
        if not _runs(process):
            with contextlib.suppress(OSError):
                abandoned.unlink()


def _runs(process: int) -> bool:
    if os.name != "posix":
        return True  # there, signal 0 would end it
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True
