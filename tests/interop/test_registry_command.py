"""The local registry of `hatch-wasm-oci registry`, as other people's tools use it."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.image import archive

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_wasm_oci import PackagedImage

    from .peers import Peer

pytestmark = pytest.mark.interop

COMMAND = (sys.executable, "-c", "from hatch_wasm_oci.cli import main; raise SystemExit(main())", "registry")
POLICY = "--insecure-policy"


def test_skopeo_logs_in_pushes_pulls_and_lists(skopeo: Peer, packaged: PackagedImage, tmp_path: Path) -> None:
    password = base64.b64encode(hashlib.sha1(b"geheim").digest()).decode()  # what `htpasswd -s` writes
    (tmp_path / "users").write_text(f"me:{{SHA}}{password}\n")
    options = ("--port", "0", "--json", "--data", str(tmp_path / "data"), "--htpasswd", str(tmp_path / "users"))
    with subprocess.Popen((*COMMAND, *options), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            reference = f"docker://{json.loads(process.stdout.readline())['host']}/filters/one:1.2.0"
            source = f"oci-archive:{packaged.archive}"
            login = ("--dest-creds", "me:geheim", "--dest-tls-verify=false")
            skopeo.run(POLICY, "copy", "--preserve-digests", *login, source, reference)
            denied = skopeo.attempt(POLICY, "inspect", "--creds", "me:wrong", "--tls-verify=false", reference)
            assert denied.returncode != 0
            raw = skopeo.run(POLICY, "inspect", "--raw", "--creds", "me:geheim", "--tls-verify=false", reference)
            assert f"sha256:{hashlib.sha256(raw).hexdigest()}" == packaged.manifest_digest
            target = tmp_path / "pulled.tar"
            login = ("--src-creds", "me:geheim", "--src-tls-verify=false")
            skopeo.run(POLICY, "copy", "--preserve-digests", *login, reference, f"oci-archive:{target}:1.2.0")
            assert archive.read(target).image == packaged.image
            listing = skopeo.run(
                "list-tags", "--creds", "me:geheim", "--tls-verify=false", reference.rpartition(":")[0]
            )
            assert json.loads(listing)["Tags"] == ["1.2.0"]
        finally:
            process.terminate()
        assert process.wait(30) == 0
