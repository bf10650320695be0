from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.hatch.build import Build
from hatch_wasm_oci.testing.authentication import BasicAuthentication
from hatch_wasm_oci.testing.registry import EmbeddedRegistry
from tests.samples import plugin_module

pytest.importorskip("hatch", reason="hatch is not installed here: pip install hatch")

from hatch.cli.application import Application

from hatch_wasm_oci.hatch.publisher import WasmOciPublisher, is_version_tag

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PROJECT = """
[project]
name = "demo"
version = "1.0"
[tool.hatch.build.hooks.wasm-oci]
lint = "off"
compression = "store"
repository = "{host}/{{name}}"
"""
IMAGES = "".join(f'[[tool.hatch.build.hooks.wasm-oci.images]]\nname = "{name}"\n' for name in ("a", "b", "c", "d"))


class Answering(Application):
    """Hatch's own application, with a user who always gives the same answer."""

    def __init__(self, *, answer: bool, verbosity: int = 0) -> None:
        start: Any = super().__init__  # hatch's functions have no types
        start(self.leave, verbosity=verbosity, enable_color=False, interactive=False)
        self.questions: list[str] = []

        def confirm(text: str, **_: Any) -> bool:
            self.questions.append(text)
            return answer

        vars(self)["confirm"] = confirm

    @staticmethod
    def leave(code: int) -> None:
        raise SystemExit(code)


@pytest.fixture(autouse=True)
def _no_credentials_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "none.json"))
    for name in ("USERNAME", "PASSWORD", "TOKEN"):
        monkeypatch.delenv(f"HATCH_WASM_OCI_{name}", raising=False)


@pytest.fixture
def registry() -> Iterator[EmbeddedRegistry]:
    with EmbeddedRegistry() as embedded:
        yield embedded


def write(root: Path, registry: EmbeddedRegistry, images: str = "", *, size: int = 0) -> list[str]:
    """Write a project, or write it anew, build it, and return its images' digests."""
    root.mkdir(exist_ok=True)
    (root / "pyproject.toml").write_text(PROJECT.format(host=registry.host) + images)
    (root / "plugin.wasm").write_bytes(plugin_module(size=size))
    return [packaged.manifest_digest for packaged in Build(root).package()]


def publish(app: Application, root: Path, *artifacts: str, no_prompt: bool = False, **options: Any) -> None:
    make: Any = WasmOciPublisher
    publisher = make(app, root, root, {}, {})
    publisher.publish(list(artifacts), {"no_prompt": no_prompt, "initialize_auth": False, **options})


@pytest.mark.parametrize("images", ["", IMAGES])
def test_a_user_who_says_yes_overwrites(registry: EmbeddedRegistry, tmp_path: Path, images: str) -> None:
    root = tmp_path / "project"
    old = write(root, registry, images)
    app = Answering(answer=True)
    publish(app, root)
    assert not app.questions
    new = write(root, registry, images, size=300)
    publish(app, root)
    name = "a" if images else "demo"
    question = f"wasm-oci: The tag 1.0 of {registry.host}/{name} names another image already: {old[0]}. Overwrite it?"
    assert question in app.questions
    assert len(app.questions) == len(new) == (4 if images else 1)


@pytest.mark.parametrize("images", ["", IMAGES])
def test_a_user_who_says_no_keeps_what_is_there(
    registry: EmbeddedRegistry, tmp_path: Path, images: str, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "project"
    write(root, registry, images)
    app = Answering(answer=False)
    publish(app, root)
    write(root, registry, images, size=300)
    before = len(registry.log)
    capsys.readouterr()
    with pytest.raises(SystemExit):
        publish(app, root)
    assert {record.method for record in registry.log[before:]} == {"HEAD"}
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == len(app.questions) == (4 if images else 1)
    assert all(line.startswith("wasm-oci: The tag 1.0 of ") for line in lines)

    with pytest.raises(SystemExit):
        publish(app, root, no_prompt=True)
    assert len(app.questions) == len(lines)
    publish(app, root, no_prompt=True, overwrite="1")


def test_one_that_fails_holds_up_none_of_the_others(
    registry: EmbeddedRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "project"
    write(root, registry, IMAGES)
    (root / "build" / "wasm-oci" / "b-1.0.oci.tar").write_bytes(b"damaged")
    with pytest.raises(SystemExit):
        publish(Answering(answer=False), root)
    err = capsys.readouterr().err
    assert err.count("wasm-oci: pinned: ") == 3
    assert "b-1.0.oci.tar is no archive of an image" in err.splitlines()[-1]


def test_an_archive_that_is_not_the_reports_is_refused(
    registry: EmbeddedRegistry, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = tmp_path / "project"
    write(root, registry)
    outputs = root / "build" / "wasm-oci"
    report = (outputs / "demo-1.0.json").read_bytes()
    write(root, registry, size=300)
    (outputs / "demo-1.0.json").write_bytes(report)
    with pytest.raises(SystemExit):
        publish(Answering(answer=True), root)
    assert "Run `hatch build` again." in capsys.readouterr().err
    assert not registry.log


def test_a_user_name_needs_a_password_of_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with EmbeddedRegistry(authentication=BasicAuthentication({"ada": "hunter2"})) as registry:
        write(tmp_path / "project", registry)
        with pytest.raises(SystemExit):
            publish(Answering(answer=True), tmp_path / "project", no_prompt=True, username="ada")
        assert "there is no password for 'ada'. Set HATCH_WASM_OCI_PASSWORD." in capsys.readouterr().err
        monkeypatch.setenv("HATCH_WASM_OCI_PASSWORD", "hunter2")
        publish(Answering(answer=True), tmp_path / "project", username="ada")
        publish(Answering(answer=True), tmp_path / "project", username="ada")
        assert "wasm-oci: unchanged: nothing was sent" in capsys.readouterr().err


@pytest.mark.parametrize(("verbosity", "options"), [(-1, {}), (0, {"quiet": "1"})])
def test_silence(
    registry: EmbeddedRegistry,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    verbosity: int,
    options: dict[str, Any],
) -> None:
    write(tmp_path / "project", registry)
    publish(Answering(answer=True, verbosity=verbosity), tmp_path / "project", **options)
    assert capsys.readouterr() == ("", "")
    assert registry.log


@pytest.mark.parametrize(
    ("tag", "version", "answer"),
    [
        ("1.0", "1.0", True),
        ("v1.0", "1.0", True),
        ("1.0-slim", "1.0", True),
        ("1.0-local", "1.0+local", True),
        ("latest", "1.0", False),
        ("1", "1.0", False),
        ("11.0", "1.0", False),
        ("1.01", "1.0", False),
        ("2", "", True),
        ("latest", "", False),
    ],
)
def test_which_tags_name_a_version(tag: str, version: str, answer: bool) -> None:  # noqa: FBT001 - a parameter
    assert is_version_tag(tag, version) is answer
