from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hatch_wasm_oci.errors import InvalidReferenceError, SettingsError
from hatch_wasm_oci.hatch.publish_settings import OPTION, PROJECT_TABLE, USER_TABLE, Layer, PublishSettings, load

HERE, ROOT, HOME = Path("/here"), Path("/project"), Path("/home")


def settings(
    options: dict[str, Any] | None = None, project: dict[str, Any] | None = None, user: dict[str, Any] | None = None
) -> PublishSettings:
    return load(
        [
            Layer(OPTION, {"no_prompt": False, "initialize_auth": False, **(options or {})}, HERE),
            Layer(PROJECT_TABLE, project or {}, ROOT),
            Layer(USER_TABLE, user or {}, HOME),
        ]
    )


def errors(*tables: dict[str, Any] | None) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        settings(*tables)
    return caught.value.errors


def test_nothing_said_is_nothing_decided() -> None:
    assert settings(None, {"disable": True}, {"disable": False}) == PublishSettings()


def test_an_option_wins_over_the_project_and_that_over_the_user() -> None:
    found = settings(
        {"username": "option"},
        {"username": "project", "repository": "a.b/project"},
        {"username": "user", "repository": "a.b/user", "tag": ["user"], "insecure": True},
    )
    assert found.username == "option"
    assert list(map(str, found.references("n", "1", ["a.b/built:1"]))) == ["a.b/project:user"]
    assert found.access == {"insecure": True}
    assert settings({"insecure": "0"}, {"insecure": True}).access == {"insecure": False}


def test_every_key_as_an_option() -> None:
    options = {
        "dry_run": "1",
        "overwrite": "yes",
        "quiet": "On",
        "plain-http": "TRUE",
        "insecure": "no",
        "ca_file": "ca.pem",
        "client-certificate": "/c.pem",
        "client_key": "~/k.pem",
        "chunk_size": "1000",
        "username": "u",
        "image": "i",
    }
    found = settings(options)
    assert (found.dry_run, found.overwrite, found.quiet, found.username, found.image) == (True, True, True, "u", "i")
    assert found.access == {
        "plain_http": True,
        "insecure": False,
        "ca_file": "/here/ca.pem",
        "client_certificate": "/c.pem",
        "client_key": str(Path("~/k.pem").expanduser()),
        "chunk_size": 1000,
    }


def test_a_tables_paths_are_its_own() -> None:
    assert settings(None, {"ca-file": "ca.pem"}).access == {"ca_file": "/project/ca.pem"}
    assert settings(None, None, {"ca_file": "ca.pem"}).access == {"ca_file": "/home/ca.pem"}


@pytest.mark.parametrize(
    ("options", "built", "references"),
    [
        ({}, ["a.b/c:1", "a.b/c:x"], ["a.b/c:1", "a.b/c:x"]),
        ({"repository": "d.e/{name}"}, ["a.b/c:1"], ["d.e/demo:1"]),
        ({"repository": "d.e/f"}, ["demo:1.0-x"], ["d.e/f:1.0-x"]),
        ({"tag": "v{version},latest, v{version}"}, ["a.b:5000/c:1"], ["a.b:5000/c:v1.0-local", "a.b:5000/c:latest"]),
        ({"tags": "x"}, ["a.b/c"], ["a.b/c:x"]),
    ],
)
def test_references(options: dict[str, str], built: list[str], references: list[str]) -> None:
    assert list(map(str, settings(options).references("demo", "1.0+local", built))) == references


def test_what_nothing_says() -> None:
    with pytest.raises(InvalidReferenceError, match="Nothing says where to publish demo"):
        settings().references("demo", "1", ["demo:1"])
    with pytest.raises(InvalidReferenceError, match="under which tag to publish demo"):
        settings({"repository": "a.b:5000/c"}).references("demo", "1", ["a.b:5000/c"])
    with pytest.raises(SettingsError, match=r"^option tag: the version of demo is not known"):
        settings({"tag": "{version}"}).references("demo", "", ["a.b/c:1"])
    with pytest.raises(SettingsError, match=r"^option repository: .*'Demo' is no repository"):
        settings({"repository": "a.b/{name}"}).references("Demo", "1", ["a.b/c:1"])


def test_everything_that_is_wrong_is_said_at_once() -> None:
    options = {"repositry": "x", "repository": "x", "tag": "a b", "dry_run": "", "chunk_size": "-1", "image": ""}
    found = errors(
        options, {"dry-run": "1", "tags": [5], "tag": [], "chunk-size": True, "ca-file": 5}, {"user-name": 1}
    )
    assert [line.partition(": ")[0] for line in found] == [
        "option repositry",
        "option repository",
        "option tag",
        "option dry_run",
        "option chunk_size",
        "option image",
        f"{PROJECT_TABLE}.dry-run",
        f"{PROJECT_TABLE}.tags",
        f"{PROJECT_TABLE}.tag",
        f"{PROJECT_TABLE}.chunk-size",
        f"{PROJECT_TABLE}.ca-file",
        f"{USER_TABLE}.user-name",
    ]
    assert found[0].endswith("Did you mean 'repository'?")
    assert found[8].endswith("it is given twice. Leave one out.")
    assert found[11].endswith("Did you mean 'username'?")


@pytest.mark.parametrize("key", ["password", "token", "auth"])
def test_secrets_are_refused_and_not_repeated(key: str) -> None:
    (option,) = errors({key: "hunter2"})
    assert option.startswith(f"option {key}: process lists show options to everybody.")
    (table,) = errors(None, {key: "hunter2"})
    assert table.startswith(f"{PROJECT_TABLE}.{key}: files are copied and shared.")
    assert "hunter2" not in option + table


def test_hatchs_own_words_are_not_for_o() -> None:
    (line,) = errors({"no_prompt": "1"})
    assert line.startswith("option no_prompt: there is no such setting.")


def test_placeholders_that_stand_for_nothing() -> None:
    (line,) = errors({"tag": "{verison}"})
    assert line == "option tag: '{verison}' stands for nothing. There are {version} and {name}."
