"""Plugins on their way through a registry into a real Envoy."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import SettingsError, shown
from hatch_wasm_oci.image.reference import Reference
from hatch_wasm_oci.testing.envoy import bootstrap
from hatch_wasm_oci.testing.envoy.process import EnvoyProcess
from hatch_wasm_oci.testing.envoy.proxy import EnvoyProxy
from hatch_wasm_oci.testing.envoy.upstream import Answer, Upstream, echo
from hatch_wasm_oci.testing.wasm_image import image_of
from hatch_wasm_oci.wasm.envoy_binary import find_envoy

if TYPE_CHECKING:
    from types import TracebackType

    from hatch_wasm_oci.errors import EnvoyError
    from hatch_wasm_oci.image.manifest import Image
    from hatch_wasm_oci.project.report import PackagedImage
    from hatch_wasm_oci.testing.namespace import RegistryNamespace
    from hatch_wasm_oci.testing.wasm_image import WasmImage

    ImageSource = WasmImage | PackagedImage | Image | str | os.PathLike[str]
    Destination = Answer | str | Mapping[str, Any]


@dataclass(frozen=True)
class EnvoyPlugin:
    """A plugin as one entry of Envoy's configuration sets it up.

    Args:
        image: An image, what `hatch_wasm_oci.package` returned, the path of an archive, or a reference, which
            is pulled.
        configuration: The plugin's configuration: a text or bytes, which arrive as they are, or a mapping, which
            arrives as JSON, as with Istio's `pluginConfig`.
        root_id: Which of its root contexts to use; empty for the default.
        failure_policy: What becomes of requests when the plugin fails: `FAIL_CLOSED`, `FAIL_OPEN` or `FAIL_RELOAD`.
        name: The plugin's name in Envoy's log; `plugin-1` and so on where not given.
        vm_configuration: What the plugin gets when its VM starts; as `configuration`.
        environment: The environment variables that the plugin sees.
    """

    image: ImageSource
    configuration: str | bytes | Mapping[str, Any] = ""
    root_id: str = ""
    failure_policy: bootstrap.FailurePolicy = "FAIL_CLOSED"
    name: str = ""
    vm_configuration: str | bytes | Mapping[str, Any] = ""
    environment: Mapping[str, str] = field(default_factory=dict)


class EnvoyRun:
    """An Envoy that runs while a `with` block does; made by `run_envoy`."""

    def __init__(
        self,
        plugins: tuple[EnvoyPlugin, ...],
        *,
        registry: RegistryNamespace | None,
        program: Path,
        upstreams: Mapping[str, Destination],
        concurrency: int,
        log_level: str,
        timeout: float,
        upstream_timeout: float,
    ) -> None:
        self._plugins = plugins
        self._registry = registry
        self._program = program
        self._upstreams = upstreams
        self._concurrency = concurrency
        self._log_level = log_level
        self._timeout = timeout
        self._upstream_timeout = upstream_timeout
        self._stack = ExitStack()
        self._process: EnvoyProcess | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """What Envoy said of Wasm, and the plugins said, until now or until it ended."""
        return () if self._process is None else tuple(self._process.lines)

    def __enter__(self) -> EnvoyProxy:
        __tracebackhide__ = True
        try:
            return self._start()
        except BaseException:
            self._end()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        __tracebackhide__ = True
        unheard = self._end()
        if unheard is not None and kind is None:
            raise unheard

    def _end(self) -> EnvoyError | None:
        with self._stack:
            return None if self._process is None else self._process.end()

    def _start(self) -> EnvoyProxy:
        __tracebackhide__ = True
        made = tempfile.TemporaryDirectory(prefix="envoy-")
        directory = Path(self._stack.enter_context(made))
        filters = [self._filter(directory, number, plugin) for number, plugin in enumerate(self._plugins, 1)]
        servers, clusters = {}, []
        for name, destination in self._upstreams.items():
            address: str | Mapping[str, Any]
            if isinstance(destination, (str, Mapping)):
                address = destination
            else:
                servers[name] = self._stack.enter_context(_server(name, destination))
                address = servers[name].address
            clusters.append(bootstrap.cluster(name, address))
        configuration = bootstrap.bootstrap(filters, clusters, upstream_timeout=self._upstream_timeout)
        self._process = EnvoyProcess(
            self._program, directory, configuration, concurrency=self._concurrency, log_level=self._log_level
        )
        return EnvoyProxy(self._process, self._process.wait_until_ready(self._timeout), servers, self._timeout)

    def _filter(self, directory: Path, number: int, plugin: EnvoyPlugin) -> dict[str, Any]:
        module = through_registry(plugin.image, self._registry).module()
        path = directory / f"{number}.wasm"
        path.write_bytes(module.data)
        return bootstrap.plugin_filter(
            path,
            plugin.name or f"plugin-{number}",
            configuration=plugin.configuration,
            root_id=plugin.root_id,
            failure_policy=plugin.failure_policy,
            vm_configuration=plugin.vm_configuration,
            environment=plugin.environment,
        )


def run_envoy(
    *plugins: EnvoyPlugin | ImageSource,
    registry: RegistryNamespace | None = None,
    envoy: str | os.PathLike[str] | None = None,
    upstream: Destination = echo,
    upstreams: Mapping[str, Destination] | None = None,
    concurrency: int = 1,
    log_level: str = "debug",
    timeout: float = 30.0,
    upstream_timeout: float = 15.0,
    **options: Any,
) -> EnvoyRun:
    """Run plugins in a real Envoy while a `with` block runs.

    `with run_envoy(image, configuration="…") as proxy: proxy.get("/", headers={…})`. Each image goes to a registry and
    comes back by its digest; its module is taken out as the mesh takes it. Envoy chooses its ports itself, on the
    loopback, and ends with the block, however that ends.

    Args:
        plugins: The plugins in the order in which requests pass them: images, or `EnvoyPlugin` where they differ in
            more. An image is what `EnvoyPlugin` takes as one.
        registry: The registry that images go through; an embedded one of their own where not given.
        envoy: Envoy's path; None to look for one, see `find_envoy`.
        upstream: Where requests go: an `HttpResponse` that is always answered, a function that makes one of each
            `HttpRequest`, the address of a server, or Envoy's own configuration of a cluster. Where not given, an
            upstream that answers 200 with the request's own body. `proxy.upstream.requests` shows what came.
        upstreams: Likewise further clusters, by the names under which plugins call out to them.
        concurrency: How many worker threads Envoy has.
        log_level: From which level on plugins are logged, of `trace`, `debug`, `info`, `warning`, `error`, `critical`.
        timeout: Seconds until Envoy must be ready, and that a request waits for its answer.
        upstream_timeout: Seconds that the upstream may take, before Envoy answers 504.
        options: Fields of `EnvoyPlugin`, such as `configuration`, for the images that stand by themselves.

    Returns:
        What starts Envoy when the block is entered, and gives the `EnvoyProxy`. Entering raises EnvoyError where Envoy
        refuses a plugin or crashes, and RegistryError or ImageError where the image does not come through; leaving
        it raises EnvoyError where Envoy crashed and nothing showed it before.

    Raises:
        SettingsError: There is no Envoy, or an argument can't be.
    """
    errors = []
    known = {*EnvoyPlugin.__dataclass_fields__} - {"image"}
    errors += [
        f"{name}: there is no such argument. Choose of {', '.join(sorted(known))}." for name in {*options} - known
    ]
    plain = [plugin for plugin in plugins if not isinstance(plugin, EnvoyPlugin)]
    if options and not plain:
        errors.append(f"{next(iter(options))}: it is for images that stand by themselves. Give it to the EnvoyPlugin.")
    if log_level not in bootstrap.LOG_LEVELS:
        errors.append(f"log_level: there is no {shown(log_level)}. Choose of {', '.join(bootstrap.LOG_LEVELS)}.")
    if concurrency < 1:
        errors.append(f"concurrency: {shown(concurrency)} is too few. Give 1 or more.")
    if bootstrap.UPSTREAM in (upstreams or {}):
        errors.append(f"upstreams: {bootstrap.UPSTREAM!r} is where requests go. Give it as `upstream`.")
    if errors:
        raise SettingsError(errors)
    return EnvoyRun(
        tuple(one if isinstance(one, EnvoyPlugin) else EnvoyPlugin(one, **options) for one in plugins),
        registry=registry,
        program=find_envoy(None if envoy is None else os.fspath(envoy)),
        upstreams={bootstrap.UPSTREAM: upstream, **(upstreams or {})},
        concurrency=concurrency,
        log_level=log_level,
        timeout=timeout,
        upstream_timeout=upstream_timeout,
    )


def through_registry(source: ImageSource, registry: RegistryNamespace | None) -> Image:
    """Push an image, and pull it again by its digest; a reference is pulled only.

    Args:
        source: As in `EnvoyPlugin`.
        registry: The registry; an embedded one of its own where not given.

    Raises:
        WasmOciError: The image can't be read, or does not come through.
    """
    from hatch_wasm_oci import api
    from hatch_wasm_oci.registry import transfer
    from hatch_wasm_oci.verification import is_archive

    if isinstance(source, str) and not is_archive(source):
        if registry is None or Reference.parse(source).registry != registry.host:
            return api.pull(source)
        return transfer.pull(Reference.parse(source), registry.connection())
    if registry is None:
        from hatch_wasm_oci.testing import namespace

        with namespace.serve("none", "default", ()) as own:
            return through_registry(source, own)
    image = image_of(source)
    connection = registry.connection()
    pinned = replace(Reference.parse(registry.reference("envoy", None)), digest=image.digest)
    transfer.push(image, [pinned], connection)
    return transfer.pull(pinned, connection)


def _server(name: str, answer: Any) -> Upstream:
    from hatch_wasm_oci.testing.envoy.exchange import HttpResponse

    if not (callable(answer) or isinstance(answer, HttpResponse)):
        raise SettingsError(
            [f"upstreams.{name}: {shown(answer)} is no upstream. Give an HttpResponse, a function or an address."]
        )
    return Upstream(answer)
