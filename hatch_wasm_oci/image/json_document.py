"""JSON as images, reports and plugins have it: written in one way, read under limits."""

from __future__ import annotations

import json
import math
from typing import Any

from hatch_wasm_oci.errors import ImageError


def to_json(value: object) -> bytes:
    """Write JSON the one way in which this package writes it: compact, UTF-8, in the order given.

    Args:
        value: What `json` can write.

    Raises:
        ValueError: It holds what JSON has no form for: a number that is none, or half of a surrogate pair.
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def strict_json(data: bytes) -> Any:
    """Read JSON as RFC 8259 has it: UTF-8 only, no NaN, and nothing that can't be written again.

    Args:
        data: Its bytes, not trusted.

    Raises:
        ValueError: It is no JSON.
        RecursionError: It is nested too deep.
    """
    value = json.loads(str(data, "utf-8"), parse_constant=_refuse_constant, parse_float=_finite)
    if b"\\u" in data:
        to_json(value)  # half of a surrogate pair would come to light where it is shown or written
    return value


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):  # 1e999 is a number to JSON, and to nobody who reads it
        raise ValueError(f"{text[:40]} is too large a number")
    return value


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is no number")


def load_json(data: bytes, what: str, limit: int) -> Any:
    """Read JSON from outside.

    Args:
        data: Its bytes, not trusted.
        what: What it is, for errors.
        limit: The most bytes that it may have.

    Raises:
        ImageError: It is too large, or no JSON.
    """
    if len(data) > limit:
        raise ImageError(f"The {what} has {len(data)} bytes, over the limit of {limit}.", "Build the image again.")
    try:
        return strict_json(data)
    except (ValueError, RecursionError) as error:
        raise ImageError(f"The {what} is no JSON: {error}.", "Fetch or build the image again.") from None


def parse_json(data: bytes, what: str, limit: int) -> dict[str, Any]:
    """Read a JSON object from outside.

    Args:
        data: Its bytes, not trusted.
        what: What it is, for errors.
        limit: The most bytes that it may have.

    Raises:
        ImageError: It is too large, no JSON, or no object.
    """
    value = load_json(data, what, limit)
    if not isinstance(value, dict):
        raise ImageError(f"The {what} is no JSON object.", "Fetch or build the image again.")
    return value
