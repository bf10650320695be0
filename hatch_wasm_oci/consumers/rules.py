"""The rules of Istio and Envoy Gateway, and the words that they log.

Read off istio, pkg/wasm/imagefetcher.go and cache.go, and envoyproxy/gateway, internal/wasm/imagefetcher.go and
cache.go, which began as a copy of the former. What both take out of an image is in `hatch_wasm_oci.image.extraction`.
"""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import TYPE_CHECKING

from hatch_wasm_oci.consumers.acceptance import Consumer, Refusal
from hatch_wasm_oci.consumers.realm import refused_bearer_realms, refused_realms
from hatch_wasm_oci.errors import shown
from hatch_wasm_oci.image.descriptor import sha256
from hatch_wasm_oci.image.extraction import TRUNCATED
from hatch_wasm_oci.wasm.recognition import recognise
from hatch_wasm_oci.wasm.rules_file import CORRUPTED, NO_ABI

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from hatch_wasm_oci.consumers.candidate import Candidate
    from hatch_wasm_oci.errors import RefusedError

_HEADER = 8
_MAGIC = b"\0asm"
_AGAIN = "Build it again, and compare the sizes."
_INVALID_IMAGE = "the given image is in invalid format as an OCI image: "


def _istio_errors(words: tuple[str, ...]) -> str:
    """Join errors as hashicorp/go-multierror does."""
    return f"{len(words)} errors occurred:\n\t* " + "\n\t* ".join(words) + "\n\n"


def _gateway_errors(words: tuple[str, ...]) -> str:
    """Join errors as Go's errors.Join does."""
    return "\n".join(words)


def _realms(candidate: Candidate, rule: Callable[[str], Iterator[tuple[str, str]]], prefix: str) -> Iterator[Refusal]:
    for challenge in dict.fromkeys(candidate.challenges):
        for realm, words in rule(challenge):
            yield Refusal(
                "realm",
                f"{prefix}: {words}",
                f"The registry answers 401 with the realm {shown(realm)}, where an http or https URL of a public host "
                "is taken; by Istio for Basic too.",
                "Let it name such a realm, or none, or let it be read without a password.",
            )


def _fetched(candidate: Candidate, join: Callable[[tuple[str, ...]], str]) -> Iterator[Refusal]:
    if candidate.manifest is None:
        if candidate.fault is not None:
            malformed = candidate.fault.code == "malformed"
            yield _refusal(candidate.fault, join) if malformed else _unresolved(candidate, candidate.fault)
        return
    digest = str(candidate.digest)
    pinned = candidate.reference.digest if candidate.reference else None
    if pinned is not None and not pinned.startswith("sha256:"):
        yield Refusal(
            "digest-algorithm",
            "could not fetch Wasm OCI image: could not parse url in image reference: "
            f"unsupported digest algorithm: {pinned}",
            "The digest pinned is none of SHA-256.",
            f"Pin {digest}.",
        )
    elif pinned not in (None, digest):
        yield Refusal(
            "pinned-index",
            f"module downloaded from {candidate.url} has checksum {digest.partition(':')[2]}, which does not match: "
            f"{str(pinned).partition(':')[2]}",
            "The digest pinned is that of an index, where it must be that of the image in it.",
            f"Pin {digest}, or push a single image: docker buildx takes `--provenance=false`.",
        )
    payload = candidate.payload
    if payload.fault is not None and payload.fault.code != "not-a-file":
        yield _refusal(payload.fault, join)
        return
    yield from _loaded(candidate)


def _unresolved(candidate: Candidate, fault: RefusedError) -> Refusal:
    name = candidate.url.removeprefix("oci://")
    words = "".join(f"could not fetch Wasm OCI image: could not fetch image: {text} {name}" for text in fault.said)
    return Refusal(fault.code, words, fault.problem, fault.remedy)


def _refusal(fault: RefusedError, join: Callable[[tuple[str, ...]], str]) -> Refusal:
    words = _INVALID_IMAGE + join(fault.said) if len(fault.said) > 1 else "".join(fault.said)
    return Refusal(fault.code, f"could not fetch Wasm binary: {words}" if words else "", fault.problem, fault.remedy)


def _loaded(candidate: Candidate) -> Iterator[Refusal]:
    """Look at what was fetched: the fetchers at its start, Envoy at the rest."""
    payload = candidate.payload
    invalid = f"fetched Wasm binary from {candidate.url} is invalid"
    if payload.fault is not None:
        yield Refusal(payload.fault.code, invalid, payload.fault.problem, payload.fault.remedy)
        return
    data = payload.data if payload.data is not None else memoryview(b"")
    found = recognise(data)
    why = f"What the image holds is no core module: {found.what}." if found else ""
    if len(data) < _HEADER or bytes(data[:4]) != _MAGIC:
        yield Refusal("no-module", invalid, why, found.remedy if found else "")
    elif candidate.scan.corrupted:
        yield Refusal("damaged-module", CORRUPTED, f"The module is damaged: {candidate.scan.corrupted}.", _AGAIN)
    elif not candidate.scan.abi:
        yield Refusal(
            "component" if found else "no-abi",
            NO_ABI,
            why or "The module exports no function that names its proxy-wasm ABI version.",
            found.remedy if found else "Build it with a proxy-wasm SDK.",
        )


def _istio(candidate: Candidate) -> Iterator[Refusal]:
    yield from _realms(candidate, refused_realms, "rejected unsafe bearer realm")
    for refusal in _fetched(candidate, _istio_errors):
        # Istio goes on with what it has read so far, and says nothing.
        yield replace(refusal, words="") if refusal.code == TRUNCATED else refusal


def _envoy_gateway(candidate: Candidate) -> Iterator[Refusal]:
    registry = candidate.reference.registry if candidate.reference else ""
    rule = functools.partial(refused_bearer_realms, registry=registry)
    yield from _realms(candidate, rule, "invalid realm in www-authenticate")
    yield from _fetched(candidate, _gateway_errors)


def _notes(secret: str, candidate: Candidate) -> Iterator[str]:
    digest = candidate.digest
    if digest is None or candidate.reference is None:
        return
    if candidate.root is not None and candidate.reference.digest is None and sha256(candidate.root) != digest:
        yield f"The tag names an index, {sha256(candidate.root)}: pin the digest of the image in it, {digest}."
    if candidate.reference.digest is None:
        if candidate.reference.tag == "latest":
            yield "Without a digest, `:latest` is pulled again whenever the resource changes."
        else:
            yield "Without a digest, an image that was pulled once under this tag is not pulled again: pin the digest."
    if candidate.with_credential:  # a challenge alone tells nothing: registries answer so for public images too
        yield f"It came with your credential: unless it is public, name a secret in {secret}, keyed by the host alone."


CONSUMERS: Mapping[str, Consumer] = {
    "istio": Consumer("Istio", _istio, functools.partial(_notes, "imagePullSecret")),
    "envoy-gateway": Consumer("Envoy Gateway", _envoy_gateway, functools.partial(_notes, "pullSecretRef")),
}
"""The consumers that this package itself knows, by name."""
