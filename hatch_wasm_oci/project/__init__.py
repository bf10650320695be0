"""A project's table made into packaged images."""
