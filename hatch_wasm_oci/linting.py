"""Linting whatever holds a module, and asking a real Envoy about it: what the doors that do so share."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import ModuleError, shown
from hatch_wasm_oci.image.manifest import Image
from hatch_wasm_oci.project.report import PackagedImage
from hatch_wasm_oci.wasm.envoy_verdict import EnvoyVerdict, envoy_verdict
from hatch_wasm_oci.wasm.finding import Finding
from hatch_wasm_oci.wasm.lint import lint
from hatch_wasm_oci.wasm.module import MODULE_LIMIT, Module

if TYPE_CHECKING:
    from collections.abc import Mapping

    from hatch_wasm_oci.image.descriptor import Buffer

    ModuleSource = Module | Image | PackagedImage | bytes | bytearray | memoryview | str | os.PathLike[str]

_USTAR = slice(257, 262)


@dataclass(frozen=True)
class Asked:
    """How a real Envoy is to be asked.

    Args:
        program: Its path; None to look for one, see `hatch_wasm_oci.wasm.envoy_binary.find_envoy`.
        configuration: The plugin's configuration.
        root_id: The plugin's root id.
        timeout: How long Envoy may take, in seconds.
    """

    program: str | os.PathLike[str] | None = None
    configuration: str = ""
    root_id: str = ""
    timeout: float = 30.0


@dataclass(frozen=True)
class Linted:
    """What there is to say of a module.

    Args:
        sha256: The module's digest, hexadecimal.
        size: Its size in bytes.
        findings: Errors first.
        envoy: The version of the Envoy that was asked; empty where none was.
        verdict: What that did; None where none was asked.
    """

    sha256: str
    size: int
    findings: tuple[Finding, ...]
    envoy: str = ""
    verdict: EnvoyVerdict | None = None

    @property
    def fit(self) -> bool:
        """Whether there is no error."""
        return all(each.severity != "error" for each in self.findings)

    def to_json(self) -> dict[str, Any]:
        """Return it as the command line prints it."""
        verdict = self.verdict and {
            "version": self.envoy,
            "outcome": self.verdict.outcome,
            "signal": self.verdict.signal,
            "lines": list(self.verdict.lines),
        }
        findings = [each.to_json() for each in self.findings]
        return {"sha256": self.sha256, "size": self.size, "findings": findings, "envoy": verdict}


def examine(source: ModuleSource, envoy: str, asked: Asked | None, options: Mapping[str, Any]) -> Linted:
    """Lint a module, and ask a real Envoy about it.

    Args:
        source: As for `hatch_wasm_oci.lint`.
        envoy: The lowest Envoy version that it must load in.
        asked: How to ask a real Envoy; None to ask none.
        options: How to talk to the registry, where the source is a reference.

    Raises:
        WasmOciError: See `hatch_wasm_oci.lint`.
    """
    data = memoryview(module_bytes(source, options)).cast("B")
    findings = lint(data, envoy=envoy)
    digest = sha256(data).hexdigest()
    if asked is None:
        return Linted(digest, len(data), findings)
    from hatch_wasm_oci.wasm.envoy_binary import find_envoy, version_of

    program = find_envoy(Path(asked.program) if asked.program else None)
    version = version_of(program)
    verdict = envoy_verdict(
        data, envoy=program, configuration=asked.configuration, root_id=asked.root_id, timeout=asked.timeout
    )
    found = () if verdict.loads else (_finding(verdict, version, asked.timeout),)
    return Linted(digest, len(data), found + findings, version, verdict)


def module_bytes(source: ModuleSource, options: Mapping[str, Any]) -> Buffer:
    """Give the bytes that are taken for the module, fit or not, of whatever holds one.

    Args:
        source: As for `hatch_wasm_oci.lint`.
        options: How to talk to the registry, where the source is a reference.

    Raises:
        WasmOciError: See `hatch_wasm_oci.lint`.
    """
    if isinstance(source, (bytes, bytearray, memoryview)):
        return source
    if isinstance(source, Module):
        return source.data
    if not isinstance(source, (Image, PackagedImage)):
        path = os.fspath(source)
        if os.path.lexists(path) or path.endswith(".wasm"):
            content = _file(Path(path))
            if content is not None:
                return content
    from hatch_wasm_oci.access import installed_plugins
    from hatch_wasm_oci.verification import looked_at

    with looked_at(source, installed_plugins(), options) as candidate:
        data, fault = candidate.payload
    if data is None:
        raise fault or ModuleError("There is no module in the image.", "Ask `hatch-wasm-oci verify` why.")
    return data


def _file(path: Path) -> bytes | None:
    """Read a file; None if it is an archive."""
    name = shown(str(path))
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a named pipe must not be opened
            raise ModuleError(f"{name} is no file.", "Name a module, an archive, or a reference.")
        with path.open("rb") as stream:
            head = stream.read(_USTAR.stop)
            if head[_USTAR] == b"ustar":
                return None
            data = head + stream.read(MODULE_LIMIT + 1 - len(head))
    except FileNotFoundError:
        raise ModuleError(f"There is no module at {name}.", "Compile it first, or name another file.") from None
    except OSError as error:
        raise ModuleError(f"{name} can't be read: {error.strerror}.", "Check the path and its permissions.") from None
    if len(data) > MODULE_LIMIT:
        raise ModuleError(
            f"{name} has more than {MODULE_LIMIT} bytes.", "Istio and Envoy Gateway refuse it: strip debug sections."
        )
    return data


def _finding(verdict: EnvoyVerdict, version: str, timeout: float) -> Finding:
    line = verdict.lines[0] if verdict.lines else ""
    if verdict.outcome == "refuses":
        remedy = "Mend what it says. If the plugin needs a configuration, give it one."
        return Finding("WO601", "error", f"Envoy {version} refuses the module.", line, "", remedy)
    if verdict.outcome == "crashes":
        message = f"The module crashes Envoy {version} ({verdict.signal})."
        why = "A crash ends the whole proxy, with every request in it."
        return Finding("WO602", "error", message, line, why, "Ship it nowhere. What else is found may tell why.")
    message = f"Envoy {version} was not done with the module after {timeout:g} s."
    return Finding("WO603", "error", message, line, "", "Look for a loop in what starts and configures the plugin.")
