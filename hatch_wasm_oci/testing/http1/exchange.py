"""One request and its answer on a connection, with the fault that is to be played."""

from __future__ import annotations

import socket
import time
from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.http1.head import Headers, MalformedRequestError
from hatch_wasm_oci.testing.http1.message import (
    BytesContent,
    Request,
    RequestRecord,
    Response,
    error_response,
)
from hatch_wasm_oci.testing.http1.sending import reset, send_response, send_spoilt
from hatch_wasm_oci.testing.http1.stream import ConnectionEndedError, RequestBody

if TYPE_CHECKING:
    import threading

    from hatch_wasm_oci.testing.faults import Fault
    from hatch_wasm_oci.testing.http1.head import RequestHead
    from hatch_wasm_oci.testing.http1.server import Service
    from hatch_wasm_oci.testing.http1.stream import SocketReader

_DRAINED = 64 * 1024 * 1024  # bytes of an unwanted body that are read so that the connection can be kept
_LINGER = 1.0  # seconds in which a refused client may still read its answer
_CODES = {401: "UNAUTHORIZED", 403: "DENIED", 404: "NAME_UNKNOWN", 405: "UNSUPPORTED", 429: "TOOMANYREQUESTS"}


class Exchange:
    """One exchange on a connection.

    Args:
        connection: The connection.
        reader: Its incoming bytes.
        service: Who answers.
    """

    def __init__(self, connection: socket.socket, reader: SocketReader, service: Service) -> None:
        self._connection = connection
        self._reader = reader
        self._service = service
        self._fault: Fault | None = None
        self._problem = ""

    def refuse(self, error: MalformedRequestError, head: RequestHead | None = None, body_size: int = 0) -> None:
        """Answer a request that is no HTTP, and end the connection in a way that lets the client read why."""
        response = error_response(error.status, "UNSUPPORTED", f"the request has {error.reason}")
        self._problem = error.reason
        self._record(head, body_size, response)
        send_response(self._connection, response, head_only=False, keep_alive=False, plain=False)
        self._linger()

    def run(self, head: RequestHead) -> bool:
        """Serve one request.

        Returns:
            Whether the connection can take another.

        Raises:
            ConnectionEndedError: It can't, and nothing is left to be sent.
        """
        body = RequestBody(self._reader, head.body_length, self._continue if head.expects_continue else None)
        request = Request(head, body, secure=self._service.secure)
        interrupt = self._service.faults.waiting()
        self._fault = self._service.faults.take(head.method, head.path)
        try:
            if self._fault is not None:
                self._play_before(self._fault, request, interrupt)
            response = self._respond(request)
            keep_alive = self._settle(request) and head.keep_alive
        except MalformedRequestError as error:
            self.refuse(error, head, body.received)
            return False
        return self._answer(request, response, interrupt, keep_alive=keep_alive)

    def _play_before(self, fault: Fault, request: Request, interrupt: threading.Event) -> None:
        if fault.delay and interrupt.wait(fault.delay):
            self._abandon(request)
        if fault.hang:
            self._record(request.head, request.body.received)
            interrupt.wait()
            raise ConnectionEndedError
        if fault.reset == "before":
            self._abandon(request)
        if fault.reset == "during" and not request.body.finished:
            middle = (request.body.length or 0) // 2
            for _ in request.body.pieces():
                if request.body.received >= middle:
                    break
            self._abandon(request)

    def _respond(self, request: Request) -> Response:
        fault = self._fault
        if fault is not None and (fault.status is not None or fault.redirect is not None):
            response = _instead(fault)
        else:
            try:
                response = self._service.answer(request)
            except (MalformedRequestError, ConnectionEndedError):
                raise
            except Exception as error:  # noqa: BLE001 - a fault of ours must reach the log, not a stranger's terminal
                self._problem = f"{type(error).__name__}: {error}"
                response = error_response(500, "UNKNOWN", "the registry failed; its log has the reason")
        if fault is not None:
            _alter(response, fault)
        return response

    def _settle(self, request: Request) -> bool:
        # What the client still sends is read before it is answered: an answer that meets a client in the middle of
        # its body is lost in a reset.
        body = request.body
        if body.finished:
            return True
        if body.waited_for:
            return False
        return body.drain(_DRAINED)

    def _answer(self, request: Request, response: Response, interrupt: threading.Event, *, keep_alive: bool) -> bool:
        fault = self._fault
        if fault is not None and fault.reset == "after":
            self._abandon(request)
        self._record(request.head, request.body.received, response)
        head_only = request.method == "HEAD"
        if fault is not None and _spoils(fault):
            send_spoilt(self._connection, response, fault, interrupt, head_only=head_only)
            return False
        send_response(
            self._connection, response, head_only=head_only, keep_alive=keep_alive, plain=not self._service.secure
        )
        if not keep_alive and not request.body.finished:
            self._linger()
        return keep_alive

    def _abandon(self, request: Request) -> None:
        self._record(request.head, request.body.received)
        reset(self._connection)
        raise ConnectionEndedError

    def _continue(self) -> None:
        try:
            self._connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        except OSError:
            raise ConnectionEndedError from None

    def _linger(self) -> None:
        # Closing with unread bytes resets the connection, and the answer with it (RFC 9112 section 9.6).
        deadline = time.monotonic() + _LINGER
        try:
            self._connection.shutdown(socket.SHUT_WR)
            while (left := deadline - time.monotonic()) > 0:
                self._connection.settimeout(left)
                if not self._connection.recv(256 * 1024):
                    return
        except OSError:
            return

    def _record(self, head: RequestHead | None, body_size: int, response: Response | None = None) -> None:
        self._service.record(
            RequestRecord(
                method=head.method if head else "",
                path=head.path if head else "",
                query=head.query if head else "",
                headers=head.headers if head else Headers(),
                body_size=body_size,
                status=response.status if response else 0,
                fault=str(self._fault) if self._fault else "",
                problem=self._problem,
                response_headers=Headers(tuple(response.headers.items())) if response else None,
                storage=self._service.storage,
            )
        )


def _instead(fault: Fault) -> Response:
    status = fault.status or 307
    if fault.body is not None:
        response = Response(status, {}, BytesContent(fault.body))
    else:
        response = error_response(
            status, fault.code or _CODES.get(status, "UNKNOWN"), "a fault that the test asked for"
        )
    if fault.redirect is not None:
        response.headers["Location"] = fault.redirect
    return response


def _alter(response: Response, fault: Fault) -> None:
    if fault.digest is not None:
        response.headers["Docker-Content-Digest"] = fault.digest
    for name, value in fault.headers.items():
        for present in [key for key in response.headers if key.lower() == name.lower()]:
            del response.headers[present]
        if value is not None:
            response.headers[name] = value


def _spoils(fault: Fault) -> bool:
    return (
        fault.endless
        or fault.reset == "during"
        or any(value is not None for value in (fault.truncate, fault.corrupt, fault.drip, fault.content_length))
    )
