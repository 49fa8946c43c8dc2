"""The relay of `[mail]` as an administrator tests it, on the path of every mail.

The pipeline sends by Django's mailer, which keeps nothing of what the relay answers; here each answer is read.
"""

import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from typing import Final

import msgspec

from urja.base.settings import MailSettings
from urja.site.data_directory import DataDirectory
from urja.site.supervisor.secrets import SERVICES_FILE, stored_services

_MOST_TIMEOUT_S: Final = 10
"""An administrator waits for the answer."""
_OTHER_NAME: Final = (62, 64)
"""OpenSSL's X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH."""
_EXPIRED: Final = (9, 10)
"""OpenSSL's X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED."""


class RelayError(Exception):
    """The relay does not take mail; the message says why."""

    def __init__(self, sentence: str, advice: str, *, reached: bool = True) -> None:
        super().__init__(sentence)
        self.advice = advice
        """What to do."""
        self.reached = reached
        """Whether the relay answered at all."""


class Acceptance(msgspec.Struct, frozen=True, kw_only=True):
    """What a relay answered to a mail that it accepted."""

    name: str
    """How it presents itself."""
    answer: str
    """Code and text after the mail, which often hold the number of the mail in its queue."""
    encryption: str
    """Version of TLS; empty without encryption."""


def mail_password(data: DataDirectory) -> str:
    """Return the password of the login at the relay, empty where none is stored.

    Raises DamagedFileError, and OSError where the file cannot be read.
    """
    return stored_services(data.secrets).mail_password


def probe(mail: MailSettings, to: str, utility: str, message_id: str) -> EmailMessage:
    """Return the mail of `urja mail test`, with sender and reply address as configured."""
    # Seven bits: not every relay takes eight, and the name may be in Devanagari.
    message = EmailMessage(policy=SMTP.clone(cte_type="7bit"))
    message["Subject"] = f"Test message of {utility}"
    message["From"], message["To"] = mail.sender, to
    if mail.reply_to:
        message["Reply-To"] = mail.reply_to
    message["Date"], message["Message-ID"] = formatdate(), message_id
    message.set_content(
        f"{utility} can send e-mail: this message left by {mail.host}:{mail.port}.\n"
        "It was sent by the command urja mail test. Nothing needs to be done.\n"
    )
    return message


def send(mail: MailSettings, password: str, message: EmailMessage) -> Acceptance:
    """Hand one mail over as the pipeline does, and return the relay's answer. Raises RelayError."""
    with _relay(mail, password) as relay:
        _envelope(relay, mail.sender, str(message["To"]), login=mail.username)
        code, said = relay.data(message.as_bytes())
        if code != 250:
            raise RelayError(
                f"refuses the message: {_text(code, said)}",
                _later(code) or "its answer says why: ask your mail provider",
            )
        name = (relay.ehlo_resp or relay.helo_resp or b"").decode(errors="replace").partition("\n")[0]
        encryption = (relay.sock.version() or "") if isinstance(relay.sock, ssl.SSLSocket) else ""
        return Acceptance(name=name, answer=_text(code, said), encryption=encryption)


def check_login(mail: MailSettings, password: str) -> None:
    """Connect, encrypt and log in as the pipeline does, and name the sender; no mail is sent. Raises RelayError."""
    with _relay(mail, password) as relay:
        _envelope(relay, mail.sender, "", login=mail.username)
        relay.rset()


@contextmanager
def _relay(mail: MailSettings, password: str) -> Iterator[smtplib.SMTP]:
    """Yield a connection: encrypted, and logged in where there is a password. Raises RelayError, also for the body."""
    context, timeout_s = ssl.create_default_context(), min(mail.timeout_s, _MOST_TIMEOUT_S)
    try:
        relay = (
            smtplib.SMTP_SSL(mail.host, mail.port, timeout=timeout_s, context=context)
            if mail.security == "tls"
            else smtplib.SMTP(mail.host, mail.port, timeout=timeout_s)
        )
        with closing(relay):
            if mail.security == "starttls":
                relay.starttls(context=context)
            if password:
                relay.login(mail.username, password)
            relay.ehlo_or_helo_if_needed()
            yield relay
            # The mail is accepted by now: a relay that ends the conversation in its own way changes nothing.
            with suppress(OSError, smtplib.SMTPException):
                relay.quit()
    except (OSError, UnicodeError, smtplib.SMTPException) as error:
        raise _explained(error, mail, timeout_s) from error


