"""What the fixture `envoy` is: a way to run plugins, bound to a test's registry and the chosen Envoy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.testing.envoy.run import EnvoyPlugin, EnvoyRun, run_envoy

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_wasm_oci.testing.envoy.run import ImageSource
    from hatch_wasm_oci.testing.namespace import RegistryNamespace


class EnvoyRunner:
    """Runs plugins in a real Envoy, and remembers each run for the report of a failed test.

    Args:
        registry: The registry that images go through.
        program: Envoy's path.
        runs: Where runs are remembered.
    """

    plugin = EnvoyPlugin
    """An image with settings of its own: `envoy(envoy.plugin(image, configuration="…"), envoy.plugin(other))`."""

    def __init__(self, registry: RegistryNamespace, program: Path, runs: list[EnvoyRun]) -> None:
        self._defaults = {"registry": registry, "envoy": program}
        self._runs = runs

    def __call__(self, *plugins: EnvoyPlugin | ImageSource, **options: Any) -> EnvoyRun:
        """Run plugins: `with envoy(image) as proxy:`.

        Args:
            plugins: As for `run_envoy`.
            options: As for `run_envoy`.

        Raises:
            SettingsError: An argument can't be.
        """
        __tracebackhide__ = True
        run = run_envoy(*plugins, **{**self._defaults, **options})
        self._runs.append(run)
        return run
