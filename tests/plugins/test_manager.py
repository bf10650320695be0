from __future__ import annotations

import sys
from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci import hookimpl
from hatch_wasm_oci.errors import ModuleError, PluginError
from hatch_wasm_oci.project.package import package
from tests.samples import plugin_module, plugins, settings_in

if TYPE_CHECKING:
    from pathlib import Path

    from hatch_wasm_oci.plugins.manager import Plugins

HOOKS = [
    "wasm_oci_module",
    "wasm_oci_check",
    "wasm_oci_annotations",
    "wasm_oci_runtime_config",
    "wasm_oci_formats",
    "wasm_oci_packaged",
]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "plugin.wasm").write_bytes(plugin_module())
    return tmp_path


def load(root: Path, source: str, *others: str, before: object = None) -> Plugins:
    (root / "local.py").write_text("import hatch_wasm_oci\nfrom hatch_wasm_oci import hookimpl\n" + dedent(source))
    found = plugins(before) if before else plugins()
    found.load_files(root, ["local.py", *others])
    return found


def refused(root: Path, source: str) -> str:
    with pytest.raises(PluginError) as caught:
        load(root, source)
    assert caught.value.remedy.endswith((".", "?"))
    return str(caught.value)


class Annotating:
    def __init__(self, name: str) -> None:
        self._name = name

    @hookimpl
    def wasm_oci_annotations(self) -> dict[str, str]:
        return {"by": self._name, self._name: "yes"}

    @hookimpl
    def wasm_oci_runtime_config(self) -> dict[str, Any]:
        return {"config": {"by": self._name}}


def test_the_last_plugin_wins_and_the_builtin_one_is_asked_last(root: Path) -> None:
    found = plugins(Annotating("one"), Annotating("two"))
    results = found.call("wasm_oci_annotations", settings=settings_in(root), module=None)
    assert [one.get("by") for one in results] == ["two", "one", None]
    first = found.call("wasm_oci_runtime_config", settings=settings_in(root), module=None)
    assert first == {"config": {"by": "two"}}
    image = package(settings_in(root, annotations={"one": "table"}), found).image
    assert {key: image.manifest.annotations[key] for key in ("by", "one", "two")} == {
        "by": "two",
        "one": "table",
        "two": "yes",
    }


def test_a_wrapper_post_processes_the_module(root: Path) -> None:
    source = """
        @hookimpl(wrapper=True)
        def wasm_oci_module(settings):
            module = yield
            return bytes(module.data) + b"\\0\\x05\\x04tail"
    """
    packaged = package(settings_in(root), load(root, source))
    assert packaged.image.module().data == plugin_module() + b"\0\x05\x04tail"


def test_a_plugin_takes_the_arguments_that_it_wants(root: Path) -> None:
    found = load(root, "@hookimpl\ndef wasm_oci_annotations(module): return {'size': str(module.size)}\n")
    assert package(settings_in(root), found).image.manifest.annotations["size"] == str(len(plugin_module()))


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (
            "@hookimpl\ndef wasm_oci_annotation(): ...",
            "unknown hook wasm_oci_annotation. Did you mean wasm_oci_annotations?",
        ),
        ("@hookimpl\ndef xyz(): ...", "names an unknown hook xyz. The hooks are: wasm_oci_formats, "),
        ("@hookimpl(specname='wasm_oci_chek')\ndef check(): ...", "Did you mean wasm_oci_check?"),
        (
            "def wasm_oci_check(): ...",
            "has a function wasm_oci_check that is not marked as a hook. Put @hatch_wasm_oci.hookimpl",
        ),
        ("@hookimpl\ndef wasm_oci_check(modul): ...", "does not fit: "),
        ("import nonsense_module", "could not be loaded: ModuleNotFoundError: No module named 'nonsense_module'"),
        ("def f(:", "could not be loaded: SyntaxError: "),
        ("1/0", "could not be loaded: ZeroDivisionError: division by zero."),
        ("import sys; sys.exit('bye')", "could not be loaded: SystemExit: bye."),
        ("raise KeyError()", "could not be loaded: KeyError."),
    ],
)
def test_a_plugin_that_does_not_fit_is_named(root: Path, source: str, said: str) -> None:
    message = refused(root, source)
    assert message.startswith("The plugin local.py ")
    assert said in message


def test_a_hook_of_a_later_release_may_be_named_where_marked_so(root: Path) -> None:
    load(root, "@hookimpl(optionalhook=True)\ndef wasm_oci_future(): ...")
    load(root, "@hookimpl(specname='wasm_oci_check')\ndef look(module): return []")


def test_a_file_that_is_missing_or_given_twice_is_named(root: Path) -> None:
    with pytest.raises(PluginError, match=r"The plugin none\.py could not be loaded: FileNotFoundError"):
        load(root, "", "none.py")
    with pytest.raises(PluginError, match=r"The plugin local\.py does not fit: .*already registered"):
        load(root, "", "local.py")


def test_nothing_is_left_beside_a_file(root: Path) -> None:
    (root / "sub").mkdir()
    (root / "sub" / "second.py").write_text("")
    load(root, "", "sub/second.py")
    assert not list(root.rglob("*pycache*"))


def test_a_file_is_a_module_of_its_own_language_level(root: Path) -> None:
    # This package's `from __future__ import annotations` must not reach into a plugin.
    source = """
        import sys
        from dataclasses import dataclass, fields
        @dataclass
        class Option:
            name: int
        assert fields(Option)[0].type is int
        assert sys.modules[__name__].Option is Option
        assert __file__.endswith("local.py")
    """
    load(root, source)


def test_a_version_of_a_file_is_told_from_another(root: Path) -> None:
    identities = [load(root, source).identities for source in ("a = 1", "a = 2", "a = 1")]
    assert identities[0] == identities[2] != identities[1]
    assert plugins().identities == ()


