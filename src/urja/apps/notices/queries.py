"""Reading side of notices."""

from urja.apps.notices.models import Message


def latest_messages(limit: int = 20) -> list[Message]:
    """The newest messages of the outbox, newest first."""
    return list(Message.objects.order_by("-id")[:limit])
