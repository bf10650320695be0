"""What a function does for certain, as far as its code tells without running it.

A rule may call a module broken only if it is: a call inside a branch that may never be taken proves nothing. This walk
keeps to what every run passes through, follows direct calls, and stops where it can't be sure any more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_wasm_oci.wasm import instructions as op
from hatch_wasm_oci.wasm.declarations import FUNCTION
from hatch_wasm_oci.wasm.reader import MalformedError, Reader

if TYPE_CHECKING:
    from hatch_wasm_oci.wasm.declarations import Binary

_MAX_BYTES = 16_384
_MAX_DEPTH = 32
_NOWHERE = 1 << 32
_TRAP, _RETURN, _UNKNOWN = "trap", "return", "unknown"
_BLOCKS = frozenset({op.BLOCK, op.LOOP, op.IF, op.TRY, op.TRY_TABLE})
_BRANCHES = frozenset({op.BRANCH, op.BRANCH_IF, op.BRANCH_TABLE, op.BRANCH_ON_NULL, op.BRANCH_ON_NON_NULL})
_NEVER_FALLS_THROUGH = frozenset({op.BRANCH, op.BRANCH_TABLE, op.RETURN, op.THROW, op.RETHROW, op.THROW_REF})
_NEVER_FALLS_THROUGH |= {op.RETURN_CALL, op.RETURN_CALL_INDIRECT, op.RETURN_CALL_REF}
_CATCHES = frozenset({op.ELSE, op.CATCH, op.CATCH_ALL})


@dataclass
class Course:
    """What one function does.

    Args:
        calls: The imported functions that it certainly calls, in order, until the walk ends.
        possible: All imported functions that the code that was read may call.
        ending: `trap` if it certainly hits `unreachable`, `return` if it comes to its end, else `unknown`.
        result: The number that it certainly returns, where that is a constant.
    """

    calls: list[int] = field(default_factory=list)
    possible: set[int] = field(default_factory=set)
    ending: str = _UNKNOWN
    result: int | None = None


@dataclass
class _Frame:
    loop: bool
    certain: bool


class _Walk:
    def __init__(self, binary: Binary, data: memoryview, *, thorough: bool) -> None:
        self.binary = binary
        self.thorough = thorough
        self.tried: set[int] = set()
        self.data = data
        self.imported = len(binary.imported(FUNCTION))
        self.budget = _MAX_BYTES
        self.active: set[int] = set()
        self.course = Course()

    def function(self, index: int) -> tuple[str, int | None]:
        """Walk one function, and give its ending and constant result."""
        body = index - self.imported
        if index in self.active or len(self.active) >= _MAX_DEPTH or body >= len(self.binary.bodies):
            return _UNKNOWN, None
        begin, end = self.binary.bodies[body]
        self.active.add(index)
        try:
            reader = Reader(self.data, begin, end)
            for _ in range(reader.count("locals", 2)):
                reader.unsigned()
                op.block_type(reader)
            return _Body(self, reader).walk()
        except MalformedError:
            return _UNKNOWN, None
        finally:
            self.active.discard(index)

    def call(self, index: int, *, certain: bool) -> str:
        if index < self.imported:
            self.course.possible.add(index)
            if certain:
                self.course.calls.append(index)
            return _RETURN
        if certain:
            return self.function(index)[0]
        if self.thorough and index not in self.tried:
            self.tried.add(index)
            # Its calls count as possible only.
            known = len(self.course.calls)
            self.function(index)
            del self.course.calls[known:]
        return _UNKNOWN


class _Body:
    def __init__(self, walk: _Walk, reader: Reader) -> None:
        self.walk_ = walk
        self.reader = reader
        self.frames = [_Frame(loop=False, certain=True)]
        self.certain = True
        # The outermost block that some branch has left, by its place in `frames`.
        self.escaped = _NOWHERE
        self.early_return = False

    def escape(self, label: int) -> None:
        target = len(self.frames) - 1 - label
        if target < 0:
            raise MalformedError(self.reader.position, "a branch leaves more blocks than there are")
        if not self.frames[target].loop:
            self.escaped = min(self.escaped, target)
            self.certain = False

    def close(self) -> None:
        if len(self.frames) == 1:
            raise MalformedError(self.reader.position, "a delegate instruction stands outside of a try block")
        frame = self.frames.pop()
        # After a block's end we are certain again if all its ways lead there.
        self.certain = frame.certain and self.escaped >= len(self.frames)
        if self.escaped >= len(self.frames):
            self.escaped = _NOWHERE

    def walk(self) -> tuple[str, int | None]:
        """Walk to the function's end, or until nothing can be certain any more."""
        reader, walk = self.reader, self.walk_
        while walk.budget > 0 and (self.certain or self.escaped or walk.thorough):
            start = reader.position
            last = op.skip_simple(reader)
            code = reader.byte()
            walk.budget -= reader.position - start
            if self.certain and code == op.UNREACHABLE:
                return _TRAP, None
            if (code == op.END and len(self.frames) == 1) or (self.certain and code == op.RETURN):
                return self._ending(last)
            if ending := self._step(code):
                return ending, None
        return _UNKNOWN, None

    def _ending(self, last: int) -> tuple[str, int | None]:
        if self.early_return or not self.certain:
            return _UNKNOWN, None
        reader = self.reader
        if last < 0 or reader.data[last] != op.I32_CONST:
            return _RETURN, None
        return _RETURN, Reader(reader.data, last + 1, reader.end).signed(32)

    def _step(self, code: int) -> str:
        reader = self.reader
        if code == op.END:
            self.close()
        elif code in _BLOCKS:
            self._open(code)
        elif code in _CATCHES:
            op.skip_operands(reader, code)
            self.certain = False
        elif code == op.DELEGATE:
            op.skip_operands(reader, code)
            self.close()
        elif code in _BRANCHES or code == op.GC_PREFIX:
            for label in op.labels(reader, code):
                self.escape(label)
        elif code in {op.CALL, op.RETURN_CALL}:
            ending = self.walk_.call(reader.unsigned(), certain=self.certain)
            if self.certain and ending == _TRAP:
                return _TRAP
        else:
            op.skip_operands(reader, code)
        if code in _NEVER_FALLS_THROUGH:
            self._leave(code)
        return ""

    def _leave(self, code: int) -> None:
        if code not in {op.BRANCH, op.BRANCH_TABLE}:
            self.early_return = True
            self.escaped = 0
        self.certain = False

    def _open(self, code: int) -> None:
        if code == op.TRY_TABLE:
            caught = op.labels(self.reader, code)
        else:
            op.block_type(self.reader)
            caught = []
        certain = self.certain
        for label in caught:
            self.escape(label)
        self.frames.append(_Frame(loop=code == op.LOOP, certain=self.certain))
        self.certain = certain and code in {op.BLOCK, op.LOOP}


def course_of(binary: Binary, data: memoryview, function: int, *, thorough: bool = False) -> Course:
    """Follow a function from its start for as long as what it does is certain.

    Args:
        binary: The module, without a fault.
        data: The whole file.
        function: The function's index.
        thorough: Whether to look for possible calls too, beyond where all is certain.

    Returns:
        What it certainly does. The walk reads 16 KiB of code at most; where it stops, the rest is unknown.
    """
    walk = _Walk(binary, data, thorough=thorough)
    if function < walk.imported:
        walk.course.calls.append(function)
        walk.course.possible.add(function)
        walk.course.ending = _RETURN
    else:
        walk.course.ending, walk.course.result = walk.function(function)
    return walk.course
