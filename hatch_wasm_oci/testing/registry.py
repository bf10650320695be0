"""A whole OCI registry in the process that asks for it: for tests, and for trying things out."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import SettingsError
from hatch_wasm_oci.testing.distribution.behaviour import Behaviour
from hatch_wasm_oci.testing.distribution.endpoints import Endpoints
from hatch_wasm_oci.testing.faults import Faults
from hatch_wasm_oci.testing.http1.server import Server, Service
from hatch_wasm_oci.testing.storage.memory import MemoryStorage
from hatch_wasm_oci.testing.tls import TlsFiles, make_certificates

if TYPE_CHECKING:
    import ssl
    from types import TracebackType

    from typing_extensions import Self

    from hatch_wasm_oci.testing.authentication import Authentication
    from hatch_wasm_oci.testing.http1.message import RequestRecord

_LOGGED = 10_000


class EmbeddedRegistry:
    """An OCI registry (distribution-spec 1.1) in this process, in memory or in a directory.

    Args:
        address: The address to listen on.
        port: The port; 0 takes a free one.
        directory: Where to keep everything; None keeps it in memory.
        authentication: `BasicAuthentication` or `BearerAuthentication`; None lets everybody do everything.
        tls: True makes certificates (needs the `pytest` extra); `TlsFiles` names some; None is plain HTTP.
        timeout: Seconds to wait for a slow client.
        read_only: Refuse every write with 405.
        deletes: Whether tags, manifests and blobs can be deleted; else 405.
        referrers: Whether there is a referrers API; else 404.
        mounts: Whether blobs are mounted from other repositories; else a mount opens an upload.
        single_post: Whether POST with a digest and a body stores the blob; else it opens an upload.
        absolute_locations: Whether Location is a whole URL.
        upload_state: Whether an upload's Location changes with each request, and the old one is refused.
        redirect_blobs: Whether blobs are served from a second port, by 307, without authentication.
        strict_accept: Whether a manifest whose type is not in Accept gives 404.
        sparse: Whether a manifest is taken although parts of it are not there; else 400.
        chunk_minimum: Least bytes of an upload's chunk but the last; announced as OCI-Chunk-Min-Length.
        page_size: Most entries in one answer of a listing; None for no limit.
        maximum_blob: Most bytes of a blob.
        maximum_manifest: Most bytes of a manifest.

    `Behaviour` says more about the last fourteen.
    """

    def __init__(
        self,
        *,
        address: str = "127.0.0.1",
        port: int = 0,
        directory: Path | str | None = None,
        authentication: Authentication | None = None,
        tls: TlsFiles | bool | None = None,
        timeout: float = 60.0,
        read_only: bool = False,
        deletes: bool = True,
        referrers: bool = True,
        mounts: bool = True,
        single_post: bool = True,
        absolute_locations: bool = False,
        upload_state: bool = False,
        redirect_blobs: bool = False,
        strict_accept: bool = False,
        sparse: bool = False,
        chunk_minimum: int = 0,
        page_size: int | None = None,
        maximum_blob: int = Behaviour.maximum_blob,
        maximum_manifest: int = Behaviour.maximum_manifest,
    ) -> None:
        self.faults = Faults()
        self._behaviour = Behaviour(
            read_only=read_only,
            deletes=deletes,
            referrers=referrers,
            mounts=mounts,
            single_post=single_post,
            absolute_locations=absolute_locations,
            upload_state=upload_state,
            redirect_blobs=redirect_blobs,
            strict_accept=strict_accept,
            sparse=sparse,
            chunk_minimum=chunk_minimum,
            page_size=page_size,
            maximum_blob=maximum_blob,
            maximum_manifest=maximum_manifest,
        )
        self._address = address
        self._port = port
        self._directory = None if directory is None else Path(directory)
        self._authentication = authentication
        self._tls = tls
        self._timeout = timeout
        self._records: deque[RequestRecord] = deque(maxlen=_LOGGED)
        self._lock = threading.RLock()
        self._server: Server | None = None
        self._blob_server: Server | None = None
        self._storage: MemoryStorage | None = None
        self._certificates: Path | None = None
        self._authority: Path | None = None

    def start(self) -> Self:
        """Begin to serve; does nothing where it already does.

        Raises:
            SettingsError: The address can't be listened on, or TLS can't be had.
            OutputError: The directory can't be used.
        """
        with self._lock:
            if self._server is None:
                try:
                    self._serve()
                except BaseException:
                    self._release()
                    raise
            return self

    def stop(self) -> None:
        """End every connection and forget what is in memory; does nothing where it is not running."""
        with self._lock:
            self.faults.clear()
            self._release()

    def clear(self) -> None:
        """Empty repositories, uploads, log and faults; what is being played ends."""
        self.faults.clear()
        with self._lock:
            if self._storage is not None:
                self._storage.clear()
        self._records.clear()

    @property
    def host(self) -> str:
        """The registry as it stands in a reference: `127.0.0.1:45123`."""
        return self.url.partition("://")[2]

    @property
    def url(self) -> str:
        """The registry's URL, without a slash at the end.

        Raises:
            SettingsError: It is not running.
        """
        return self._url(self._server)

    @property
    def log(self) -> tuple[RequestRecord, ...]:
        """Every request since the last `clear`, oldest first; of very many, the newest 10,000."""
        return tuple(self._records)

    @property
    def certificate_authority(self) -> Path | None:
        """The PEM file that clients must trust; None without TLS. It is gone after `stop`."""
        return self._authority

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _serve(self) -> None:
        context = self._context()
        self._storage = self._open_storage()
        endpoints = Endpoints(
            self._storage, self._behaviour, self._authentication, lambda: self._url(self._blob_server)
        )
        service = Service(
            endpoints.answer, self._records.append, self.faults, self._timeout, secure=context is not None
        )
        self._server = self._listen(self._port, service, context)
        if self._behaviour.redirect_blobs:
            service = replace(service, answer=endpoints.answer_blob_host, storage=True)
            self._blob_server = self._listen(0, service, context)
            self._blob_server.start()
        self._server.start()

    def _release(self) -> None:
        for server in (self._server, self._blob_server):
            if server is not None:
                server.stop()
        if self._storage is not None:
            self._storage.close()
        if self._certificates is not None:
            import shutil

            shutil.rmtree(self._certificates, ignore_errors=True)
        self._server = self._blob_server = self._storage = self._certificates = self._authority = None

    def _url(self, server: Server | None) -> str:
        if server is None:
            raise SettingsError(["registry: it is not running. Call start(), or use it in a with statement."])
        host = f"[{self._address}]" if ":" in self._address else self._address
        return f"{'http' if server.context is None else 'https'}://{host}:{server.port}"

    def _listen(self, port: int, service: Service, context: ssl.SSLContext | None) -> Server:
        try:
            return Server(self._address, port, service, context)
        except OSError as error:
            raise SettingsError(
                [f"address: {self._address}:{port} can't be listened on ({error.strerror}). Give another, or port 0."]
            ) from error

    def _open_storage(self) -> MemoryStorage:
        if self._directory is None:
            return MemoryStorage()
        from hatch_wasm_oci.testing.storage.disk import DiskStorage

        return DiskStorage(self._directory)

    def _context(self) -> ssl.SSLContext | None:
        files = self._tls
        if files is None or files is False:
            return None
        if files is True:
            import tempfile

            self._certificates = Path(tempfile.mkdtemp(prefix="registry-tls-"))
            names = dict.fromkeys(["127.0.0.1", "::1", "localhost", self._address])
            files = make_certificates(self._certificates, list(names))
        self._authority = files.authority
        return files.context()
