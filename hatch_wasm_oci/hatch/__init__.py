"""The doors into hatch: a build hook, a builder and a publisher."""
