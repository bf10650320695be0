"""Writing an answer to a connection, whole or, where a fault asks for it, spoilt."""

from __future__ import annotations

import os
import socket
import struct
import time
from http import HTTPStatus
from typing import TYPE_CHECKING

from hatch_wasm_oci.testing.http1.stream import ConnectionEndedError

if TYPE_CHECKING:
    import threading

    from hatch_wasm_oci.testing.faults import Fault
    from hatch_wasm_oci.testing.http1.message import Content, Response

_PIECE = 1024 * 1024
_COPIED = 16 * 1024  # bytes of body that are cheaper to copy behind the head than to send apart
_FILE_PIECE = 16 * 1024 * 1024
_DRIP_INTERVAL = 0.02  # seconds between two drops
_BODILESS = frozenset({204, 304})
_RESET_ON_CLOSE = struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def send_response(
    connection: socket.socket, response: Response, *, head_only: bool, keep_alive: bool, plain: bool
) -> None:
    """Send an answer.

    Args:
        connection: The connection.
        response: The answer.
        head_only: Whether to leave out the body, as for HEAD.
        keep_alive: Whether the connection stays open after it.
        plain: Whether the kernel may copy a file straight to the connection, which TLS can't.

    Raises:
        ConnectionEndedError: The client went away, or takes nothing for longer than the connection's timeout.
    """
    length = None if response.status in _BODILESS else response.content.size
    head = _head(response, length=length, keep_alive=keep_alive)
    if head_only or not length:
        _send(connection, head)
        return
    _send_content(connection, head, response.content, plain=plain)


def send_spoilt(
    connection: socket.socket, response: Response, fault: Fault, interrupt: threading.Event, *, head_only: bool
) -> None:
    """Send an answer as a fault wants it; the connection is of no further use.

    Args:
        connection: The connection.
        response: The answer, its headers as the fault wants them.
        fault: The fault.
        interrupt: Ends every wait.
        head_only: Whether to leave out the body, as for HEAD.

    Raises:
        ConnectionEndedError: The client went away, or the fault was interrupted.
    """
    body = _corrupted(b"".join(response.content.pieces(_PIECE)), fault.corrupt)
    length: int | None = len(body) if fault.content_length is None else fault.content_length
    if response.status in _BODILESS or fault.endless:
        length = None
    head = _head(response, length=length, keep_alive=False)
    if fault.reset == "during":
        if head_only or not body:
            head = head[: len(head) // 2]
        body = body[: len(body) // 2]
    _send(connection, head)
    if head_only or response.status in _BODILESS:
        body = b""
    body = body[: fault.truncate]
    if fault.drip is None:
        _send(connection, body)
    else:
        _drip(connection, body, fault.drip, interrupt)
    if fault.reset == "during":
        reset(connection)
    while fault.endless and not head_only and not interrupt.is_set():
        _send(connection, b" " * 65536)


def reset(connection: socket.socket) -> None:
    """Close a connection so that the other side sees a reset, not an orderly end."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    connection.close()


def http_date() -> str:
    """Return the time as HTTP wants it, in English whatever the locale."""
    now = time.gmtime()
    return (
        f"{_DAYS[now.tm_wday]}, {now.tm_mday:02} {_MONTHS[now.tm_mon - 1]} {now.tm_year} "
        f"{now.tm_hour:02}:{now.tm_min:02}:{now.tm_sec:02} GMT"
    )


def _corrupted(body: bytes, offset: int | None) -> bytes:
    if offset is None or not body:
        return body
    index = len(body) // 2 if offset < 0 else min(offset, len(body) - 1)
    return body[:index] + bytes([body[index] ^ 0xFF]) + body[index + 1 :]


def _drip(connection: socket.socket, body: bytes, speed: float, interrupt: threading.Event) -> None:
    step = max(1, int(speed * _DRIP_INTERVAL))
    for start in range(0, len(body), step):
        drop = body[start : start + step]
        _send(connection, drop)
        if interrupt.wait(len(drop) / speed):
            raise ConnectionEndedError


def _head(response: Response, *, length: int | None, keep_alive: bool) -> bytes:
    try:
        phrase = HTTPStatus(response.status).phrase
    except ValueError:
        phrase = "Unknown"
    lines = [f"HTTP/1.1 {response.status} {phrase}", f"Date: {http_date()}"]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    if not keep_alive:
        lines.append("Connection: close")
    lines += [f"{name}: {value}" for name, value in [*response.headers.items(), *response.repeated]]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1", "replace")


def _send_content(connection: socket.socket, head: bytes, content: Content, *, plain: bool) -> None:
    opened = content.file() if plain else None
    if opened is None:
        pieces = content.pieces(_PIECE)
        first = next(pieces)
        if len(first) <= _COPIED:
            _send(connection, head + first)
        else:
            _send(connection, head)
            _send(connection, first)
        for piece in pieces:
            _send(connection, piece)
        return
    _send(connection, head)
    file, offset = opened
    end = offset + content.size
    with file:
        while offset < end:
            try:
                sent = connection.sendfile(file, offset, min(_FILE_PIECE, end - offset))
            except OSError:
                raise ConnectionEndedError from None
            if not sent:
                raise ConnectionEndedError
            offset += sent


def _send(connection: socket.socket, data: bytes | memoryview) -> None:
    try:
        connection.sendall(data)
    except OSError:
        raise ConnectionEndedError from None
