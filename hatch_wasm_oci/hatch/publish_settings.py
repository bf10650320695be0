"""What `hatch publish -p wasm-oci` was told, by options and tables, as one value that has been validated whole."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from hatch_wasm_oci.errors import InvalidReferenceError, SettingsError, shown
from hatch_wasm_oci.image.reference import Reference, check_tag, parse_repository, tag_part

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

PROJECT_TABLE = "tool.hatch.publish.wasm-oci"
USER_TABLE = "publish.wasm-oci"
OPTION = "option"

_FLAGS = ("dry-run", "insecure", "plain-http", "overwrite", "quiet")
_PATHS = ("ca-file", "client-certificate", "client-key")
KEYS = ("repository", "tag", *_FLAGS, *_PATHS, "username", "chunk-size", "image")
"""The keys of options and tables; in options, `_` stands for `-`."""

_SECRETS = ("password", "token", "secret", "auth")
_HATCHS_OPTIONS = ("no_prompt", "initialize_auth")
_HATCHS_KEY = "disable"
_WORDS = {"1": True, "true": True, "yes": True, "on": True, "0": False, "false": False, "no": False, "off": False}
_COUNT = re.compile(r"[0-9]{1,12}")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Layer(NamedTuple):
    """One source of values.

    Args:
        name: What its keys are said to belong to in errors.
        values: The values by key.
        directory: Where relative paths in it start.
    """

    name: str
    values: Mapping[str, Any]
    directory: Path

    def key(self, key: str) -> str:
        """Return the full name of a key."""
        return f"{self.name}{' ' if self.name == OPTION else '.'}{key}"


class Template(NamedTuple):
    """A text in which `{name}` and `{version}` may stand, and the full name of its key."""

    key: str
    text: str

    def fill(self, name: str, version: str) -> str:
        """Put in an image's name and version.

        Args:
            name: The image's name.
            version: Its version; empty where it is not known.

        Raises:
            SettingsError: The version is wanted and not known.
        """
        if "{version}" in self.text and not version:
            raise SettingsError([f"{self.key}: the version of {name} is not known here. Write it out."])
        return self.text.replace("{name}", tag_part(name)).replace("{version}", tag_part(version))


@dataclass(frozen=True)
class PublishSettings:
    """All that is decided about publishing.

    Args:
        repository: Where to, instead of what the build says.
        tags: Under which tags, instead of those of the build.
        image: The name of one of the project's images, where not all are wanted.
        dry_run: Whether to send nothing.
        overwrite: Whether version tags may be moved without asking.
        quiet: Whether to show errors alone.
        username: A user name; its password comes from the environment or is asked for.
        access: Further fields of `hatch_wasm_oci.registry.connection.Connection`.
    """

    repository: Template | None = None
    tags: tuple[Template, ...] = ()
    image: str | None = None
    dry_run: bool = False
    overwrite: bool = False
    quiet: bool = False
    username: str = ""
    access: Mapping[str, Any] = field(default_factory=dict)

    def references(self, name: str, version: str, built: Sequence[str]) -> list[Reference]:
        """Say where an image goes.

        Args:
            name: The image's name.
            version: Its version; empty where it is not known.
            built: The names that the build gave it. Without a registry, they count for their tags alone.

        Returns:
            One reference for each tag.

        Raises:
            SettingsError: A placeholder gives what can't be.
            InvalidReferenceError: Nothing says where to, or under which tag.
        """
        found = [_parsed(one) for one in built]
        first = next((one for one in found if one), None)
        repository = first
        if self.repository:
            repository = _checked(self.repository.key, parse_repository, self.repository.fill(name, version))
        tags = [template.fill(name, version) for template in self.tags] or [
            tag for one in built if (tag := _tag_of(one))
        ]
        if repository is None:
            raise InvalidReferenceError(
                f"Nothing says where to publish {name}.",
                f"Set `repository` in [tool.hatch.build.hooks.wasm-oci] or [{PROJECT_TABLE}] and build again, "
                "or give -o repository=ghcr.io/acme/filter.",
            )
        if not tags:
            raise InvalidReferenceError(f"Nothing says under which tag to publish {name}.", "Give -o tag=1.0.")
        key = self.tags[0].key if self.tags else name
        for tag in tags:
            _checked(key, check_tag, tag)
        return [repository.with_tag(tag) for tag in dict.fromkeys(tags)]


def load(layers: Sequence[Layer]) -> PublishSettings:
    """Make settings of options and tables.

    Args:
        layers: Where the values come from; the first one that has a key wins.

    Raises:
        SettingsError: Something is wrong; it holds one line for each fault, under the key's full name.
    """
    reader = _Reader()
    values: dict[str, Any] = {}
    for layer in layers:
        values = {**reader.read(layer), **values}
    if reader.errors:
        raise SettingsError(reader.errors)
    access = ("plain-http", "insecure", "chunk-size", *_PATHS)
    return PublishSettings(
        repository=values.get("repository"),
        tags=values.get("tag", ()),
        image=values.get("image"),
        dry_run=values.get("dry-run", False),
        overwrite=values.get("overwrite", False),
        quiet=values.get("quiet", False),
        username=values.get("username", ""),
        access={name.replace("-", "_"): values[name] for name in access if name in values},
    )


class _Reader:
    def __init__(self) -> None:
        self.errors: list[str] = []

    def read(self, layer: Layer) -> dict[str, Any]:
        """Return the checked values of one source; what is wrong is kept as an error."""
        found: dict[str, Any] = {}
        for given, value in layer.values.items():
            key, name = layer.key(given), given.replace("_", "-")
            name = "tag" if name == "tags" else name
            if layer.name == OPTION and given in _HATCHS_OPTIONS and isinstance(value, bool):
                continue  # hatch's own, beside which those of plugins stand
            if layer.name != OPTION and given == _HATCHS_KEY:
                continue
            if name in _SECRETS:
                self._fail(key, _reason(layer))
            elif name not in KEYS:
                self._fail(key, f"there is no such setting. {_nearest(name)}")
            elif name in found:
                self._fail(key, "it is given twice. Leave one out.")
            else:
                found[name] = self._value(layer, key, name, value)
        return found

    def _value(self, layer: Layer, key: str, name: str, value: Any) -> Any:
        option = layer.name == OPTION
        if name in _FLAGS:
            return self._flag(key, value, option=option)
        if name == "chunk-size":
            return self._count(key, value, option=option)
        if name == "tag":
            return self._tags(key, value)
        text = self._text(key, value)
        if name in _PATHS:
            return str(layer.directory / Path(text).expanduser())
        if name == "repository":
            template = Template(key, text)
            self._try(template, parse_repository)
            return template
        return text

    def _flag(self, key: str, value: Any, *, option: bool) -> bool:
        if isinstance(value, bool):
            return value
        if option and isinstance(value, str) and value.lower() in _WORDS:
            return _WORDS[value.lower()]
        remedy = "Write 1 or 0." if option else "Write true or false."
        self._fail(key, f"{shown(value)} is neither yes nor no. {remedy}")
        return False

    def _count(self, key: str, value: Any, *, option: bool) -> int:
        if option and isinstance(value, str) and _COUNT.fullmatch(value):
            return int(value)
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return value
        self._fail(key, f"{shown(value)} is no number of bytes. Write a whole number.")
        return 0

    def _text(self, key: str, value: Any) -> str:
        if isinstance(value, str) and value and "\0" not in value:
            return value
        self._fail(key, f"{shown(value)} is no text. Write one, or leave it out.")
        return ""

    def _tags(self, key: str, value: Any) -> tuple[Template, ...]:
        if isinstance(value, str):
            value = [tag.strip() for tag in value.split(",")]
        if not isinstance(value, list) or not value:
            self._fail(key, f"{shown(value)} is no list of tags. Write one like 1.0,latest.")
            return ()
        tags = tuple(Template(key, self._text(key, tag)) for tag in value)
        for tag in tags:
            self._try(tag, check_tag)
        return tags

    def _try(self, template: Template, check: Callable[[str], object]) -> None:
        for name in _PLACEHOLDER.findall(template.text):
            if name not in ("name", "version"):
                problem = f"{shown('{' + name + '}')} stands for nothing. There are {{version}} and {{name}}."
                self._fail(template.key, problem)
        try:
            if template.text:
                check(_PLACEHOLDER.sub("x", template.text))
        except InvalidReferenceError as error:
            self._fail(template.key, str(error))

    def _fail(self, key: str, problem: str) -> None:
        line = f"{key}: {problem}"
        if line not in self.errors:
            self.errors.append(line)


def _checked(key: str, check: Callable[[str], Any], text: str) -> Any:
    try:
        return check(text)
    except InvalidReferenceError as error:
        raise SettingsError([f"{key}: {error}"]) from None


def _parsed(name: str) -> Reference | None:
    try:
        return Reference.parse(name)
    except InvalidReferenceError:
        return None


def _tag_of(name: str) -> str:
    tag = name.partition("@")[0].rpartition(":")
    return tag[2] if tag[1] and "/" not in tag[2] else ""


def _reason(layer: Layer) -> str:
    shared = "process lists show options to everybody" if layer.name == OPTION else "files are copied and shared"
    return f"{shared}. Log in with docker or podman, or set HATCH_WASM_OCI_PASSWORD or HATCH_WASM_OCI_TOKEN."


def _nearest(name: str) -> str:
    near = difflib.get_close_matches(name, KEYS, 1)
    return f"Did you mean {near[0]!r}?" if near else f"The settings are: {', '.join(KEYS)}."
