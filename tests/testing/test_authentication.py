from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.testing import BasicAuthentication, BearerAuthentication
from hatch_wasm_oci.testing.authentication import Access, parse_scopes

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing import EmbeddedRegistry
    from tests.testing.conftest import Answer, Client

USERS = {"user": "pass:word", "ümlaut": "ß"}
DIGEST = "sha256:" + "a" * 64


def basic(name: str = "user", password: str = "pass:word") -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def challenge(answer: Answer) -> dict[str, str]:
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")
    scheme, _, rest = str(answer.headers["WWW-Authenticate"]).partition(" ")
    return {"scheme": scheme, **dict(re.findall(r'(\w+)="([^"]*)"', rest))}


@pytest.fixture
def client_of(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client]
) -> Callable[[Any], Client]:
    return lambda authentication: make_client(make_registry(authentication=authentication))


@pytest.fixture
def authentication() -> BearerAuthentication:
    return BearerAuthentication(USERS)


@pytest.fixture
def client(client_of: Callable[[Any], Client], authentication: BearerAuthentication) -> Client:
    return client_of(authentication)


def token(client: Client, *scopes: str, headers: dict[str, str] | None = None, **parameters: str) -> Answer:
    query = urlencode([("service", "embedded-registry"), *(("scope", scope) for scope in scopes), *parameters.items()])
    return client("GET", f"/token?{query}", headers=basic() if headers is None else headers)


def form(client: Client, **fields: str) -> Answer:
    return client("POST", "/token", urlencode(fields), {"Content-Type": "application/x-www-form-urlencoded"})


@pytest.mark.parametrize(
    ("realm", "expected"), [(None, "Basic"), ("a realm", 'Basic realm="a realm"'), ('a"b\\', 'Basic realm="a\\"b\\\\"')]
)
def test_basic_challenges(client_of: Callable[[Any], Client], realm: str | None, expected: str) -> None:
    answer = client_of(BasicAuthentication(USERS, realm=realm))("GET", "/v2/")
    assert (answer.status, answer.code, answer.headers["WWW-Authenticate"]) == (401, "UNAUTHORIZED", expected)


def test_basic_credentials(client_of: Callable[[Any], Client]) -> None:
    client = client_of(BasicAuthentication(USERS))
    assert client("GET", "/v2/", headers=basic()).status == 200
    assert client("GET", "/v2/", headers=basic("ümlaut", "ß")).status == 200
    assert client("POST", "/v2/a/blobs/uploads/", headers=basic()).status == 202
    for wrong in (basic("user", "x"), basic("", ""), basic("nobody"), {"Authorization": "Basic"}, bearer("x")):
        assert client("GET", "/v2/", headers=wrong).status == 401
    for encoded in ("%%%", "dXNlcg==", "/w==", "dXNlcjpwYXNzOndvcmQ"):
        assert client("GET", "/v2/", headers={"Authorization": f"Basic {encoded}"}).status == 401


def test_basic_guards_everything(client_of: Callable[[Any], Client]) -> None:
    client = client_of(BasicAuthentication(USERS))
    for method, path in (
        ("GET", "/v2/_catalog"),
        ("GET", "/v2/a/tags/list"),
        ("GET", f"/v2/a/referrers/{DIGEST}"),
        ("HEAD", "/v2/a/manifests/1"),
        ("PUT", "/v2/a/manifests/1"),
        ("DELETE", f"/v2/a/blobs/{DIGEST}"),
        ("POST", "/v2/a/blobs/uploads/"),
        ("PATCH", "/v2/a/blobs/uploads/x"),
    ):
        assert client(method, path).status == 401


def test_basic_with_anonymous_pull(client_of: Callable[[Any], Client]) -> None:
    client = client_of(BasicAuthentication(USERS, anonymous_pull=True))
    assert client("GET", "/v2/a/tags/list").status == 404
    assert client("GET", "/v2/a/tags/list", headers=basic("user", "wrong")).status == 401
    assert client("POST", "/v2/a/blobs/uploads/").status == 401
    assert client("GET", "/v2/").status == 401