def _envelope(relay: smtplib.SMTP, sender: str, to: str, *, login: str) -> None:
    code, said = relay.mail(sender)
    if code != 250:
        raise RelayError(
            f"refuses the sender {sender}: {_text(code, said)}",
            _later(code)
            or (
                f"set [mail] sender to an address that {login} may send as, or have the provider permit this one"
                if login
                else "set [mail] sender to a permitted address, or username and mail_password where a login is demanded"
            ),
        )
    if not to:
        return
    code, said = relay.rcpt(to)
    if code not in (250, 251):
        raise RelayError(
            f"refuses the recipient {to}: {_text(code, said)}",
            _later(code)
            or (
                "check the address; where it is right, the relay passes on no mail to other domains for this "
                + ("login" if login else "machine without a login")
            ),
        )


def _explained(error: Exception, mail: MailSettings, timeout_s: int) -> RelayError:
    """Return what an error of the connection means and what to do."""
    match error:
        case smtplib.SMTPAuthenticationError():
            return RelayError(
                f"refuses the login {mail.username}: {_text(error.smtp_code, error.smtp_error)}",
                _later(error.smtp_code)
                or f"check [mail] username, and mail_password in secrets/{SERVICES_FILE} of the data directory; "
                "some providers want an app password",
            )
        case smtplib.SMTPNotSupportedError() if "STARTTLS" in str(error):
            return RelayError(
                "offers no STARTTLS at this port",
                'set [mail] port = 587, or security = "tls" with port = 465; nothing is sent unencrypted',
            )
        case smtplib.SMTPNotSupportedError():
            return RelayError(
                "offers no login on this connection",
                'set [mail] security = "starttls" or "tls": relays offer it after encryption only; or leave out username',
            )
        case smtplib.SMTPServerDisconnected() if isinstance(error.__context__, TimeoutError):
            # smtplib reports a relay that stops answering as one that closed the connection.
            return _explained(error.__context__, mail, timeout_s)
        case smtplib.SMTPServerDisconnected():
            return RelayError(
                f"closed the connection ({error})",
                'check port and security together: 587 "starttls", 465 "tls", 25 "none"',
            )
        case smtplib.SMTPResponseException() if error.smtp_code == -1:
            return RelayError("speaks another protocol than SMTP at this port", "check [mail] host and port")
        case smtplib.SMTPResponseException():
            return RelayError(
                f"answers {_text(error.smtp_code, error.smtp_error)}",
                _later(error.smtp_code) or "ask your mail provider",
            )
        case smtplib.SMTPException():
            return RelayError(f"cannot be used ({error})", "ask your mail provider which login it offers")
        case ssl.SSLCertVerificationError() if error.verify_code in _OTHER_NAME:
            return RelayError(
                f"has a certificate of another name ({error.verify_message})",
                "set [mail] host to the name for which the certificate was issued, not an address or an alias",
            )
        case ssl.SSLCertVerificationError() if error.verify_code in _EXPIRED:
            return RelayError(
                f"has a certificate that is not valid now ({error.verify_message})",
                "check this machine's clock; where it is right, the relay's operator must renew the certificate",
            )
        case ssl.SSLCertVerificationError():
            return RelayError(
                f"has a certificate that this machine does not trust ({error.verify_message})",
                "install the certificate of its authority on this machine (update-ca-certificates), or name it in "
                "SSL_CERT_FILE",
            )
        case ssl.SSLError():
            return RelayError(
                f"speaks no TLS at this port ({error.reason or error})",
                'check port and security together: 465 "tls", 587 "starttls"',
            )
        case UnicodeError():
            return RelayError("is not a possible host name", "correct [mail] host", reached=False)
        case TimeoutError():
            return RelayError(
                f"does not answer within {timeout_s} s",
                'check [mail] port and security (465 wants "tls"), and whether a firewall lets this machine out: many '
                "networks block port 25",
                reached=False,
            )
        case ConnectionRefusedError():
            return RelayError(
                "refuses the connection: no relay listens at this port",
                "check [mail] host and port (587, 465 or 25), or start the relay",
                reached=False,
            )
        case ConnectionResetError() | BrokenPipeError():
            return RelayError(
                "closed the connection",
                'check port and security together: 587 "starttls", 465 "tls", 25 "none"',
            )
        case socket.gaierror():
            return RelayError(
                f"is an unknown host ({error.strerror})",
                "correct [mail] host, or this machine's name resolution (getent hosts NAME)",
                reached=False,
            )
        case _:
            return RelayError(
                f"cannot be reached ({error})",
                "check this machine's network, then [mail] host",
                reached=False,
            )


def _later(code: int) -> str:
    """Return the advice for a reply of the moment: 4yz is transient (RFC 5321, 4.2.1)."""
    return "the answer is a temporary one: try again in some minutes" if 400 <= code < 500 else ""


def _text(code: int, said: bytes | str) -> str:
    words = said.decode(errors="replace") if isinstance(said, bytes) else said
    return f"{code} {' '.join(words.split())[:200]}"
