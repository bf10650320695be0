"""The command-line door: `hatch-wasm-oci`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import WasmOciError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_wasm_oci.cli.commands import Outcome

FAILED, INTERRUPTED = 1, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: The command line without the program's name; that of the process where not given.

    Returns:
        0 when done, 1 when the work failed or a check says no, 130 when it was interrupted; wrong usage ends the
        process with 2.
    """
    from hatch_wasm_oci.cli.arguments import parse

    options = parse(sys.argv[1:] if arguments is None else arguments)
    try:
        outcome: Outcome = options.command(options)
        value = "" if outcome.value is None else json.dumps(outcome.value, indent=2)
        text = value if options.json else "\n".join(outcome.lines)
        if text and (options.json or not options.quiet):
            _print(text)
    except WasmOciError as error:
        print(f"hatch-wasm-oci: {error}", file=sys.stderr)
        return FAILED
    except BrokenPipeError:
        sys.stderr.close()  # whoever read has gone; nobody is left to tell
        return FAILED
    except KeyboardInterrupt:
        print("hatch-wasm-oci: interrupted", file=sys.stderr)
        return INTERRUPTED
    return outcome.status


def _print(text: str) -> None:
    encoding = sys.stdout.encoding or "utf-8"  # of a terminal that may not know every character
    print(text.encode(encoding, "backslashreplace").decode(encoding), flush=True)
