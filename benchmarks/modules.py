"""The modules that are packaged: real ones out of npm packages, or made-up ones where there is no npm.

What is fetched stays in benchmarks/.cache, which git ignores; none of it belongs into the repository.
"""

from __future__ import annotations

import itertools
import random
import shutil
import subprocess
import tarfile
from dataclasses import dataclass
from pathlib import Path

CACHE = Path(__file__).parent / ".cache"
_HEADER = b"\0asm\x01\0\0\0"
_LENGTH_BYTES = 5
_TIMEOUT = 300


@dataclass(frozen=True)
class Source:
    """A module in an npm package.

    Args:
        package: The package and its version.
        member: The module's path in it.
        size: The size, in bytes, of the made-up module that stands in for it.
    """

    package: str
    member: str
    size: int

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return CACHE / f"{self.package.replace('/', '-').lstrip('@')}.wasm"


SOURCES = (
    Source("sql.js@1.16.0", "dist/sql-wasm.wasm", 688_197),
    Source("@automerge/automerge@3.5.0", "dist/automerge.wasm", 3_644_225),
    Source("canvaskit-wasm@0.42.0", "bin/canvaskit.wasm", 7_317_345),
    Source("esbuild-wasm@0.28.2", "esbuild.wasm", 13_978_850),
    Source("@ffmpeg/core@0.12.10", "dist/umd/ffmpeg-core.wasm", 32_232_419),
)


def real_or_synthetic(directory: Path, sources: tuple[Source, ...] = SOURCES) -> dict[str, Path]:
    """Return modules by what they are called in tables, the smallest first.

    Args:
        directory: Where made-up ones are written.
        sources: The real ones.
    """
    found = {}
    for source in sources:
        if source.path.is_file() or _fetch(source):
            found[source.package.rpartition("@")[0]] = source.path
        else:
            path = directory / f"synthetic-{source.size}.wasm"
            path.write_bytes(synthetic(source.size))
            found[f"synthetic for {source.package}"] = path
    return found


def synthetic(size: int) -> bytes:
    """Make a module of one custom section that compresses about as code does: to 30 to 40 %.

    Args:
        size: Its size in bytes; always the same bytes for the same size.
    """
    # Code is made of few instructions with operands, some common and most rare. Deflate looks back 32 KiB only:
    # a piece of 2 MiB repeats without its noticing.
    chance = random.Random(0)
    words = [chance.randbytes(chance.randint(3, 6)) for _ in range(512)]
    weights = list(itertools.accumulate(1 / (rank + 2) for rank in range(len(words))))
    piece = b"".join(chance.choices(words, cum_weights=weights, k=500_000))
    return _section(piece * (size // len(piece) + 1), size)


def incompressible(size: int) -> bytes:
    """Make a module of one custom section that does not compress at all.

    Args:
        size: Its size in bytes; always the same bytes for the same size.
    """
    chance = random.Random(1)
    return _section(chance.randbytes(size), size)


def _section(content: bytes, size: int) -> bytes:
    room = size - len(_HEADER) - 1 - _LENGTH_BYTES
    # LEB128, padded to a fixed number of bytes: all but the last have the continuation bit.
    length = [(room >> 7 * index & 0x7F) | 0x80 for index in range(_LENGTH_BYTES)]
    length[-1] ^= 0x80
    # A custom section: identifier 0, its length in five bytes, the name "c", the content.
    return b"".join((_HEADER, b"\0", bytes(length), b"\x01c", memoryview(content)[: room - 2]))


def _fetch(source: Source) -> bool:
    npm = shutil.which("npm")
    if npm is None:
        return False
    CACHE.mkdir(exist_ok=True)
    print(f"npm pack {source.package}")
    try:
        run = subprocess.run(
            [npm, "pack", "--silent", "--pack-destination", str(CACHE), source.package],
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT,
        )
    except (subprocess.SubprocessError, OSError) as error:
        print(f"  not fetched: {error}")
        return False
    package = CACHE / run.stdout.split()[-1]
    with tarfile.open(package) as archive:
        content = archive.extractfile(f"package/{source.member}")
        if content is not None:
            source.path.write_bytes(content.read())
    package.unlink()
    return source.path.is_file()