@pytest.mark.parametrize("failure", ["1 / 0", "import sys; sys.exit(3)", "raise RuntimeError('no\\nway.')"])
@pytest.mark.parametrize("hook", HOOKS)
def test_a_plugin_that_raises_is_named_with_its_hook(root: Path, hook: str, failure: str) -> None:
    found = load(root, f"@hookimpl\ndef {hook}(): {failure}\n", before=Annotating("other"))
    with pytest.raises(PluginError) as caught:
        package(settings_in(root), found)
    assert caught.value.problem.startswith(f"The plugin local.py failed in {hook}: ")
    assert "\n" not in caught.value.problem


@pytest.mark.parametrize(
    ("hook", "result", "said"),
    [
        ("wasm_oci_module", "5", "neither a Module nor bytes from wasm_oci_module; it is implemented by local.py"),
        ("wasm_oci_check", "['x']", "something else than findings"),
        ("wasm_oci_check", "[hatch_wasm_oci.Finding(5, 'error', 'x')]", "something else than findings"),
        ("wasm_oci_check", "[hatch_wasm_oci.Finding('X1', 'fatal', 'x')]", "something else than findings"),
        ("wasm_oci_check", "5", "local.py failed in wasm_oci_check: TypeError"),
        ("wasm_oci_annotations", "5", "something else than a mapping of text to text"),
        ("wasm_oci_annotations", "{'a': 1}", "something else than a mapping of text to text"),
        ("wasm_oci_annotations", "{'a': '\\ud800'}", "something else than a mapping of text to text"),
        ("wasm_oci_runtime_config", "5", "neither a mapping nor bytes"),
        ("wasm_oci_runtime_config", "b'x'", "a configuration that can't be used: it is no JSON"),
        ("wasm_oci_runtime_config", "{'type': 5}", "a configuration that can't be used: its type is 5, not a text"),
        ("wasm_oci_runtime_config", "{'x': {1}}", "can't be written as JSON"),
        ("wasm_oci_formats", "5", "a mapping of names to ImageFormat"),
        ("wasm_oci_formats", "{'oci': 5}", "a mapping of names to ImageFormat"),
        ("wasm_oci_formats", "{'oci': hatch_wasm_oci.ImageFormat(lambda c: 5)}", "builds something else than an Image"),
        (
            "wasm_oci_formats",
            "{'oci': hatch_wasm_oci.ImageFormat(lambda c: 1 / 0)}",
            "local.py failed in wasm_oci_formats",
        ),
    ],
)
def test_a_wrong_result_is_laid_at_the_plugins_door(root: Path, hook: str, result: str, said: str) -> None:
    found = load(root, f"@hookimpl\ndef {hook}(): return {result}\n")
    with pytest.raises(PluginError) as caught:
        package(settings_in(root), found)
    assert said in str(caught.value)
    assert "local.py" in str(caught.value)


def test_a_generator_that_raises_is_named(root: Path) -> None:
    found = load(
        root, "@hookimpl\ndef wasm_oci_check():\n    yield hatch_wasm_oci.Finding('X1', 'warning', 'x')\n    1/0\n"
    )
    with pytest.raises(PluginError, match=r"The plugin local\.py failed in wasm_oci_check: ZeroDivisionError"):
        package(settings_in(root), found)


def test_an_error_raised_on_purpose_goes_through(root: Path) -> None:
    found = load(root, "@hookimpl\ndef wasm_oci_check(): raise hatch_wasm_oci.ModuleError('Not this one.')\n")
    with pytest.raises(ModuleError, match=r"^Not this one\.$"):
        package(settings_in(root), found)


def test_bytes_that_are_no_module_are_refused(root: Path) -> None:
    found = load(root, "@hookimpl\ndef wasm_oci_module(): return b'x'\n")
    with pytest.raises(ModuleError, match="what wasm_oci_module returned is no WebAssembly module"):
        package(settings_in(root), found)


def test_a_format_can_be_added_and_replaced(root: Path) -> None:
    source = """
        from hatch_wasm_oci.image.formats import FORMATS
        @hookimpl
        def wasm_oci_formats():
            return {"signed": hatch_wasm_oci.ImageFormat(FORMATS["docker"].build, ".signed.tar")}
    """
    from hatch_wasm_oci.project import package as package_file

    found = package_file.formats(load(root, source))
    assert list(found) == ["oci", "docker", "artifact", "signed"]
    assert found["signed"].suffix == ".signed.tar"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site = tmp_path / "site"
    info = site / "acme_plugin-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-plugin\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[hatch_wasm_oci]\nacme = acme_wasm_plugin\n")
    monkeypatch.syspath_prepend(site)
    monkeypatch.delitem(sys.modules, "acme_wasm_plugin", raising=False)
    return site


def test_an_installed_plugin_is_loaded(root: Path, site: Path) -> None:
    (site / "acme_wasm_plugin.py").write_text(
        "from hatch_wasm_oci import hookimpl\n@hookimpl\ndef wasm_oci_annotations(): return {'acme': 'yes'}\n"
    )
    found = plugins()
    found.load_installed()
    assert found.identities == ("acme=acme_wasm_plugin of acme-plugin 1.2",)
    assert package(settings_in(root), found).image.manifest.annotations["acme"] == "yes"
    sys.modules.pop("acme_wasm_plugin")


def test_an_installed_plugin_that_can_not_be_imported_is_named(site: Path) -> None:
    (site / "acme_wasm_plugin.py").write_text("import nonsense_module\n")
    with pytest.raises(PluginError, match=r"The plugin acme \(of acme-plugin 1\.2\) could not be loaded"):
        plugins().load_installed()
