"""Hands mails to the relay of `[mail]`, as Django sends them."""

import asyncio
import smtplib
from collections.abc import Mapping

from django.conf import settings
from django.core.mail import EmailMessage, mailers

from urja.apps.notices.port import Message, MessageRefusedError, ServiceUnavailableError
from urja.apps.notices.providers.smtp.settings import Options


class Client:
    """The relay: each mail has a connection of its own, so that a broken one befalls that mail alone."""

    def __init__(self, _options: Options, _secrets: Mapping[str, str]) -> None:
        self._domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]

    async def send(self, message: Message) -> str:
        """Hand a mail over; its Message-ID."""
        name = f"<notice-{message.ref}@{self._domain}>"
        mail = EmailMessage(message.subject, message.text, to=[message.to], headers={"Message-ID": name})
        await asyncio.to_thread(_send, mail)
        return name

    async def close(self) -> None:
        """There is nothing to let go of."""


def _send(mail: EmailMessage) -> None:
    try:
        mailers["relay"].send_messages([mail])
    except smtplib.SMTPRecipientsRefused as error:
        # Ours alone was named (RFC 5321, 4.2.1: 5yz is permanent).
        code, said = next(iter(error.recipients.values()))
        raise _refused(code, said) from error
    except smtplib.SMTPDataError as error:
        raise _refused(error.smtp_code, error.smtp_error) from error
    except (smtplib.SMTPException, OSError) as error:
        # A login or a sender that is not taken is the installation's fault, and is put right.
        raise ServiceUnavailableError(f"{type(error).__name__}: {error}") from error


def _refused(code: int, said: bytes | str) -> MessageRefusedError | ServiceUnavailableError:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return (MessageRefusedError if 500 <= code < 600 else ServiceUnavailableError)(
        f"answered {code}: {text[:150]}"
    )
