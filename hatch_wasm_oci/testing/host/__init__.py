"""A proxy-wasm host on wasmtime: a filter's unit tests run in the test's own process, by Envoy's rules and without ports."""
