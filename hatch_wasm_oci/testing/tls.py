"""TLS for the embedded registry: files that are there, or certificates made for the occasion."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hatch_wasm_oci.errors import SettingsError

if TYPE_CHECKING:
    import ssl
    from pathlib import Path


@dataclass(frozen=True)
class TlsFiles:
    """The files of a TLS server, all PEM.

    Args:
        certificate: The certificate, with what links it to its authority.
        key: Its private key.
        authority: The certificate authority that clients are to trust; None where they know it.
    """

    certificate: Path
    key: Path
    authority: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return a server's TLS context.

        Raises:
            SettingsError: A file is missing or is no certificate or key.
        """
        import ssl

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        try:
            context.load_cert_chain(self.certificate, self.key)
        except (OSError, ssl.SSLError) as error:
            message = (
                f"tls: {self.certificate} and {self.key} can't be loaded ({error}). Give a PEM certificate and key."
            )
            raise SettingsError([message]) from None
        return context


def make_certificates(folder: Path, names: list[str]) -> TlsFiles:
    """Make a certificate authority and a certificate for these names.

    Args:
        folder: Where to write the files; it must exist.
        names: Host names and addresses.

    Returns:
        The files; `authority` is what clients trust.

    Raises:
        SettingsError: The library that makes certificates is not installed.
    """
    try:
        import trustme
    except ImportError:
        raise SettingsError(
            ["tls: making certificates needs trustme. Install hatch-wasm-oci[pytest], or give TlsFiles of your own."]
        ) from None
    authority = trustme.CA()
    certificate = authority.issue_cert(*names)
    files = TlsFiles(folder / "server.pem", folder / "server.key", folder / "authority.pem")
    for position, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(str(files.certificate), append=position > 0)
    certificate.private_key_pem.write_to_path(str(files.key))
    authority.cert_pem.write_to_path(str(folder / "authority.pem"))
    return files
