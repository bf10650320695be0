"""Fuzz one target under atheris, guided by coverage: `hatch run fuzz:run TARGET --seconds 60`."""

from __future__ import annotations

import argparse
import hashlib
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import atheris

with atheris.instrument_imports(include=["hatch_wasm_oci", "tarfile"]):
    from tests.fuzz.seeds import seeds
    from tests.fuzz.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Sequence

# One input may take so many seconds, and the process so many MiB: more is a finding too.
_SECONDS = 20
_MEBIBYTES = 2048


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one target from its seeds, or on the inputs given; ends the process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="how long to run (default: %(default)s)")
    parser.add_argument("--corpus", type=Path, help="a directory for what is worth starting from next time")
    parser.add_argument("--findings", type=Path, default=Path(), help="where an input that fails is written")
    parser.add_argument("inputs", nargs="*", help="files to run once each instead of fuzzing")
    options = parser.parse_intermixed_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        corpus = options.corpus or Path(directory)
        corpus.mkdir(parents=True, exist_ok=True)
        for seed in seeds(options.target):
            (corpus / hashlib.sha256(seed).hexdigest()).write_bytes(seed)
        flags = [
            f"-max_total_time={options.seconds}",
            f"-timeout={_SECONDS}",
            f"-rss_limit_mb={_MEBIBYTES}",
            f"-artifact_prefix={options.findings}/",
            "-print_final_stats=1",
            *(options.inputs or [str(corpus)]),
        ]
        atheris.Setup([sys.argv[0], *flags], TARGETS[options.target])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
