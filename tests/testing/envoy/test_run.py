from __future__ import annotations

import sys
import tempfile
import threading
from typing import TYPE_CHECKING, Any

import pytest

import hatch_wasm_oci
from hatch_wasm_oci.errors import EnvoyError, RegistryError, SettingsError
from hatch_wasm_oci.image import archive
from hatch_wasm_oci.testing import (
    EmbeddedRegistry,
    EnvoyPlugin,
    HttpRequest,
    HttpResponse,
    RegistryNamespace,
    RunningRegistry,
    Upstream,
    run_envoy,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_wasm_oci.image.manifest import Image

    Make = Callable[[str], Image]

pytestmark = pytest.mark.usefixtures("program")


def test_the_configuration_reaches_the_plugin_and_its_headers_reach_both_sides(image: Make) -> None:
    with run_envoy(image("adds"), configuration="good morning") as proxy:
        answer = proxy.get("/a/../b%2Fc?x=1", headers={"Accept": "text/plain"})
        (request,) = proxy.upstream.requests
    assert (answer.status, answer.headers["X-Plugin"]) == (200, "good morning")
    assert (request.method, request.path, request.query) == ("GET", "/a/../b%2Fc", "x=1")
    assert (request.headers["x-plugin"], request.headers["accept"]) == ("good morning", "text/plain")


@pytest.mark.parametrize(
    ("configuration", "arrives"), [("wärme", "wärme"), ({"a": [1]}, '{"a": [1]}'), (b"\x01\x02", "\x01\x02")]
)
def test_configurations_of_each_kind(image: Make, configuration: Any, arrives: str) -> None:
    with run_envoy(image("adds"), configuration=configuration) as proxy:
        assert {(line.level, line.message) for line in proxy.plugin_log} == {("info", arrives)}


def test_a_chain_runs_in_order(image: Make) -> None:
    # Plugins of the same module share a VM, and this one's configuration stands there once: so each has its own VM.
    first, second = (EnvoyPlugin(image("adds"), text, text, vm_configuration=text) for text in ("one", "two"))
    with run_envoy(first, second, image("counts")) as proxy:
        answer = proxy.get()
        (request,) = proxy.upstream.requests
        assert {line.source for line in proxy.plugin_log if line.level == "info"} == {"one", "two"}
    assert request.headers.every("x-plugin") == ["one", "two"]
    assert answer.headers.every("x-plugin") == ["two", "one"]


def test_the_plugins_numbers_and_lines(image: Make) -> None:
    with run_envoy(image("counts"), concurrency=2) as proxy:
        for _ in range(3):
            assert proxy.get().status == 200
        assert [line.message for line in proxy.plugin_log] == ["two\nlines"] * 3
        assert proxy.wait_until(lambda: proxy.statistics["served"] == 21)
        assert proxy.statistics.keys() == {"served"}
        assert proxy.envoy_statistics("server.concurrency") == {"server.concurrency": 2}
        with pytest.raises(EnvoyError, match=r"did not come in 0\.1 seconds"):
            proxy.wait_until(lambda: proxy.statistics["served"] == 0, timeout=0.1)
        assert "warning|wasm|wasm log plugin-1: two\nlines" in proxy.log


def test_the_level_of_the_log_is_chosen(image: Make) -> None:
    with run_envoy(image("counts"), log_level="error") as proxy:
        proxy.get()
        assert proxy.plugin_log == ()


def test_an_answer_of_the_plugins_own_never_reaches_the_upstream(image: Make) -> None:
    with run_envoy(image("answers")) as proxy:
        answers = [proxy.post(body=body) for body in ("hello", bytes(20 << 20))]
        assert proxy.upstream.requests == ()
    assert [(answer.status, answer.text) for answer in answers] == [(403, "no entry")] * 2


def test_a_plugin_calls_out_to_an_upstream_by_its_name(image: Make) -> None:
    with run_envoy(image("asks"), upstreams={"authz": HttpResponse(204)}) as proxy:
        assert proxy.get("/page").status == 200
        assert [request.path for request in proxy.upstreams["authz"].requests] == ["/check"]
        assert [request.path for request in proxy.upstream.requests] == ["/page"]
        fault = proxy.upstreams["authz"].faults.add(reset="before")
        assert proxy.get("/page").status == 200
        assert fault.played == 1


def test_upstreams_of_each_kind(image: Make) -> None:
    def handler(request: HttpRequest) -> HttpResponse:
        if request.path == "/fail":
            raise LookupError("the test's own")
        return HttpResponse(201, [("Set-Cookie", "a=1"), ("Set-Cookie", "b=2")], request.text.upper())

    plugin = image("adds")
    with run_envoy(plugin, upstream=handler) as proxy:
        answer = proxy.request("PUT", "/x", body=iter([b"pie", b"ces"]))
        assert (answer.status, answer.text) == (201, "PIECES")
        assert answer.headers.every("set-cookie") == ["a=1", "b=2"]
        assert "LookupError: the test's own" in proxy.get("/fail").text
        proxy.upstream.answer = HttpResponse(503, {}, '{"down": true}')
        assert proxy.get().json() == {"down": True}
    with Upstream(HttpResponse(418)) as server, run_envoy(plugin, upstream=server.address) as proxy:
        assert proxy.get().status == 418
        with pytest.raises(SettingsError, match="an address that was given"):
            _ = proxy.upstream


def test_large_bodies_go_there_and_back(image: Make) -> None:
    data = bytes(range(256)) * (20 << 12)
    with run_envoy(image("adds")) as proxy:
        answer = proxy.post(body=data, headers=[("Content-Type", "application/x-all")])
    assert answer.body == data
    assert answer.headers["content-type"] == "application/x-all"


def test_an_upstream_that_takes_too_long(image: Make) -> None:
    with run_envoy(image("adds"), upstream_timeout=0.2) as proxy:
        proxy.upstream.faults.add(hang=True)
        assert proxy.get().status == 504


@pytest.mark.parametrize(("policy", "later"), [("FAIL_CLOSED", 503), ("FAIL_OPEN", 200)])
def test_what_becomes_of_requests_when_the_plugin_fails(image: Make, policy: Any, later: int) -> None:
    with run_envoy(image("traps"), failure_policy=policy) as proxy:
        assert [proxy.get().status, proxy.get().status] == [503, later]
        assert "error: Function: proxy_on_request_headers failed" in proxy.lines[0]


def test_a_plugin_that_failed_is_started_anew(image: Make) -> None:
    with run_envoy(image("traps"), failure_policy="FAIL_RELOAD", environment={"A": "1"}) as proxy:
        assert proxy.get().status == 503

        def reloaded() -> bool:
            proxy.get()
            return bool(proxy.envoy_statistics("wasm.plugin-1.vm_reload_success")["wasm.plugin-1.vm_reload_success"])

        assert proxy.wait_until(reloaded)


def test_a_crash_names_its_signal(image: Make) -> None:
    with run_envoy(image("crashes")) as proxy:
        with pytest.raises(EnvoyError, match=r"Envoy ended by SIGSEGV on GET /page\.\n  Caught Segm") as caught:
            proxy.get("/page")
        assert caught.value.signal == "SIGSEGV"
        assert "\n" not in caught.value.lines[0]
        with pytest.raises(EnvoyError, match="ended by SIGSEGV on telling its statistics"):
            _ = proxy.statistics
        with pytest.raises(EnvoyError, match="ended by SIGSEGV while it was waited for"):
            proxy.wait_until(lambda: False)


def test_a_crash_after_the_last_answer_is_not_overlooked(image: Make) -> None:
    def block() -> None:
        with run_envoy(image("crashes afterwards")) as proxy:
            proxy.get()

    with pytest.raises(EnvoyError, match=r"Envoy ended by SIGSEGV (after its last answer|on GET /)\.\n  Caught"):
        block()


def test_a_refusal_is_told_in_the_plugins_and_envoys_words(image: Make) -> None:
    run = run_envoy(image("refuses"), configuration="I will not", failure_policy="FAIL_OPEN")
    with pytest.raises(EnvoyError, match="refuses to start") as caught, run:
        pass
    said = ("error: wasm log: I will not", "error: Failed to configure base Wasm plugin")
    assert caught.value.lines[:2] == said == run.lines[:2]
    assert all(line in str(caught.value) for line in said)


def test_a_plugin_that_never_starts_is_ended(image: Make) -> None:
    with (
        pytest.raises(EnvoyError, match=r"not ready after 0\.5 seconds"),
        run_envoy(image("never starts"), timeout=0.5),
    ):
        pass


def test_a_plugin_that_never_returns_is_ended(image: Make) -> None:
    with run_envoy(image("never returns")) as proxy:
        with pytest.raises(EnvoyError, match=r"no answer to GET / in 0\.2 seconds"):
            proxy.get(timeout=0.2)
        process: Any = proxy._process._process
    assert process.returncode == -9


def test_nothing_is_left_however_the_block_ends(image: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    before = threading.active_count()
    seen: list[Any] = []

    def block() -> None:
        with run_envoy(image("adds")) as proxy:
            seen.extend([proxy, proxy._process._process])
            assert seen[1].poll() is None
            assert len(list(tmp_path.iterdir())) == 1
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        block()
    proxy, process = seen
    assert process.returncode == 0
    with pytest.raises(EnvoyError), run_envoy(image("refuses")):
        pass
    assert list(tmp_path.iterdir()) == []
    assert threading.active_count() == before
    assert "caught ENVOY_SIGTERM" in proxy.log


def test_an_envoy_that_is_wrong_in_other_ways_says_how(image: Make) -> None:
    with (
        pytest.raises(EnvoyError, match=r"does not start.*\n.*nonsense"),
        run_envoy(image("adds"), upstreams={"x": {"nonsense": 1}}),
    ):
        pass


@pytest.mark.skipif(sys.platform == "win32", reason="needs scripts that can be run; Envoy has no Windows build")
@pytest.mark.parametrize(
    ("script", "problem"),
    [
        ("echo 'critical|wasm|Envoy was compiled without support for it'\nexit 1", "built without Wasm"),
        ("echo 'libc.so.7 is missing'\nexit 127", "does not start; it ended with status 127:\n  libc.so.7"),
    ],
)
def test_programs_that_are_no_envoy_for_plugins(tmp_path: Path, image: Make, script: str, problem: str) -> None:
    program = tmp_path / "envoy"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    with pytest.raises((SettingsError, EnvoyError), match=problem), run_envoy(image("adds"), envoy=program):
        pass
    program.write_bytes(b"\x7fELF no program")
    with pytest.raises(SettingsError, match="can't be run"), run_envoy(image("adds"), envoy=program):
        pass


def test_images_come_from_where_the_test_has_them(image: Make, tmp_path: Path) -> None:
    plugin = image("adds")
    path = tmp_path / "plugin.oci.tar"
    path.write_bytes(b"".join(archive.write(plugin, [], 0)))
    with EmbeddedRegistry() as server:
        registry = RegistryNamespace(RunningRegistry(server.url, embedded=server), "tests")
        reference = registry.reference("mine", "1.0")
        with pytest.raises(RegistryError), run_envoy(reference, registry=registry):
            pass
        hatch_wasm_oci.push(plugin, reference)
        for source in (path, str(path), reference, plugin):
            with run_envoy(source, registry=registry, configuration="x") as proxy:
                assert proxy.get().headers["x-plugin"] == "x"
        assert {request.method for request in registry.log} >= {"PUT", "GET"}


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"configuraton": "x"}, "configuraton: there is no such argument. Choose of configuration, "),
        ({"log_level": "loud"}, "log_level: there is no 'loud'"),
        ({"concurrency": 0}, "concurrency: 0 is too few"),
        ({"upstreams": {"upstream": HttpResponse()}}, "Give it as `upstream`"),
        ({"envoy": "/nowhere/envoy"}, "no program that can be run"),
        ({"failure_policy": "OPEN"}, "failure_policy: there is no 'OPEN'. Choose of FAIL_CLOSED"),
        ({"upstream": 5}, "upstreams.upstream: 5 is no upstream"),
        ({"upstream": "nowhere"}, "upstreams.upstream: 'nowhere' is no address"),
    ],
)
def test_arguments_that_can_not_be(image: Make, options: dict[str, Any], problem: str) -> None:
    with pytest.raises(SettingsError, match=problem), run_envoy(image("adds"), **options):
        pass
    with pytest.raises(SettingsError, match="configuration: it is for images that stand by themselves"):
        run_envoy(EnvoyPlugin(image("adds")), configuration="x")
