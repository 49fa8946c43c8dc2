"""A mail backend that keeps messages in a table: the demonstration sends nothing to anybody."""

from collections.abc import Sequence

from django.core.mail import EmailMessage
from django.core.mail.backends.base import BaseEmailBackend

from urja.apps.notices.operations import store_message
from urja.base.clock import WallClock


class OutboxBackend(BaseEmailBackend):
    """The mailer of a demonstration. Sign-in codes live in wall time, so messages are stamped with it."""

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        """Store one row per recipient; the number of messages is returned, as Django asks."""
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
