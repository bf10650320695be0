"""The running Envoy as a test sees it: a client, what was logged and counted, and the upstreams behind it."""

from __future__ import annotations

import http.client
import json
import time
from typing import TYPE_CHECKING, Any, TypeVar

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.testing.envoy import output
from hatch_wasm_oci.testing.envoy.bootstrap import UPSTREAM
from hatch_wasm_oci.testing.envoy.exchange import HttpResponse, pairs_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from hatch_wasm_oci.testing.envoy.process import EnvoyProcess
    from hatch_wasm_oci.testing.envoy.upstream import Upstream

T = TypeVar("T")

BODY_LIMIT = 64 << 20
_PAUSE = 0.01
_CUSTOM = "wasmcustom."


class EnvoyProxy:
    """An Envoy that runs plugins, for requests of a test.

    Args:
        process: The process.
        port: The port that it listens on.
        upstreams: Our servers behind it, by the names of their clusters.
        timeout: Seconds to wait for an answer.
    """

    def __init__(self, process: EnvoyProcess, port: int, upstreams: Mapping[str, Upstream], timeout: float) -> None:
        self._process = process
        self._port = port
        self._timeout = timeout
        self.upstreams = upstreams

    def __repr__(self) -> str:
        return f"<Envoy at {self.url}>"

    @property
    def url(self) -> str:
        """Where it listens, `http://127.0.0.1:45123`, for any other client."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def admin_url(self) -> str:
        """Where Envoy's admin interface is."""
        return f"http://127.0.0.1:{self._process.admin_port}"

    @property
    def upstream(self) -> Upstream:
        """The server behind it that got the requests, `.requests`, and whose `.answer` may be set.

        Raises:
            SettingsError: Requests go to an address that the test gave.
        """
        if UPSTREAM not in self.upstreams:
            raise SettingsError(
                ["upstream: requests go to an address that was given, not to a server of this process."]
            )
        return self.upstreams[UPSTREAM]

    @property
    def log(self) -> str:
        """All that Envoy wrote until now, as `level|logger|message`; of more than 8 MiB, the end."""
        return self._process.log

    @property
    def plugin_log(self) -> tuple[output.PluginLine, ...]:
        """What the plugins logged until now: `.level`, `.message`, `.source`.

        When an answer is there, so is what was logged before it. Each of Envoy's threads starts the plugin anew, so
        what it logs then comes several times.
        """
        return output.plugin_lines(output.entries(self.log))

    @property
    def lines(self) -> tuple[str, ...]:
        """What a failing test shows: the plugins' log, and what Envoy says of Wasm and crashes."""
        return tuple(self._process.lines)

    @property
    def statistics(self) -> dict[str, int]:
        """The counters and gauges that the plugins defined, by the names that they gave them.

        Raises:
            EnvoyError: Envoy ended, or does not answer.
        """
        return {name.removeprefix(_CUSTOM): value for name, value in self.envoy_statistics(_CUSTOM).items()}

    def envoy_statistics(self, prefix: str = "") -> dict[str, int]:
        """Return all of Envoy's own counters and gauges by name; those of plugins begin with `wasmcustom.`.

        Args:
            prefix: How the names begin.

        Raises:
            EnvoyError: Envoy ended, or does not answer.
        """
        __tracebackhide__ = True
        try:
            found = json.loads(self._process.admin("/stats?format=json")[1])
        except (OSError, http.client.HTTPException) as error:
            raise self._failure("telling its statistics", error) from None
        # Histograms stand in an entry of their own, without a name.
        values = {one["name"]: one["value"] for one in found["stats"] if isinstance(one.get("value"), int)}
        return {name: value for name, value in values.items() if name.startswith(prefix)}

    def wait_until(self, condition: Callable[[], T], timeout: float = 10.0) -> T:
        """Wait for what comes after the answer, such as a line or a number of the plugin's `on_log`.

        Args:
            condition: Is called again and again until it returns something true.
            timeout: Seconds to wait at most.

        Returns:
            What it returned.

        Raises:
            EnvoyError: Time is over, or Envoy ended.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        while True:
            found = condition()
            if found:
                return found
            if end := self._process.death():
                raise self._process.error(f"Envoy ended {end} while it was waited for.")
            if time.monotonic() > deadline:
                raise self._process.error(f"What was waited for did not come in {timeout:g} seconds.")
            time.sleep(_PAUSE)

    def get(self, path: str = "/", **options: Any) -> HttpResponse:
        """Send a GET request; see `request`."""
        __tracebackhide__ = True
        return self.request("GET", path, **options)

    def post(self, path: str = "/", **options: Any) -> HttpResponse:
        """Send a POST request; see `request`."""
        __tracebackhide__ = True
        return self.request("POST", path, **options)

    def request(
        self,
        method: str,
        path: str = "/",
        *,
        headers: Mapping[str, str] | Iterable[tuple[str, str]] = (),
        body: bytes | str | Iterable[bytes] | None = None,
        timeout: float | None = None,
    ) -> HttpResponse:
        """Send a request on a connection of its own.

        Args:
            method: The method.
            path: Path and query.
            headers: The fields: a mapping, or pairs where a name comes more than once. `Host` is the listener's address
                where not given.
            body: The body: a text goes as UTF-8, and pieces go one by one, as chunks.
            timeout: Seconds to wait for the answer; 30 where not said otherwise at the start.

        Returns:
            The answer, whatever its status: `.status`, `.headers`, `.body`, `.text`, `.json()`.

        Raises:
            EnvoyError: Envoy ended, or gave no answer, or one with more than 64 MiB.
        """
        __tracebackhide__ = True
        what = f"{method} {path}"
        seconds = self._timeout if timeout is None else timeout
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=seconds)
        try:
            _send(connection, method, path, pairs_of(headers), body)
            answer = connection.getresponse()
            data = answer.read(BODY_LIMIT + 1)
        except TimeoutError:
            raise self._process.error(f"Envoy gave no answer to {what} in {seconds:g} seconds.") from None
        except http.client.InvalidURL:
            raise  # the test's own mistake
        except (OSError, http.client.HTTPException) as error:
            raise self._failure(what, error) from None
        finally:
            connection.close()
        if len(data) > BODY_LIMIT:
            raise self._process.error(f"The answer to {what} has more than {BODY_LIMIT} bytes.")
        return HttpResponse(answer.status, answer.getheaders(), data)

    def _failure(self, what: str, error: Exception) -> Exception:
        if end := self._process.death(wait=True):
            return self._process.error(f"Envoy ended {end} on {what}.")
        return self._process.error(f"Envoy gave no whole answer to {what}: {type(error).__name__}.")


def _send(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    fields: tuple[tuple[str, str], ...],
    body: bytes | str | Iterable[bytes] | None,
) -> None:
    names = {name.lower() for name, _ in fields}
    connection.putrequest(method, path, skip_host="host" in names, skip_accept_encoding=True)
    for name, text in fields:
        connection.putheader(name, text)
    data = (
        body.encode() if isinstance(body, str) else bytes(body) if isinstance(body, (bytearray, memoryview)) else body
    )
    chunked = not (data is None or isinstance(data, bytes))
    if chunked and "transfer-encoding" not in names:
        connection.putheader("Transfer-Encoding", "chunked")
    if isinstance(data, bytes) and not names & {"content-length", "transfer-encoding"}:
        connection.putheader("Content-Length", str(len(data)))
    try:
        connection.endheaders(data, encode_chunked=chunked)
    except (BrokenPipeError, ConnectionResetError):
        return  # an answer may have come before all of the body was taken
