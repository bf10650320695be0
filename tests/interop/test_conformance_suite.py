"""The distribution-spec's own conformance suite against the embedded registry, nothing of version 1.1 switched off."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

import pytest

from hatch_wasm_oci.testing import BasicAuthentication, BearerAuthentication, EmbeddedRegistry

from . import peers

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.interop

SUITE = "github.com/opencontainers/distribution-spec/conformance@v0.0.0-20260831232431-97274622c111"
# What the suite leaves out by itself, as a registry need not have it.
OPTIONAL = (
    "OCI_API_BLOBS_DIGEST_HEADER",
    "OCI_API_BLOBS_UPLOAD_CANCEL",
    "OCI_API_MANIFESTS_DIGEST_HEADER",
    "OCI_DATA_SPARSE",
)
USER, PASSWORD = "user", "secret"
REGISTRIES: dict[str, Callable[[Path], dict[str, Any]]] = {
    "in memory": lambda _directory: {},
    "on disk": lambda directory: {"directory": directory / "data"},
    "as cloud registries are": lambda _directory: {
        "absolute_locations": True,
        "upload_state": True,
        "redirect_blobs": True,
        "page_size": 50,
    },
    "basic": lambda _directory: {"authentication": BasicAuthentication({USER: PASSWORD})},
    "bearer": lambda _directory: {"authentication": BearerAuthentication({USER: PASSWORD})},
}


@pytest.mark.parametrize("name", REGISTRIES)
def test_the_conformance_suite_passes(name: str, tmp_path: Path) -> None:
    program = peers.find("conformance", tmp_path, install=f"go install {SUITE}").program
    options = REGISTRIES[name](tmp_path)
    with EmbeddedRegistry(sparse=True, **options) as registry:
        process = subprocess.run(
            [program],
            cwd=tmp_path,
            env={
                "PATH": os.environ["PATH"],
                "OCI_VERSION": "1.1",
                "OCI_REGISTRY": registry.host,
                "OCI_TLS": "disabled",
                "OCI_USERNAME": USER if "authentication" in options else "",
                "OCI_PASSWORD": PASSWORD if "authentication" in options else "",
                "OCI_RESULTS_DIR": str(tmp_path / "results"),
                **dict.fromkeys(OPTIONAL, "true"),
            },
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
    assert process.returncode == 0, process.stdout + process.stderr
    cases = list(ET.parse(tmp_path / "results" / "junit.xml").iter("testcase"))
    assert len(cases) > 500
    assert [case.get("name") for case in cases if case.get("status") != "passed"] == []
