from __future__ import annotations

import datetime as dt
import email.utils
import os
import socket
from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import RegistryError
from hatch_wasm_oci.registry.connection import Connection, Retry, is_loopback
from hatch_wasm_oci.registry.credentials import Credential
from hatch_wasm_oci.registry.transport import Transport
from hatch_wasm_oci.testing import BasicAuthentication

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.testing import EmbeddedRegistry

    Connect = Callable[..., Connection]
    Make = Callable[..., EmbeddedRegistry]

PAIR = Credential("the test", "user", "s3cr3t")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.lower().endswith("_proxy") or name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
            monkeypatch.delenv(name)


def get(registry: EmbeddedRegistry | str, connection: Connection, path: str = "/v2/") -> int:
    host = registry if isinstance(registry, str) else registry.host
    with Transport(host, "a", connection) as transport:
        return transport.send("GET", f"{transport.base}{path}", accepted=(200,)).status_code


@pytest.mark.parametrize("asked", ["3", "date"])
def test_a_registry_is_waited_for_as_it_asks(
    registry: EmbeddedRegistry, connect: Connect, waits: list[float], asked: str
) -> None:
    moment = dt.datetime.now(dt.timezone.utc) + dt.timedelta(seconds=20)
    text = email.utils.format_datetime(moment, usegmt=True) if asked == "date" else asked
    registry.faults.add(status=503, headers={"Retry-After": text})
    assert get(registry, connect()) == 200
    assert (waits == [3.0]) if asked == "3" else (0 < waits[0] <= 20)


@pytest.mark.parametrize(
    "asked", ["-1", "x", "", "Mon, 01 Jan 2020 00:00:00 +9999999999999", "1 Jan 99999999 00:00:00 GMT", "Mon, 99", ","]
)
def test_a_wait_that_is_none_is_passed_over(
    registry: EmbeddedRegistry, connect: Connect, waits: list[float], asked: str
) -> None:
    registry.faults.add(status=429, headers={"Retry-After": asked}, times=2)
    assert get(registry, connect()) == 200
    assert waits == [0.5, 1.0]


@pytest.mark.parametrize("asked", ["31", "9" * 400])
def test_a_wait_that_is_too_long_is_an_error(
    registry: EmbeddedRegistry, connect: Connect, waits: list[float], asked: str
) -> None:
    registry.faults.add(status=429, headers={"Retry-After": asked})
    with pytest.raises(RegistryError, match="answered 429"):
        get(registry, connect())
    assert not waits


def test_waits_grow_with_jitter_within_bounds() -> None:
    drawn: list[float] = []

    def draw(longest: float) -> float:
        drawn.append(longest)
        return 0.0

    retry = Retry(first=1, longest=5, jitter=draw)
    assert [retry.backoff(attempt) for attempt in range(1, 6)] == [0.0] * 5
    assert drawn == [1, 2, 4, 5, 5]
    assert 0 <= Retry().backoff(3) <= 2


def test_no_attempt_is_begun_after_the_time_is_up(registry: EmbeddedRegistry, connect: Connect) -> None:
    retry = Retry(attempts=100, total=3, sleep=lambda _seconds: None, clock=lambda: 0.0, jitter=lambda longest: longest)
    registry.faults.add(status=503, times=None)
    with pytest.raises(RegistryError, match="answered 503"):
        get(registry, connect(retry=retry))
    assert len(registry.log) == 4


def test_redirects_end_and_take_no_credentials_elsewhere(make_registry: Make, connect: Connect) -> None:
    registry = make_registry(authentication=BasicAuthentication({"user": "s3cr3t"}))
    elsewhere = make_registry()
    registry.faults.add(skip=1, redirect=f"{elsewhere.url}/v2/")
    assert get(registry, connect(credential=PAIR)) == 200
    assert "authorization" not in elsewhere.log[0].headers
    elsewhere.faults.add(redirect=f"{registry.url}/v2/")
    registry.faults.add(skip=1, redirect=f"{elsewhere.url}/v2/")
    assert get(registry, connect(credential=PAIR)) == 200  # and back home, with them
    registry.faults.add(redirect="/v2/", times=None)
    before = len(registry.log)
    with pytest.raises(RegistryError, match="redirected more than 5 times"):
        get(registry, connect())
    assert len(registry.log) == before + 6


@pytest.mark.parametrize("location", ["ftp://x/", "http://[", "file:///etc/passwd"])
def test_redirects_to_what_is_no_url_are_refused(registry: EmbeddedRegistry, connect: Connect, location: str) -> None:
    registry.faults.add(redirect=location)
    with pytest.raises(RegistryError, match="which is no URL"):
        get(registry, connect())


