"""What a test gets of a registry: names that nobody else uses, and the way to talk to it."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.image.reference import Reference

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from hatch_wasm_oci.registry.connection import Connection
    from hatch_wasm_oci.testing.authentication import Authentication
    from hatch_wasm_oci.testing.backends import RunningRegistry
    from hatch_wasm_oci.testing.faults import Faults
    from hatch_wasm_oci.testing.http1.message import RequestRecord
    from hatch_wasm_oci.testing.registry import EmbeddedRegistry

USER = "tester"


class RegistryNamespace:
    """A part of a registry that is one test's own.

    Args:
        registry: The registry.
        namespace: The path, below the registry's own prefix, before every repository.
    """

    def __init__(self, registry: RunningRegistry, namespace: str) -> None:
        self._registry = registry
        self._path = "/".join(part for part in (registry.prefix, namespace) if part)

    def __repr__(self) -> str:
        return f"<registry {self.url}, repositories below {self._path or '/'}>"

    @property
    def host(self) -> str:
        """The registry as it stands in a reference: `127.0.0.1:45123`."""
        return self._registry.host

    @property
    def url(self) -> str:
        """The registry's URL, without a slash at the end."""
        return self._registry.url

    @property
    def options(self) -> dict[str, Any]:
        """What `hatch_wasm_oci.push` and `pull` need for it: `push(image, reference, **registry.options)`."""
        return dict(self._registry.options)

    @property
    def embedded(self) -> EmbeddedRegistry:
        """The embedded registry itself.

        Raises:
            SettingsError: It is another one.
        """
        if self._registry.embedded is None:
            raise SettingsError(
                [f"oci-registry: {self.url} is not the embedded registry, which alone has a log and plays faults."]
            )
        return self._registry.embedded

    @property
    def log(self) -> tuple[RequestRecord, ...]:
        """Every request of this test to the embedded registry, oldest first.

        Raises:
            SettingsError: It is another one.
        """
        return self.embedded.log

    @property
    def faults(self) -> Faults:
        """The faults that the embedded registry plays, gone after the test.

        Raises:
            SettingsError: It is another one.
        """
        return self.embedded.faults

    def reference(self, name: str, tag: str | None = "latest") -> str:
        """Return the reference of an image in this namespace.

        Args:
            name: The repository's path in it.
            tag: The tag; None for the repository alone.

        Raises:
            InvalidReferenceError: Name or tag can't be.
        """
        path = f"{self._path}/{name}" if self._path else name
        reference = Reference.parse(f"{self.host}/{path}")
        return str(reference.with_tag(tag) if tag is not None else reference)

    def connection(self) -> Connection:
        """Return how to talk to it; with the user's own credentials where it was not started for these tests.

        Raises:
            RegistryError: The options contradict each other.
        """
        from hatch_wasm_oci.access import connect

        if self._registry.own:
            return connect(environment={}, plugins=_no_plugins(), **self.options)
        return connect(**self.options)


@contextmanager
def serve(
    auth: str, challenge: str | None, faults: Iterable[Mapping[str, Any]], **options: Any
) -> Iterator[RegistryNamespace]:
    """Run an embedded registry of a test's own.

    Args:
        auth: `none`, `basic` or `bearer`.
        challenge: As for `authentication`.
        faults: The arguments of `Faults.add`, for each fault.
        options: Further arguments of `EmbeddedRegistry`.

    Raises:
        SettingsError: An argument can't be, or the registry can't be started.
    """
    from hatch_wasm_oci.testing.backends import RunningRegistry
    from hatch_wasm_oci.testing.registry import EmbeddedRegistry

    password = secrets.token_hex(16)
    way = authentication(auth, password, challenge)
    with EmbeddedRegistry(authentication=way, **options) as registry:
        for fault in faults:
            registry.faults.add(**fault)
        access: dict[str, Any] = {} if way is None else {"username": USER, "password": password}
        if registry.certificate_authority is not None:
            access["ca_file"] = str(registry.certificate_authority)
        yield RegistryNamespace(RunningRegistry(registry.url, options=access, embedded=registry), "")


def authentication(kind: str, password: str, challenge: str | None) -> Authentication | None:
    """Return the way of authentication that a test asks for.

    Args:
        kind: `none`, `basic` or `bearer`.
        password: The password of the user `tester`.
        challenge: `default`; or the challenge's realm: for `basic` any text, or None to leave it out, as Istio needs of
            a registry without TLS; for `bearer` the URL of a token endpoint.

    Raises:
        SettingsError: There is no such way, or it takes no such challenge.
    """
    from hatch_wasm_oci.testing.authentication import BasicAuthentication, BearerAuthentication

    users = {USER: password}
    if kind == "basic":
        return BasicAuthentication(users) if challenge == "default" else BasicAuthentication(users, realm=challenge)
    if kind == "bearer" and challenge is not None:
        return BearerAuthentication(users, realm=None if challenge == "default" else challenge)
    if kind == "none" and challenge == "default":
        return None
    if kind in ("bearer", "none"):
        raise SettingsError([f"challenge: {challenge!r} does not go with auth={kind!r}. Leave it out."])
    raise SettingsError([f"auth: there is no {kind!r}. Choose of 'none', 'basic' and 'bearer'."])


def _no_plugins() -> Any:
    from hatch_wasm_oci.plugins.manager import Plugins

    return Plugins(object())
