"""Reading side of notices."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q

from urja.apps.notices import channels, wording
from urja.apps.notices.kinds import NoticeState
from urja.apps.notices.models import Message, Notice
from urja.core.policy import LETTER

type NoticeRow = Notice


def latest_messages(limit: int = 20) -> list[Message]:
    """The newest messages of the outbox, newest first."""
    return list(Message.objects.order_by("-id")[:limit])


def text_kind(kind: str) -> str:
    """The kind of text for a kind of notice: the warnings of all thresholds read alike."""
    return wording.text_kind(kind)


def letter(account_id: int, reference: str) -> Notice | None:
    """The letter of this number that was posted, if there is one that was not entered by mistake."""
    posted = Notice.objects.filter(account_id=account_id, channel=LETTER, detail=reference)
    return posted.exclude(state=NoticeState.FAILED).first()


def notices_of(account_id: int, limit: int, before_id: int | None = None) -> list[Notice]:
    """What an account was told, newest first, below a notice's id where one is given."""
    found = Notice.objects.filter(account_id=account_id).order_by("-id")
    return list((found if before_id is None else found.filter(id__lt=before_id))[:limit])


@dataclass(frozen=True, slots=True)
class Traffic:
    """How messages fare: what the health of messaging is judged by."""

    told: int
    """Accounts that something was sent to."""
    reached: int
    """Of them, those that have a receipt. Accounts are counted and not messages: whoever is never reached is written to
    again and again, and would make the service look ill for everybody."""
    waiting_since: datetime | None
    """When the oldest notice was asked for that the service was given and has not taken yet."""


def traffic(sent_from: datetime, sent_until: datetime, sample: int) -> Traffic:
    """Of the last `sample` notices that were sent in [sent_from, sent_until) by a channel that reports, by account.

    And what waits now, whatever its channel.
    """
    sent = Notice.objects.filter(sent_at__gte=sent_from, sent_at__lt=sent_until)
    sent = sent.exclude(channel=LETTER).exclude(service__in=channels.without_receipts())
    last = sent.order_by("-sent_at")[:sample]
    counted = Notice.objects.filter(id__in=last.values("id")).aggregate(
        told=Count("account", distinct=True),
        reached=Count("account", distinct=True, filter=Q(delivered_at__isnull=False)),
    )
    waiting = Notice.objects.filter(state=NoticeState.REQUESTED, attempts__gt=0).aggregate(
        since=Min("requested_at")
    )
    return Traffic(counted["told"], counted["reached"], waiting["since"])
