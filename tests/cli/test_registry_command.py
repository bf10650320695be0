"""The command `hatch-wasm-oci registry`, as a process that others talk to and end."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pytest

import hatch_wasm_oci
from hatch_wasm_oci.cli import main
from hatch_wasm_oci.errors import RegistryError
from hatch_wasm_oci.image import formats
from hatch_wasm_oci.testing import EmbeddedRegistry
from hatch_wasm_oci.testing.tls import make_certificates
from tests.samples import contents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

IMAGE = formats.compat_oci(contents())


@contextmanager
def serving(*options: str | Path, end: int = signal.SIGTERM) -> Iterator[dict[str, Any]]:
    command = [sys.executable, "-c", "from hatch_wasm_oci.cli import main; raise SystemExit(main())", "registry"]
    process = subprocess.Popen(
        [*command, "--port", "0", "--json", *map(str, options)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        if not line:
            raise AssertionError(process.communicate(timeout=30)[1])
        yield json.loads(line)
        process.send_signal(end)
        out, err = process.communicate(timeout=30)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


@pytest.mark.skipif(os.name == "nt", reason="signals are another matter there")
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_what_was_pushed_is_there_the_next_time(tmp_path: Path, end: int) -> None:
    with serving("--data", tmp_path / "data", end=end) as served:
        assert served["url"] == f"http://{served['host']}"
        assert served["data"] == str(tmp_path / "data")
        hatch_wasm_oci.push(IMAGE, f"{served['host']}/filters/one:1.0")
    with serving("--data", tmp_path / "data", "--read-only", end=end) as served:
        assert served["read_only"]
        assert hatch_wasm_oci.pull(f"{served['host']}/filters/one:1.0") == IMAGE
        with pytest.raises(RegistryError) as caught:
            hatch_wasm_oci.push(IMAGE, f"{served['host']}/filters/two:1.0")
        assert caught.value.status == 405


def test_users_and_tls(tmp_path: Path) -> None:
    password = base64.b64encode(hashlib.sha1(b"geheim").digest()).decode()
    (tmp_path / "users").write_text(f"me:{{SHA}}{password}\n")
    files = make_certificates(tmp_path, ["127.0.0.1"])
    options = ("--htpasswd", tmp_path / "users", "--tls-cert", files.certificate, "--tls-key", files.key)
    with serving(*options) as served:
        assert served["url"].startswith("https://")
        assert served["data"] is None
        reference, trusted = f"{served['host']}/filters/one:1.0", str(files.authority)
        with pytest.raises(RegistryError) as caught:
            hatch_wasm_oci.push(IMAGE, reference, ca_file=trusted)
        assert caught.value.status == 401
        hatch_wasm_oci.push(IMAGE, reference, ca_file=trusted, username="me", password="geheim")


def test_the_line_says_what_is_served(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.Event.wait", lambda *_: True)  # as if it had been ended at once
    assert main(["registry", "--port", "0"]) == 0
    out = capfd.readouterr().out
    assert out.startswith("serving the registry http://127.0.0.1:")
    assert "to read and write, for everybody who reaches it; kept in memory, gone when it ends\n" in out
    assert "hatch-wasm-oci push ARCHIVE 127.0.0.1:" in out
    assert "beware" not in out
    assert out.endswith("the registry has ended\n")
    assert main(["registry", "--port", "0", "--address", "0.0.0.0"]) == 0
    assert "beware: whoever reaches 0.0.0.0:" in capfd.readouterr().out
    assert main(["registry", "--port", "0", "--quiet"]) == 0
    assert capfd.readouterr().out == ""


def test_what_a_user_can_get_wrong(
    capfd: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "users").write_text("me:$2y$05$abc\n")
    (tmp_path / "file").touch()
    with EmbeddedRegistry() as other:
        port = other.host.rpartition(":")[2]
        for options, words in (
            (["--port", port], f"127.0.0.1:{port} can't be listened on"),
            (["--htpasswd", str(tmp_path / "users")], "bcrypt"),
            (["--htpasswd", str(tmp_path / "none")], "can't be read"),
            (["--tls-cert", "x"], "--tls-cert and --tls-key: one needs the other"),
            (["--tls-cert", "x", "--tls-key", "y"], "can't be loaded"),
            (["--data", str(tmp_path / "file")], str(tmp_path / "file")),
        ):
            assert main(["registry", "--port", "0", *options]) == 1, options
            captured = capfd.readouterr()
            assert captured.out == ""
            assert words in captured.err
            assert "Traceback" not in captured.err
    for port in ("70000", "-1", "x"):
        with pytest.raises(SystemExit) as caught:
            main(["registry", f"--port={port}"])
        assert caught.value.code == 2
        assert "is no port" in capfd.readouterr().err


def test_handlers_of_signals_are_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.Event.wait", lambda *_: True)
    before = signal.getsignal(signal.SIGTERM)
    main(["registry", "--port", "0", "--quiet"])
    assert signal.getsignal(signal.SIGTERM) is before
