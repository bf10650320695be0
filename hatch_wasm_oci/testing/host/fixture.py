"""What the pytest fixture `wasm_plugin` does: plugins that end with their test, and tell what they logged."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

from hatch_wasm_oci.testing.host import engine
from hatch_wasm_oci.testing.host.failure import HostMissingError, PluginFailedError
from hatch_wasm_oci.testing.host.plugin import WasmPlugin

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pytest

    from hatch_wasm_oci.testing.host.logs import LogLine

_MOST_LINES = 1000
_LOGS: WeakKeyDictionary[pytest.Item, list[tuple[str, Sequence[LogLine]]]] = WeakKeyDictionary()


@contextlib.contextmanager
def plugins(test: pytest.Item) -> Iterator[Callable[..., WasmPlugin]]:
    """Give a test what makes plugins, and close them after it.

    Args:
        test: The test, which keeps what its plugins logged: see `show_logs`.
    """
    import pytest

    try:
        engine.load()
    except HostMissingError as error:
        raise pytest.skip.Exception(str(error)) from None
    kept = _LOGS[test] = []
    with contextlib.ExitStack() as stack:

        def make(source: Any, **arguments: Any) -> WasmPlugin:
            __tracebackhide__ = True
            name = str(arguments.get("name", "plugin"))
            try:
                plugin = stack.enter_context(WasmPlugin(source, **arguments))
            except PluginFailedError as error:
                kept.append((name, error.logs))
                raise
            kept.append((name, plugin.logs))
            return plugin

        yield make


def show_logs(test: pytest.Item) -> None:
    """Put what a test's plugins logged into its report.

    Args:
        test: The test, which has failed.
    """
    for name, lines in _LOGS.get(test, ()):
        if lines:
            shown = [str(each) for each in lines[-_MOST_LINES:]]
            test.add_report_section("call", f"log of the Wasm plugin {name!r}", "\n".join(shown))
