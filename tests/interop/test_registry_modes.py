"""This package's client against Debian's docker-registry as operators set it up: passwords, TLS, tokens, no writes."""

from __future__ import annotations

import base64
import datetime as dt
import json
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

import hatch_wasm_oci
from hatch_wasm_oci import RegistryError
from hatch_wasm_oci.image.reference import Reference
from hatch_wasm_oci.registry.connection import Connection
from hatch_wasm_oci.registry.transport import Transport

from . import peers

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from hatch_wasm_oci import PackagedImage

    from .peers import Peer

pytestmark = pytest.mark.interop

PASSWORD = "correct horse"
# bcrypt with cost 4 of the password above: docker-registry takes no other kind.
HTPASSWD = "user:$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n"


@pytest.fixture
def program(tmp_path: Path) -> Peer:
    return peers.find("docker-registry", tmp_path)


@pytest.fixture(autouse=True)
def environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGISTRY_AUTH_FILE", str(tmp_path / "auth.json"))


def goes_there_and_back(host: str, packaged: PackagedImage, **options: Any) -> None:
    reference = f"{host}/modes/filter:1.2.0"
    assert hatch_wasm_oci.push(packaged, reference, **options).digest == packaged.manifest_digest
    assert hatch_wasm_oci.pull(reference, **options) == packaged.image
    assert hatch_wasm_oci.push(packaged, reference, **options).unchanged


def test_passwords(program: Peer, tmp_path: Path, packaged: PackagedImage) -> None:
    (tmp_path / "htpasswd").write_text(HTPASSWD)
    auth = f"auth: {{htpasswd: {{realm: r, path: {tmp_path / 'htpasswd'}}}}}"
    with peers.docker_registry(program, tmp_path, auth=auth) as host:
        goes_there_and_back(host, packaged, username="user", password=PASSWORD)
        with pytest.raises(RegistryError, match=r"No credential was found; looked in: .*auth\.json") as caught:
            hatch_wasm_oci.pull(f"{host}/modes/filter:1.2.0")
        assert (caught.value.status, caught.value.code) == (401, "UNAUTHORIZED")
        entry = {"auth": base64.b64encode(f"user:{PASSWORD}".encode()).decode()}
        (tmp_path / "auth.json").write_text(json.dumps({"auths": {host: entry}}))
        assert hatch_wasm_oci.pull(f"{host}/modes/filter:1.2.0") == packaged.image
        with pytest.raises(RegistryError, match="came from the options") as caught:
            hatch_wasm_oci.pull(f"{host}/modes/filter:1.2.0", username="user", password="wr0ng")
        assert "wr0ng" not in repr(caught.value)


def test_tls(program: Peer, tmp_path: Path, packaged: PackagedImage) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "server.pem"))
    tls = f", tls: {{certificate: {tmp_path / 'server.pem'}, key: {tmp_path / 'server.pem'}}}"
    with peers.docker_registry(program, tmp_path, tls=tls) as host:
        goes_there_and_back(host, packaged, ca_file=str(tmp_path / "ca.pem"))
        assert hatch_wasm_oci.pull(f"{host}/modes/filter:1.2.0", insecure=True) == packaged.image
        trustme.CA().cert_pem.write_to_path(str(tmp_path / "other.pem"))
        with pytest.raises(RegistryError, match="is not trusted"):
            hatch_wasm_oci.pull(f"{host}/modes/filter:1.2.0", ca_file=str(tmp_path / "other.pem"))
        with pytest.raises(RegistryError, match="talks https, and GET"):
            hatch_wasm_oci.pull(f"{host}/modes/filter:1.2.0")


def test_read_only(program: Peer, tmp_path: Path, packaged: PackagedImage) -> None:
    with peers.docker_registry(program, tmp_path) as host:
        hatch_wasm_oci.push(packaged, f"{host}/modes/filter:1.2.0")
    with peers.docker_registry(program, tmp_path, read_only=True) as host:
        assert hatch_wasm_oci.pull(f"{host}/modes/filter:1.2.0") == packaged.image
        with pytest.raises(RegistryError, match="answered 405") as caught:
            hatch_wasm_oci.push(packaged, f"{host}/modes/other:1.2.0")
        assert "read-only" in caught.value.remedy


