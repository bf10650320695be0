"""How a plugin fails, and how a test that misuses the host is told so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from hatch_wasm_oci.errors import WasmOciError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hatch_wasm_oci.testing.host.logs import LogLine

Outcome = Literal["refuses", "crashes", "traps", "hangs", "exhausts"]


class HostMissingError(WasmOciError):
    """The engine that the host runs on is not installed."""


class HostUsageError(WasmOciError):
    """A test asks of the host what can't be, such as a response before its request."""


class PluginFailedError(WasmOciError):
    """A plugin that Envoy would refuse, crash on, or answer 503 for.

    Args:
        problem: As in `WasmOciError`.
        envoy: The line that Envoy logs; empty where it says nothing.
        outcome: `refuses` (the plugin does not load), `crashes` (Envoy's process ends), `traps` (the plugin failed, and
            each further stream with it), `hangs` (it did not return in time: Envoy would wait for ever), `exhausts` (it
            made the host keep more than its limit).
    """

    def __init__(self, problem: str, envoy: str, outcome: Outcome) -> None:
        super().__init__(problem, f"Envoy says: {envoy}" if envoy else "")
        self.envoy = envoy
        self.outcome = outcome
        self.logs: Sequence[LogLine] = ()
        """What the plugin had logged, where it failed while it was loaded."""
        self.args = (problem, envoy, outcome)  # by which it is made again when it was pickled


def crash(problem: str) -> PluginFailedError:
    """Make the error for what ends Envoy's process by a segmentation fault."""
    return PluginFailedError(problem, "Caught Segmentation fault", "crashes")
