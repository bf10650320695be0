"""Every exception that this package raises on purpose, as one tree.

WasmOciError
├── SettingsError          a table, option or argument that can't be
├── InvalidReferenceError  a name that is no image reference
├── ModuleError            a file that is no module that an image can carry
├── CompileError           the project's compile command
├── PluginError            a plugin of this package that does not load, or raised
├── ImageError             an image or archive that is malformed
│   └── RefusedError       an image that Istio and Envoy Gateway do not take
├── OutputError            a file that can't be written
├── RegistryError          a registry that refused, or could not be talked to
└── EnvoyError             an Envoy that does not start, refuses a plugin, or ended
"""

from __future__ import annotations

import reprlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class WasmOciError(Exception):
    """A failure that a user can cause and can mend; the base of all others.

    Args:
        problem: One sentence that says what is wrong, with the value at fault.
        remedy: One sentence that says what to do about it; may be empty where the problem says it.
    """

    def __init__(self, problem: str, remedy: str = "") -> None:
        super().__init__(problem, remedy)
        self.problem = problem
        self.remedy = remedy

    def __str__(self) -> str:
        space = "" if self.remedy.startswith("\n") else " "
        return f"{self.problem}{space}{self.remedy}".rstrip()


class SettingsError(WasmOciError):
    """Everything that is wrong with the settings, collected.

    Args:
        errors: One line each: the full key, a colon, the problem and the remedy.
    """

    def __init__(self, errors: Iterable[str]) -> None:
        self.errors = tuple(errors)
        super().__init__("\n".join(self.errors))
        self.args = (self.errors,)  # by which it is made again when it was pickled


class InvalidReferenceError(WasmOciError):
    """A text that is no reference to an image."""


class ModuleError(WasmOciError):
    """A file that is missing, is no WebAssembly module, or is one that no proxy can load."""


class CompileError(WasmOciError):
    """The compile command was not found, failed, or left no module."""


class PluginError(WasmOciError):
    """A plugin could not be loaded, names an unknown hook, or raised in one."""


class ImageError(WasmOciError):
    """An image or archive is malformed, too large, or not what its digest says."""


class RefusedError(ImageError):
    """An image is not one that Istio and Envoy Gateway take a module out of.

    Args:
        problem: As in `WasmOciError`.
        remedy: As in `WasmOciError`.
        code: A short name for the kind of problem, which stays the same: `layer-type`, `no-plugin-wasm`.
        said: What their fetchers say of it, one text for each form in which they try to read the image; empty where
            they say nothing at this place.
    """

    def __init__(self, problem: str, remedy: str = "", *, code: str = "refused", said: Iterable[str] = ()) -> None:
        super().__init__(problem, remedy)
        self.code = code
        self.said = tuple(said)


class OutputError(WasmOciError):
    """An output could not be written; what stood there before still stands."""


class RegistryError(WasmOciError):
    """A registry refused a request or could not be talked to.

    Args:
        problem: As in `WasmOciError`.
        remedy: As in `WasmOciError`.
        status: The HTTP status of the answer; None where there was no answer.
        code: The registry's own error code, such as `MANIFEST_UNKNOWN`; empty where it gave none.
    """

    def __init__(self, problem: str, remedy: str = "", *, status: int | None = None, code: str = "") -> None:
        super().__init__(problem, remedy)
        self.status = status
        self.code = code
        self.retry_after: float | None = None
        """How many seconds the registry asks to be left alone; None where it does not say."""


class EnvoyError(WasmOciError):
    """An Envoy did not start with its plugins, ended while it served, or gave no answer.

    Args:
        problem: As in `WasmOciError`; Envoy's own words are in it.
        remedy: As in `WasmOciError`.
        lines: What Envoy and the plugins said, in order.
        signal: Such as `SIGSEGV`, where Envoy crashed; else empty.
    """

    def __init__(self, problem: str, remedy: str = "", *, lines: Iterable[str] = (), signal: str = "") -> None:
        super().__init__(problem, remedy)
        self.lines = tuple(lines)
        self.signal = signal


def shown(value: object) -> str:
    """Write a value at fault as an error shows it: as Python does, but short, however large or deep the value is.

    Args:
        value: The value, not trusted.
    """
    try:
        return _REPR.repr(value)
    except ValueError:  # an integer with more digits than Python writes
        return f"a value of type {type(value).__name__}"


_REPR = reprlib.Repr()
_REPR.maxstring = _REPR.maxlong = _REPR.maxother = 200
_REPR.maxlist = _REPR.maxdict = 4
_REPR.maxlevel = 3
