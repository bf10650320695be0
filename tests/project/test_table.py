from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.image.formats import DEFAULT_TIME, FORMATS
from hatch_wasm_oci.image.reference import Reference
from hatch_wasm_oci.project.settings import HOOK_TABLE, TARGET_TABLE, Settings
from hatch_wasm_oci.project.table import IMAGE_KEYS, Table
from hatch_wasm_oci.project.table import load as load_tables
from tests.samples import load, project, settings_in

if TYPE_CHECKING:
    from pathlib import Path

SHARED_DIRECTORY = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def errors(root: Path, environment: dict[str, str] | None = None, **values: Any) -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load(root, environment, **values)
    prefix = f"{HOOK_TABLE}."
    return [line.removeprefix(prefix) for line in caught.value.errors]


def test_the_defaults(tmp_path: Path) -> None:
    found = settings_in(tmp_path)
    assert found == Settings(project(tmp_path), "demo", tags=("1.0",))
    assert (found.module_path, found.stem) == (tmp_path / "plugin.wasm", "demo-1.0")
    assert found.output_directory == tmp_path / "build" / "wasm-oci"
    assert found.report_path == found.output_directory / "demo-1.0.json"
    assert found.state_path == found.output_directory / ".demo-1.0.state"
    assert (found.references, found.time, found.envoy) == ((), DEFAULT_TIME, "1.36")


RIGHT = [
    ("module", "a/b.wasm", "a/b.wasm"),
    ("compile", ["cc", "-o", "x y", ""], ("cc", "-o", "x y", "")),
    ("compile", "cc -o 'x y' \"\"", ("cc", "-o", "x y", "")),
    ("sources", ["src", "*.c", "../common/**/*.h"], ("src", "*.c", "../common/**/*.h")),
    ("sources", [], ()),
    ("format", "docker", "docker"),
    ("repository", "ghcr.io/acme/{name}", Reference("ghcr.io", "acme/demo")),
    ("repository", "docker.io/{name}-{version}", Reference("docker.io", "library/demo-1.0")),
    ("tags", ["{version}", "latest", "{name}-{version}", "latest"], ("1.0", "latest", "demo-1.0")),
    ("annotations", {"a": "b", "c": ""}, {"a": "b", "c": ""}),
    ("labels", {}, {}),
    ("runtime_config", {"type": "envoy_proxy"}, b'{"type":"envoy_proxy"}'),
    ("directory", "./out/wasm", "out/wasm"),
    ("lint", "off", "off"),
    ("envoy", "1.36.2", "1.36.2"),
    ("compression", "store", "store"),
]


@pytest.mark.parametrize(("key", "value", "expected"), RIGHT)
def test_a_key_that_is_right(tmp_path: Path, key: str, value: Any, expected: Any) -> None:
    assert getattr(settings_in(tmp_path, **{key: value}), key) == expected