def test_the_bearer_challenge_says_what_is_needed(client: Client) -> None:
    answer = challenge(client("GET", "/v2/"))
    assert answer == {"scheme": "Bearer", "realm": f"http://{client.host}/token", "service": "embedded-registry"}
    for method, path, scope in (
        ("GET", "/v2/a/b/tags/list", "repository:a/b:pull"),
        ("POST", "/v2/a/blobs/uploads/", "repository:a:pull,push"),
        ("PUT", "/v2/a/manifests/1", "repository:a:pull,push"),
        ("GET", "/v2/a/blobs/uploads/x", "repository:a:pull,push"),
        ("DELETE", "/v2/a/blobs/uploads/x", "repository:a:pull,push"),
        ("DELETE", "/v2/a/manifests/1", "repository:a:delete"),
        ("GET", "/v2/_catalog", "registry:catalog:*"),
        ("POST", f"/v2/a/blobs/uploads/?mount={DIGEST}&from=b", "repository:a:pull,push repository:b:pull"),
        ("POST", f"/v2/a/blobs/uploads/?mount={DIGEST}&from=A;", "repository:a:pull,push"),
    ):
        assert challenge(client(method, path))["scope"] == scope


def test_a_realm_and_a_service_of_ones_own(client_of: Callable[[Any], Client]) -> None:
    client = client_of(BearerAuthentication(USERS, realm="https://auth.example.com/t", service="s"))
    found = challenge(client("GET", "/v2/"))
    assert (found["realm"], found["service"]) == ("https://auth.example.com/t", "s")
    assert client("GET", "/token?service=s", headers=basic()).status == 200
    assert client("GET", "/token?service=other", headers=basic()).status == 400


def test_a_token_opens_what_it_covers(client: Client) -> None:
    answer = token(client, "repository:a:pull,push repository:b:pull", "registry:catalog:*")
    assert answer.json["token"] == answer.json["access_token"]
    assert answer.json["expires_in"] == 300
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", answer.json["issued_at"])
    headers = bearer(answer.json["token"])
    for method, path, status in (
        ("GET", "/v2/", 200),
        ("GET", "/v2/_catalog", 200),
        ("POST", "/v2/a/blobs/uploads/", 202),
        ("GET", "/v2/b/tags/list", 404),
    ):
        assert client(method, path, headers=headers).status == status
    for method, path in (("POST", "/v2/b/blobs/uploads/"), ("DELETE", "/v2/a/manifests/1"), ("GET", "/v2/c/tags/list")):
        assert challenge(client(method, path, headers=headers))["error"] == "insufficient_scope"


def test_a_mount_needs_both_and_finds_only_what_may_be_read(client: Client) -> None:
    everything = bearer(token(client, "repository:a:pull,push", "repository:b:pull,push").json["token"])
    one = bearer(token(client, "repository:b:pull,push").json["token"])
    digest = "sha256:6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b"
    assert client("POST", f"/v2/a/blobs/uploads/?digest={digest}", b"1", everything).status == 201
    assert client("POST", f"/v2/b/blobs/uploads/?mount={digest}&from=a", headers=one).status == 401
    assert client("POST", f"/v2/b/blobs/uploads/?mount={digest}", headers=one).status == 202
    assert client("POST", f"/v2/b/blobs/uploads/?mount={digest}", headers=everything).status == 201


@pytest.mark.parametrize("credentials", [{}, basic("user", "wrong"), bearer("x")])
def test_no_token_without_the_right_password(client: Client, credentials: dict[str, str]) -> None:
    answer = token(client, "repository:a:pull", headers=credentials)
    assert (answer.status, answer.code) == (401, "UNAUTHORIZED")


@pytest.mark.parametrize("value", ["", "none", "a b"])
def test_a_token_that_was_never_given_is_invalid(client: Client, value: str) -> None:
    assert challenge(client("GET", "/v2/", headers=bearer(value)))["error"] == "invalid_token"


def test_tokens_expire(client_of: Callable[[Any], Client]) -> None:
    client = client_of(BearerAuthentication(USERS, lifetime=0))
    headers = bearer(token(client, "repository:a:pull").json["token"])
    assert challenge(client("GET", "/v2/a/tags/list", headers=headers))["error"] == "invalid_token"


def test_tokens_can_be_made_to_expire(client: Client, authentication: BearerAuthentication) -> None:
    headers = bearer(token(client, "repository:a:pull").json["token"])
    assert client("GET", "/v2/", headers=headers).status == 200
    authentication.expire()
    assert client("GET", "/v2/", headers=headers).status == 401


