from __future__ import annotations

from hatch_wasm_oci.wasm.finding import Finding


def test_a_finding_reads_as_sentences() -> None:
    finding = Finding("WO301", "error", "It is wrong.", "envoy's line", "It matters.", "Mend it.")
    assert str(finding) == "WO301: It is wrong. It matters. Mend it. Envoy says: envoy's line"
    assert str(Finding("WO301", "warning", "It is odd.")) == "WO301: It is odd."


def test_its_json_makes_it_again() -> None:
    finding = Finding("WO301", "error", "It is wrong.", why="It matters.")
    assert Finding(**finding.to_json()) == finding  # type: ignore[arg-type] # the severity is text again
