from __future__ import annotations

import base64
import contextlib
import json
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.errors import RegistryError
from hatch_wasm_oci.registry.auth import Answer, Authenticator
from hatch_wasm_oci.registry.connection import Connection, Retry
from hatch_wasm_oci.registry.credentials import Credential
from hatch_wasm_oci.registry.transport import Transport
from hatch_wasm_oci.testing import BasicAuthentication, BearerAuthentication

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from hatch_wasm_oci.testing import EmbeddedRegistry

SECRET = "s3cr3t-0f-the-test"
PULL, PUSH = ("repository:acme/filter:pull",), ("repository:acme/filter:pull,push",)
PAIR = Credential("the test", "user", SECRET)
BEARER = 'Bearer realm="https://auth.example/token",service="s"'


class Endpoint:
    """A token endpoint at hand, which notes what it is asked; its answers are given."""

    def __init__(self, *answers: Answer | Any, credential: Credential | None = PAIR) -> None:
        self.asked: list[tuple[str, str, Mapping[str, str], dict[str, list[str]]]] = []
        self.now = 1000.0
        self._answers = list(answers)
        retry = Retry(clock=lambda: self.now)
        connection = Connection(credential=credential, retry=retry)
        base = "https://registry.example"
        self.authenticator = Authenticator("registry.example", base, "acme/filter", connection, self._fetch)

    def challenged(self, header: str, scopes: tuple[str, ...] = PULL, sent: str | None = None) -> str | None:
        return self.authenticator.challenged(header, scopes, sent)

    def _fetch(self, method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> Answer:
        query = body.decode() if body is not None else urlsplit(url).query
        self.asked.append((method, url, headers, parse_qs(query)))
        answer = self._answers.pop(0) if self._answers else {"token": f"t{len(self.asked)}"}
        return answer if isinstance(answer, Answer) else Answer(200, json.dumps(answer).encode())


def test_nothing_is_sent_before_it_is_asked_for() -> None:
    endpoint = Endpoint()
    assert endpoint.authenticator.header(PULL) is None
    basic = f"Basic {base64.b64encode(f'user:{SECRET}'.encode()).decode()}"
    assert endpoint.challenged('Basic realm="x"') == basic
    assert endpoint.authenticator.header(PUSH) == basic
    assert endpoint.challenged('Basic realm="x"', PUSH, basic) is None  # wrong: it is not tried again


def test_bearer_wins_where_it_says_where_tokens_are() -> None:
    assert Endpoint().challenged(f'Basic realm="b", {BEARER}') == "Bearer t1"
    assert str(Endpoint().challenged('Bearer, Basic realm="b"')).startswith("Basic ")
    for header in ("", "Bearer", "Negotiate", 'Bearer realm=""'):
        endpoint = Endpoint()
        assert endpoint.challenged(header) is None
        assert not endpoint.asked


def test_tokens_are_kept_by_scope_until_they_expire() -> None:
    endpoint = Endpoint({"token": "a", "expires_in": 300}, {"access_token": "b", "expires_in": 300})
    assert endpoint.challenged(BEARER, PULL) == endpoint.authenticator.header(PULL) == "Bearer a"
    assert endpoint.authenticator.header(PUSH) == "Bearer b"
    assert endpoint.authenticator.header(PULL) == "Bearer a"
    assert [parameters["scope"] for *_, parameters in endpoint.asked] == [list(PULL), list(PUSH)]
    assert {tuple(parameters["service"]) for *_, parameters in endpoint.asked} == {("s",)}
    endpoint.now += 289
    assert endpoint.authenticator.header(PULL) == "Bearer a"
    endpoint.now += 2
    assert endpoint.authenticator.header(PULL) == "Bearer t3"


def test_a_token_of_too_small_a_scope_is_replaced_by_one_of_both() -> None:
    endpoint = Endpoint()
    first = endpoint.challenged(BEARER, PULL)
    more = f'{BEARER},scope="repository:acme/filter:push registry:catalog:*",error="insufficient_scope"'
    assert endpoint.challenged(more, PULL, first) == "Bearer t2"
    assert endpoint.asked[1][3]["scope"] == ["repository:acme/filter:pull,push", "registry:catalog:*"]
    assert endpoint.authenticator.header(PULL) == "Bearer t2"


def test_an_identity_token_is_posted_and_got_by_get_where_post_is_not_known() -> None:
    identity = Credential("the test", identity_token=SECRET)
    endpoint = Endpoint(credential=identity)
    assert endpoint.challenged(BEARER, PUSH) == "Bearer t1"
    method, url, headers, form = endpoint.asked[0]
    assert (method, url, "Authorization" in headers) == ("POST", "https://auth.example/token", False)
    assert form["grant_type"] == ["refresh_token"]
    assert (form["refresh_token"], form["scope"], form["service"]) == ([SECRET], list(PUSH), ["s"])
    for status in (404, 405):
        endpoint = Endpoint(Answer(status, b""), credential=identity)
        assert endpoint.challenged(BEARER) == "Bearer t2"
        method, url, headers, _ = endpoint.asked[1]
        assert method == "GET"
        assert SECRET not in url
        assert headers["Authorization"] == f"Basic {base64.b64encode(f'<token>:{SECRET}'.encode()).decode()}"


def test_without_a_credential_a_token_is_asked_for_all_the_same() -> None:
    endpoint = Endpoint(credential=None)
    assert endpoint.challenged(BEARER) == "Bearer t1"
    assert "Authorization" not in endpoint.asked[0][2]
    assert endpoint.challenged('Basic realm="x"') is None


def test_a_registry_token_is_sent_as_it_is() -> None:
    endpoint = Endpoint(credential=Credential("the test", registry_token=SECRET))
    assert endpoint.challenged(BEARER) == f"Bearer {SECRET}"
    assert not endpoint.asked
    for bad in (f"{SECRET}\r\nX: y", f"{SECRET} x", f"{SECRET}é"):
        with pytest.raises(RegistryError, match="characters that no token has") as caught:
            Endpoint(credential=Credential("the test", registry_token=bad)).challenged(BEARER)
        assert SECRET not in repr(caught.value)


@pytest.mark.parametrize("realm", ["http://auth.example/t", "http://registry.example/t", "http://127.0.0.1.example/t"])
def test_credentials_go_to_no_realm_in_the_clear(realm: str) -> None:
    with pytest.raises(RegistryError, match="without encryption") as caught:
        Endpoint().challenged(f'Bearer realm="{realm}"')
    assert SECRET not in repr(caught.value)
    assert Endpoint(credential=None).challenged(f'Bearer realm="{realm}"') == "Bearer t1"


@pytest.mark.parametrize("realm", ["http://127.0.0.1:1/t", "http://localhost/t", "http://[::1]:5/t", "https://a/t?x=y"])
def test_credentials_go_to_realms_here_or_over_https(realm: str) -> None:
    endpoint = Endpoint()
    assert endpoint.challenged(f'Bearer realm="{realm}"') == "Bearer t1"
    assert endpoint.asked[0][1].startswith(f"{realm}{'&' if '?' in realm else '?'}client_id=")


@pytest.mark.parametrize("realm", ["/token", "file:///etc/passwd", "http://[", "https://", "ftp://x", "x"])
def test_a_realm_that_is_no_url_is_refused(realm: str) -> None:
    with pytest.raises(RegistryError, match="which is no URL"):
        Endpoint().challenged(f'Bearer realm="{realm}"')


@pytest.mark.parametrize(
    "body",
    [
        *(b"", b"[]", b"{}", b"null", b"[" * 100_000, b'{"token": "a", "expires_in": '),
        *(
            b'{"token": ""}',
            b'{"token": 1}',
            b'{"token": "a b"}',
            b'{"token": "a\\r\\nX: y"}',
            '{"token": "é"}'.encode(),
        ),
    ],
)
def test_never_an_empty_or_foreign_bearer(body: bytes) -> None:
    with pytest.raises(RegistryError, match="answered without a token"):
        Endpoint(Answer(200, body)).challenged(BEARER)


@pytest.mark.parametrize("life", ["1e999", "-5", "true", '"x"', "NaN", f"1{'0' * 400}", "null", "0"])
def test_any_life_will_do(life: str) -> None:
    endpoint = Endpoint(Answer(200, f'{{"token": "a", "expires_in": {life}}}'.encode()))
    assert endpoint.challenged(BEARER) == "Bearer a"


@given(st.text(max_size=80), st.text(max_size=30))
def test_no_challenge_makes_another_error(realm: str, scope: str) -> None:
    for start in ("", "https://"):
        with contextlib.suppress(RegistryError):
            Endpoint().challenged(f'Bearer realm="{start}{realm}",scope="{scope}"')


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 307])
def test_a_refused_token_says_which_credential_it_was(status: int) -> None:
    with pytest.raises(RegistryError, match=rf"answered {status}\. The credential came from the test \(user 'user'\)"):
        Endpoint(Answer(status, b"no")).challenged(BEARER)


