"""A proxy-wasm host on wasmtime: unit tests of a filter in the test's own process, by Envoy's rules, without ports."""
