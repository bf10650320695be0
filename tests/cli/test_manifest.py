from __future__ import annotations

import base64
import io
import json
from typing import TYPE_CHECKING, Any

import pytest
import yaml

import hatch_wasm_oci
from hatch_wasm_oci.cli import main
from hatch_wasm_oci.image import archive
from hatch_wasm_oci.image.formats import DEFAULT_TIME, FORMATS, compat_oci
from hatch_wasm_oci.testing import BasicAuthentication, EmbeddedRegistry
from tests.consumers.images import AMD64, image, index, plugin
from tests.project.test_deployment import SCHEMAS, check
from tests.samples import contents

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.cli.conftest import Runner

GOOD = image(plugin())
PASSWORD = "s3cr3t-0f-the-test"


@pytest.fixture
def registry(logged_out: Path) -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as registry:
        yield registry


def documents(lines: list[str]) -> list[Any]:
    return list(yaml.safe_load_all("\n".join(lines)))


@pytest.mark.parametrize("consumer", SCHEMAS)
def test_the_document_is_pinned_and_the_same_as_yaml_and_json(
    run: Runner, registry: EmbeddedRegistry, consumer: str, tmp_path: Path
) -> None:
    (tmp_path / "config.json").write_text('{"a": [1, "yes", null]}')
    (tmp_path / "config.toml").write_text('a = [1, "yes"]\nb.c = 1e3\n')
    name = GOOD.pushed(registry)
    for config, value in (
        ("config.json", {"a": [1, "yes", None]}),
        ("config.toml", {"a": [1, "yes"], "b": {"c": 1e3}}),
    ):
        words = ["manifest", name, "--for", consumer, "--config", config, "--namespace", "web", "--fail", "open"]
        words += ["--target", "Gateway/eg", "--pull-secret", "registry", "--plugin-name", "root", "--name", "my-filter"]
        (document,) = documents(run.lines(*words))
        check(document, SCHEMAS[consumer])
        assert run.json(*words) == [document]
        assert document["metadata"] == {"name": "my-filter", "namespace": "web"}
        text = json.dumps(document)
        assert f"{name}@{GOOD.digest}" in text
        assert json.dumps(value) in text


def test_of_an_index_the_child_is_pinned(run: Runner, registry: EmbeddedRegistry) -> None:
    name = index((GOOD, AMD64)).pushed(registry)
    (document,) = run.json(
        "manifest", name, "--for", "istio", "--selector", "app=web", "--phase", "AUTHZ", "--priority", "-3"
    )
    assert document["spec"] == {
        "selector": {"matchLabels": {"app": "web"}},
        "url": f"oci://{name}@{GOOD.digest}",
        "sha256": GOOD.digest[7:],
        "phase": "AUTHZ",
        "priority": -3,
    }


def test_an_archive_says_where_it_will_be_or_is_told(run: Runner, logged_out: Path) -> None:
    path, made = logged_out / "a.tar", compat_oci(contents())
    path.write_bytes(b"".join(map(bytes, archive.write(made, ["ghcr.io/acme/filter:1.0"], DEFAULT_TIME))))
    (document,) = run.json("manifest", path, "--for", "istio")
    assert document["spec"]["url"] == f"oci://ghcr.io/acme/filter:1.0@{made.digest}"
    (document,) = run.json("manifest", path, "--for", "istio", "--reference", "quay.io/other/x:2")
    assert document["spec"]["url"] == f"oci://quay.io/other/x:2@{made.digest}"
    path.write_bytes(b"".join(map(bytes, archive.write(made, ["filter:1.0"], DEFAULT_TIME))))
    error = run.error("manifest", path, "--for", "istio")
    assert "Nothing says where" in error
    assert "--reference ghcr.io/acme/header-filter:1.0" in error


