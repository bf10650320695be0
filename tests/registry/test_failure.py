from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from hatch_wasm_oci.errors import RegistryError
from hatch_wasm_oci.registry.failure import redacted, unreachable
from hatch_wasm_oci.registry.transport import Transport

if TYPE_CHECKING:
    from collections.abc import Callable

    from hatch_wasm_oci.registry.connection import Connection
    from hatch_wasm_oci.testing import EmbeddedRegistry


@pytest.mark.parametrize(
    ("fault", "words", "remedy"),
    [
        ({"status": 404, "code": "NAME_UNKNOWN"}, "NAME_UNKNOWN: a fault", "created first"),
        ({"status": 404, "body": "no", "headers": {"Content-Type": "text/plain"}}, "Not Found", "host"),
        ({"status": 404, "body": "<p>", "headers": {"Content-Type": "text/html; charset=x"}}, "web page", "port"),
        ({"status": 413, "body": "<p>", "headers": {"Content-Type": "text/html"}}, "Too Large|answered 413", "chunked"),
        ({"status": 403, "code": "DENIED"}, "DENIED", "quota"),
        ({"status": 403, "body": '{"errors":[{"code":"DENIED","message":"over quota"}]}'}, "over quota", "Make room"),
        ({"status": 400, "body": '{"errors":[{"code":"TAG","message":"tag is immutable"}]}'}, "immutable", "version"),
        ({"status": 409, "body": "{}"}, "Conflict", "immutable"),
        ({"status": 405, "body": ""}, "Not Allowed", "read-only"),
        ({"status": 507, "body": ""}, "507", "full"),
        ({"status": 418, "body": '{"errors":[{"code":{"x":1},"message":["y"]}]}'}, "answered 418", "permissions"),
        (
            {"status": 418, "body": '{"errors":[{"code":"\\u001b[31m","message":"a\\nb\\u202e"}]}'},
            ": a b",
            "permissions",
        ),
        ({"status": 418, "body": '{"errors":[{"code":"X","message":"' + "y" * 9000 + '"}]}'}, "yyy…", "permissions"),
        ({"status": 400, "body": "Client sent an HTTP request to an HTTPS server."}, "talks https", "CA file"),
        ({"status": 418, "body": "[" * 60_000}, "answered 418", "permissions"),
    ],
)
def test_refusals(
    registry: EmbeddedRegistry, connect: Callable[..., Connection], fault: dict[str, Any], words: str, remedy: str
) -> None:
    registry.faults.add(**fault)
    with (
        Transport(registry.host, "a", connect()) as transport,
        pytest.raises(RegistryError, match=words) as caught,
    ):
        transport.send("GET", f"{transport.base}/v2/?_state=secret", accepted=(200,))
    told = str(caught.value)
    assert remedy in caught.value.remedy
    assert caught.value.status == fault["status"]
    assert told.isprintable()
    assert len(told) < 700
    assert "secret" not in told


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://user:pass@a.example:5/v2/x?token=y#z", "https://a.example:5/v2/x"),
        ("http://[", "something that is no URL"),
        ("/a\x1b[31m\nb", "/a [31mb"),
    ],
)
def test_urls_lose_what_may_be_secret(url: str, expected: str) -> None:
    assert redacted(url) == expected


def test_causes_are_told_without_urls() -> None:
    error = unreachable("GET", "https://a.example/x?s=secret", OSError("Failed for url: /x?s=secret"))
    assert error.problem == "The connection to a.example broke during GET https://a.example/x: OSError."
    assert "reset by peer" in unreachable("GET", "https://a.example/", ConnectionResetError("reset by peer")).problem
