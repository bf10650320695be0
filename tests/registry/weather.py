"""What pushing and pulling come to when one request of them goes wrong: run it to print the table `outcomes.txt`.

python -m tests.registry.weather > tests/registry/outcomes.txt
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import ImageError, RegistryError
from hatch_wasm_oci.image.formats import compat_oci
from hatch_wasm_oci.image.reference import Reference
from hatch_wasm_oci.registry.connection import Connection, Retry
from hatch_wasm_oci.registry.credentials import Credential
from hatch_wasm_oci.registry.transfer import pull, push
from hatch_wasm_oci.testing import BasicAuthentication, EmbeddedRegistry
from hatch_wasm_oci.wasm.module import Module
from tests.samples import contents, core_module

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from typing_extensions import Self

    from hatch_wasm_oci.image.manifest import Image

PASSWORD = "correct horse battery"
OLD = compat_oci(contents(module=Module(core_module(size=2000))))
NEW = compat_oci(contents(module=Module(core_module(size=40_000))))

# Names as the table has them; "elsewhere" stands for the URL of a registry that has nothing.
FAULTS: Mapping[str, Mapping[str, Any]] = {
    "401": {"status": 401},
    "404": {"status": 404},
    "408": {"status": 408},
    "429 Retry-After: 1": {"status": 429, "headers": {"Retry-After": "1"}},
    "429 Retry-After: 600": {"status": 429, "headers": {"Retry-After": "600"}},
    "500": {"status": 500},
    "502": {"status": 502, "body": "<html>Bad Gateway</html>", "headers": {"Content-Type": "text/html"}},
    "503": {"status": 503},
    "reset before": {"reset": "before"},
    "reset during": {"reset": "during"},
    "reset after": {"reset": "after"},
    "truncated": {"truncate": 20},
    "changed byte": {"corrupt": True},
    "wrong digest": {"digest": f"sha256:{'0' * 64}"},
    "length too small": {"content_length": 10},
    "length too large": {"content_length": 1_000_000},
    "slow drip": {"drip": 0.5},
    "hang": {"hang": True},
    "redirect": {"redirect": "elsewhere"},
    "redirect loop": {"redirect": "itself"},
    "endless": {"endless": True},
    "endless 500": {"endless": True, "status": 500},
}


def connection(patience: float = 10.0) -> Connection:
    """Tell of a connection that waits for nothing, and gives up a silent registry soon."""
    retry = Retry(attempts=3, sleep=lambda _seconds: None)
    credential = Credential("the test", "user", PASSWORD)
    return Connection(credential=credential, retry=retry, parallel=1, read_timeout=patience, connect_timeout=5)


class Place:
    """A registry that asks for a password, and another one to be sent on to."""

    def __init__(self) -> None:
        self.registry = EmbeddedRegistry(authentication=BasicAuthentication({"user": PASSWORD}))
        self.elsewhere = EmbeddedRegistry()

    def __enter__(self) -> Self:
        self.registry.start()
        self.elsewhere.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.registry.stop()
        self.elsewhere.stop()

    @property
    def reference(self) -> Reference:
        return Reference(self.registry.host, "acme/filter", "1.0")

    def run(self, operation: str, patience: float = 10.0) -> Image | None:
        if operation == "push":
            push(NEW, [self.reference], connection(patience))
            return None
        return pull(self.reference, connection(patience))

    def prepare(self, operation: str, *, empty: bool) -> None:
        self.registry.clear()
        self.elsewhere.clear()
        if operation == "pull" or not empty:
            push(NEW if operation == "pull" else OLD, [self.reference], connection())

    def state(self) -> str:
        """Say what the tag names; anything but a whole image that we know fails."""
        self.registry.faults.clear()
        try:
            image = pull(self.reference, connection())
        except RegistryError as error:
            return "absent" if error.status == 404 else "unknown"
        return "old" if image == OLD else "new" if image == NEW else "another"


def requests_of(place: Place, operation: str) -> list[str]:
    """List the requests of an operation when nothing goes wrong."""
    place.prepare(operation, empty=False)
    before = len(place.registry.log)
    place.run(operation)
    return [f"{record.method} {_general(record.path)}" for record in place.registry.log[before:]]


def outcome(place: Place, operation: str, position: int, fault: Mapping[str, Any], times: int | None) -> str:
    """Let one request go wrong, once or from there on, and say what comes of it."""
    place.prepare(operation, empty=times is None)
    values = dict(fault)
    if "redirect" in values:
        there = place.elsewhere.url if values["redirect"] == "elsewhere" else ""
        values["redirect"] = f"{there}/v2/acme/filter/nowhere"
    played = place.registry.faults.add(skip=position, times=times, **values)
    try:
        # Short where silence is the fault; elsewhere a busy machine must not look like one.
        image = place.run(operation, 0.1 if "drip" in fault or "hang" in fault else 10.0)
    except (RegistryError, ImageError) as error:
        told = words(error)
    else:
        assert image in (None, NEW)
        told = "done"
    assert played.played, "the fault was not played"
    assert not any("authorization" in record.headers for record in place.elsewhere.log)
    state = place.state()
    if operation == "push" and told == "done":
        assert state == "new"
    assert state in (("new",) if operation == "pull" else ("absent", "old", "new"))
    return f"{told}, {state}" if operation == "push" else told


def words(error: RegistryError | ImageError) -> str:
    """Name an error, which must say in one line what is wrong and what to do, and no secret."""
    assert error.problem.endswith(".")
    assert error.remedy.endswith(".")
    assert "\n" not in str(error)
    assert PASSWORD not in repr(error)
    status = getattr(error, "status", None)
    return f"{type(error).__name__}{f' {status}' if status else ''}"


def section(operation: str, position: int) -> Iterator[str]:
    """Give the table's lines for one request."""
    with Place() as place:
        yield f"{operation} {position + 1}: {requests_of(place, operation)[position]}"
        for name, fault in FAULTS.items():
            once, always = (outcome(place, operation, position, fault, times) for times in (1, None))
            yield f"  {name:22} once: {once:26} from there on: {always}"


def _general(path: str) -> str:
    if "/uploads/" in path and not path.endswith("/uploads/"):
        return f"{path.rpartition('/')[0]}/SESSION"
    before, found, _ = path.partition("sha256:")
    return f"{before}DIGEST" if found else path


SECTIONS = [("push", position) for position in range(9)] + [("pull", position) for position in range(4)]


def main() -> None:
    with Place() as place:
        assert [len(requests_of(place, operation)) for operation in ("push", "pull")] == [9, 4]
    for one in SECTIONS:
        sys.stdout.writelines(f"{line}\n" for line in section(*one))


if __name__ == "__main__":
    main()
