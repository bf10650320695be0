"""What a check has to say about a module."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong, or likely to be, with a module.

    Args:
        code: A stable code, such as `WO301`; codes that start with `WO` are this package's own.
        severity: `error` for what makes a proxy refuse the module or crash, `warning` for the rest.
        message: What is wrong, in one sentence.
        envoy: The line that Envoy would log; empty where it says nothing.
        why: Why it matters, in one sentence; may be empty.
        remedy: What to do, in one sentence; may be empty.
    """

    code: str
    severity: Literal["error", "warning"]
    message: str
    envoy: str = ""
    why: str = ""
    remedy: str = ""

    def to_json(self) -> dict[str, str]:
        """Return the finding as it stands in reports: its fields by name, all text."""
        return asdict(self)

    def __str__(self) -> str:
        words = " ".join(part for part in (self.message, self.why, self.remedy) if part)
        return f"{self.code}: {words}" + (f" Envoy says: {self.envoy}" if self.envoy else "")