@pytest.mark.parametrize("form", FORMATS)
def test_the_root_id_comes_out_of_the_runtime_configuration(run: Runner, registry: EmbeddedRegistry, form: str) -> None:
    for number, (config, expected) in enumerate(
        [
            (b'{"config": {"rootIds": ["my_root"]}}', "my_root"),
            (b'{"config": {"rootIds": ["a", "b"]}}', None),
            (b'{"config": {"rootIds": [""]}}', None),
            (b'{"config": []}', None),
            (b"{}", None),
        ]
    ):
        name = f"{registry.host}/acme/filter:{number}"
        hatch_wasm_oci.push(FORMATS[form].build(contents(runtime_config=config)), name)
        (document,) = run.json("manifest", name, "--for", "istio")
        assert document["spec"].get("pluginName") == expected
    (document,) = run.json("manifest", f"{registry.host}/acme/filter:0", "--for", "istio", "--plugin-name", "other")
    assert document["spec"]["pluginName"] == "other"


def test_a_refused_image_gets_no_document(run: Runner, registry: EmbeddedRegistry) -> None:
    name = image(plugin(name="filter.wasm")).pushed(registry)
    error = run.error("manifest", name, "--for", "envoy-gateway")
    assert error.startswith(f"hatch-wasm-oci: Envoy Gateway refuses {name}: The layer has no file named plugin.wasm.")
    assert "Envoy Gateway would log: could not fetch Wasm binary" in error


def test_the_secret_is_written_on_request_alone(run: Runner, logged_out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with EmbeddedRegistry(authentication=BasicAuthentication({"u": PASSWORD}, realm=None)) as registry:
        name = f"{registry.host}/acme/filter:1.0"
        auth = base64.b64encode(f"u:{PASSWORD}".encode()).decode()
        (logged_out / "auth.json").write_text(json.dumps({"auths": {f"{registry.host}/acme": {"auth": auth}}}))
        hatch_wasm_oci.push(compat_oci(contents()), name)
        words = ["manifest", name, "--for", "istio", "--pull-secret", "registry", "--namespace", "web"]
        without = run.lines(*words)
        assert PASSWORD not in "\n".join(without)
        secret, document = documents(run.lines(*words, "--with-secret"))
        assert [document] == documents(without)
        assert document["spec"]["imagePullSecret"] == secret["metadata"]["name"] == "registry"
        assert secret["metadata"]["namespace"] == document["metadata"]["namespace"] == "web"
        value = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
        # By the host alone: consumers find no other key.
        assert value == {"auths": {registry.host: {"username": "u", "password": PASSWORD, "auth": auth}}}
        (logged_out / "auth.json").unlink()
        monkeypatch.setattr("sys.stdin", io.StringIO(PASSWORD))
        given = run.lines(*words, "--with-secret", "--username", "u", "--password-stdin")
        assert documents(given) == [secret, document]


def test_a_secret_without_a_name_or_a_credential_is_an_error(run: Runner, registry: EmbeddedRegistry) -> None:
    name = GOOD.pushed(registry)
    assert "--with-secret: the secret has no name" in run.error("manifest", name, "--for", "istio", "--with-secret")
    error = run.error("manifest", name, "--for", "istio", "--pull-secret", "a", "--with-secret")
    assert f"No credential for {registry.host} was found" in error
    assert "auth.json (not there)" in error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--config", "none.json"], "--config: 'none.json' can't be read: No such file"),
        (["--config", "bad.json"], "--config: bad.json is no JSON: "),
        (["--config", "list.json"], "--config: list.json holds no object"),
        (["--config", "nan.json"], "--config: nan.json is no JSON: "),
        (["--config", "date.toml"], "--config: date.toml is no TOML that JSON can hold: "),
        (["--target", "eg"], "--target: 'eg' is none. Write it like Gateway/eg."),
        (["--selector", "app"], "--selector: 'app' is none. Write it like app=web."),
        (["--name", "A"], "name: 'A' is no name"),
        (["--reference", "filter"], "'filter' names no registry"),
    ],
)
def test_wrong_options_are_said(
    run: Runner, registry: EmbeddedRegistry, tmp_path: Path, words: list[str], said: str
) -> None:
    for file, text in {
        "bad.json": "{",
        "list.json": "[]",
        "nan.json": '{"a": NaN}',
        "date.toml": "a = 2026-11-24\n",
    }.items():
        (tmp_path / file).write_text(text)
    assert said in run.error("manifest", GOOD.pushed(registry), "--for", "istio", *words)


def test_the_mesh_must_be_named() -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["manifest", "x"])
