"""How others extend the steps from a module to an image in a registry."""
