"""Password files as web servers have them, as far as the standard library can check what they hold."""

from __future__ import annotations

import base64
import hashlib
import hmac
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

_MAXIMUM_FILE = 1024 * 1024
_ALPHABET = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_APR1_ROUNDS = 1000
_APR1_ORDER = ((0, 6, 12), (1, 7, 13), (2, 8, 14), (3, 9, 15), (4, 10, 5))
_APR1_PARTS = 4


@dataclass(frozen=True)
class PasswordHash:
    """A password that is known by its hash.

    Args:
        text: The hash as the file has it: `{SHA}…` or `$apr1$…`.
    """

    text: str = field(repr=False)

    def matches(self, password: str) -> bool:
        """Whether this is the password."""
        if self.text.startswith("{SHA}"):
            digest = hashlib.sha1(password.encode(), usedforsecurity=False).digest()
            found = "{SHA}" + base64.b64encode(digest).decode()
        else:
            found = _apr1(password.encode(), self.text.split("$")[2].encode())
        return hmac.compare_digest(found.encode(), self.text.encode())


def read_htpasswd(path: Path) -> dict[str, PasswordHash]:
    """Read a password file, as `htpasswd -s` (SHA-1) and `htpasswd -m` (MD5) write it.

    Args:
        path: The file; one `name:hash` per line.

    Returns:
        Hashes by user name, for `BasicAuthentication` and `BearerAuthentication`.

    Raises:
        SettingsError: The file can't be read, or holds hashes that the standard library can't check, such as bcrypt's.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_MAXIMUM_FILE).decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError([f"htpasswd: {path} can't be read ({error}). Give a file that `htpasswd` wrote."]) from None
    users: dict[str, PasswordHash] = {}
    errors = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, colon, hashed = line.strip().partition(":")
        apr1 = hashed.startswith("$apr1$") and len(hashed.split("$")) == _APR1_PARTS
        if not colon or not name or not (apr1 or hashed.startswith("{SHA}")):
            kind = "bcrypt" if hashed.startswith("$2") else "unknown"
            errors.append(
                f"htpasswd: line {number} of {path} has a hash of {kind} kind, which can't be checked here. "
                "Write it with `htpasswd -s` or `htpasswd -m`."
            )
        users[name] = PasswordHash(hashed)
    if errors:
        raise SettingsError(errors)
    return users


def _apr1(password: bytes, salt: bytes) -> str:
    # The MD5 scheme of Apache's apr_md5_encode, which is FreeBSD's MD5 crypt under another name.
    def md5(data: bytes) -> bytes:
        return hashlib.md5(data, usedforsecurity=False).digest()

    inner = md5(password + salt + password)
    data = password + b"$apr1$" + salt + (inner * (len(password) // 16 + 1))[: len(password)]
    length = len(password)
    while length:
        data += b"\0" if length & 1 else password[:1]
        length >>= 1
    result = md5(data)
    for step in range(_APR1_ROUNDS):
        data = password if step & 1 else result
        data += salt if step % 3 else b""
        data += password if step % 7 else b""
        result = md5(data + (result if step & 1 else password))
    text = "".join(
        _encoded(result[first] << 16 | result[second] << 8 | result[third], 4) for first, second, third in _APR1_ORDER
    )
    return f"$apr1${salt.decode()}${text}{_encoded(result[11], 2)}"


def _encoded(value: int, characters: int) -> str:
    return "".join(_ALPHABET[value >> 6 * position & 63] for position in range(characters))