def test_deleting_is_refused_in_the_registrys_words(program: Peer, tmp_path: Path, packaged: PackagedImage) -> None:
    with peers.docker_registry(program, tmp_path, deletes=False) as host:
        goes_there_and_back(host, packaged)
        reference = Reference(host, "modes/filter")
        with Transport(reference.registry, reference.repository, Connection()) as transport:
            url = f"{transport.base}/v2/modes/filter/manifests/{packaged.manifest_digest}"
            with pytest.raises(RegistryError, match="UNSUPPORTED") as caught:
                transport.send("DELETE", url, accepted=(202,))
        assert caught.value.status == 405


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class TokenServer(ThreadingHTTPServer):
    """Gives tokens to who knows the password: JWTs, RS256, the certificate in `x5c`."""

    def __init__(self, bundle: Path) -> None:
        super().__init__(("127.0.0.1", 0), TokenRequest)
        self.asked: list[tuple[str, list[str]]] = []
        self.key = rsa.generate_private_key(65537, 2048)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "tokens of this test")])
        now = dt.datetime.now(dt.timezone.utc)
        builder = x509.CertificateBuilder(name, name, self.key.public_key(), x509.random_serial_number())
        builder = builder.not_valid_before(now - dt.timedelta(hours=1)).not_valid_after(now + dt.timedelta(hours=1))
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        certificate = builder.sign(self.key, hashes.SHA256())
        bundle.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
        self.chain = [base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()]

    def token(self, service: str, scopes: list[str]) -> str:
        now = int(time.time())
        parts = [scope.split(":") for scope in " ".join(scopes).split()]
        access = [{"type": kind, "name": name, "actions": actions.split(",")} for kind, name, actions in parts]
        claims = {"iss": "issuer", "sub": "user", "aud": service, "exp": now + 300, "nbf": now - 60, "iat": now - 60}
        header = {"typ": "JWT", "alg": "RS256", "x5c": self.chain}
        values = (header, {**claims, "jti": "1", "access": access})
        signed = ".".join(encoded(json.dumps(one).encode()) for one in values)
        return f"{signed}.{encoded(self.key.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


class TokenRequest(BaseHTTPRequestHandler):
    server: TokenServer

    def do_GET(self) -> None:
        self.answer(urlsplit(self.path).query, self.headers.get("Authorization"))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        refresh = parse_qs(body).get("refresh_token", [""])[0]
        pair = base64.b64encode(f"user:{refresh}".encode()).decode()
        self.answer(body, f"Basic {pair}")

    def answer(self, query: str, authorization: str | None) -> None:
        parameters = parse_qs(query)
        self.server.asked.append((self.command, parameters.get("scope", [])))
        good = f"Basic {base64.b64encode(f'user:{PASSWORD}'.encode()).decode()}"
        value = {"token": self.server.token(parameters["service"][0], parameters.get("scope", []))}
        data = json.dumps(value if authorization == good else {"details": "no"}).encode()
        self.send_response(200 if authorization == good else 401)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def token_server(bundle: Path) -> Iterator[TokenServer]:
    with TokenServer(bundle) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def test_tokens(program: Peer, tmp_path: Path, packaged: PackagedImage) -> None:
    with token_server(tmp_path / "bundle.pem") as server:
        fields = {
            "realm": f"http://127.0.0.1:{server.server_port}/token",
            "service": "the registry, quoted",
            "issuer": "issuer",
            "rootcertbundle": str(tmp_path / "bundle.pem"),
        }
        with peers.docker_registry(program, tmp_path, auth=json.dumps({"auth": {"token": fields}})[1:-1]) as host:
            goes_there_and_back(host, packaged, username="user", password=PASSWORD)
            assert {method for method, _ in server.asked} == {"GET"}
            assert server.asked[0][1] == ["repository:modes/filter:pull,push"]
            name = f"{host}/modes/filter:1.2.0"
            pair: dict[str, Any] = {"username": "user", "password": PASSWORD}
            copied = hatch_wasm_oci.copy(name, f"{host}/modes/copy:1", source_options=pair, **pair)
            assert len(copied.mounted) == 2
            (tmp_path / "auth.json").write_text(json.dumps({"auths": {host: {"identitytoken": PASSWORD}}}))
            assert hatch_wasm_oci.pull(name) == packaged.image
            assert server.asked[-1][0] == "POST"
            with pytest.raises(RegistryError, match=r"The token endpoint .* answered 401") as caught:
                hatch_wasm_oci.pull(name, username="user", password="wr0ng")
            assert "wr0ng" not in repr(caught.value)
