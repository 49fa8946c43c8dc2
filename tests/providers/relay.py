"""A mail relay on a real socket, with the failures that relays have: aiosmtpd, in a thread of its own."""

import asyncio
import contextlib
import ssl
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from urja.base.ports import free_port
from urja.base.settings import MailSettings

LOGIN = ("urja", "only-a-mail-password")


@dataclass
class Relay:
    """`refusal` is what it says to the next mails instead of taking them; `at` where in the conversation."""

    port: int
    refusal: str = ""
    at: str = "RCPT"
    login_for_mail: bool = False
    """It takes no sender before a login, as providers do."""
    silent_s: float = 0.0
    arrived: list[EmailMessage] = field(default_factory=list)
    to: list[str] = field(default_factory=list)
    logins: list[str] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_MAIL(
        self, _server: Any, session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self.login_for_mail and not session.authenticated:
            return "530 5.7.0 Authentication required"
        if self.refusal and self.at == "MAIL":
            return self.refusal
        envelope.mail_from = address
        return "250 OK"

    async def handle_RCPT(
        self, _server: Any, _session: Any, envelope: Any, address: str, _options: Any
    ) -> str:
        if self.silent_s:
            await asyncio.sleep(self.silent_s)
        if self.refusal and self.at == "RCPT":
            return self.refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, session: Any, envelope: Any) -> str:
        self.arrived.append(message_from_bytes(envelope.content, policy=policy.default))
        self.to += envelope.rcpt_tos
        self.encrypted.append(session.ssl is not None)
        return (
            self.refusal
            if self.refusal and self.at == "DATA"
            else f"250 2.0.0 Ok: queued as {len(self.arrived)}"
        )

    def admit(self, _server: SMTP, _session: Any, _envelope: Any, mechanism: str, given: Any) -> AuthResult:
        known = isinstance(given, LoginPassword) and (given.login, given.password) == tuple(
            word.encode() for word in LOGIN
        )
        self.logins.append(mechanism if known else "refused")
        return AuthResult(success=known, handled=False)


@contextlib.contextmanager
def open_relay(certificate: Path | None = None, **more: Any) -> Iterator[Relay]:
    """Without a certificate it speaks in the open; with one it offers STARTTLS and wants it."""
    relay = Relay(free_port())
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    controller = Controller(
        relay, "127.0.0.1", relay.port, tls_context=context, require_starttls=context is not None,
        authenticator=relay.admit, auth_require_tls=context is not None, ready_timeout=60, **more,
    )  # fmt: skip
    controller.start()
    try:
        yield relay
    finally:
        controller.stop(no_assert=True)


def mailers(relay: Relay, *, password: str = "", **more: Any) -> dict[str, Any]:
    """`MAILERS` and what goes with it, as a process has it."""
    from urja.web.settings import web_settings

    mail = MailSettings(
        host="localhost", port=relay.port, sender="urja@utility.example", **{"timeout_s": 3, **more}
    )
    given = web_settings(secure=False, demo=False, mail=mail, mail_password=password)
    return {name: given[name] for name in ("MAILERS", "DEFAULT_FROM_EMAIL")}


def certificate_in(directory: Path) -> Path:
    """A certificate of `localhost` with its key, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _certificate("localhost", key, "localhost", key)
    return _written(directory / "relay.pem", key, certificate)


def issued_in(directory: Path, host: str = "localhost", *, days: int = 1) -> tuple[Path, Path]:
    """A certificate of `host` with its key, issued by an authority; and the authority's certificate."""
    root, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    authority = directory / "authority.pem"
    authority.write_bytes(
        _certificate("Test authority", root, "Test authority", root).public_bytes(serialization.Encoding.PEM)
    )
    issued = _certificate(host, key, "Test authority", root, days=days)
    return _written(directory / "issued.pem", key, issued), authority


def _certificate(
    subject: str,
    key: ec.EllipticCurvePrivateKey,
    issuer: str,
    signer: ec.EllipticCurvePrivateKey,
    *,
    days: int = 1,
) -> x509.Certificate:
    now = datetime.now(UTC)
    is_root = subject == issuer
    usage = x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=is_root, crl_sign=is_root, encipher_only=False, decipher_only=False,
    )  # fmt: skip
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, subject)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=3))
        .not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(subject.replace(" ", "-"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=is_root, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
        .sign(signer, hashes.SHA256())
    )


def _written(path: Path, key: ec.EllipticCurvePrivateKey, certificate: x509.Certificate) -> Path:
    path.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    return path
