"""What tests of plugin authors stand on: a registry of their own, real Envoy, assertions."""
