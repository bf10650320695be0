from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hatch_wasm_oci.consumers.realm import refused_bearer_realms, refused_realms

PRIVATE = "realm targets private/loopback/link-local IP"
NO_SCHEME = 'realm scheme "" not allowed'


@pytest.mark.parametrize(
    ("realm", "words"),
    [
        ("https://auth.docker.io/token", ""),
        ("http://registry.example.com:5000/token?a=b", ""),
        ("HTTPS://ghcr.io/token", ""),
        ("https://8.8.8.8/token", ""),
        ("http://0.0.0.0/token", ""),  # so it is in Istio
        ("http://LOCALHOST/token", ""),
        ("http://localhost./token", ""),
        ("http://100.64.0.1/token", ""),
        ("http://[2001:db8::1]/token", ""),
        ("http://[fe80::1%25eth0]/token", ""),
        ("http://010.0.0.1/token", ""),
        ("http://localhost:5000/token", "realm targets localhost"),
        ("http://u:p@localhost/token", "realm targets localhost"),
        ("http://127.0.0.1:5000/token", PRIVATE),
        ("http://127.9.9.9/token", PRIVATE),
        ("https://10.1.2.3/token", PRIVATE),
        ("https://172.31.0.1/token", PRIVATE),
        ("https://172.32.0.1/token", ""),
        ("https://192.168.0.1/token", PRIVATE),
        ("https://169.254.169.254/token", PRIVATE),
        ("https://[::1]:5000/token", PRIVATE),
        ("https://[fd00::1]/token", PRIVATE),
        ("https://[fe80::1]/token", PRIVATE),
        ("https://[::ffff:10.0.0.1]/token", PRIVATE),
        ("http://metadata.google.internal/token", "realm targets cloud metadata service"),
        ("Registry Realm", NO_SCHEME),
        ("basic-realm", NO_SCHEME),
        ("", NO_SCHEME),
        ("/token", NO_SCHEME),
        ("//ghcr.io/token", NO_SCHEME),
        ("file:///etc/passwd", 'realm scheme "file" not allowed'),
        ("localhost:5000", 'realm scheme "localhost" not allowed'),
        ("my realm: x", 'invalid realm URL: parse "my realm: x": first path segment in URL cannot contain colon'),
        ("http://", "realm missing host"),
        ("http:token", "realm missing host"),
        ("http://[::1", "invalid realm URL: parse \"http://[::1\": missing ']' in host"),
    ],
)
def test_realms_that_istio_refuses(realm: str, words: str) -> None:
    found = list(refused_realms(f'Bearer realm="{realm}",service="s"'))
    assert found == ([(realm, words)] if words else [])


def test_every_realm_counts_but_one_without_quotes() -> None:
    header = (
        'Negotiate, Bearer realm="https://ghcr.io/token",x="y", Basic realm="a", Basic realm=b, Basic realm="http://c'
    )
    assert list(refused_realms(header)) == [("a", NO_SCHEME)]
    assert list(refused_realms("Basic")) == []


@pytest.mark.parametrize(
    ("challenge", "host"),
    [
        ('Bearer realm="http://10.0.0.5/token",service="s"', "10.0.0.5"),
        ('bearer service="s",realm="https://127.0.0.1:5001/token"', "127.0.0.1"),
        ('Basic realm="http://8.8.8.8", Bearer realm="https://[::1]/token"', "::1"),
        ('Bearer realm="https://0.0.0.0/token"', "0.0.0.0"),
        ('Bearer realm="http://127.0.0.1:5000/token"', ""),  # the registry's own place
        ('Bearer realm="https://localhost/token"', ""),  # a name
        ('Bearer realm="https://auth.docker.io/token"', ""),
        ('Basic realm="http://10.0.0.5/"', ""),
        ('Basic realm="Bearer"', ""),
        ('Bearer realm="https://[::1"', ""),
        ("Bearer", ""),
    ],
)
def test_realms_that_the_library_refuses(challenge: str, host: str) -> None:
    found = [words for _, words in refused_bearer_realms(challenge, "127.0.0.1:5000")]
    assert found == ([f'realm host "{host}" is a private or link-local address'] if host else [])


@given(st.text())
def test_any_challenge_is_read(text: str) -> None:
    for challenge in (
        text,
        f'Bearer realm="{text}"',
        f'Bearer realm="http://{text}"',
        f'Bearer realm="http://[{text}]"',
    ):
        assert all(words for _, words in refused_realms(challenge))
        assert all(words for _, words in refused_bearer_realms(challenge, "ghcr.io"))
