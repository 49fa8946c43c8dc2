"""What came in from gateways and payers' browsers: read by the pipeline, and closed with a verdict."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from urja.apps.payments.models import Inbox
from urja.apps.payments.queries import gateways

FORGED = "forged"


def waiting(provider: str, limit: int) -> list[Inbox]:
    """What came in for a gateway, or for one that is not configured: it takes the places of others. Oldest first."""
    found = Inbox.objects.filter(processed_at=None)
    return list(found.filter(Q(provider=provider) | ~Q(provider__in=gateways.names())).order_by("id")[:limit])


def close(ids: Sequence[int], verdict: str, now: datetime) -> None:
    """Note what was made of rows."""
    Inbox.objects.filter(id__in=ids).update(processed_at=now, verdict=verdict)


def prune_forged(kept: int) -> None:
    """Keep what strangers send up to a number: the disk is not theirs to fill."""
    forged = Inbox.objects.filter(verdict=FORGED)
    oldest = forged.order_by("-id").values_list("id", flat=True)[kept : kept + 1].first()
    if oldest is not None:
        forged.filter(~Q(processed_at=None), id__lte=oldest).delete()