def test_refresh_tokens(client: Client, authentication: BearerAuthentication) -> None:
    refresh = token(client, offline_token="true").json["refresh_token"]
    assert "refresh_token" not in token(client).json
    authentication.expire()
    fields = {"grant_type": "refresh_token", "service": "embedded-registry", "scope": "repository:a:pull,push"}
    answer = form(client, **fields, refresh_token=refresh)
    assert answer.json["refresh_token"] == refresh
    assert client("POST", "/v2/a/blobs/uploads/", headers=bearer(answer.json["access_token"])).status == 202
    assert form(client, **fields, refresh_token="x").json == {"error": "invalid_grant"}


def test_passwords_in_a_form(client: Client) -> None:
    fields = {"grant_type": "password", "username": "user", "password": "pass:word", "scope": "repository:a:pull"}
    answer = form(client, **fields)
    assert client("GET", "/v2/a/tags/list", headers=bearer(answer.json["access_token"])).status == 404
    assert "refresh_token" not in answer.json
    assert "refresh_token" in form(client, **fields, access_type="offline").json
    assert form(client, **{**fields, "password": "x"}).status == 401


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type"),
        ({"grant_type": "password", "service": "other"}, "invalid_request"),
    ],
)
def test_forms_that_ask_for_something_else(client: Client, fields: dict[str, str], error: str) -> None:
    answer = form(client, **fields)
    assert (answer.status, answer.json) == (400, {"error": error})


@pytest.mark.parametrize("body", [b"\xff=\xfe", b"x" * 100_000, b"&".join([b"a=b"] * 500)])
def test_hostile_forms_are_refused(client: Client, body: bytes) -> None:
    assert client("POST", "/token", body).status == 400


def test_an_old_token_endpoint(client_of: Callable[[Any], Client]) -> None:
    client = client_of(BearerAuthentication(USERS, oauth2=False, answer_key="token"))
    assert form(client, grant_type="refresh_token").status == 404
    answer = token(client, "repository:a:pull").json
    assert ("token" in answer, "access_token" in answer) == (True, False)
    assert client("PUT", "/token").status == 405


def test_bearer_with_anonymous_pull(client_of: Callable[[Any], Client]) -> None:
    client = client_of(BearerAuthentication(USERS, anonymous_pull=True))
    assert client("GET", "/v2/a/tags/list").status == 401
    headers = bearer(token(client, "repository:a:pull,push", headers={}).json["token"])
    assert client("GET", "/v2/a/tags/list", headers=headers).status == 404
    assert client("POST", "/v2/a/blobs/uploads/", headers=headers).status == 401
    assert token(client, headers=basic("user", "wrong")).status == 401


def test_there_is_no_token_endpoint_without_bearer(client_of: Callable[[Any], Client]) -> None:
    assert client_of(BasicAuthentication(USERS))("GET", "/token", headers=basic()).status == 404


def test_the_realm_follows_the_name_that_the_client_used(client: Client) -> None:
    answer = client("GET", "/v2/", headers={"Host": "localhost:5000"})
    assert urlsplit(challenge(answer)["realm"]).netloc == "localhost:5000"


def test_secrets_are_not_shown() -> None:
    assert "pass:word" not in repr(BasicAuthentication(USERS))
    assert "pass:word" not in repr(BearerAuthentication(USERS))


@given(
    st.lists(st.text(max_size=20) | st.sampled_from(["repository:a:pull", "repository:a:push", "registry:catalog:*"]))
)
def test_any_scopes_are_read(scopes: list[str]) -> None:
    for access in parse_scopes(scopes):
        assert access.name
    joined = parse_scopes([" ".join(scopes)])
    assert {str(access) for access in joined} == {str(access) for access in parse_scopes(scopes)}


def test_scopes_of_one_name_are_joined() -> None:
    (access,) = parse_scopes(["repository:a/b:pull", "repository:a/b:push,delete nonsense"])
    assert access == Access("repository", "a/b", frozenset({"pull", "push", "delete"}))
    assert str(access) == "repository:a/b:pull,push,delete"
    assert parse_scopes(["repository(plugin):a:pull", quote("repository:a:pull")])[0].kind == "repository(plugin)"
