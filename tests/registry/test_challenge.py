from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.registry.challenge import Challenge, parse_challenges


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("", []),
        ("Basic", [("basic", {})]),
        ('Basic realm="a \\"b\\", c"', [("basic", {"realm": 'a "b", c'})]),
        ("Basic realm=plain", [("basic", {"realm": "plain"})]),
        ("Basic realm=https://a.example/token?x=y", [("basic", {"realm": "https://a.example/token?x=y"})]),
        (
            'BEARER Realm="https://a/t", service="s,x", scope="r:a:pull,push r:c:pull"',
            [("bearer", {"realm": "https://a/t", "service": "s,x", "scope": "r:a:pull,push r:c:pull"})],
        ),
        (
            'Bearer realm="r",error="small", Basic realm="b"',
            [("bearer", {"realm": "r", "error": "small"}), ("basic", {"realm": "b"})],
        ),
        ('Basic, Bearer realm="r"', [("basic", {}), ("bearer", {"realm": "r"})]),
        ('Negotiate YWJj==, Basic realm="b"', [("negotiate", {}), ("basic", {"realm": "b"})]),
        ('Negotiate, Basic realm = "b"', [("negotiate", {}), ("basic", {"realm": "b"})]),
        ('Bearer realm="first", realm="second"', [("bearer", {"realm": "first"})]),
        ('Bearer realm="unfinished', [("bearer", {})]),
        ("=,;", []),
    ],
)
def test_challenges(header: str, expected: list[tuple[str, dict[str, str]]]) -> None:
    assert parse_challenges(header) == tuple(Challenge(scheme, parameters) for scheme, parameters in expected)


@given(st.text(alphabet=' ,="\\ab/:\t\n;é', max_size=200) | st.text())
def test_no_header_raises(header: str) -> None:
    for challenge in parse_challenges(header):
        assert challenge.scheme == challenge.scheme.lower()
        assert len(repr(challenge)) < 20 * len(header) + 100


@pytest.mark.parametrize("piece", ['a="', "a ", 'a="\\"', "a=a=", "a,", " ", '"', "\\", "a=b:", "A =", "a" * 50, "="])
def test_a_large_header_takes_no_long_time(piece: str) -> None:
    # Of quadratic time, these would take minutes, and of exponential time for ever.
    parse_challenges(f"Bearer {piece * (10_000_000 // len(piece))}")
