"""The certificate with which the web server itself ends TLS: loaded, loaded again when it is renewed, and described."""

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from cryptography import x509

log = structlog.get_logger()


class CertificateError(Exception):
    """The files of a certificate cannot be used; the message says why."""


class CertificateFiles:
    """A certificate with its chain and its key, in PEM. New files are served from the next connection on."""

    def __init__(self, certificate: Path, key: Path) -> None:
        """Load the files. Raises CertificateError where they cannot be used."""
        self._certificate, self._key = certificate, key
        self._seen = self._stamps()
        self._current = self._load()
        self.context = self._load()
        """The server's context: TLS 1.2 or later, with the newest certificate."""
        # Called at each handshake, with and without a server name: no timer and no signal is needed for a renewal.
        self.context.sni_callback = self._choose

    def _choose(self, connection: ssl.SSLObject, _name: str | None, _context: ssl.SSLContext) -> None:
        stamps = self._stamps()
        if stamps != self._seen:
            # Also where loading fails: between the writing of the two files they do not fit, and then change again.
            self._seen = stamps
            try:
                self._current = self._load()
            except CertificateError as error:
                log.error("renewed certificate cannot be used: the former one is served", error=str(error))  # noqa: TRY400 - the sentence says it
            else:
                log.info("renewed certificate is served", file=str(self._certificate))
        connection.context = self._current

    def _stamps(self) -> tuple[tuple[int, int, int] | None, ...]:
        return tuple(_stamp(path) for path in (self._certificate, self._key))

    def _load(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # A password would be asked for at the terminal.
            context.load_cert_chain(self._certificate, self._key, password=_no_password)
        except ssl.SSLError as error:
            raise CertificateError(
                f"{self._certificate} and {self._key} are no certificate with its key in PEM "
                f"({error.reason or 'not readable as PEM'})"
            ) from error
        except OSError as error:
            raise CertificateError(
                f"{self._certificate} or {self._key} cannot be read ({error.strerror or error})"
            ) from error
        return context


def _no_password() -> bytes:
    raise CertificateError("the key is encrypted: web.tls_key must be a key without a password")


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a certificate says of itself."""

    names: Sequence[str]
    """Host names for which it was issued."""
    expires_at: datetime
    """UTC."""

    def days_left(self) -> int:
        """Whole days until it expires; negative afterwards."""
        return (self.expires_at - datetime.now(UTC)).days

    def covers(self, host: str) -> bool:
        """Return whether it was issued for a host name, also by a wildcard for one label."""
        parent = host.partition(".")[2]
        return any(name.lower() in (host.lower(), f"*.{parent.lower()}") for name in self.names)


def read_certificate(pem_or_der: bytes) -> Certificate:
    """Return what the first certificate of a PEM file, or one in DER, says. Raises CertificateError."""
    try:
        read: Any = (
            x509.load_pem_x509_certificate if b"-----BEGIN" in pem_or_der else x509.load_der_x509_certificate
        )
        found: x509.Certificate = read(pem_or_der)
        names = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return Certificate((), found.not_valid_after_utc)
    except ValueError as error:
        raise CertificateError(f"not a certificate ({error})") from error
    return Certificate(names.get_values_for_type(x509.DNSName), found.not_valid_after_utc)
