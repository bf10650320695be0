"""Reading an answer's body within bounds of size and time."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import requests

LEAST_RATE = 4096
"""The rate, in bytes per second, below which a registry counts as one that does not answer."""

_PIECE = 256 * 1024


def pieces(
    response: requests.Response, limit: int, patience: float, clock: Callable[[], float], *, decode: bool = False
) -> Iterator[bytes]:
    """Yield a body's bytes as they come.

    A timeout of the socket bounds each silence alone: a byte now and then would keep a reader for ever.

    Args:
        response: The answer, whose body was not read.
        limit: The most bytes that are read; more may be left.
        patience: How many seconds may pass beyond what `LEAST_RATE` allows.
        clock: Tells seconds on a clock that only goes forward.
        decode: Whether to undo a Content-Encoding.

    Raises:
        TimeoutError: It comes too slowly.
        urllib3.exceptions.HTTPError: It broke off.
    """
    # Before urllib3 2, only whole pieces are to be had.
    read = getattr(response.raw, "read1", response.raw.read)
    started = clock()
    received = 0
    while received < limit and (piece := read(min(_PIECE, limit - received), decode_content=decode)):
        received += len(piece)
        yield piece
        if clock() - started > patience + received / LEAST_RATE:
            raise TimeoutError(f"only {received} bytes came in {clock() - started:.0f} seconds")
