from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.testing import BasicAuthentication, read_htpasswd

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hatch_wasm_oci.testing import EmbeddedRegistry
    from tests.testing.conftest import Client

# Made by `openssl passwd -apr1 -salt abcdefgh`, and by hand for SHA-1.
HASHES = {
    "x": "$apr1$abcdefgh$82JubPF2dQkt1tVfvLnXS.",
    "password": "$apr1$abcdefgh$FBwExRW4dCc8aL.OvjpIE1",
    "a much longer pässword that exceeds sixteen bytes by far": "$apr1$abcdefgh$/NUz1uz5TSIKsVY2vs6/A/",
    "secret": "{SHA}5en6G6MezRroT3XKqkdPOmY/BfQ=",
}


@pytest.mark.parametrize(("password", "hashed"), HASHES.items())
def test_passwords_are_checked(tmp_path: Path, password: str, hashed: str) -> None:
    path = tmp_path / "htpasswd"
    path.write_text(f"# comment\n\nuser:{hashed}\n")
    found = read_htpasswd(path)["user"]
    assert found.matches(password)
    assert not found.matches(password + "x")
    assert not found.matches("")
    assert hashed not in repr(found)


def test_a_registry_takes_the_file(
    make_registry: Callable[..., EmbeddedRegistry], make_client: Callable[..., Client], tmp_path: Path
) -> None:
    (tmp_path / "htpasswd").write_text(f"u:{HASHES['x']}\n")
    client = make_client(make_registry(authentication=BasicAuthentication(read_htpasswd(tmp_path / "htpasswd"))))
    assert client("GET", "/v2/", headers={"Authorization": "Basic dTp4"}).status == 200
    assert client("GET", "/v2/", headers={"Authorization": "Basic dTp5"}).status == 401


def test_what_can_not_be_checked_is_refused_with_its_line(tmp_path: Path) -> None:
    path = tmp_path / "htpasswd"
    path.write_text("a:$2y$05$abc\nb:plain\nc\n:{SHA}x\nd:$apr1$x\ne:" + HASHES["x"])
    with pytest.raises(SettingsError) as raised:
        read_htpasswd(path)
    assert [error.split(" of ")[0] for error in raised.value.errors] == [f"htpasswd: line {n}" for n in (1, 2, 3, 4, 5)]
    assert "bcrypt" in raised.value.errors[0]
    assert "htpasswd -s" in raised.value.errors[0]
    assert "plain" not in str(raised.value)


@pytest.mark.parametrize("content", [None, b"\xff:x"])
def test_a_file_that_can_not_be_read(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "htpasswd"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=r"htpasswd: .* can't be read"):
        read_htpasswd(path)
