from __future__ import annotations

import hashlib
import socket
import ssl
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.testing import EmbeddedRegistry, TlsFiles
from hatch_wasm_oci.testing.tls import make_certificates

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.testing.conftest import Client


@pytest.mark.parametrize("directory", [False, True])
def test_certificates_of_its_own(
    make_registry: Callable[..., EmbeddedRegistry],
    make_client: Callable[..., Client],
    tmp_path: Path,
    directory: bool,  # noqa: FBT001 - a case
) -> None:
    registry = make_registry(tls=True, directory=tmp_path if directory else None, absolute_locations=True)
    authority = registry.certificate_authority
    assert authority is not None
    assert registry.url.startswith("https://127.0.0.1:")
    client = make_client(registry, ssl.create_default_context(cafile=authority))
    data = bytes(range(256)) * 20_000
    assert client("POST", "/v2/a/blobs/uploads/").location.startswith(registry.url)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    assert client("POST", f"/v2/a/blobs/uploads/?digest={digest}", data).status == 201
    assert client("GET", f"/v2/a/blobs/{digest}").body == data
    registry.stop()
    assert not authority.exists()
    assert registry.certificate_authority is None


def test_a_stranger_does_not_trust_it(
    make_registry: Callable[..., EmbeddedRegistry],
    make_client: Callable[..., Client],
    capfd: pytest.CaptureFixture[str],
) -> None:
    registry = make_registry(tls=True)
    with pytest.raises(ssl.SSLCertVerificationError):
        make_client(registry, ssl.create_default_context())("GET", "/v2/")
    assert (
        make_client(registry, ssl.create_default_context(cafile=registry.certificate_authority))("GET", "/v2/").status
        == 200
    )
    assert capfd.readouterr().err == ""


def test_what_is_no_request_is_refused_over_tls_too(make_registry: Callable[..., EmbeddedRegistry]) -> None:
    registry = make_registry(tls=True)
    host, _, port = registry.host.rpartition(":")
    context = ssl.create_default_context(cafile=registry.certificate_authority)
    for data, status in ((b"nonsense\r\n\r\n", b"400"), (b"GET /v2/ HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n", b"400")):
        with (
            socket.create_connection((host, int(port)), timeout=20) as raw,
            context.wrap_socket(raw, server_hostname=host) as secure,
        ):
            secure.sendall(data)
            assert secure.recv(10_000).startswith(b"HTTP/1.1 " + status)


def test_files_that_are_there(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client], tmp_path: Path
) -> None:
    files = make_certificates(tmp_path, ["127.0.0.1"])
    registry = make_registry(tls=files)
    assert registry.certificate_authority == files.authority
    assert make_client(registry, ssl.create_default_context(cafile=files.authority))("GET", "/v2/").status == 200
    registry.stop()
    assert files.certificate.exists()


def test_files_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "bad").write_text("no certificate")
    for name in ("missing", "bad"):
        with pytest.raises(SettingsError, match=r"tls: .* can't be loaded"):
            EmbeddedRegistry(tls=TlsFiles(tmp_path / name, tmp_path / name)).start()


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    with pytest.raises(SettingsError, match=r"tls: .*hatch-wasm-oci\[pytest\]"):
        EmbeddedRegistry(tls=True).start()


def test_a_failed_start_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trustme", None)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    registry = EmbeddedRegistry(tls=True)
    with pytest.raises(SettingsError):
        registry.start()
    registry.stop()
    assert list(tmp_path.iterdir()) == []
