from __future__ import annotations

import base64
import json
import os
import stat
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.access import connect
from hatch_wasm_oci.errors import RegistryError
from hatch_wasm_oci.registry import credentials
from hatch_wasm_oci.registry.credentials import Credential, config_files, from_environment, from_files

if TYPE_CHECKING:
    from collections.abc import Callable

    Configure = Callable[..., Path]
    Helper = Callable[..., Path]

SECRET = "s3cr3t-0f-the-test"
HOST, REPOSITORY = "registry.example:5000", "acme/team/filter"


def entry(name: str = "user", password: str = SECRET, **more: str) -> dict[str, str]:
    return {"auth": base64.b64encode(f"{name}:{password}".encode()).decode(), **more}


@pytest.fixture
def configure(tmp_path: Path) -> Callable[..., Path]:
    def write(name: str = "config.json", **value: Any) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(value))
        return path

    return write


@pytest.fixture
def helper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Write a credential helper, a real program, which notes what it was asked."""
    programs = tmp_path / "programs"
    programs.mkdir()
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")

    def write(name: str, script: str) -> Path:
        asked = tmp_path / f"{name}.asked"
        path = programs / f"docker-credential-{name}"
        path.write_text(f'#!/bin/sh\necho "$1 $(cat)" >> {asked}\n{script}\n')
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        return asked

    return write


def answer(user: str = "helped", secret: str = SECRET) -> str:
    return f"echo '{json.dumps({'ServerURL': 'x', 'Username': user, 'Secret': secret})}'"


def search(*files: Path, host: str = HOST, repository: str = REPOSITORY) -> Credential | None:
    return from_files(files, host, repository).credential


def test_the_environment_gives_a_pair_or_a_token_and_nothing_by_halves() -> None:
    pair = {"HATCH_WASM_OCI_USERNAME": "u", "HATCH_WASM_OCI_PASSWORD": SECRET}
    assert from_environment(pair) == Credential("HATCH_WASM_OCI_USERNAME", "u", SECRET)
    token = from_environment({**pair, "HATCH_WASM_OCI_TOKEN": f"{SECRET}\n"})
    assert token == Credential("HATCH_WASM_OCI_TOKEN", registry_token=SECRET)
    assert from_environment({}) is None
    for name in pair:
        with pytest.raises(RegistryError, match="is not set, though its counterpart is") as caught:
            from_environment({name: SECRET})
        assert SECRET not in str(caught.value)


def test_files_are_those_of_podman_then_of_docker() -> None:
    everything = {"XDG_RUNTIME_DIR": "/run/u", "HOME": "/home/u"}
    assert config_files(everything) == tuple(
        map(
            Path,
            (
                "/run/u/containers/auth.json",
                *(f"/home/u/{name}" for name in (".config/containers/auth.json", ".docker/config.json")),
            ),
        )
    )
    assert config_files({**everything, "DOCKER_CONFIG": "/d", "XDG_CONFIG_HOME": "/c"})[1:] == (
        Path("/c/containers/auth.json"),
        Path("/d/config.json"),
    )
    assert config_files({**everything, "REGISTRY_AUTH_FILE": "/a"}) == (Path("/a"),)
    assert config_files({}) == ()


def test_order_is_options_environment_plugins_files(configure: Configure) -> None:
    path = configure(auths={HOST: entry("of-the-file")})
    environment = {"REGISTRY_AUTH_FILE": str(path)}
    pair = {"HATCH_WASM_OCI_USERNAME": "of-the-environment", "HATCH_WASM_OCI_PASSWORD": SECRET}
    given_one = connect(username="by-hand", password=SECRET, environment={**environment, **pair}).credential
    assert given_one is not None
    assert given_one.username == "by-hand"
    of_environment = connect(environment={**environment, **pair}).credential
    assert of_environment is not None
    assert of_environment.username == "of-the-environment"
    assert connect(environment={**environment, **pair}, given=False).credential is None
    of_file = connect(environment=environment).credential_sources[1](HOST, REPOSITORY).credential
    assert of_file is not None
    assert of_file.username == "of-the-file"
    with pytest.raises(RegistryError, match="A user name needs a password"):
        connect(username="u", environment={})


def test_the_first_file_wins_and_every_place_is_told(configure: Configure, tmp_path: Path) -> None:
    nothing, first = (
        configure("a.json", auths={"other.example": entry()}),
        configure("b.json", auths={HOST: entry("b")}),
    )
    second = configure("c.json", auths={HOST: entry("c")})
    found = from_files((tmp_path / "none.json", nothing, first, second), HOST, REPOSITORY)
    assert found.credential == Credential(f"{first}: auths {HOST!r}", "b", SECRET)
    assert found.places == (
        f"{tmp_path / 'none.json'} (not there)",
        f"{nothing} (nothing for {HOST})",
        f"{first}: auths {HOST!r}",
    )


def test_the_longest_path_wins(configure: Configure) -> None:
    auths = {HOST: entry("host"), f"{HOST}/acme": entry("acme"), f"{HOST}/acme/team/filter": entry("filter")}
    path = configure(auths=auths)
    for repository, user in ((REPOSITORY, "filter"), ("acme/team/other", "acme"), ("acmes/x", "host")):
        found = search(path, repository=repository)
        assert found is not None
        assert found.username == user


@pytest.mark.parametrize("key", ["{}", "https://{}", "http://{}/", "https://{}/v1/", "https://{}/v2/", "{}/acme/"])
def test_keys_come_with_scheme_and_version_or_without(configure: Configure, key: str) -> None:
    found = search(configure(auths={key.format(HOST): entry()}))
    assert found is not None
    assert found.password == SECRET


def test_an_empty_entry_hides_no_other(configure: Configure) -> None:
    path = configure(auths={HOST: entry(), f"https://{HOST}": {}, f"{HOST}/acme": {"auth": ""}})
    found = search(path)
    assert found is not None
    assert search(configure(auths={HOST: {}})) is None


@pytest.mark.parametrize("key", ["https://index.docker.io/v1/", "index.docker.io", "docker.io", "docker.io/library"])
def test_docker_hub_has_many_names(configure: Configure, key: str) -> None:
    assert search(configure(auths={key: entry()}), host="docker.io", repository="library/x") is not None


def test_docker_hubs_helper_is_asked_by_its_old_name(configure: Configure, helper: Helper) -> None:
    asked = helper("store", answer())
    found = search(configure(credsStore="store"), host="docker.io", repository="library/x")
    assert found is not None
    assert asked.read_text() == "get https://index.docker.io/v1/\n"


def test_helper_before_store_before_auths(configure: Configure, helper: Helper) -> None:
    asked = helper("mine", answer("mine")), helper("store", answer("store"))
    configuration = {"credHelpers": {HOST: "mine"}, "credsStore": "store", "auths": {HOST: entry("stale")}}
    found = search(configure(**configuration))
    assert found is not None
    assert found.username == "mine"
    assert "docker-credential-mine" in found.source
    assert asked[0].read_text() == f"get {HOST}\n"
    found = search(configure(**{**configuration, "credHelpers": {"other.example": "mine"}}))
    assert found is not None
    assert found.username == "store"


def test_a_helper_that_has_nothing_lets_the_next_speak(configure: Configure, helper: Helper) -> None:
    helper("store", "echo 'credentials not found in native keychain'; exit 1")
    found = search(configure(credsStore="store", auths={HOST: entry("next")}))
    assert found is not None
    assert found.username == "next"


def test_a_helpers_token_is_an_identity_token(configure: Configure, helper: Helper) -> None:
    helper("store", answer("<token>"))
    found = search(configure(credsStore="store"))
    assert found is not None
    assert (found.username, found.password, found.identity_token) == ("", "", SECRET)


@pytest.mark.parametrize(
    ("script", "words"),
    [
        (f"echo {SECRET}; exit 3", "failed with status 3"),
        (f"echo 'sh: x: command not found {SECRET}' >&2; exit 127", "failed with status 127"),
        (f"echo '[\"{SECRET}\"]'", "no answer in the form"),
        (f'echo \'{{"Username": 1, "Secret": "{SECRET}"}}\'', "no answer in the form"),
        (f"echo {SECRET}", "no answer in the form"),
        (f"echo {SECRET}; exec sleep 30", "did not answer in"),
    ],
)
def test_a_helper_that_fails_is_told_of_without_its_words(
    configure: Configure,
    helper: Helper,
    monkeypatch: pytest.MonkeyPatch,
    script: str,
    words: str,
) -> None:
    monkeypatch.setattr(credentials, "HELPER_TIMEOUT", 0.3 if "sleep" in script else 30.0)
    helper("store", script)
    with pytest.raises(RegistryError, match=words) as caught:
        search(configure(credsStore="store"))
    assert_silent(caught.value)


@pytest.mark.parametrize("name", ["nowhere", "../evil", "a b", "", 1, ["x"], "-x"])
def test_helpers_are_programs_by_name(configure: Configure, name: Any) -> None:
    configuration = configure(credsStore=name)
    if not name:
        assert search(configuration) is None
        return
    with pytest.raises(RegistryError, match="not installed" if name == "nowhere" else "no program's name"):
        search(configuration)


def test_tokens_of_entries(configure: Configure) -> None:
    found = search(configure(auths={HOST: {"identitytoken": SECRET, **entry("user", "")}}))
    assert found is not None
    assert (found.identity_token, found.password) == (SECRET, "")
    found = search(configure(auths={HOST: {"registrytoken": SECRET}}))
    assert found is not None
    assert found.registry_token == SECRET
    found = search(configure(auths={HOST: {"username": "u", "password": SECRET}}))
    assert found is not None
    assert found.password == SECRET
    found = search(configure(auths={HOST: entry("user", "with:colon\0\0")}))
    assert found is not None
    assert found.password == "with:colon"


def assert_silent(error: BaseException | None) -> None:
    """Hold that an error, and all that hangs on it, says nothing of the secret, not even in pieces of base64."""
    while error is not None:
        told = "".join(traceback.format_exception(error)) + repr(vars(error)) + repr(error.args)
        assert SECRET not in told
        assert entry()["auth"][:12] not in told
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    "text",
    [
        f'{{"auths": {{"{HOST}": {{"auth": "{SECRET}"}}',
        f'["{SECRET}"]',
        f'"{SECRET}"',
        json.dumps({"auths": {HOST: {"auth": f"{entry()['auth']}!"}}}),
        json.dumps({"auths": {HOST: {"auth": base64.b64encode(SECRET.encode() + b"\xff").decode()}}}),
        json.dumps({"auths": {HOST: {"auth": [SECRET]}}}),
        json.dumps({"auths": {HOST: {"password": {"x": SECRET}}}}),
        "[" * 100_000,
    ],
)
def test_malformed_files_are_told_of_without_their_content(tmp_path: Path, text: str) -> None:
    path = tmp_path / "config.json"
    path.write_text(text)
    with pytest.raises(RegistryError) as caught:
        search(path)
    assert str(path) in str(caught.value)
    assert_silent(caught.value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(SECRET) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from([HOST, "auth", "password"]), inner),
    max_leaves=8,
)


@given(st.dictionaries(st.sampled_from(["auths", "credHelpers"]), JSON))
def test_no_file_makes_more_than_one_kind_of_error(tmp_path_factory: pytest.TempPathFactory, value: Any) -> None:
    path = tmp_path_factory.getbasetemp() / f"config-{os.getpid()}.json"
    path.write_text(json.dumps(value))
    try:
        search(path)
    except RegistryError as error:
        if "credHelpers" not in str(error):  # a program's name is told
            assert_silent(error)


def test_no_secret_is_in_what_a_credential_says_of_itself() -> None:
    credential = Credential("x", "u", SECRET, SECRET, SECRET)
    assert SECRET not in f"{credential!r} {credential} {connect(username='u', password=SECRET, environment={})!r}"
