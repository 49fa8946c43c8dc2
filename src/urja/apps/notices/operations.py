"""Writing side of notices."""

from datetime import datetime

from urja.apps.notices.models import Message

OUTBOX_KEEPS = 200
"""A demonstration's outbox is bounded: the oldest messages go when new ones come."""


def store_message(*, sender: str, recipient: str, subject: str, body: str, sent_at: datetime) -> Message:
    """Keep a message in the outbox and forget those beyond the newest `OUTBOX_KEEPS`."""
    message = Message.objects.create(
        sender=sender, recipient=recipient, subject=subject, body=body, sent_at=sent_at
    )
    Message.objects.filter(id__lte=message.id - OUTBOX_KEEPS).delete()
    return message