def test_what_is_encrypted_is_not_redirected_into_the_clear(make_registry: Make, connect: Connect) -> None:
    registry = make_registry(tls=True)
    registry.faults.add(redirect="http://registry.example/v2/")
    with pytest.raises(RegistryError, match="which is not encrypted"):
        get(registry, connect(ca_file=str(registry.certificate_authority)))
    with (
        Transport("registry.example", "a", connect()) as transport,
        pytest.raises(RegistryError, match="which is not encrypted"),
    ):
        transport.target("https://registry.example/v2/", "http://127.0.0.1/x")


def test_certificates(make_registry: Make, connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    registry = make_registry(tls=True)
    authority = str(registry.certificate_authority)
    assert get(registry, connect(ca_file=authority)) == 200
    assert get(registry, connect(insecure=True)) == 200
    other = make_registry(tls=True)
    with pytest.raises(RegistryError, match=r"The certificate of .* is not trusted") as caught:
        get(registry, connect(ca_file=str(other.certificate_authority)))
    assert "SSL_CERT_FILE" in caught.value.remedy
    with pytest.raises(RegistryError, match="is not there"):
        get(registry, connect(ca_file="/nowhere.pem"))
    for name in ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"):
        with monkeypatch.context() as context, Transport("registry.example", "a", connect()) as plain:
            with pytest.raises(RegistryError, match="not trusted"):
                plain.send("GET", f"{registry.url}/v2/", accepted=(200,))
            context.setenv(name, authority)
            with Transport("registry.example", "a", connect()) as transport:
                assert transport.send("GET", f"{registry.url}/v2/", accepted=(200,)).status_code == 200


def test_insecure_is_said_for_one_host(make_registry: Make, connect: Connect) -> None:
    registry, other = make_registry(tls=True), make_registry(tls=True)
    registry.faults.add(redirect=f"{other.url}/v2/")
    with pytest.raises(RegistryError, match="not trusted"):
        get(registry, connect(insecure=True))
    assert not other.log


def test_http_where_https_is_wanted_and_the_reverse(make_registry: Make, connect: Connect) -> None:
    registry = make_registry()
    with pytest.raises(RegistryError, match="does not talk https") as caught:
        get(registry, connect(insecure=True))
    assert "plain http" in caught.value.remedy
    assert get(registry, connect(insecure=True, plain_http=True)) == 200


def test_scheme_by_host(connect: Connect) -> None:
    def base(host: str, **options: object) -> str:
        with Transport(host, "a", connect(**options)) as transport:
            return transport.base

    assert base("registry.example") == base("registry.example", insecure=True) == "https://registry.example"
    assert base("registry.example", plain_http=True) == "http://registry.example"
    assert base("localhost:5000") == "http://localhost:5000"
    assert base("localhost:5000", insecure=True) == "https://localhost:5000"
    assert base("docker.io") == "https://registry-1.docker.io"


@pytest.mark.parametrize(
    ("host", "local"),
    [
        *((host, True) for host in ("localhost", "a.localhost:1", "127.8.9.1:5", "[::1]:5")),
        *((host, False) for host in ("::1", "localhost.example", "127.0.0.1.example", "10.0.0.1", "[", "")),
    ],
)
def test_what_is_this_machine(host: str, local: bool) -> None:  # noqa: FBT001 - a parameter of the test
    assert is_loopback(host) is local


def test_proxies_are_for_others_than_this_machine(
    make_registry: Make, connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, proxy = make_registry(), make_registry()
    monkeypatch.setenv("http_proxy", proxy.url.replace("//", "//user:s3cr3t@"))
    assert get(registry, connect()) == 200
    assert not proxy.log
    proxy.faults.add(status=418, times=None)
    with pytest.raises(RegistryError, match="answered 418"):
        get("registry.example", connect(plain_http=True))
    monkeypatch.setenv("no_proxy", "registry.example")
    proxy.stop()
    with pytest.raises(RegistryError, match="doesn't resolve"):
        get("registry.example", connect(plain_http=True))
    monkeypatch.delenv("no_proxy")
    with pytest.raises(RegistryError, match=r"The proxy on the way to registry\.example failed") as caught:
        get("registry.example", connect(plain_http=True))
    assert "s3cr3t" not in repr(caught.value)


def test_nothing_listens(connect: Connect) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{listener.getsockname()[1]}"
        with pytest.raises(RegistryError, match=f"Nothing listens at {host} for GET http://{host}/v2/"):
            get(host, connect())


def test_no_cookies_are_kept(make_registry: Make, connect: Connect) -> None:
    registry = make_registry()
    registry.faults.add(status=200, headers={"Set-Cookie": "session=s3cr3t; Path=/"})
    with Transport(registry.host, "a", connect()) as transport:
        for _ in range(2):
            transport.send("GET", f"{transport.base}/v2/", accepted=(200,))
    assert not any("cookie" in record.headers for record in registry.log)
