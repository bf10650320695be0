"""References to images: `registry/repository:tag@digest`, their grammar and nothing else."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from hatch_wasm_oci.errors import InvalidReferenceError, shown

TAG_RULE = (
    "a tag has letters, digits, `_`, `.` and `-`, starts with none of the last two, and has at most 128 characters"
)
REPOSITORY_RULE = (
    "a repository is a registry's host and a path of lower-case letters, digits and single `.`, `_`, `__` or `-` "
    "between them, as in ghcr.io/acme/header-filter"
)

_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
_TAG_FOREIGN = re.compile(r"[^A-Za-z0-9._-]")
_HOST = re.compile(
    r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9A-Fa-f:.]+\])"
    r"(?::[0-9]{1,5})?"
)
_COMPONENT = re.compile(r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*")
_SCHEME = re.compile(r"(?:oci|docker)://")
_NAME_LIMIT = 255
_TEXT_LIMIT = 1024
_PORT_LIMIT = 65535


@dataclass(frozen=True)
class Reference:
    """A name for an image in a registry (OCI distribution-spec, Pulling Manifests, for the grammar of its parts).

    Args:
        registry: The registry's host, with its port if it has one.
        repository: The repository's path at the registry.
        tag: The tag, if any.
        digest: The manifest's digest, if any; it wins over the tag.
    """

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.name}{tag}{digest}"

    @property
    def name(self) -> str:
        """Registry and repository, without tag and digest."""
        return f"{self.registry}/{self.repository}"

    def with_tag(self, tag: str) -> Reference:
        """Return the reference to a tag of the same repository.

        Args:
            tag: The tag.

        Raises:
            InvalidReferenceError: It is no tag.
        """
        check_tag(tag)
        return replace(self, tag=tag, digest=None)

    def with_digest(self, digest: str) -> Reference:
        """Return the reference to a digest in the same repository, the tag kept for the reader.

        Args:
            digest: The manifest's digest.
        """
        return replace(self, digest=digest)

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference; `oci://` or `docker://` before it, as WasmPlugin and skopeo have it, is passed over.

        Args:
            text: `host[:port]/path[:tag][@digest]`. The host must be there: no registry is assumed.

        Raises:
            InvalidReferenceError: A part is missing or not allowed.
        """
        if len(text) > _TEXT_LIMIT:
            raise InvalidReferenceError(f"A reference of {len(text)} characters is too long.", f"{REPOSITORY_RULE}.")
        rest = _SCHEME.sub("", text, count=1) if _SCHEME.match(text) else text
        rest, at, digest = rest.partition("@")
        if at and not _is_digest(digest):
            raise InvalidReferenceError(
                f"{text!r} has no digest after the @.", "It is sha256: and 64 lower-case hexadecimal characters."
            )
        rest, tag = _split_tag(rest)
        if tag is not None:
            check_tag(tag)
        registry, _, repository = rest.partition("/")
        _check_registry(text, registry, repository)
        components = repository.split("/")
        if not all(map(_COMPONENT.fullmatch, components)) or len(repository) > _NAME_LIMIT:
            raise InvalidReferenceError(f"{repository!r} is no repository's path.", f"The rule: {REPOSITORY_RULE}.")
        if registry == "docker.io" and len(components) == 1:
            repository = f"library/{repository}"
        return cls(registry, repository, tag, digest or None)


def parse_repository(text: str) -> Reference:
    """Read the name of a repository: a reference without tag and digest.

    Args:
        text: `host[:port]/path`.

    Raises:
        InvalidReferenceError: It is none, or has a tag or digest.
    """
    reference = Reference.parse(text)
    if reference.tag or reference.digest:
        raise InvalidReferenceError(f"{text!r} has a tag or digest where only a repository is named.", "Leave it out.")
    return reference


def check_tag(tag: str) -> None:
    """Check that a text is a tag (OCI distribution-spec, Pulling Manifests).

    Args:
        tag: The text.

    Raises:
        InvalidReferenceError: It is none.
    """
    if not _TAG.fullmatch(tag):
        raise InvalidReferenceError(f"{shown(tag)} is no tag.", f"The rule: {TAG_RULE}.")


def tag_part(text: str) -> str:
    """Make a text, such as a version, fit into a tag: each character that a tag may not have becomes `-`.

    Args:
        text: The text.
    """
    return _TAG_FOREIGN.sub("-", text)


def _is_digest(text: str) -> bool:
    from hatch_wasm_oci.image.descriptor import is_digest  # settings have references, and none of them a digest

    return is_digest(text)


def _split_tag(text: str) -> tuple[str, str | None]:
    # A colon before the last slash is that of the port.
    name, colon, tag = text.rpartition(":")
    if colon and "/" not in tag and "/" in name:
        return name, tag
    return text, None


def _check_registry(text: str, registry: str, repository: str) -> None:
    named = "." in registry or ":" in registry or registry == "localhost"
    if not repository or not named:
        name = text.partition("@")[0].lower()
        example = name if name and name.isprintable() else "NAME"
        raise InvalidReferenceError(
            f"{text!r} names no registry.", f"Write the registry's host before the path, such as docker.io/{example}."
        )
    port = registry.rpartition(":")[2] if not registry.endswith("]") else ""
    if not _HOST.fullmatch(registry) or (port.isdigit() and ":" in registry and int(port) > _PORT_LIMIT):
        raise InvalidReferenceError(f"{registry!r} is no registry's host.", f"The rule: {REPOSITORY_RULE}.")
