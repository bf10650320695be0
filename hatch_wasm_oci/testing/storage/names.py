"""The names of things in a registry: repositories, tags, digests. Whatever passes here is also safe as a file name."""

from __future__ import annotations

import hashlib
import re
from typing import Any

MAXIMUM_NAME = 255
ALGORITHMS = {"sha256": 64, "sha512": 128}

_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_HEXADECIMAL = re.compile(r"[a-f0-9]+")


def is_repository(name: str) -> bool:
    """Whether this is a repository name (distribution-spec, "Pulling manifests")."""
    return len(name) <= MAXIMUM_NAME and _NAME.fullmatch(name) is not None


def is_tag(name: str) -> bool:
    """Whether this is a tag (distribution-spec, "Pulling manifests")."""
    return _TAG.fullmatch(name) is not None


def is_digest(text: object) -> bool:
    """Whether this is a digest of an algorithm that this registry can compute (image-spec, "Digests")."""
    if not isinstance(text, str):
        return False
    algorithm, _, encoded = text.partition(":")
    return len(encoded) == ALGORITHMS.get(algorithm) and _HEXADECIMAL.fullmatch(encoded) is not None


def new_hash(algorithm: str) -> Any:
    """Return a hash object of one of `ALGORITHMS`."""
    return hashlib.new(algorithm, usedforsecurity=True)


def digest_of(data: bytes, algorithm: str = "sha256") -> str:
    """Return the digest of bytes."""
    return f"{algorithm}:{hashlib.new(algorithm, data).hexdigest()}"
