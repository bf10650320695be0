"""Numbers, names and stretches of bytes, read strictly and never past their bounds.

Follows the WebAssembly core specification, section 5.2 (values): LEB128 with no more bytes than the width needs and no
bits beyond it, and UTF-8 without surrogates or overlong forms.
"""

from __future__ import annotations

_CONTINUES = 0x80
MOST_ENTRIES = 1_000_000
_MOST_INDICES = 10_000_000


class MalformedError(Exception):
    """Bytes that the format does not allow; never leaves this package, where it becomes a `Fault`.

    Args:
        offset: Where in the file, in bytes from its start.
        problem: One phrase that says what is wrong there.
    """

    def __init__(self, offset: int, problem: str) -> None:
        super().__init__(offset, problem)
        self.offset = offset
        self.problem = problem


class Reader:
    """A position that moves through one stretch of a file.

    Args:
        data: The whole file.
        position: Where to start, in bytes from the file's start.
        end: The first byte that is not part of the stretch.
    """

    __slots__ = ("data", "end", "position")

    def __init__(self, data: memoryview, position: int, end: int) -> None:
        self.data = data
        self.position = position
        self.end = end

    @property
    def remaining(self) -> int:
        """How many bytes are left, up to the end of the stretch."""
        return self.end - self.position

    def byte(self) -> int:
        """Read one byte.

        Raises:
            MalformedError: If none is left; so do all other methods.
        """
        position = self.position
        if position >= self.end:
            raise MalformedError(position, "the bytes end in the middle of an entry")
        self.position = position + 1
        return self.data[position]

    def _groups(self, bits: int) -> tuple[int, int]:
        """Read the groups of seven bits of a number; return what they make together, and how many bits they are."""
        start = self.position
        value = shift = 0
        while True:
            byte = self.byte()
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < _CONTINUES:
                return value, shift
            if shift >= bits:
                raise MalformedError(start, f"a number has more bytes than {bits} bits need")

    def unsigned(self, bits: int = 32) -> int:
        """Read an unsigned number of at most this many bits."""
        start = self.position
        if start < self.end and (value := self.data[start]) < _CONTINUES:
            self.position = start + 1
            return value
        value, _ = self._groups(bits)
        if value >> bits:
            raise MalformedError(start, f"a number does not fit in {bits} bits")
        return value

    def signed(self, bits: int) -> int:
        """Read a signed number of this many bits."""
        start = self.position
        value, shift = self._groups(bits)
        if value >> (shift - 1):
            value -= 1 << shift
        if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
            raise MalformedError(start, f"a number does not fit in {bits} bits")
        return value

    def count(self, what: str, smallest: int = 1, most: int = MOST_ENTRIES) -> int:
        """Read how many entries follow, and check that the stretch can hold so many, and an engine too.

        Args:
            what: The entries' name in the plural, for the message.
            smallest: The fewest bytes that one entry can take.
            most: How many an engine takes; by default what the WebAssembly JavaScript Interface, section
                “Implementation-defined Limits”, says for most kinds.
        """
        start = self.position
        count = self.unsigned()
        if count > most:
            raise MalformedError(start, f"{count} {what} are announced, more than the {most} that engines take")
        if count * smallest > self.remaining:
            raise MalformedError(start, f"{count} {what} are announced, more than {self.remaining} bytes can hold")
        return count

    def skip(self, length: int, what: str) -> int:
        """Move over `length` bytes and return where they began."""
        start = self.position
        if length > self.remaining:
            raise MalformedError(
                start, f"{what} has {length} bytes by its own count, but only {self.remaining} are left"
            )
        self.position = start + length
        return start

    def name(self) -> str:
        """Read a name: its length in bytes, then UTF-8."""
        length = self.unsigned()
        start = self.skip(length, "a name")
        try:
            return str(self.data[start : start + length], "utf-8")
        except UnicodeDecodeError as error:
            raise MalformedError(start + error.start, "a name is not valid UTF-8") from None

    def indices(self, what: str, below: int) -> tuple[int, ...]:
        """Read a count and as many indices, each less than `below`.

        Args:
            what: What the indices name, in the plural, for the message.
            below: The first index that does not exist.
        """
        start = self.position
        count = self.count(what, most=_MOST_INDICES)
        position = self.position
        found = tuple(self.data[position : position + count])
        if not found or max(found) < _CONTINUES:
            self.position = position + count
        else:
            found = tuple([self.unsigned() for _ in range(count)])
        if found and max(found) >= below:
            raise MalformedError(start, f"index {max(found)} is used, but there are only {below} {what}")
        return found
