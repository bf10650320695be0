"""From C source to a plugin that answers in a real Envoy: compile, package, push, pull by digest, compare, run.

Run it from the repository's root by `hatch run demo`. It needs no network: the registry is the embedded one.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import hatch_wasm_oci
from hatch_wasm_oci.project import report
from hatch_wasm_oci.testing import EmbeddedRegistry, run_envoy

PROJECT = Path(__file__).parent


def main() -> None:
    step("Compile src/plugin.c and package the module", "python -m hatchling build")
    started = time.perf_counter()
    subprocess.run([sys.executable, "-m", "hatchling", "build"], cwd=PROJECT, check=True)
    packaged = report.read(next((PROJECT / "build" / "wasm-oci").glob("*.json")))
    show("took", milliseconds(started))
    show("module", f"{packaged.module_size} bytes, proxy-wasm ABI {packaged.abi_version}")
    show("module sha256", packaged.module_sha256)
    show("layer", f"{packaged.layer_size} bytes, diffID {packaged.diff_id}")
    show("archive", str(packaged.archive.relative_to(PROJECT.parent)))

    with EmbeddedRegistry() as registry:
        reference = f"{registry.host}/filters/{packaged.name}:{packaged.version}"
        step("Push it to a registry", f"hatch-wasm-oci push {packaged.archive.name} {reference}")
        started = time.perf_counter()
        receipt = hatch_wasm_oci.push(packaged, reference)
        show("took", milliseconds(started))
        show("sent", f"{len(receipt.uploaded)} blobs, {receipt.size} bytes with the manifest")
        show("digest", receipt.digest)

        pinned = f"{registry.host}/filters/{packaged.name}@{receipt.digest}"
        step("Pull it back by its digest", f"hatch-wasm-oci pull {pinned}")
        started = time.perf_counter()
        pulled = hatch_wasm_oci.pull(pinned)
        show("took", milliseconds(started))
        module = (PROJECT / "plugin.wasm").read_bytes()
        if pulled != packaged.image or bytes(pulled.module().data) != module:
            sys.exit("What came back is not what was built.")
        show("compared", f"manifest, config, layer and module ({len(module)} bytes) are the same, byte for byte")

        step("Let a real Envoy load it from there, and send a request through it")
        answer_in_envoy(pinned)

    step("What to put into a WasmPlugin, once it is pushed to your registry")
    repository = (packaged.reference or "").rpartition(":")[0]
    show("spec.url", f"oci://{repository}:{packaged.version}")
    show("spec.sha256", packaged.manifest_digest.removeprefix("sha256:"))


def answer_in_envoy(reference: str) -> None:
    started = time.perf_counter()
    try:
        with run_envoy(reference, configuration="hello from the registry") as proxy:
            show("ready after", milliseconds(started))
            answer = proxy.get("/", headers={"x-echo": "are you there?"})
            show("answer", str(answer.status))
            for name in ("x-hatch-wasm", "x-echo"):
                show("header", f"{name}: {answer.headers.get(name, '(missing)')}")
    except hatch_wasm_oci.SettingsError as error:
        show("left out", str(error))
        show("to have it", 'pip install "hatch-wasm-oci[envoy]" (on Linux, and on macOS with Apple silicon)')
    except hatch_wasm_oci.WasmOciError as error:
        sys.exit(f"It does not work there: {error}")


def step(title: str, command: str = "") -> None:
    print(f"\n{title}" + (f"\n  $ {command}" if command else ""), flush=True)


def show(name: str, value: str) -> None:
    print(f"  {name:<14} {value}", flush=True)


def milliseconds(started: float) -> str:
    return f"{(time.perf_counter() - started) * 1000:.1f} ms"


if __name__ == "__main__":
    main()
