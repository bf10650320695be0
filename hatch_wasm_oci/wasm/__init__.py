"""A WebAssembly binary: read it and say what it is."""
