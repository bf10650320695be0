"""The Python package of the sample project."""
