"""What to do about a finding, in the words of the toolchain that made the module."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm import toolchain as made_by
from hatch_wasm_oci.wasm.toolchain import toolchain_of

if TYPE_CHECKING:
    from hatch_wasm_oci.wasm.declarations import Binary

_GO_REACTOR = "GOOS=wasip1 GOARCH=wasm go build -buildmode=c-shared -o plugin.wasm ."
_RUST = "cargo build --release --target wasm32-wasip1"
_EMCC = "emcc --no-entry -sSTANDALONE_WASM -sFILESYSTEM=0"

ABI_REMEDIES = {
    made_by.RUST: 'Use the crate proxy-wasm with crate-type = ["cdylib"] and call proxy_wasm::main! once.',
    made_by.GO: f"Use the proxy-wasm Go SDK, or //go:wasmexport proxy_abi_version_0_2_1, and build with: {_GO_REACTOR}",
    made_by.TINYGO: "Import the proxy-wasm Go SDK's proxywasm package, or //export proxy_abi_version_0_2_1.",
    made_by.ASSEMBLYSCRIPT: 'Write in the entry file: export * from "@solo-io/proxy-runtime/proxy"',
    made_by.EMSCRIPTEN: "Link proxy_wasm_intrinsics.cc of the C++ SDK, which exports proxy_abi_version_0_2_1.",
    made_by.ZIG: "Add: export fn proxy_abi_version_0_2_1() void {} and build with -rdynamic.",
    made_by.C: 'Add: __attribute__((export_name("proxy_abi_version_0_2_1"))) void abi(void) {}',
    made_by.UNKNOWN: "Export an empty function proxy_abi_version_0_2_1; the proxy-wasm SDKs do so by themselves.",
}
MALLOC_REMEDIES = {
    made_by.RUST: "Use the crate proxy-wasm, which exports proxy_on_memory_allocate; keep it from being stripped by linking a cdylib.",
    made_by.GO: "Use the proxy-wasm Go SDK, or //go:wasmexport proxy_on_memory_allocate (int32 in, unsafe.Pointer out).",
    made_by.TINYGO: "Use the proxy-wasm Go SDK, or //export proxy_on_memory_allocate.",
    made_by.ASSEMBLYSCRIPT: 'Write in the entry file: export * from "@solo-io/proxy-runtime/proxy" (it exports malloc).',
    made_by.EMSCRIPTEN: "Add: -sEXPORTED_FUNCTIONS=_malloc,_free",
    made_by.ZIG: "Add: export fn proxy_on_memory_allocate(size: usize) ?[*]u8, and build with -rdynamic.",
    made_by.C: 'Export it: -Wl,--export=malloc, or write __attribute__((export_name("proxy_on_memory_allocate"))).',
    made_by.UNKNOWN: "Export proxy_on_memory_allocate (or malloc) with the signature i32 -> i32.",
}
REACTOR_REMEDIES = {
    made_by.RUST: 'Build a library, not a program: crate-type = ["cdylib"] in Cargo.toml\'s [lib], code in src/lib.rs; then: '
    + _RUST,
    made_by.GO: f"Build a reactor: {_GO_REACTOR}",
    made_by.TINYGO: "Build a reactor: tinygo build -target=wasip1 -buildmode=c-shared -o plugin.wasm .",
    made_by.EMSCRIPTEN: f"Build a reactor: {_EMCC}",
    made_by.C: "Build a reactor: -mexec-model=reactor (WASI), or -nostartfiles -Wl,--no-entry",
    made_by.UNKNOWN: "Build a reactor, which exports _initialize instead of _start.",
}
STRIP_REMEDIES = {
    made_by.RUST: 'Add to Cargo.toml under [profile.release]: strip = "debuginfo" (or true).',
    made_by.GO: 'Add: -ldflags="-s -w"',
    made_by.TINYGO: "Add: -no-debug",
    made_by.ASSEMBLYSCRIPT: "Build without --debug and --sourceMap.",
    made_by.EMSCRIPTEN: "Link without -g, or with -g0.",
    made_by.ZIG: "Build with -O ReleaseSmall, or -fstrip.",
    made_by.C: "Link with -Wl,--strip-debug (or --strip-all).",
    made_by.UNKNOWN: "Strip them: wasm-strip plugin.wasm, or wasm-opt --strip-debug.",
}
START_REMEDIES = {
    made_by.ASSEMBLYSCRIPT: "Build with: asc --exportStart _initialize, so that Envoy runs the top-level code when it is ready.",
    made_by.C: "Use no --wasm start function: build with -mexec-model=reactor, so that constructors run in _initialize.",
    made_by.UNKNOWN: "Make it the exported function _initialize instead of a start section; or call the host from proxy_on_vm_start.",
}
TARGET_REMEDIES = {
    made_by.RUST: f"Build for a target without a JavaScript host: {_RUST}",
    made_by.GO: f"Build for WASI, not for a browser (GOOS=js): {_GO_REACTOR}",
    made_by.TINYGO: "Build for WASI: tinygo build -target=wasip1 -buildmode=c-shared",
    made_by.ASSEMBLYSCRIPT: "Build with: asc --use abort=abort_proc_exit (proxy-runtime has that function); use no browser or Node API.",
    made_by.EMSCRIPTEN: f"Build without JavaScript: {_EMCC}",
    made_by.ZIG: 'Declare only what Envoy has; an `extern "env" fn` becomes an import.',
    made_by.C: "Link without --allow-undefined (or --import-undefined) to see which symbol is missing, then define it or drop its caller.",
    made_by.UNKNOWN: "Drop the code that calls it, or link the library that defines it.",
}


def advice(remedies: dict[str, str], binary: Binary) -> str:
    """Pick the remedy for the toolchain that made the module, or the general one."""
    return remedies.get(toolchain_of(binary), remedies[made_by.UNKNOWN])
