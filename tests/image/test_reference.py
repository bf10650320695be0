from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hatch_wasm_oci.errors import InvalidReferenceError
from hatch_wasm_oci.image.reference import Reference, check_tag, parse_repository, tag_part

DIGEST = "sha256:" + "0123456789abcdef" * 4

label = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
port = st.integers(1, 65535).map(":{}".format)
host = st.one_of(
    st.lists(label, min_size=2, max_size=4).map(".".join),
    st.just("localhost"),
    st.builds("{}{}".format, st.one_of(label, st.sampled_from(["localhost", "[::1]", "[fd00::2]", "10.0.0.1"])), port),
)
component = st.from_regex(r"[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,5}){0,2}", fullmatch=True)
path = st.lists(component, min_size=1, max_size=4).map("/".join)
tag = st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}", fullmatch=True)
digest = st.one_of(
    st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True), st.from_regex(r"sha512:[0-9a-f]{128}", fullmatch=True)
)


@given(host, path, st.none() | tag, st.none() | digest)
def test_a_reference_is_read_as_it_was_written(host: str, path: str, tag: str | None, digest: str | None) -> None:
    reference = Reference(host, path, tag, digest)
    assert Reference.parse(str(reference)) == reference
    assert Reference.parse(f"oci://{reference}") == Reference.parse(f"docker://{reference}") == reference


PIECES = st.sampled_from(
    ["/", ":", "@", "//", "..", "[", "]", "²", "\n", "\0", "\ud800", "A", "oci://", DIGEST, "a.b", "__"]
)


@given(st.one_of(st.text(max_size=60), st.lists(st.one_of(PIECES, host, path, tag), max_size=8).map("".join)))
@example("ghcr.io/a\n")
@example("host:²/a")
@example("a.b:99999/c")
def test_any_text_is_a_reference_or_refused(text: str) -> None:
    try:
        reference = Reference.parse(text)
    except InvalidReferenceError:
        return
    assert Reference.parse(str(reference)) == reference
    assert str(reference).isascii()


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("ghcr.io/acme/filter", ("ghcr.io", "acme/filter", None, None)),
        ("ghcr.io/acme/filter:1.0", ("ghcr.io", "acme/filter", "1.0", None)),
        (f"ghcr.io/a:1@{DIGEST}", ("ghcr.io", "a", "1", DIGEST)),
        (f"localhost:5000/a@{DIGEST}", ("localhost:5000", "a", None, DIGEST)),
        ("localhost/a", ("localhost", "a", None, None)),
        ("registry:5000/a", ("registry:5000", "a", None, None)),
        ("[::1]/a", ("[::1]", "a", None, None)),
        ("[::1]:5000/a:b", ("[::1]:5000", "a", "b", None)),
        ("docker.io/filter:1", ("docker.io", "library/filter", "1", None)),
        ("docker.io/acme/filter", ("docker.io", "acme/filter", None, None)),
        ("a.b:65535/c", ("a.b:65535", "c", None, None)),
    ],
)
def test_the_parts_of_a_reference(text: str, parts: tuple[str | None, ...]) -> None:
    reference = Reference.parse(text)
    assert (reference.registry, reference.repository, reference.tag, reference.digest) == parts


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "names no registry"),
        ("filter", "names no registry"),
        ("acme/filter:1.0", "docker.io/acme/filter:1.0"),
        ("acme/\x1bfilter", "such as docker.io/NAME."),
        ("ghcr.io", "names no registry"),
        ("ghcr.io/", "names no registry"),
        ("ghcr.io/Acme/filter", "'Acme/filter' is no repository's path"),
        ("ghcr.io/a//b", "is no repository's path"),
        ("ghcr.io/a/../b", "is no repository's path"),
        ("ghcr.io/a_-b", "is no repository's path"),
        ("ghcr.io/" + "a" * 256, "is no repository's path"),
        ("ghcr.io/a:", "'' is no tag"),
        ("ghcr.io/a:.x", "'.x' is no tag"),
        ("ghcr.io/a@sha256:abc", "no digest after the @"),
        (f"ghcr.io/a@{DIGEST.upper()}", "no digest after the @"),
        ("ghcr.io/a@", "no digest after the @"),
        ("-a.b/c", "'-a.b' is no registry's host"),
        ("a.b:65536/c", "is no registry's host"),
        ("a.b:/c", "is no registry's host"),
        ("a.b:x/c", "is no registry's host"),
        ("user:secret@ghcr.io/a", "no digest after the @"),
        ("https://ghcr.io/a", "is no registry's host"),
        ("ghcr.io/" + "a" * 2000, "2008 characters is too long"),
    ],
)
def test_what_is_no_reference_is_said(text: str, said: str) -> None:
    with pytest.raises(InvalidReferenceError) as caught:
        Reference.parse(text)
    assert said in str(caught.value)
    assert caught.value.remedy.endswith(".")


def test_a_repository_has_neither_tag_nor_digest() -> None:
    assert parse_repository("ghcr.io/a") == Reference("ghcr.io", "a")
    for text in ("ghcr.io/a:1", f"ghcr.io/a@{DIGEST}"):
        with pytest.raises(InvalidReferenceError, match="only a repository is named"):
            parse_repository(text)


@pytest.mark.parametrize("text", ["1.0", "latest", "_", "A-b_c.d", "x" * 128])
def test_tags(text: str) -> None:
    check_tag(text)
    assert Reference("ghcr.io", "a", "old", DIGEST).with_tag(text) == Reference("ghcr.io", "a", text)


@pytest.mark.parametrize("text", ["", "-a", ".a", "a b", "a+b", "ä", "a\n", "x" * 129, "a/b", "a:b", "y" * 100_000])
def test_what_is_no_tag_is_refused(text: str) -> None:
    with pytest.raises(InvalidReferenceError, match="is no tag") as caught:
        Reference("ghcr.io", "a").with_tag(text)
    assert len(str(caught.value)) < 500


def test_a_digest_is_added_and_the_tag_kept() -> None:
    assert Reference("ghcr.io", "a", "1").with_digest(DIGEST) == Reference("ghcr.io", "a", "1", DIGEST)
    assert Reference("ghcr.io", "a", "1").name == "ghcr.io/a"


@given(st.text(min_size=1, max_size=100))
def test_any_text_becomes_part_of_a_tag(text: str) -> None:
    check_tag("v" + tag_part(text))


def test_a_local_version_becomes_part_of_a_tag() -> None:
    assert tag_part("1.0.dev1+g12 ä") == "1.0.dev1-g12--"
