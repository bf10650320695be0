"""What to do about a finding, in the words of the toolchain that made the module; the words are in `remedies.txt`."""

from __future__ import annotations

from functools import cache
from pathlib import Path

_ANY = "*"


@cache
def _remedies() -> dict[str, dict[str, str]]:
    topics: dict[str, dict[str, str]] = {}
    topic = ""
    for line in Path(__file__).with_name("remedies.txt").read_text("utf-8").splitlines():
        if line.startswith("["):
            topic = line.strip("[]")
        elif line and not line.startswith("#"):
            toolchain, _, text = line.partition(": ")
            topics.setdefault(topic, {})[toolchain] = text
    return topics


def remedy(topic: str, toolchain: str) -> str:
    """Give the advice on a topic for a toolchain, or the general one.

    Args:
        topic: A heading of `remedies.txt`, such as `malloc`.
        toolchain: As `toolchain_of` names it; empty if unknown.
    """
    words = _remedies()[topic]
    return words.get(toolchain, words[_ANY])
