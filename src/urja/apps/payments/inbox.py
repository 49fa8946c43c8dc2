"""Messages from gateways and payers' browsers, stored by the web: read by the pipeline and closed with a verdict."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from urja.apps.payments.models import Inbox
from urja.apps.payments.queries import gateways

FORGED = "forged"


def waiting(provider: str, limit: int) -> list[Inbox]:
    """Return open messages for a gateway, oldest first.

    Those for gateways that are not configured are included, because they count against the limit of open rows.
    """
    found = Inbox.objects.filter(processed_at=None)
    return list(found.filter(Q(provider=provider) | ~Q(provider__in=gateways.names())).order_by("id")[:limit])


def close(ids: Sequence[int], verdict: str, now: datetime) -> None:
    """Store the verdict about messages."""
    Inbox.objects.filter(id__in=ids).update(processed_at=now, verdict=verdict)


def prune_forged(kept: int) -> None:
    """Delete the oldest forged messages beyond `kept`, so that a stranger cannot fill the disk."""
    forged = Inbox.objects.filter(verdict=FORGED)
    oldest = forged.order_by("-id").values_list("id", flat=True)[kept : kept + 1].first()
    if oldest is not None:
        forged.filter(~Q(processed_at=None), id__lte=oldest).delete()
