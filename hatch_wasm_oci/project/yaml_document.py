"""YAML as Kubernetes' tools read it, written in block style; whatever could be read as something else is quoted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

# A text that starts with a letter and is none of YAML 1.1's words is read as a text by every reader.
_PLAIN_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*")
_PLAIN = re.compile(r"[A-Za-z](?:[A-Za-z0-9_./@-]|:(?=[A-Za-z0-9_/]))*")
_WORDS = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null"))
# What YAML does not call printable, or takes for a line's end (YAML 1.2, 5.1 and 5.4), and JSON leaves as it is.
_ESCAPED = re.compile("[\x7f-\xa0\u2028\u2029\ud800-\udfff\ufeff\ufffe\uffff]")


def to_yaml(documents: Iterable[Mapping[str, Any]]) -> str:
    """Write documents one after another, `---` between them.

    Args:
        documents: Mappings of text to what JSON can hold.

    Returns:
        The text, each line of it ended.
    """
    return "---\n".join("".join(f"{line}\n" for line in _mapping(document, "")) for document in documents)


def _mapping(value: Mapping[str, Any], indent: str) -> Iterator[str]:
    for key, item in value.items():
        name = key if _PLAIN_KEY.fullmatch(key) and key.lower() not in _WORDS else _quoted(key)
        if isinstance(item, Mapping) and item:
            yield f"{indent}{name}:"
            yield from _mapping(item, f"{indent}  ")
        elif isinstance(item, (list, tuple)) and item:
            yield f"{indent}{name}:"
            yield from _list(item, f"{indent}  ")
        else:
            yield f"{indent}{name}: {_scalar(item)}"


def _list(value: Iterable[Any], indent: str) -> Iterator[str]:
    for item in value:
        nested = isinstance(item, (Mapping, list, tuple)) and bool(item)
        if not nested:
            yield f"{indent}- {_scalar(item)}"
            continue
        lines = _mapping(item, "") if isinstance(item, Mapping) else _list(item, "")
        for number, line in enumerate(lines):
            yield f"{indent}{'  ' if number else '- '}{line}"


def _scalar(value: object) -> str:
    if isinstance(value, str):
        return value if _PLAIN.fullmatch(value) and value.lower() not in _WORDS else _quoted(value)
    if isinstance(value, (Mapping, list, tuple)):
        return "{}" if isinstance(value, Mapping) else "[]"
    text = json.dumps(value, allow_nan=False)
    # YAML 1.1 takes 1e+16 for a text.
    return text.replace("e", ".0e") if "e" in text and "." not in text and isinstance(value, float) else text


def _quoted(text: str) -> str:
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
