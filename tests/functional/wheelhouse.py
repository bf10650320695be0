"""A directory of wheels from which isolated builds install without a network, made out of what is installed here."""

from __future__ import annotations

import csv
import importlib.util
import io
import itertools
import subprocess
import sys
import zipfile
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from pathlib import Path

# What depends on the place of an installation, and what is written anew.
_LOCAL = ("INSTALLER", "REQUESTED", "direct_url.json", "RECORD")


def build(directory: Path, project: Path) -> None:
    """Fill a directory with the project's own wheel, and one of each distribution that its builds need.

    Args:
        directory: The directory, which exists.
        project: The project's root.
    """
    command = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory))
    subprocess.run(command, cwd=project, check=True, capture_output=True)
    wanted = list(metadata.distribution("hatch-wasm-oci").requires or [])
    if has_editables():
        wanted.append("editables")
    for distribution in _closure(wanted):
        _write(directory, distribution)


def has_editables() -> bool:
    """Say whether there is what hatchling needs for editable installations."""
    return importlib.util.find_spec("editables") is not None


def _closure(requirements: list[str]) -> list[metadata.Distribution]:
    found: dict[str, metadata.Distribution] = {}
    waiting = [Requirement(text) for text in requirements]
    while waiting:
        requirement = waiting.pop()
        name = canonicalize_name(requirement.name)
        if name in found or (requirement.marker and not requirement.marker.evaluate({"extra": ""})):
            continue
        found[name] = metadata.distribution(name)
        waiting += [Requirement(text) for text in found[name].requires or []]
    return list(found.values())


def _write(directory: Path, distribution: metadata.Distribution) -> None:
    files = [file for file in distribution.files or () if _belongs(file)]
    (wheel_file,) = (file for file in files if file.name == "WHEEL" and file.parent.suffix == ".dist-info")
    information = wheel_file.parent
    record = io.StringIO()
    rows = csv.writer(record, lineterminator="\n")
    with zipfile.ZipFile(directory / f"{information.stem}-{_tags(wheel_file.read_text())}.whl", "w") as archive:
        for file in files:
            archive.writestr(str(file), file.read_binary())
            rows.writerow((file, f"{file.hash.mode}={file.hash.value}" if file.hash else "", file.size or ""))
        rows.writerow((information / "RECORD", "", ""))
        archive.writestr(str(information / "RECORD"), record.getvalue())


def _belongs(file: metadata.PackagePath) -> bool:
    local = file.parent.suffix == ".dist-info" and file.name in _LOCAL
    return not local and ".." not in file.parts and file.suffix != ".pyc"


def _tags(wheel: str) -> str:
    tags = [line.partition(":")[2].strip() for line in wheel.splitlines() if line.startswith("Tag:")]
    parts = [sorted(set(part)) for part in zip(*(tag.split("-") for tag in tags), strict=True)]
    assert set(tags) >= set(map("-".join, itertools.product(*parts))), f"the tags {tags} have no common name"
    return "-".join(map(".".join, parts))
