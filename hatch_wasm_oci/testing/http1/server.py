"""The threading server: one thread per connection, one exchange after the other, stopped at once."""

from __future__ import annotations

import os
import socket
import socketserver
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.http1.exchange import Exchange
from hatch_wasm_oci.testing.http1.head import MalformedRequestError, parse_head
from hatch_wasm_oci.testing.http1.stream import ConnectionEndedError, SocketReader

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable
    from typing import Any

    from hatch_wasm_oci.testing.faults import Faults
    from hatch_wasm_oci.testing.http1.message import Request, RequestRecord, Response

_ACCEPT_PAUSE = 0.05  # seconds
_STOPPING_TIME = 5.0  # seconds that a connection's thread may take to notice that its socket is gone


@dataclass(frozen=True)
class Service:
    """What a server serves.

    Args:
        answer: Turns a request into its answer; called from many threads.
        record: Keeps a record; called before the answer is sent.
        faults: The faults to play.
        timeout: Seconds to wait for a client, whether it reads or writes.
        secure: Whether it is served over TLS.
        storage: Whether this is the second host, which serves redirected blobs.
        split_target: What makes path and query of a request's target, where it is not to be as strict as a registry.
    """

    answer: Callable[[Request], Response]
    record: Callable[[RequestRecord], None]
    faults: Faults
    timeout: float
    secure: bool = False
    storage: bool = False
    split_target: Callable[[str], tuple[str, str]] | None = None


class Server(socketserver.ThreadingTCPServer):
    """A listening socket, bound when made; `start` serves it in threads, `stop` ends them all.

    Args:
        address: The address to bind, IPv4 or IPv6.
        port: The port; 0 takes a free one.
        service: What to serve.
        context: The TLS context; None for plain HTTP.

    Raises:
        OSError: The address can't be bound.
    """

    daemon_threads = True
    block_on_close = False
    allow_reuse_address = os.name == "posix"  # elsewhere it lets two servers share a port
    request_queue_size = 128

    def __init__(self, address: str, port: int, service: Service, context: ssl.SSLContext | None = None) -> None:
        self.address_family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self.service = service
        self.context = context
        self.stopping = threading.Event()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._accept, name="registry-accept", daemon=True)
        super().__init__((address, port), _ConnectionHandler)

    @property
    def port(self) -> int:
        """The port that is bound."""
        return int(self.socket.getsockname()[1])

    def start(self) -> None:
        """Begin to serve."""
        self._thread.start()

    def stop(self) -> None:
        """Close the listening socket and every connection, and wait for their threads."""
        self.stopping.set()
        if self._thread.is_alive():
            self._wake()
            self._thread.join(_STOPPING_TIME)
        self.server_close()
        with self._lock:
            open_connections = dict(self._connections)
        for connection in open_connections.values():
            _shut_down(connection)
        for thread in open_connections:
            thread.join(_STOPPING_TIME)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            self.handle_request()

    def _wake(self) -> None:
        # A thread that waits for a connection is best woken by one; no poll, so a stop takes no time.
        host = str(self.socket.getsockname()[0])
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound
        try:
            socket.create_connection((host, self.port), timeout=1).close()
        except OSError:
            return  # a full queue: the thread is awake anyway

    def get_request(self) -> tuple[Any, Any]:
        """Accept a connection; where that fails, as for want of file descriptors, not again at once."""
        try:
            return super().get_request()
        except OSError:
            self.stopping.wait(_ACCEPT_PAUSE)
            raise

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - the base class's signature
        """Refuse connections that come while stopping."""
        return not self.stopping.is_set()

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Serve one connection in the thread that was made for it."""
        try:
            self.track(request)
            if not self.stopping.is_set():
                super().process_request_thread(request, client_address)
        finally:
            with self._lock:
                self._connections.pop(threading.current_thread(), None)
            request.close()

    def track(self, connection: socket.socket) -> None:
        """Remember the socket that this thread waits on, so that a stop can end the wait."""
        with self._lock:
            self._connections[threading.current_thread()] = connection

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: what went wrong within an exchange is in the log, and outside of one there is nobody to tell."""


def _shut_down(connection: socket.socket) -> None:
    try:
        # Not the method of a TLS socket, which would take its state from under the thread that uses it.
        socket.socket.shutdown(connection, socket.SHUT_RDWR)
    except OSError:
        return  # already gone


class _ConnectionHandler(socketserver.BaseRequestHandler):
    server: Server
    request: socket.socket

    def handle(self) -> None:
        server = self.server
        connection = self.request
        connection.settimeout(server.service.timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if server.context is None:
            self._serve(connection)
            return
        with server.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secure:
            server.track(secure)
            if server.stopping.is_set():
                return
            try:
                # In this thread: a client that never finishes the handshake must not hold up the others.
                secure.do_handshake()
            except OSError:
                return
            self._serve(secure)

    def _serve(self, connection: socket.socket) -> None:
        reader = SocketReader(connection, self.server.service.timeout)
        try:
            while not self.server.stopping.is_set():
                exchange = Exchange(connection, reader, self.server.service)
                try:
                    data = reader.head()
                    if data is None:
                        return
                    head = parse_head(data, self.server.service.split_target)
                except MalformedRequestError as error:
                    exchange.refuse(error)
                    return
                if not exchange.run(head):
                    return
        except ConnectionEndedError:
            return
