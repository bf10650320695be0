"""What a benchmark found, as a table that says its floor and its limit."""

from __future__ import annotations

from dataclasses import dataclass, field

MEGABYTE = 1_000_000
MEBIBYTE = 1024 * 1024
MILLISECOND = 0.001


@dataclass
class Table:
    """The results of one benchmark.

    Args:
        title: What was measured.
        floor: What it is compared with.
        limit: What it must not exceed, in words; empty where there is no limit.
        columns: The columns' headings.
        rows: The rows, each a cell for every column.
        exceeded: What exceeded the limit, one text for each.
        notes: Lines to print below the table.
    """

    title: str
    floor: str
    limit: str
    columns: tuple[str, ...]
    rows: list[tuple[str, ...]] = field(default_factory=list)
    exceeded: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def show(self) -> None:
        """Print the table, and whether the limit holds."""
        widths = [max(map(len, column)) for column in zip(self.columns, *self.rows, strict=True)]
        print(f"\n{self.title}\n  floor: {self.floor}\n  limit: {self.limit or 'none'}\n")
        for row in (self.columns, tuple("-" * width for width in widths), *self.rows):
            first, *others = zip(row, widths, strict=True)
            print("  ".join(("", first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others))))
        print()
        for note in self.notes:
            print(f"  {note}")
        for problem in self.exceeded:
            print(f"  OVER THE LIMIT: {problem}")
        if self.limit and not self.exceeded:
            print("  within the limit")