def get(transport: Transport, scopes: tuple[str, ...] = PULL) -> int:
    url = f"{transport.base}/v2/acme/filter/tags/list"
    return transport.send("GET", url, scopes=scopes, accepted=(200, 404)).status_code


def test_an_expired_token_is_fetched_anew(
    make_registry: Callable[..., EmbeddedRegistry], connect: Callable[..., Connection]
) -> None:
    authentication = BearerAuthentication({"user": SECRET})
    registry = make_registry(authentication=authentication)
    with Transport(registry.host, "acme/filter", connect(credential=PAIR)) as transport:
        assert [get(transport), get(transport)] == [404, 404]
        assert [record.status for record in registry.log] == [401, 200, 404, 404]
        authentication.expire()
        assert get(transport) == 404
    assert [record.status for record in registry.log[4:]] == [401, 200, 404]
    assert transport.requests == 7


def test_a_foreign_host_gets_no_credentials_by_a_challenge(
    make_registry: Callable[..., EmbeddedRegistry], connect: Callable[..., Connection]
) -> None:
    registry = make_registry(authentication=BasicAuthentication({"user": SECRET}))
    foreign = make_registry(authentication=BearerAuthentication({"user": SECRET}))
    with Transport(registry.host, "acme/filter", connect(credential=PAIR)) as transport:
        get(transport)
        registry.faults.add(redirect=f"{foreign.url}/v2/acme/filter/tags/list", times=None)
        with pytest.raises(RegistryError, match="answered 401"):
            get(transport)
    assert [record.status for record in foreign.log] == [401]
    assert "authorization" not in foreign.log[0].headers


def test_a_refusal_says_where_credentials_were_looked_for(
    make_registry: Callable[..., EmbeddedRegistry], connect: Callable[..., Connection]
) -> None:
    registry = make_registry(authentication=BasicAuthentication({"user": "another"}))
    for credential, words in ((PAIR, r"came from the test \(user 'user'\)"), (None, "No credential was given")):
        with (
            Transport(registry.host, "acme/filter", connect(credential=credential)) as transport,
            pytest.raises(RegistryError, match=words) as caught,
        ):
            get(transport)
        assert (caught.value.status, caught.value.code) == (401, "UNAUTHORIZED")
        assert "docker login" in caught.value.remedy
