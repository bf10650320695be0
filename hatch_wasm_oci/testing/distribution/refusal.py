"""Refusals in the words of the specification."""

from __future__ import annotations

from typing import Any

from hatch_wasm_oci.testing.http1.message import Response, error_response


class RefusedError(Exception):
    """A request that the protocol refuses; it carries the whole answer.

    Args:
        status: The HTTP status.
        code: A code of distribution-spec, "Error Codes".
        message: One sentence for the reader of the log.
        detail: Anything that JSON can hold.
        headers: Fields of the answer.
    """

    def __init__(
        self, status: int, code: str, message: str, *, detail: Any = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.response: Response = error_response(status, code, message, detail=detail, headers=headers)


def unknown_repository(name: str) -> RefusedError:
    """Return the refusal for a repository that does not exist."""
    return RefusedError(404, "NAME_UNKNOWN", "The repository is not known.", detail={"name": name})


def invalid_digest(digest: str) -> RefusedError:
    """Return the refusal for a text that is no digest, or of an algorithm that is not supported."""
    return RefusedError(
        400, "DIGEST_INVALID", "The digest is not one of sha256 or sha512 in lower-case hex.", detail={"digest": digest}
    )


def unsupported(message: str, allow: str = "") -> RefusedError:
    """Return the refusal for what this registry does not do."""
    return RefusedError(405, "UNSUPPORTED", message, headers={"Allow": allow})
