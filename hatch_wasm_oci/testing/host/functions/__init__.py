"""The host functions of the proxy-wasm ABI, in groups: what a plugin may call."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.host.functions import (
    buffers,
    callouts,
    general,
    header_maps,
    measuring,
    property_access,
    sharing,
    streams,
    wasi,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing.host.state import Host

    HostFunction = Callable[..., int | None]

_ENV: dict[str, HostFunction] = {}
for _group in (general, header_maps, buffers, property_access, streams, callouts, sharing, measuring):
    _ENV |= {name: function for name, function in vars(_group).items() if name in _group.__all__}
_WASI: dict[str, HostFunction] = {name: function for name, function in vars(wasi).items() if name in wasi.__all__}


def implementation(host: Host, module: str, name: str) -> HostFunction:
    """Give the function that answers an import.

    Args:
        host: The state that it works on.
        module: The import's module.
        name: The import's name.
    """
    if module == "env":
        function = _ENV[name]
        return lambda *arguments: function(host, *arguments)
    plain = _WASI.get(name)
    if plain is not None:
        return lambda *arguments: plain(host, *arguments)
    return lambda *arguments: wasi.without_effect(name, *arguments)
