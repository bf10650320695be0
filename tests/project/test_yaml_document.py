from __future__ import annotations

import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from hatch_wasm_oci.project.yaml_document import to_yaml

# What YAML 1.1 or 1.2 would take for something else, if it stood there bare.
LINES = (
    "y Y yes No ON off TRUE false null Null NULL ~ = << - ? : , [ ] { } # & * ! | > ' \" % @ `",
    "1 -1 +1 0x1F 0o17 017 1_000 1:30 12:30:45 1e3 1e+3 1.5 .5 .inf -.Inf .nan e3 E3 inf nan _ 0 00 0.1.0 1.0.0",
    "2026-11-24 2026-11-24T00:00:00Z a: :a a:b a#b a:# @sha256: oci://x sha256:0 --- ... !!str *a &a null:",
)
NASTY = [word for line in LINES for word in line.split()]
TEXTS = [
    *NASTY,
    "",
    " ",
    " a",
    "a ",
    "a: b",
    "a #b",
    "\n",
    "a\nb",
    "\ta",
    "a\r\n",
    "- a",
    "\x00",
    "\x07",
    "\x1b[2J",
    "\x7f",
]
TEXTS += [
    "\x85",
    "\xa0",
    "\u2028x",
    "\u2029",
    "\ufeffa",
    "\ufffe",
    "\uffff",
    "ä",
    "日本",
    "\U0001f980",
    "\\",
    "\\u0041",
    "\"'",
]
TEXT = st.one_of(st.sampled_from(TEXTS), st.text(st.characters(exclude_categories=["Cs"])))
NUMBER = st.one_of(st.integers(), st.floats(allow_nan=False, allow_infinity=False))
VALUE = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBER, TEXT),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(TEXT, inner, max_size=4)),
    max_leaves=12,
)


@pytest.mark.parametrize("text", TEXTS)
def test_every_text_comes_back_as_itself(text: str) -> None:
    document = {text: text, "list": [text, [text, {text: [text]}]]}
    (again,) = yaml.safe_load_all(to_yaml([document]))
    assert again == document


@given(st.lists(st.dictionaries(TEXT, VALUE, min_size=1, max_size=5), min_size=1, max_size=3))
@example([{"a": 1e16, "b": 1e-7, "c": -0.0, "d": 1.5e300, "e": 10**400}])
def test_every_document_comes_back_as_itself(documents: list[dict[str, Any]]) -> None:
    text = to_yaml(documents)
    again = list(yaml.safe_load_all(text))
    assert again == documents
    assert repr(again) == repr(documents)  # also whether a number is whole
    assert not re.search("[\\x00-\\x09\\x0b-\\x1f\\x7f-\\x9f\\u2028\\u2029\\ufeff]", text)


def test_it_reads_as_people_write_it() -> None:
    document = {
        "apiVersion": "v1",
        "spec": {
            "targets": [{"kind": "Gateway", "name": "eg"}, {"empty": {}}],
            "url": "oci://ghcr.io/acme/filter:1.0@sha256:ab",
            "priority": -5,
            "open": True,
            "nothing": [],
            "on": "on",
        },
    }
    assert (
        to_yaml([document, {"kind": "Secret"}])
        == """\
apiVersion: v1
spec:
  targets:
    - kind: Gateway
      name: eg
    - empty: {}
  url: oci://ghcr.io/acme/filter:1.0@sha256:ab
  priority: -5
  open: true
  nothing: []
  "on": "on"
---
kind: Secret
"""
    )