WRONG = [
    ("module", 5, "module: 5 is no text. Write it in quotes."),
    ("module", "", "module: '' is no text."),
    ("module", "a\0b", r"module: 'a\x00b' can't be used. Take the NUL out."),
    ("compile", 5, "compile: 5 is no command."),
    ("compile", [], "compile: the command is empty."),
    ("compile", " ", "compile: the command is empty."),
    ("compile", ["cc", 1], "compile[1]: 1 is no text."),
    ("compile", ["cc", "\0"], r"compile[1]: '\x00' can't be used."),
    ("compile", "cc \0", r"compile: 'cc \x00' can't be used."),
    ("compile", "cc 'x", "compile: \"cc 'x\" can't be split into arguments: No closing quotation."),
    ("sources", "src", "sources: 'src' is no list of texts."),
    ("sources", ["/etc/*"], "sources[0]: '/etc/*' is no pattern of paths below the project's root: "),
    ("sources", ["ok", "/"], "sources[1]: '/' is no pattern"),
    ("format", "zip", "format: 'zip' is not known. It is one of 'artifact', 'docker', 'oci'."),
    ("format", ["oci"], "format: ['oci'] is not known."),
    ("repository", "acme/filter", "repository: 'acme/filter' names no registry."),
    ("repository", "ghcr.io/a:1", "repository: 'ghcr.io/a:1' has a tag or digest"),
    ("repository", "ghcr.io/{nam}", "repository: '{nam}' stands for nothing. There are {version} and {name}."),
    ("tags", [], 'tags: the list is empty. Name a tag at least, such as "{version}".'),
    ("tags", "1.0", "tags: '1.0' is no list of texts."),
    ("tags", ["ok", "a b"], "tags[1]: 'a b' is no tag."),
    ("tags", ["{git}"], "tags[0]: '{git}' stands for nothing."),
    ("tags", ["{1 2}"], "tags[0]: '{1 2}' stands for nothing."),
    ("tags", ["{"], "tags[0]: '{' is no tag."),
    ("tags", [""], "tags[0]: '' is no text."),
    ("annotations", [], "annotations: [] is no table of texts."),
    ("annotations", {"a": 1}, "annotations.'a': 1 is no text."),
    ("annotations", {"": "x"}, "annotations: a key is empty."),
    ("labels", {"a": "\ud800"}, r"labels.'a': '\ud800' can't be written as UTF-8."),
    ("runtime_config", 5, "runtime-config: 5 is no text."),
    ("runtime_config", "none.json", "runtime-config: there is no file 'none.json'."),
    ("runtime_config", {"a": dt.date(2020, 1, 1)}, "runtime-config: it can't be written as JSON: "),
    ("runtime_config", {"a": float("nan")}, "runtime-config: it can't be written as JSON: "),
    ("runtime_config", {"config": 1}, "runtime-config: its config is 1, not a table."),
    ("directory", "/tmp/x", "directory: '/tmp/x' is not below the project's root."),
    ("directory", "../x", "directory: '../x' is not below"),
    ("directory", ".", "directory: '.' is not below"),
    ("directory", "./dist", "directory: dist is for sdists and wheels"),
    ("directory", "dist/wasm", "directory: dist is for sdists and wheels"),
    ("lint", True, "lint: True is not known. It is one of 'error', 'off', 'warn'."),
    ("envoy", "latest", "envoy: 'latest' is no version of Envoy."),
    ("envoy", 1.36, "envoy: 1.36 is no text."),
    ("compression", "zstd", "compression: 'zstd' is not known. It is one of 'deflate', 'store'."),
    ("plugins", "p.py", "plugins: 'p.py' is no list of texts."),
    ("plugins", ["p.py", 5], "plugins[1]: 5 is no text."),
    ("modul", "x", "modul: there is no such setting. Did you mean 'module'?"),
    ("runtime", {}, "runtime: there is no such setting. Did you mean 'runtime-config'?"),
    ("xyz", 1, "xyz: there is no such setting. The settings are: module, compile, "),
    ("images", [], "images: [] is no list of tables."),
    ("images", {"name": "a"}, "images: {'name': 'a'} is no list of tables."),
    ("images", ["a"], "images[0]: 'a' is no table."),
    ("images", [{}], "images[0].name: it is missing."),
    ("images", [{"name": "-a"}], "images[0].name: '-a'. A name has letters"),
    ("images", [{"name": "a", "plugins": []}], "images[0].plugins: there is no such setting."),
    ("images", [{"name": "a", "lint": 1}], "images[0].lint: 1 is not known."),
    ("images", [{"name": "a"}, {"name": "A"}], "images[1].name: 'A' is the name of an earlier image."),
    ("module", "x" * 10**6 + "\0", "module: 'xxx"),
    ("lint", 16**5000, "lint: a value of type int is not known."),
]


@pytest.mark.parametrize(
    ("key", "value", "said"), WRONG, ids=[f"{key}-{index}" for index, (key, *_) in enumerate(WRONG)]
)
def test_a_key_that_is_wrong_is_said_once_under_its_full_name(tmp_path: Path, key: str, value: Any, said: str) -> None:
    (line,) = errors(tmp_path, **{key: value})
    assert line.startswith(said)
    assert len(line) < 700
    assert "\n" not in line


def test_each_key_has_been_wrong_and_right() -> None:
    keys = {key.replace("-", "_") for key in IMAGE_KEYS}
    assert keys == {key for key, *_ in RIGHT}
    assert keys <= {key for key, *_ in WRONG}


def test_everything_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    lines = errors(
        tmp_path,
        {"SOURCE_DATE_EPOCH": "now"},
        tags=["ok", "a b", 5],
        formt="oci",
        lint="none",
        annotations={"a": 1, "b": 2},
        images=[{"module": 5, "repository": "ghcr.io/acme/{name}"}, {"name": "ok", "compile": []}, 7],
    )
    assert sorted(line.partition(": ")[0] for line in lines) == [
        "SOURCE_DATE_EPOCH",
        "annotations.'a'",
        "annotations.'b'",
        "formt",
        "images[0].module",
        "images[0].name",
        "images[1].compile",
        "images[2]",
        "lint",
        "tags[1]",
        "tags[2]",
    ]


