"""Findings as SARIF, which code scanning services show beside the code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hatch_wasm_oci import __version__
from hatch_wasm_oci.wasm.codes import CODES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from hatch_wasm_oci.linting import Linted
    from hatch_wasm_oci.wasm.finding import Finding

_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_WARNINGS = "WO5"


def document(linted: Iterable[tuple[str, Linted]]) -> dict[str, Any]:
    """Write what was found as a SARIF log of one run.

    Args:
        linted: What was found, by the name of its source.

    Returns:
        The log, as JSON (OASIS SARIF 2.1.0; with the properties that GitHub's code scanning demands).
    """
    pairs = list(linted)
    codes = sorted({each.code for _, one in pairs for each in one.findings})
    return {
        "$schema": _SCHEMA,
        "version": "2.1.0",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "hatch-wasm-oci",
                        "semanticVersion": __version__,
                        "rules": [_rule(code) for code in codes],
                    }
                },
                "artifacts": [
                    {"location": {"uri": _uri(source)}, "length": one.size, "hashes": {"sha-256": one.sha256}}
                    for source, one in pairs
                ],
                "results": [
                    _result(each, codes.index(each.code), source, index)
                    for index, (source, one) in enumerate(pairs)
                    for each in one.findings
                ],
            }
        ],
    }


def _rule(code: str) -> dict[str, Any]:
    title = {"text": CODES.get(code, code)}
    return {
        "id": code,
        "shortDescription": title,
        "fullDescription": title,
        "help": title,
        "defaultConfiguration": {"level": "warning" if code.startswith(_WARNINGS) else "error"},
    }


def _result(finding: Finding, rule: int, source: str, artifact: int) -> dict[str, Any]:
    words = [finding.message, finding.why, finding.envoy and f"Envoy says: {finding.envoy}", finding.remedy]
    place = {"artifactLocation": {"uri": _uri(source), "index": artifact}, "region": {"startLine": 1}}
    return {
        "ruleId": finding.code,
        "ruleIndex": rule,
        "level": finding.severity,
        "message": {"text": " ".join(filter(None, words))},
        "locations": [{"physicalLocation": place}],
    }


def _uri(source: str) -> str:
    return quote(source.replace("\\", "/"), safe="/:@")
