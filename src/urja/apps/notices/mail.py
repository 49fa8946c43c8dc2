"""Django mail backends of the pipeline, which alone sends mail: through the relay, and the outbox of a demonstration."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from email.errors import HeaderParseError
from email.policy import SMTP
from smtplib import SMTPDataError, SMTPException, SMTPRecipientsRefused, SMTPSenderRefused
from typing import Any

from django.conf import settings
from django.core.mail import EmailMessage, mailers
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.backends.smtp import EmailBackend

from urja.apps.notices.operations import store_message
from urja.base.clock import WallClock


class RelayBackend(EmailBackend):
    """The relay of `[mail]`, through which every mail is sent; replies go to `reply_to` where it is set."""

    def __init__(self, *, reply_to: str = "", **options: Any) -> None:
        super().__init__(**options)
        self._reply_to = [reply_to] if reply_to else []

    def open(self) -> bool | None:
        """Connect, encrypt and log in; return whether a new connection was needed."""
        try:
            return super().open()
        finally:
            # Django keeps a connection whose opening failed half-way, such as at the login; without this it would leak.
            opened = getattr(self, "_partial_connection", None)
            if opened is not None:
                opened.close()
                self._partial_connection = None

    def check_sender(self) -> None:
        """Ask the relay to take a mail from the sender, and send none. Raises SMTPSenderRefused, or OSError."""
        assert self.connection is not None, "it is connected"
        sender = settings.DEFAULT_FROM_EMAIL
        self.connection.ehlo_or_helo_if_needed()
        code, said = self.connection.mail(sender)
        if code != 250:
            raise SMTPSenderRefused(code, said, sender)
        self.connection.rset()

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Hand the mails over, with the reply address where they have none; return how many.

        Raises SMTPRecipientsRefused or SMTPSenderRefused (553) where an address is not valid, SMTPDataError (554) where
        the text cannot be a mail's.
        """
        for message in email_messages:
            message.reply_to = message.reply_to or self._reply_to
            self._check(message)
        return super().send_messages(email_messages) or 0

    def _check(self, message: EmailMessage) -> None:
        # Django raises a plain ValueError, which would end the pipeline at the same stored row after every restart.
        for address in (message.from_email, *message.recipients()):
            try:
                self.prep_address(address)
            except (ValueError, IndexError, HeaderParseError) as error:
                said = ascii(str(error)).encode()
                if address == message.from_email:
                    raise SMTPSenderRefused(553, said, address) from error
                raise SMTPRecipientsRefused({address: (553, said)}) from error
        try:
            message.message(policy=SMTP).as_bytes()
        except ValueError as error:
            raise SMTPDataError(554, ascii(str(error))) from error


class OutboxBackend(BaseEmailBackend):
    """The mailer of a demonstration: it stores messages, stamped with wall time, in which sign-in codes live."""

    def check_sender(self) -> None:
        """Do nothing: a table takes any sender."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store one row for each recipient; return the number of messages, as Django expects."""
        sent_at = WallClock().now()
        for message in email_messages:
            for recipient in message.recipients():
                store_message(
                    sender=message.from_email,
                    recipient=recipient,
                    subject=str(message.subject),
                    body=str(message.body),
                    sent_at=sent_at,
                )
        return len(email_messages)


type MailBackend = RelayBackend | OutboxBackend


@contextmanager
def connected_relay() -> Iterator[MailBackend]:
    """Yield the mailer, connected, encrypted and logged in, after the relay has accepted the sender.

    Raises OSError or smtplib.SMTPException where it does not: then it would take no mail, whatever the address.
    """
    relay = mailers["relay"]
    assert isinstance(relay, RelayBackend | OutboxBackend), f"{relay} is no mailer of the pipeline"
    try:
        relay.open()
        relay.check_sender()
        yield relay
    finally:
        # What was accepted stays accepted, however the relay ends the conversation.
        with suppress(OSError, SMTPException):
            relay.close()
