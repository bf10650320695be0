"""Loading plugins and calling their hooks, so that each failure names the plugin and the hook."""

from __future__ import annotations

import hashlib
import importlib.metadata
import sys
import types
from typing import TYPE_CHECKING, Any

import pluggy

from hatch_wasm_oci.errors import PluginError, WasmOciError
from hatch_wasm_oci.plugins import hookspecs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

BUILTIN = "builtin"


class Plugins:
    """The plugins of one build, and the calls to their hooks.

    Args:
        builtin: The plugin that holds this package's own behaviour.
    """

    def __init__(self, builtin: object) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT_NAME)
        self._manager.add_hookspecs(hookspecs)
        self._identities: list[str] = []
        self.register(builtin, BUILTIN)

    @property
    def identities(self) -> tuple[str, ...]:
        """What tells one version of each foreign plugin from another: outputs of another one are not re-used."""
        return tuple(self._identities)

    def load_installed(self) -> None:
        """Load the plugins that installed distributions name in the entry-point group `hatch_wasm_oci`.

        Raises:
            PluginError: One of them can't be imported, or is no plugin of ours.
        """
        for entry_point in importlib.metadata.entry_points(group=hookspecs.PROJECT_NAME):
            distribution = entry_point.dist
            origin = f"{distribution.name} {distribution.version}" if distribution else "unknown"
            try:
                plugin = entry_point.load()
            except (Exception, SystemExit) as error:
                raise _not_loaded(f"{entry_point.name} (of {origin})", error) from error
            self.register(plugin, entry_point.name)
            self._identities.append(f"{entry_point.name}={entry_point.value} of {origin}")

    def load_files(self, root: Path, paths: Iterable[str]) -> None:
        """Load a project's own plugin files.

        Args:
            root: The project's root.
            paths: The files, relative to it.

        Raises:
            PluginError: One of them is missing, can't be imported, or is no plugin of ours.
        """
        for path in paths:
            module, identity = _load_file(root / path, path)
            self.register(module, path)
            self._identities.append(f"{path}={identity}")

    def register(self, plugin: object, name: str) -> None:
        """Add a plugin.

        Args:
            plugin: A module or object with hook implementations.
            name: Its name, for errors.

        Raises:
            PluginError: It names an unknown hook, wants an argument that a hook doesn't have, or forgot a marker.
        """
        self._check_names(plugin, name)
        try:
            if self._manager.register(plugin, name) is None:
                raise PluginError(f"The plugin {name} is blocked.", "Unblock it, or leave it out.")
            self._manager.check_pending()
        except (pluggy.PluginValidationError, ValueError) as error:
            reason = " ".join(str(error).split())
            raise PluginError(
                f"The plugin {name} does not fit: {reason}.", "Mend its hooks, or leave it out."
            ) from error

    def call(self, hook: str, **arguments: Any) -> Any:
        """Call a hook of every plugin that implements it.

        Args:
            hook: The hook's name.
            arguments: Its arguments.

        Returns:
            The first result, or the list of results, as the hook's specification says.

        Raises:
            PluginError: A plugin raised; it names plugin and hook.
            WasmOciError: What the built-in behaviour, or a plugin on purpose, raised.
        """
        return self.guard(hook, lambda: getattr(self._manager.hook, hook)(**arguments))

    def guard(self, hook: str, action: Callable[[], Any]) -> Any:
        """Do what runs a plugin's code on behalf of a hook, such as going through a generator that it returned.

        Args:
            hook: The hook's name.
            action: What to do.

        Raises:
            PluginError: As for `call`.
            WasmOciError: As for `call`.
        """
        try:
            return action()
        except WasmOciError:
            raise
        except (Exception, SystemExit) as error:
            raise PluginError(
                f"The plugin {self._culprit(hook, error)} failed in {hook}: {_words(error)}.",
                "Mend it, or leave it out.",
            ) from error

    def implementers(self, hook: str) -> str:
        """Name the foreign plugins that implement a hook, for an error about what one of them returned.

        Args:
            hook: The hook's name.
        """
        names = [implementation.plugin_name for implementation in getattr(self._manager.hook, hook).get_hookimpls()]
        return ", ".join(name for name in names if name != BUILTIN)

    def _check_names(self, plugin: object, name: str) -> None:
        known = [hook for hook in vars(hookspecs) if hook.startswith(hookspecs.PREFIX)]
        for attribute in dir(plugin):
            options = self._manager.parse_hookimpl_opts(plugin, attribute)
            hook = (options and options.get("specname")) or attribute
            if options is None:
                if attribute in known and callable(getattr(plugin, attribute, None)):
                    raise PluginError(
                        f"The plugin {name} has a function {attribute} that is not marked as a hook.",
                        "Put @hatch_wasm_oci.hookimpl before it.",
                    )
            elif hook not in known and not options.get("optionalhook"):
                raise PluginError(f"The plugin {name} names an unknown hook {hook}.", _nearest(hook, known))

    def _culprit(self, hook: str, error: BaseException) -> str:
        """Find the plugin that raised: pluggy does not say, but the traceback runs through its function."""
        implementations = getattr(self._manager.hook, hook).get_hookimpls()
        names = {getattr(one.function, "__code__", None): one.plugin_name for one in implementations}
        traceback, found = error.__traceback__, None
        while traceback is not None:
            found = names.get(traceback.tb_frame.f_code, found)
            traceback = traceback.tb_next
        return found or self.implementers(hook) or BUILTIN


def _load_file(path: Path, name: str) -> tuple[types.ModuleType, str]:
    try:
        source = path.read_bytes()
        # Not by importlib: it would leave a __pycache__ in the project.
        module = types.ModuleType(f"_hatch_wasm_oci_{hashlib.sha256(str(path).encode()).hexdigest()[:16]}")
        module.__file__ = str(path)
        sys.modules[module.__name__] = module
        exec(compile(source, str(path), "exec", dont_inherit=True), vars(module))  # noqa: S102 - a plugin is code that the project names
    except (Exception, SystemExit) as error:
        raise _not_loaded(name, error) from error
    return module, hashlib.sha256(source).hexdigest()


def _not_loaded(name: str, error: BaseException) -> PluginError:
    return PluginError(f"The plugin {name} could not be loaded: {_words(error)}.", "Mend it, or leave it out.")


def _words(error: BaseException) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def _nearest(name: str, known: Iterable[str]) -> str:
    import difflib

    near = difflib.get_close_matches(name, known, 1)
    return f"Did you mean {near[0]}?" if near else f"The hooks are: {', '.join(known)}."
