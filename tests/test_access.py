from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import hatch_wasm_oci
from hatch_wasm_oci.errors import PluginError, RegistryError
from hatch_wasm_oci.image.formats import compat_oci
from hatch_wasm_oci.registry.credentials import Credential
from hatch_wasm_oci.testing import BasicAuthentication, EmbeddedRegistry
from tests.samples import contents, plugins

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PASSWORD = "s3cr3t-0f-the-test"
IMAGE = compat_oci(contents())


@pytest.fixture
def registry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[EmbeddedRegistry]:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "none.json"))
    with EmbeddedRegistry(authentication=BasicAuthentication({"user": PASSWORD})) as registry:
        yield registry


class Gives:
    def __init__(self, value: Any) -> None:
        self.value = value

    @hatch_wasm_oci.hookimpl
    def wasm_oci_credentials(self, registry: str, repository: str) -> Any:
        assert (registry.partition(":")[0], repository) == ("127.0.0.1", "acme/filter")
        return self.value


class Hears:
    def __init__(self) -> None:
        self.heard: list[Any] = []

    @hatch_wasm_oci.hookimpl
    def wasm_oci_pushed(self, reference: Any, receipt: Any, attach: Any) -> None:
        attached = attach("application/vnd.example", b"{}", "application/json")
        self.heard.append((str(reference), receipt.digest, attached[:7]))


@pytest.mark.parametrize("value", [("user", PASSWORD), Credential("a vault", "user", PASSWORD)])
def test_plugins_give_credentials_and_hear_of_pushes(registry: EmbeddedRegistry, value: Any) -> None:
    hears = Hears()
    name = f"{registry.host}/acme/filter:1.0"
    hatch_wasm_oci.push(IMAGE, name, plugins=plugins(Gives(value), hears))
    assert hears.heard == [(f"{name}@{IMAGE.digest}", IMAGE.digest, "sha256:")]
    assert hatch_wasm_oci.pull(name, plugins=plugins(Gives(value))) == IMAGE


def test_a_plugin_that_gives_nothing_is_named_among_the_places(registry: EmbeddedRegistry) -> None:
    with pytest.raises(RegistryError, match=r"looked in: plugins \(plugin-0: nothing\); .*none\.json \(not there\)"):
        hatch_wasm_oci.push(IMAGE, f"{registry.host}/acme/filter:1.0", plugins=plugins(Gives(None)))


@pytest.mark.parametrize("value", [PASSWORD, (PASSWORD,), ["user", PASSWORD], {"x": PASSWORD}, ("user", None)])
def test_a_plugin_that_gives_something_else_is_named_without_it(registry: EmbeddedRegistry, value: Any) -> None:
    with pytest.raises(PluginError, match="something else than a user name and a password") as caught:
        hatch_wasm_oci.push(IMAGE, f"{registry.host}/acme/filter:1.0", plugins=plugins(Gives(value)))
    assert PASSWORD not in repr(caught.value)


def test_what_a_plugin_gives_wins_over_files_and_loses_to_the_hand(registry: EmbeddedRegistry) -> None:
    name = f"{registry.host}/acme/filter:1.0"
    wrong = plugins(Gives(("user", "wrong")))
    with pytest.raises(RegistryError, match=r"came from a plugin \(plugin-0\) \(user 'user'\)"):
        hatch_wasm_oci.push(IMAGE, name, plugins=wrong)
    hatch_wasm_oci.push(IMAGE, name, plugins=wrong, username="user", password=PASSWORD)
