from __future__ import annotations

import inspect

from hatch_wasm_oci.plugins import hookspecs


def test_each_hook_is_documented_with_its_arguments() -> None:
    hooks = {name: hook for name, hook in vars(hookspecs).items() if name.startswith(hookspecs.PREFIX)}
    assert len(hooks) >= 6
    for name, hook in hooks.items():
        documentation = inspect.getdoc(hook) or ""
        assert documentation, name
        for argument in inspect.signature(hook).parameters:
            assert f"{argument}: " in documentation, name