def test_images_take_the_keys_above_them_and_have_their_own(tmp_path: Path) -> None:
    one, two = load(
        tmp_path,
        format="docker",
        repository="ghcr.io/acme/{name}",
        images=[{"name": "one", "module": "one.wasm"}, {"name": "two", "format": "oci"}],
    )
    assert (one.name, one.module, one.format, str(one.references[0])) == (
        "one",
        "one.wasm",
        "docker",
        "ghcr.io/acme/one:1.0",
    )
    assert (two.name, two.module, two.format, str(two.references[0])) == (
        "two",
        "plugin.wasm",
        "oci",
        "ghcr.io/acme/two:1.0",
    )


def test_images_that_would_be_pushed_over_each_other_are_refused(tmp_path: Path) -> None:
    (line,) = errors(tmp_path, repository="ghcr.io/acme/x", images=[{"name": "one"}, {"name": "two"}])
    assert line.startswith("repository: the images 'one' and 'two' would both be pushed as ghcr.io/acme/x:1.0.")
    load(tmp_path, repository="ghcr.io/acme/x", tags=["{name}"], images=[{"name": "one"}, {"name": "two"}])


def test_a_later_table_overrides_single_keys(tmp_path: Path) -> None:
    tables = [
        Table(HOOK_TABLE, {"format": "docker", "tags": ["a"], "images": [{"name": "x", "tags": ["b"], "lint": "off"}]}),
        Table(TARGET_TABLE, {"tags": ["c"]}),
        Table("option", {"lint": "warn"}),
    ]
    (found,) = load_tables(tables, project(tmp_path), FORMATS, {})
    assert (found.format, found.tags, found.lint) == ("docker", ("c",), "warn")
    tables[2] = Table("option", {"lint": "bad", "tag": 1})
    with pytest.raises(SettingsError) as caught:
        load_tables(tables, project(tmp_path), FORMATS, {})
    assert [line.partition(":")[0] for line in caught.value.errors] == ["option.tag", "option.lint"]


@pytest.mark.parametrize(("version", "tag"), [("1.0+local.1", "1.0-local.1"), ("1!2.0", "1-2.0")])
def test_what_a_tag_can_not_hold_of_a_version_becomes_a_dash(tmp_path: Path, version: str, tag: str) -> None:
    (found,) = load_tables([Table(HOOK_TABLE, {})], project(tmp_path, version=version), FORMATS, {})
    assert found.tags == (tag,)


def test_a_version_too_long_for_a_tag_is_said_of_the_version(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as caught:
        load_tables([Table(HOOK_TABLE, {})], project(tmp_path, version="1" * 129), FORMATS, {})
    (line,) = caught.value.errors
    assert line.startswith("project.version: '111")


@pytest.mark.parametrize("text", ["", "0", "8589934591", "00000000001"])
def test_the_time_is_that_of_the_environment(tmp_path: Path, text: str) -> None:
    (found,) = load(tmp_path, {"SOURCE_DATE_EPOCH": text})
    assert found.time == (int(text) if text else DEFAULT_TIME)


@pytest.mark.parametrize("text", ["-1", "1.5", "now", "²", "8589934592", "1" * 5000, " 1", "1_0", "\ud800"])
def test_a_time_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    (line,) = errors(tmp_path, {"SOURCE_DATE_EPOCH": text})
    assert line.startswith("SOURCE_DATE_EPOCH: ")
    assert "is no number of seconds since 1970" in line


TOML = st.recursive(
    st.one_of(
        st.text(max_size=20),
        st.integers(),
        st.floats(),
        st.booleans(),
        st.datetimes(),
        st.dates(),
        st.times(),
        st.sampled_from(
            ["oci", "{version}", "{x}", "ghcr.io/a/{name}", "src", "**", "..", "/", "", "a'b", ".", "[", "**a"]
        ),
    ),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8) | st.sampled_from([*IMAGE_KEYS, "name"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@SHARED_DIRECTORY
@given(st.dictionaries(st.sampled_from([*IMAGE_KEYS, "plugins", "images"]) | st.text(max_size=8), TOML, max_size=5))
@example({"sources": ["."]})
@example({"images": [{"name": "a", "sources": ["", "**a"]}]})
def test_any_table_gives_settings_or_settings_errors(tmp_path: Path, values: dict[str, Any]) -> None:
    try:
        found = load_tables([Table(HOOK_TABLE, values)], project(tmp_path), FORMATS, {})
    except SettingsError as error:
        lines = error.errors
    else:
        lines = tuple(f"{one.name}: {one.tags[0]}" for one in found)
    assert lines
    assert all(": " in line for line in lines)
