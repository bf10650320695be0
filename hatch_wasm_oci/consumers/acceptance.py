"""What a consumer makes of an image, and the named rules by which it does."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from hatch_wasm_oci.consumers.candidate import Candidate


@dataclass(frozen=True)
class Refusal:
    """One reason for which a consumer does not take an image, or could not run what is in it.

    Args:
        code: A short name for the kind of problem, which stays the same: `layer-type`, `no-plugin-wasm`.
        words: What the consumer logs of it, or the part of it that does not depend on the cluster; empty where it
            says nothing.
        why: What is wrong, in one sentence.
        remedy: What to do, in one sentence; may be empty.
    """

    code: str
    words: str
    why: str
    remedy: str = ""

    @property
    def line(self) -> str:
        """The words in one line, and without what would steer a terminal: they quote the image."""
        return " ".join("".join(one if one.isprintable() else " " for one in self.words).split())

    def __str__(self) -> str:
        return f"{self.why} {self.remedy}".rstrip()


@dataclass(frozen=True)
class Acceptance:
    """What one consumer makes of an image.

    Args:
        consumer: The consumer's name, such as `istio`.
        digest: The digest to pin, `sha256:…`: that of the image's manifest, never of an index; None where the consumer
            refuses the image.
        problems: Why it refuses; the first is what it logs.
        notes: What is good to know though it is no reason to refuse, a sentence each.
    """

    consumer: str
    digest: str | None
    problems: tuple[Refusal, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def accepted(self) -> bool:
        """Whether the consumer takes the image."""
        return not self.problems

    @property
    def sha256(self) -> str | None:
        """The digest as the fields `sha256` have it: 64 hexadecimal characters, no prefix."""
        return self.digest.partition(":")[2] if self.digest else None

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name, `accepted` and `sha256` among them."""
        value = asdict(self)
        return {
            "consumer": self.consumer,
            "accepted": self.accepted,
            "digest": self.digest,
            "sha256": self.sha256,
            "problems": list(value["problems"]),
            "notes": list(self.notes),
        }


def _no_notes(_candidate: Candidate) -> Iterable[str]:
    return ()


@dataclass(frozen=True)
class Consumer:
    """The rules of one consumer.

    Args:
        title: Its name as readers know it, such as `Istio`.
        refusals: Says why it refuses an image, the first reason that it comes to first; nothing where it takes it.
        notes: Says what is good to know of an image that it takes, a sentence each.
    """

    title: str
    refusals: Callable[[Candidate], Iterable[Refusal]]
    notes: Callable[[Candidate], Iterable[str]] = _no_notes

    def judge(self, name: str, candidate: Candidate) -> Acceptance:
        """Apply the rules to an image.

        Args:
            name: The name under which the consumer is known.
            candidate: The image, and what was seen on the way to it.

        Raises:
            ImageError: A blob is not what its digest says.
            RegistryError: A blob can't be fetched.
        """
        problems = tuple(self.refusals(candidate))
        if problems:
            return Acceptance(name, None, problems)
        return Acceptance(name, candidate.digest, notes=tuple(self.notes(candidate)))
