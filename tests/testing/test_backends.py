from __future__ import annotations

import os
import shutil
import stat
import sys
from typing import TYPE_CHECKING, Any

import pytest

import hatch_wasm_oci
from hatch_wasm_oci import hookimpl
from hatch_wasm_oci.errors import PluginError, RegistryError, SettingsError
from hatch_wasm_oci.testing import (
    RegistryMissingError,
    RegistryNamespace,
    assert_image_round_trips,
    backends,
    cncf_distribution,
    wasm_image,
)
from tests.interop import peers
from tests.samples import plugins

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path


@pytest.fixture
def installed(tmp_path: Path) -> None:
    """Skip the test without a CNCF registry, or fail it where the environment says that there must be one."""
    if not any(map(shutil.which, cncf_distribution.NAMES)):
        peers.find(cncf_distribution.NAMES[0], tmp_path)


class Backends:
    def __init__(self, found: Any) -> None:
        self.found = found

    @hookimpl
    def wasm_oci_registry_backends(self) -> Any:
        return self.found


def program(directory: Path, source: str) -> str:
    path = directory / "registry"
    path.write_text(f"#!{sys.executable}\n{source}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_names_are_found_and_plugins_add_and_replace() -> None:
    assert backends.find("embedded", plugins()) is backends.embedded
    assert backends.find("distribution", plugins()) is backends.distribution
    zot, other = backends.running("https://zot.example"), backends.running("https://other.example")
    added = plugins(Backends({"zot": zot, "embedded": other}), Backends(None))
    assert backends.find("zot", added) is zot
    assert backends.find("embedded", added) is other
    with pytest.raises(
        SettingsError, match=r"no backend 'zott'\. Choose of 'embedded', 'distribution', 'zot', or give"
    ):
        backends.find("zott", added)
    for wrong in (["zot"], {"zot": "https://zot.example"}):
        with pytest.raises(PluginError, match=r"mapping of names to functions .*plugin-0"):
            backends.find("embedded", plugins(Backends(wrong)))


@pytest.mark.parametrize(
    ("url", "host", "prefix", "options"),
    [
        ("https://ghcr.io/acme/tests/", "ghcr.io", "acme/tests", {}),
        ("http://zot.example:5000", "zot.example:5000", "", {"plain_http": True}),
    ],
)
def test_a_url_names_a_running_one(tmp_path: Path, url: str, host: str, prefix: str, options: dict[str, Any]) -> None:
    with backends.running(url)(tmp_path) as registry:
        assert (registry.host, registry.prefix, registry.options, registry.own) == (host, prefix, options, False)
        reference = RegistryNamespace(registry, "t1").reference("filter", None)
    assert reference == "/".join(part for part in (host, prefix, "t1", "filter") if part)


@pytest.mark.parametrize(
    "url", ["https://", "https://UPPER.example/PATH", "http://host:99999", "https://a.example/b?c"]
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(SettingsError, match="oci-registry: "):
        backends.running(url)


def test_a_password_in_a_url_is_refused_and_not_repeated() -> None:
    with pytest.raises(SettingsError, match="no place for a password") as caught:
        backends.running("https://me:geheim@host.example")
    assert "geheim" not in str(caught.value)


def test_credentials_of_the_user_are_for_registries_of_the_user(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HATCH_WASM_OCI_USERNAME", "me")
    monkeypatch.setenv("HATCH_WASM_OCI_PASSWORD", "mine")
    running = backends.RunningRegistry("http://127.0.0.1:1")
    assert RegistryNamespace(running, "t").connection().credential is None
    with backends.running("https://ghcr.io/acme")(tmp_path) as registry:
        credential = RegistryNamespace(registry, "t").connection().credential
    assert credential is not None
    assert "mine" not in repr(registry)


def test_a_missing_registry_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(RegistryMissingError, match=r"neither as docker-registry nor as registry\. Install it"):
        cncf_distribution.find(str(tmp_path))


@pytest.mark.skipif(os.name == "nt", reason="the program is a script")
def test_one_that_does_not_start_shows_its_own_words(tmp_path: Path) -> None:
    broken = program(tmp_path, "import sys; sys.exit('panic: no storage')")
    with (
        pytest.raises(RegistryError, match="does not start:\npanic: no storage"),
        cncf_distribution.serve(tmp_path, broken),
    ):
        pass
    (tmp_path / "registry").write_text("no program")
    with pytest.raises(RegistryError, match="can't be run"), cncf_distribution.serve(tmp_path, broken):
        pass


@pytest.mark.interop
@pytest.mark.usefixtures("installed")
def test_the_real_one_takes_an_image_and_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "true")
    monkeypatch.setenv("REGISTRY_HTTP_ADDR", "127.0.0.1:1")
    (tmp_path / "image").mkdir()
    (tmp_path / "registry").mkdir()
    image = wasm_image.make(tmp_path / "image", None)
    with backends.distribution(tmp_path / "registry") as registry:
        namespace = RegistryNamespace(registry, "t1")
        receipts = assert_image_round_trips(image, namespace, formats=("oci", "docker", "artifact"))
        assert len(receipts) == 3
        with pytest.raises(SettingsError, match="is not the embedded registry"):
            namespace.faults.add(status=500)
    with pytest.raises(RegistryError):
        hatch_wasm_oci.pull(receipts[0].pinned_reference, retry=_once())


@pytest.mark.interop
@pytest.mark.usefixtures("installed")
def test_a_port_that_somebody_else_took_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from hatch_wasm_oci.testing import EmbeddedRegistry

    with EmbeddedRegistry() as other:
        taken = int(other.host.rpartition(":")[2])
        ports = iter([taken, cncf_distribution._free_port()])
        monkeypatch.setattr(cncf_distribution, "_free_port", lambda: next(ports))
        with cncf_distribution.serve(tmp_path) as url:
            assert url != other.url


@pytest.mark.interop
@pytest.mark.usefixtures("installed")
def test_the_process_is_ended_when_the_block_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    start = cncf_distribution._start

    def remember(command: list[str], output: Any) -> subprocess.Popen[bytes]:
        started.append(start(command, output))
        return started[-1]

    monkeypatch.setattr(cncf_distribution, "_start", remember)
    with pytest.raises(ZeroDivisionError), cncf_distribution.serve(tmp_path):
        raise ZeroDivisionError
    assert started[0].returncode is not None


def _once() -> Any:
    from hatch_wasm_oci.registry.connection import Retry

    return Retry(attempts=1)
