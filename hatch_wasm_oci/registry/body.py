"""A request's body, sent in pieces and never copied."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.image.descriptor import Buffer

_PIECE = 256 * 1024


def _ignore(_count: int) -> None:
    pass


class Body:
    """Bytes in the form in which requests sends a file: with a length, and readable again from the start.

    Args:
        data: The bytes.
        advance: Is told how many bytes have gone; a negative number when they must go again.
    """

    def __init__(self, data: Buffer, advance: Callable[[int], None] = _ignore) -> None:
        self._data = memoryview(data)
        self._advance = advance
        self._position = 0

    def __len__(self) -> int:
        return len(self._data)

    def read(self, _size: int = -1) -> memoryview:
        """Return the next piece, of a size that suits sockets better than the one asked for; empty at the end."""
        piece = self._data[self._position : self._position + _PIECE]
        self._position += len(piece)
        self._advance(len(piece))
        return piece

    def tell(self) -> int:
        """Return how many bytes have been read."""
        return self._position

    def seek(self, position: int, _whence: int = 0) -> int:
        """Go to a place, to send the body again from there.

        Args:
            position: Bytes from the start.
        """
        if position != self._position:
            self._advance(position - self._position)
        self._position = position
        return position

    def __iter__(self) -> Body:
        return self

    def __next__(self) -> memoryview:
        if piece := self.read():
            return piece
        raise StopIteration
