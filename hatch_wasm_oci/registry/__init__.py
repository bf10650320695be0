"""Registries: the client, and whole images to and from them. The only place that imports requests."""
