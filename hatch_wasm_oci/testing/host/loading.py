"""Loading a plugin as Envoy does: read it, make an instance, initialise, start and configure it."""

from __future__ import annotations

import functools
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.testing.host.context import ROOT
from hatch_wasm_oci.testing.host.failure import PluginFailedError
from hatch_wasm_oci.testing.host.functions import implementation
from hatch_wasm_oci.testing.host.machine import Machine
from hatch_wasm_oci.wasm.binary import parse
from hatch_wasm_oci.wasm.envoy_scan import scan
from hatch_wasm_oci.wasm.envoy_tables import MAIN_VOID_SINCE, envoy_version
from hatch_wasm_oci.wasm.lint import lint
from hatch_wasm_oci.wasm.module import Module
from hatch_wasm_oci.wasm.subject import NO_CONFIGURATION, NO_START, Subject

if TYPE_CHECKING:
    from hatch_wasm_oci.testing.host.state import Host
    from hatch_wasm_oci.wasm.finding import Finding

_KEPT_SUBJECTS = 64
_CRASH = "WO4"
_ARCHIVE = ".tar"


def module_of(source: Any) -> Module:
    """Give the module in whatever a test has.

    Args:
        source: The path of a module or archive, bytes, a `Module`, or an image as fixtures and functions give it.

    Raises:
        WasmOciError: There is no module in it.
    """
    if isinstance(source, Module):
        return source
    if isinstance(source, (bytes, bytearray, memoryview)):
        return Module(bytes(source))
    if isinstance(source, (str, os.PathLike)) and not hasattr(source, "report"):
        path = Path(source)
        if path.suffix != _ARCHIVE:
            return Module.read(path)
    from hatch_wasm_oci.testing.wasm_image import image_of

    return image_of(source).module()


@functools.lru_cache(maxsize=_KEPT_SUBJECTS)
def _examined(module: Module, envoy: str) -> tuple[Subject, Finding | None]:
    data = module.data
    error = next((each for each in lint(data, envoy=envoy) if each.severity == "error"), None)
    # Modules are told apart by their bytes, so that those of many tests are read once.
    return Subject(data, parse(data), scan(data).abi, envoy_version(envoy), ""), error


def start(host: Host, module: Module, envoy: str, timeout: float) -> None:
    """Load a plugin.

    Args:
        host: Its surroundings.
        module: The module.
        envoy: The Envoy version that it is to run in.
        timeout: How long each call into it may take, in seconds.

    Raises:
        PluginFailedError: Envoy would refuse it, crash over it, or wait for ever.
        HostMissingError: The engine is not installed.
    """
    subject, error = _examined(module, envoy)
    if error is not None:
        outcome = "crashes" if error.code.startswith(_CRASH) else "refuses"
        words = " ".join(part for part in (f"{error.code}: {error.message}", error.why, error.remedy) if part)
        raise PluginFailedError(words, error.envoy, "crashes" if outcome == "crashes" else "refuses")
    host.abi = subject.abi
    host.machine = Machine(module, subject, lambda each: implementation(host, each.module, each.name), timeout)
    try:
        with host.turn():
            _initialise(host, subject)
            _create(host)
            _expect_yes(host, "proxy_on_vm_start", len(host.settings.vm_configuration), NO_START)
            host.configuring = True
            _expect_yes(host, "proxy_on_configure", len(host.settings.configuration), NO_CONFIGURATION)
            host.configuring = False
    except BaseException:
        host.machine.close()
        raise


def _initialise(host: Host, subject: Subject) -> None:
    machine = host.machine
    machine.initializing = True
    try:
        if machine.has("_initialize"):
            machine.call("_initialize")
            if machine.has("main"):
                machine.call("main", 0, 0)
            elif subject.envoy >= MAIN_VOID_SINCE:
                machine.call("__main_void")
        else:
            machine.call("_start")
    except PluginFailedError as error:
        if error.outcome != "traps":
            raise
        raise PluginFailedError(f"{error.problem} Envoy refuses the plugin.", error.envoy, "refuses") from None
    machine.initializing = False


def _create(host: Host) -> None:
    host.configuring = True
    host.callback(ROOT, "proxy_on_context_create", 0)
    host.configuring = False


def _expect_yes(host: Host, name: str, size: int, line: str) -> None:
    try:
        answer, _ = host.callback(ROOT, name, size)
    except PluginFailedError as error:
        if error.outcome != "traps":
            raise
        raise PluginFailedError(f"{error.problem} Envoy refuses the plugin.", line, "refuses") from None
    if answer == 0:
        raise PluginFailedError(f"{name} returned 0, so Envoy refuses the plugin.", line, "refuses")
