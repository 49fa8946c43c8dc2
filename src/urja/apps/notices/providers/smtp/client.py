"""E-mails through the relay of `[mail]`, by Django's mailer."""

import asyncio
import smtplib
from collections.abc import Mapping

from django.conf import settings
from django.core.mail import EmailMessage, mailers

from urja.apps.notices.port import Message, MessageRefusedError, ServiceUnavailableError
from urja.apps.notices.providers.smtp.settings import Options


class Client:
    """The relay. Each mail has its own connection, so that a broken one affects that mail alone."""

    def __init__(self, _options: Options, _secrets: Mapping[str, str]) -> None:
        self._domain = settings.DEFAULT_FROM_EMAIL.rpartition("@")[2]

    async def send(self, message: Message) -> str:
        """Hand a mail over and return its Message-ID.

        Raises MessageRefusedError where the relay refuses the recipient or the text for good (5yz),
        ServiceUnavailableError otherwise.
        """
        name = f"<notice-{message.ref}@{self._domain}>"
        mail = EmailMessage(message.subject, message.text, to=[message.to], headers={"Message-ID": name})
        # Django's mailer blocks, and the stage's event loop serves other channels meanwhile.
        await asyncio.to_thread(_send, mail)
        return name

    async def close(self) -> None:
        """Do nothing: no connection stays open."""


def _send(mail: EmailMessage) -> None:
    try:
        mailers["relay"].send_messages([mail])
    except smtplib.SMTPRecipientsRefused as error:
        # Each mail has one recipient, so the first entry is ours. A 5yz reply is permanent (RFC 5321, 4.2.1).
        code, said = next(iter(error.recipients.values()))
        raise _refused(code, said) from error
    except smtplib.SMTPDataError as error:
        raise _refused(error.smtp_code, error.smtp_error) from error
    except (smtplib.SMTPException, OSError) as error:
        # A rejected login or sender is the installation's fault: it is corrected, and the mail tried again.
        raise ServiceUnavailableError(f"{type(error).__name__}: {error}") from error


def _refused(code: int, said: bytes | str) -> MessageRefusedError | ServiceUnavailableError:
    text = said.decode(errors="replace") if isinstance(said, bytes) else said
    return (MessageRefusedError if 500 <= code < 600 else ServiceUnavailableError)(
        f"answered {code}: {text[:150]}"
    )
