"""Reading side of notices."""

from collections.abc import Sequence
from datetime import datetime

from urja.apps.notices.models import Message, Notice


def latest_messages(limit: int = 20) -> list[Message]:
    """The newest messages of the outbox, newest first."""
    return list(Message.objects.order_by("-id")[:limit])


def notices_of(account_id: int, since: datetime | None = None) -> list[Notice]:
    """An account's notices that were asked for since an instant, oldest first."""
    return notices_of_many([account_id], since)


def notices_of_many(account_ids: Sequence[int], since: datetime | None = None) -> list[Notice]:
    """The notices of many accounts since an instant, oldest first; without their texts' parameters."""
    found = Notice.objects.filter(account_id__in=account_ids).order_by("requested_at", "id")
    return list(found if since is None else found.filter(requested_at__gte=since))
