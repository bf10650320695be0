"""From a project's tables to settings: everything checked, and everything that is wrong said at once."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import PurePath
from typing import Any, NamedTuple

from hatch_wasm_oci.errors import InvalidReferenceError, SettingsError
from hatch_wasm_oci.image.compression import COMPRESSIONS
from hatch_wasm_oci.image.formats import DEFAULT_TIME
from hatch_wasm_oci.image.reference import Reference, check_tag, parse_repository, tag_part
from hatch_wasm_oci.image.tar import TIME_LIMIT
from hatch_wasm_oci.project.runtime_config import encode, read
from hatch_wasm_oci.project.settings import DEFAULT_DIRECTORY, Project, Settings

IMAGE_KEYS = (
    "module",
    "compile",
    "sources",
    "format",
    "repository",
    "tags",
    "annotations",
    "labels",
    "runtime-config",
    "directory",
    "lint",
    "envoy",
    "compression",
)
"""The keys that each image can have of its own."""

PROJECT_KEYS = ("plugins", "images")
LINT_LEVELS = ("error", "warn", "off")

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_ENVOY = re.compile(r"[1-9][0-9]?\.[0-9]{1,3}(?:\.[0-9]{1,3})?")
_VERSION = "project.version"
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Table(NamedTuple):
    """A table of settings, and the name under which its keys stand in errors."""

    name: str
    values: Mapping[str, Any]


class _Value(NamedTuple):
    key: str
    value: Any


def plugin_files(tables: Sequence[Table]) -> tuple[str, ...]:
    """Return the project's own plugin files, which must be loaded before the rest can be checked.

    Args:
        tables: As for `load`.

    Returns:
        Paths as they stand in the tables; empty where the setting is malformed, which `load` then says.
    """
    for table in reversed(tables):
        if "plugins" in table.values:
            value = table.values["plugins"]
            return tuple(value) if isinstance(value, list) and all(isinstance(path, str) for path in value) else ()
    return ()


def generated_paths(tables: Sequence[Table]) -> tuple[str, ...]:
    """Return what a build of this project generates inside it: directories of outputs, and compiled modules.

    Nothing is checked: what is malformed generates nothing, and `load` says so.

    Args:
        tables: As for `load`.

    Returns:
        Patterns as .gitignore has them, from the project's root.
    """
    values = [table.values for table in tables]
    values += [image for table in values for image in _list(table.get("images")) if isinstance(image, Mapping)]
    directories = [DEFAULT_DIRECTORY, *(table["directory"] for table in values if "directory" in table)]
    modules: list[Any] = []
    if any("compile" in table for table in values):
        modules = ["plugin.wasm", *(table["module"] for table in values if "module" in table)]
    patterns = [(path, "/") for path in directories] + [(path, "") for path in modules]
    return tuple(
        dict.fromkeys(
            f"/{PurePath(path).as_posix()}{end}"
            for path, end in patterns
            if isinstance(path, str) and PurePath(path).parts and not PurePath(path).is_absolute() and ".." not in path
        )
    )


def load(
    tables: Sequence[Table], project: Project, formats: Collection[str], environment: Mapping[str, str]
) -> tuple[Settings, ...]:
    """Make the settings of every image of a project.

    Args:
        tables: The tables, the one that the others override first.
        project: The project.
        formats: The names of the formats that there are.
        environment: The process's environment; `SOURCE_DATE_EPOCH` is read.

    Returns:
        One for each of `images`, or a single one where there is no such list.

    Raises:
        SettingsError: Something is wrong; it holds one line for each fault, under the key's full name.
    """
    reader = _Reader(project, formats)
    time = reader.time(environment)
    images = reader.images(tables)
    settings = tuple(reader.settings(name, layers, time) for name, layers in images)
    reader.check_together(settings)
    if reader.errors:
        raise SettingsError(reader.errors)
    return settings


class _Reader:
    def __init__(self, project: Project, formats: Collection[str]) -> None:
        self.errors: list[str] = []
        self._project = project
        self._formats = formats

    def fail(self, key: str, problem: str) -> None:
        line = f"{key}: {problem}"
        if line not in self.errors:  # a key that several images share is wrong once
            self.errors.append(line)

    def time(self, environment: Mapping[str, str]) -> int:
        text = environment.get("SOURCE_DATE_EPOCH", "")
        if not text:
            return DEFAULT_TIME
        if not (text.isascii() and text.isdigit() and int(text) <= TIME_LIMIT):
            self.fail(
                "SOURCE_DATE_EPOCH", f"{text!r} is no number of seconds since 1970. Unset it, or set a whole number."
            )
            return DEFAULT_TIME
        return int(text)

    def images(self, tables: Sequence[Table]) -> list[tuple[str, list[Table]]]:
        """Return each image's name and the tables in which its keys are looked up, the strongest last."""
        found: list[tuple[str, list[Table]]] = []
        for table in tables:
            self._check_keys(table, (*IMAGE_KEYS, *PROJECT_KEYS))
            self._texts(_Value(f"{table.name}.plugins", table.values.get("plugins", [])))
        holder = next((table for table in reversed(tables) if "images" in table.values), None)
        if holder is None:
            return [(self._project.name, list(tables))]
        key, images = f"{holder.name}.images", holder.values["images"]
        if not isinstance(images, list) or not images:
            self.fail(key, f"{images!r} is no list of tables. Write one [[{key}]] for each image, or leave it out.")
            return []
        position = tables.index(holder) + 1
        for index, image in enumerate(images):
            table = Table(f"{key}[{index}]", image if isinstance(image, Mapping) else {})
            if not isinstance(image, Mapping):
                self.fail(table.name, f"{image!r} is no table. Write it as [[{key}]] with a name.")
                continue
            self._check_keys(table, ("name", *IMAGE_KEYS))
            name = self._name(table)
            if name in [other for other, _ in found]:
                self.fail(f"{table.name}.name", f"{name!r} is the name of an earlier image. Give each its own.")
            found.append((name, [*tables[:position], table, *tables[position:]]))
        return found

    def settings(self, name: str, tables: list[Table], time: int) -> Settings:
        values = {
            key: _Value(f"{table.name}.{key}", table.values[key])
            for table in tables
            for key in IMAGE_KEYS
            if key in table.values
        }

        def read_key(key: str, check: Callable[[_Value], Any], default: Any) -> Any:
            return check(values[key]) if key in values else default

        return Settings(
            project=self._project,
            name=name,
            module=read_key("module", self._path, "plugin.wasm"),
            compile=read_key("compile", self._command, None),
            sources=read_key("sources", self._texts, None),
            format=read_key("format", lambda value: self._one_of(value, self._formats), "oci"),
            repository=read_key("repository", lambda value: self._repository(value, name), None),
            tags=self._tags(values.get("tags", _Value(_VERSION, ["{version}"])), name),
            annotations=read_key("annotations", self._mapping, {}),
            labels=read_key("labels", self._mapping, {}),
            runtime_config=read_key("runtime-config", self._runtime_config, None),
            directory=read_key("directory", self._directory, DEFAULT_DIRECTORY),
            lint=read_key("lint", lambda value: self._one_of(value, LINT_LEVELS), "error"),
            envoy=read_key("envoy", self._envoy, "1.36"),
            compression=read_key("compression", lambda value: self._one_of(value, COMPRESSIONS), "deflate"),
            time=time,
        )

    def check_together(self, settings: Sequence[Settings]) -> None:
        owners: dict[Reference, str] = {}
        for one in settings:
            for reference in () if self.errors else one.references:
                other = owners.setdefault(reference, one.name)
                if other != one.name:
                    self.fail(
                        "repository",
                        f"the images {other!r} and {one.name!r} would both be pushed as {reference}. "
                        "Give each a repository of its own, for example by {name} in it.",
                    )

    def _check_keys(self, table: Table, known: Sequence[str]) -> None:
        for key in table.values:
            if key not in known:
                self.fail(f"{table.name}.{key}", f"there is no such setting. {_nearest(key, known)}")

    def _name(self, table: Table) -> str:
        name = table.values.get("name")
        if isinstance(name, str) and _NAME.fullmatch(name):
            return name
        rule = "letters, digits, `.`, `_` and `-` between them"
        self.fail(f"{table.name}.name", f"{'it is missing' if name is None else repr(name)}. A name has {rule}.")
        return table.name

    def _text(self, value: _Value) -> str:
        if isinstance(value.value, str) and value.value:
            return value.value
        self.fail(value.key, f"{value.value!r} is no text. Write it in quotes.")
        return ""

    def _texts(self, value: _Value) -> tuple[str, ...]:
        if not isinstance(value.value, list):
            self.fail(value.key, f"{value.value!r} is no list of texts. Write it in brackets.")
            return ()
        return tuple(self._text(_Value(f"{value.key}[{index}]", item)) for index, item in enumerate(value.value))

    def _mapping(self, value: _Value) -> dict[str, str]:
        if not isinstance(value.value, Mapping):
            self.fail(value.key, f'{value.value!r} is no table of texts. Write KEY = "value" under [{value.key}].')
            return {}
        for key, text in value.value.items():
            if not isinstance(text, str) or not key:
                self.fail(f"{value.key}.{key!r}", f"{text!r} is no text. Write it in quotes.")
        return {str(key): str(text) for key, text in value.value.items()}

    def _one_of(self, value: _Value, choices: Collection[str]) -> str:
        if isinstance(value.value, str) and value.value in choices:
            return value.value
        self.fail(value.key, f"{value.value!r} is not known. It is one of {', '.join(map(repr, sorted(choices)))}.")
        return ""

    def _path(self, value: _Value) -> str:
        path = self._text(value)
        if "\0" in path:
            self.fail(value.key, f"{path!r} is no path. Take the NUL out.")
            return ""
        return path

    def _directory(self, value: _Value) -> str:
        text = self._path(value)
        path = PurePath(text)
        parts = [part for part in path.parts if part != "."]
        if text and (path.is_absolute() or not parts or ".." in parts):
            self.fail(
                value.key,
                f"{text!r} is not below the project's root. Name a directory of its own, such as build/wasm-oci.",
            )
        elif parts == ["dist"]:
            self.fail(
                value.key,
                "'dist' is for sdists and wheels: `twine upload dist/*` fails on anything else. Name another.",
            )
        return PurePath(*parts).as_posix() if parts else DEFAULT_DIRECTORY

    def _command(self, value: _Value) -> tuple[str, ...]:
        if isinstance(value.value, str):
            try:
                command = tuple(shlex.split(value.value))
            except ValueError as error:
                self.fail(value.key, f"{value.value!r} can't be split into arguments: {error}. Write it as a list.")
                return ()
        else:
            command = self._texts(value)
        if not command:
            self.fail(value.key, "the command is empty. Name a program and its arguments.")
        return command

    def _repository(self, value: _Value, name: str) -> Reference | None:
        text = self._expand(value._replace(value=self._text(value)), name)
        try:
            return parse_repository(text) if text else None
        except InvalidReferenceError as error:
            self.fail(value.key, str(error))
            return None

    def _tags(self, value: _Value, name: str) -> tuple[str, ...]:
        tags = []
        for index, text in enumerate(self._texts(value)):
            key = value.key if value.key == _VERSION else f"{value.key}[{index}]"
            tag = self._expand(_Value(key, text), name)
            try:
                check_tag(tag)
            except InvalidReferenceError as error:
                if text:
                    self.fail(key, str(error))
            tags.append(tag)
        if not tags and isinstance(value.value, list):
            self.fail(value.key, 'the list is empty. Name a tag at least, such as "{version}".')
        return tuple(dict.fromkeys(tags))

    def _expand(self, value: _Value, name: str) -> str:
        known = {"version": tag_part(self._project.version), "name": tag_part(name)}

        def replacement(match: re.Match[str]) -> str:
            if match[1] not in known:
                self.fail(value.key, f"{match[0]} stands for nothing. There are {{version}} and {{name}}.")
            return known.get(match[1], "")

        return _PLACEHOLDER.sub(replacement, value.value)

    def _runtime_config(self, value: _Value) -> bytes | None:
        try:
            if isinstance(value.value, Mapping):
                return encode(value.value)
            path = self._path(value)
            return read(self._project.root / path, path) if path else None
        except ValueError as error:
            self.fail(value.key, str(error))
            return None

    def _envoy(self, value: _Value) -> str:
        text = self._text(value)
        if text and not _ENVOY.fullmatch(text):
            self.fail(value.key, f'{text!r} is no version of Envoy. Write it as "1.36".')
        return text


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _nearest(key: str, known: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(key, known, 1)
    return f"Did you mean {near[0]!r}?" if near else f"The settings are: {', '.join(known)}."
