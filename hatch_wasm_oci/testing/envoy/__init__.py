"""A real Envoy that runs plugins for tests: set up, started, asked, ended."""
