from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing import EmbeddedRegistry
    from tests.testing.conftest import Client

TAGS = ["0.1", "B", "_x", "a", "v1", "v10", "v2"]


@pytest.fixture
def tagged(client: Client) -> Client:
    for tag in reversed(TAGS):
        client.push_image("a/b", tag)
    return client


def test_tags_are_sorted(tagged: Client) -> None:
    answer = tagged("GET", "/v2/a/b/tags/list")
    assert answer.json == {"name": "a/b", "tags": TAGS}
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Link"] is None


@pytest.mark.parametrize(
    ("query", "tags", "link"),
    [
        ("n=3", TAGS[:3], "/v2/a/b/tags/list?n=3&last=_x"),
        ("n=3&last=_x", TAGS[3:6], "/v2/a/b/tags/list?n=3&last=v10"),
        ("n=3&last=v10", TAGS[6:], None),
        ("last=a", TAGS[4:], None),
        ("last=absent", TAGS[4:], None),
        ("last=zzz", [], None),
        ("n=7", TAGS, None),
        ("n=100", TAGS, None),
        ("n=0", [], None),
    ],
)
def test_pages(tagged: Client, query: str, tags: list[str], link: str | None) -> None:
    answer = tagged("GET", f"/v2/a/b/tags/list?{query}")
    assert answer.json["tags"] == tags
    assert answer.headers["Link"] == (None if link is None else f'<{link}>; rel="next"')


@pytest.mark.parametrize("number", ["-1", "x", "", "1" * 20, "%D9%A1"])
def test_a_number_that_is_none_is_refused(tagged: Client, number: str) -> None:
    assert tagged("GET", f"/v2/a/b/tags/list?n={number}").status == 400


def test_an_unknown_repository(client: Client) -> None:
    answer = client("GET", "/v2/a/tags/list")
    assert (answer.status, answer.code) == (404, "NAME_UNKNOWN")


def test_a_repository_without_tags(client: Client) -> None:
    client.push_blob("a", b"1")
    assert client("GET", "/v2/a/tags/list").json == {"name": "a", "tags": []}


def test_the_catalogue(client: Client) -> None:
    for name in ("c/d", "a", "b"):
        client.push_blob(name, b"1")
    assert client("GET", "/v2/_catalog").json == {"repositories": ["a", "b", "c/d"]}
    answer = client("GET", "/v2/_catalog?n=2")
    assert answer.json["repositories"] == ["a", "b"]
    assert answer.headers["Link"] == '</v2/_catalog?n=2&last=b>; rel="next"'
    assert client("GET", "/v2/_catalog?n=2&last=b").json["repositories"] == ["c/d"]


def test_the_registry_has_a_page_size_of_its_own(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]
) -> None:
    client = make_client(make_registry(page_size=2))
    for tag in TAGS:
        client.push_image("a", tag)
    path, found = "/v2/a/tags/list?n=100", []
    while path:
        answer = client("GET", path)
        assert len(answer.json["tags"]) <= 2
        found += answer.json["tags"]
        link = answer.headers["Link"]
        path = link[1 : link.index(">")] if link else ""
    assert found == TAGS
