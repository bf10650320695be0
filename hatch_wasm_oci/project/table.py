"""From a project's tables to settings: everything checked, and everything that is wrong said at once."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePath
from typing import Any, NamedTuple

from hatch_wasm_oci.errors import InvalidReferenceError, SettingsError, shown
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
_SECONDS = re.compile(r"[0-9]{1,20}")
_VERSION = "project.version"
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PLACEHOLDER = re.compile(r"\{([^{}]*)\}")


class Table(NamedTuple):
    """A table of settings, and the name under which its keys stand in errors."""

    name: str
    values: Mapping[str, Any]


class _Value(NamedTuple):
    key: str
    value: Any


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
    return tuple(
        replace(one, generated=_generated(other for other in settings if other is not one)) for one in settings
    )


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
        if _SECONDS.fullmatch(text) and int(text) <= TIME_LIMIT:
            return int(text)
        problem = f"{shown(text)} is no number of seconds since 1970. Unset it, or set a whole number."
        self.fail("SOURCE_DATE_EPOCH", problem)
        return DEFAULT_TIME

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
            self.fail(
                key, f"{shown(images)} is no list of tables. Write one [[{key}]] for each image, or leave it out."
            )
            return []
        position = tables.index(holder) + 1
        for index, image in enumerate(images):
            table = Table(f"{key}[{index}]", image if isinstance(image, Mapping) else {})
            if not isinstance(image, Mapping):
                self.fail(table.name, f"{shown(image)} is no table. Write it as [[{key}]] with a name.")
                continue
            self._check_keys(table, ("name", *IMAGE_KEYS))
            name = self._name(table)
            if name.lower() in [other.lower() for other, _ in found]:  # file names may know no case
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
            module=read_key("module", self._text, "plugin.wasm"),
            compile=read_key("compile", self._command, None),
            sources=read_key("sources", self._globs, None),
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
        self.fail(f"{table.name}.name", f"{'it is missing' if name is None else shown(name)}. A name has {rule}.")
        return f"unnamed-{len(self.errors)}"

    def _text(self, value: _Value) -> str:
        if not isinstance(value.value, str) or not value.value:
            self.fail(value.key, f"{shown(value.value)} is no text. Write it in quotes.")
            return ""
        if "\0" in value.value:
            self.fail(value.key, f"{shown(value.value)} can't be used. Take the NUL out.")
            return ""
        return value.value

    def _texts(self, value: _Value) -> tuple[str, ...]:
        if not isinstance(value.value, list):
            self.fail(value.key, f"{shown(value.value)} is no list of texts. Write it in brackets.")
            return ()
        return tuple(self._text(_Value(f"{value.key}[{index}]", item)) for index, item in enumerate(value.value))

    def _mapping(self, value: _Value) -> dict[str, str]:
        if not isinstance(value.value, Mapping):
            self.fail(value.key, f'{shown(value.value)} is no table of texts. Write KEY = "value" under [{value.key}].')
            return {}
        for key, text in value.value.items():
            if not key:
                self.fail(value.key, "a key is empty. Give it a name.")
            elif not isinstance(text, str):
                self.fail(f"{value.key}.{shown(key)}", f"{shown(text)} is no text. Write it in quotes.")
            elif _SURROGATE.search(key + text):
                self.fail(f"{value.key}.{shown(key)}", f"{shown(text)} can't be written as UTF-8. Write it anew.")
        return {str(key): str(text) for key, text in value.value.items()}

    def _one_of(self, value: _Value, choices: Collection[str]) -> str:
        if isinstance(value.value, str) and value.value in choices:
            return value.value
        self.fail(
            value.key, f"{shown(value.value)} is not known. It is one of {', '.join(map(repr, sorted(choices)))}."
        )
        return ""

    def _globs(self, value: _Value) -> tuple[str, ...]:
        patterns = self._texts(value)
        for index, pattern in enumerate(patterns):
            self._glob(_Value(f"{value.key}[{index}]", pattern))
        return patterns

    def _glob(self, value: _Value) -> None:
        try:
            next(Path(os.devnull).glob(value.value.rstrip("/")), None)  # there nothing is found, but all is checked
        except (ValueError, NotImplementedError, IndexError) as error:
            if value.value:
                problem = f"{shown(value.value)} is no pattern of paths below the project's root: {error}."
                self.fail(value.key, f"{problem} Write one like src/**/*.rs.")

    def _directory(self, value: _Value) -> str:
        text = self._text(value)
        path = PurePath(text)
        parts = [part for part in path.parts if part != "."]
        if text and (path.is_absolute() or not parts or ".." in parts):
            self.fail(
                value.key,
                f"{shown(text)} is not below the project's root. Name a directory of its own, such as build/wasm-oci.",
            )
        elif parts[:1] == ["dist"]:
            self.fail(
                value.key,
                "dist is for sdists and wheels: `twine upload dist/*` fails on anything else. Name another.",
            )
        return PurePath(*parts).as_posix() if parts else DEFAULT_DIRECTORY

    def _command(self, value: _Value) -> tuple[str, ...]:
        if not isinstance(value.value, (str, list)):
            self.fail(value.key, f"{shown(value.value)} is no command. Write a list of arguments, or a text.")
            return ()
        if isinstance(value.value, str) and "\0" not in value.value:
            import shlex

            try:
                command = tuple(shlex.split(value.value))
            except ValueError as error:
                self.fail(
                    value.key, f"{shown(value.value)} can't be split into arguments: {error}. Write it as a list."
                )
                return ()
        elif isinstance(value.value, str):
            command = (self._text(value),)
        else:
            # An argument, other than any other text here, may be empty.
            arguments = (_Value(f"{value.key}[{index}]", item) for index, item in enumerate(value.value))
            command = tuple("" if argument.value == "" else self._text(argument) for argument in arguments)
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
                self.fail(value.key, f"{shown(match[0])} stands for nothing. There are {{version}} and {{name}}.")
            return known.get(match[1], "x")  # anything that can stand there, so that nothing else seems wrong

        return _PLACEHOLDER.sub(replacement, value.value)

    def _runtime_config(self, value: _Value) -> bytes | None:
        try:
            if isinstance(value.value, Mapping):
                return encode(value.value)
            path = self._text(value)
            return read(self._project.root / path, path) if path else None
        except ValueError as error:
            self.fail(value.key, str(error))
            return None

    def _envoy(self, value: _Value) -> str:
        text = self._text(value)
        if text and not _ENVOY.fullmatch(text):
            self.fail(value.key, f'{shown(text)} is no version of Envoy. Write it as "1.36".')
        return text


def _generated(settings: Iterable[Settings]) -> frozenset[str]:
    return frozenset(path for one in settings for path in (one.directory, one.module if one.compile else "") if path)


def _nearest(key: str, known: Sequence[str]) -> str:
    import difflib

    near = difflib.get_close_matches(key, known, 1)
    return f"Did you mean {near[0]!r}?" if near else f"The settings are: {', '.join(known)}."
