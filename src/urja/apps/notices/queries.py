"""Queries on notices."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import Count, Min, Q

from urja.apps.notices import channels, wording
from urja.apps.notices.kinds import GAS_ESCAPES, Failure, NoticeState
from urja.apps.notices.models import Message, Notice
from urja.core.policy import LETTER

type NoticeRow = Notice


def has_sms() -> bool:
    """Return whether messages can be sent by SMS."""
    return channels.of_medium("sms") is not None


def latest_messages(limit: int = 20, *, recipient: str = "") -> list[Message]:
    """Return the newest messages of the outbox, newest first; with `recipient` only those to that address."""
    found = Message.objects.order_by("-id")
    return list((found.filter(recipient__iexact=recipient) if recipient else found)[:limit])


def text_kind(kind: str) -> str:
    """Return the kind of text for a kind of notice: warnings of all thresholds have the same text."""
    return wording.text_kind(kind)


def letter(account_id: int, reference: str) -> Notice | None:
    """Return the posted letter with a number, or None; one that was entered by mistake does not count."""
    posted = Notice.objects.filter(account_id=account_id, channel=LETTER, detail=reference)
    return posted.exclude(state=NoticeState.FAILED).first()


ANNOUNCING: Final = ("zero", "cut")
"""Kinds of notices that announce a disconnection, and that a letter can repeat on paper."""


def with_announcements(account_ids: Collection[int]) -> set[int]:
    """Return those of these accounts that may have unserved announcements: few, of which each is then looked at."""
    found = Notice.objects.filter(account_id__in=account_ids, kind__in=ANNOUNCING, delivered_at=None)
    return set(found.exclude(text="").exclude(failure=Failure.OUTDATED).values_list("account_id", flat=True))


def unserved_announcements(account_id: int) -> list[Notice]:
    """Return the newest `zero` and `cut` of an account that no receipt and no letter proves, oldest first.

    Outdated ones, and those whose text is not composed yet, are left out.
    """
    posted = Notice.objects.filter(account_id=account_id, channel=LETTER).exclude(state=NoticeState.FAILED)
    last = posted.order_by("-sent_at").values_list("sent_at", flat=True).first()
    found = Notice.objects.filter(account_id=account_id, kind__in=ANNOUNCING)
    found = found.exclude(text="").exclude(failure=Failure.OUTDATED)
    if last is not None:
        found = found.filter(requested_at__gt=last)
    newest = {notice.kind: notice for notice in found.order_by("id")}
    return sorted(
        (notice for notice in newest.values() if notice.delivered_at is None), key=lambda notice: notice.id
    )


def notices_of(account_ids: Collection[int], limit: int, before_id: int | None = None) -> list[Notice]:
    """Return the notices to accounts, newest first, with numbers below `before_id` where it is given."""
    found = Notice.objects.filter(account_id__in=list(account_ids)).order_by("-id")
    return list((found if before_id is None else found.filter(id__lt=before_id))[:limit])


def of_work_order(order_id: int) -> list[Notice]:
    """Return the warnings of danger that belong to a work order for escaping gas, oldest first."""
    return list(Notice.objects.filter(dedupe_key__startswith=f"{GAS_ESCAPES}:{order_id}:").order_by("id"))


@dataclass(frozen=True, slots=True)
class Traffic:
    """How many accounts the latest notices reached: what the health of messaging is judged by."""

    notified: int
    """Accounts that were sent a notice."""
    reached: int
    """Those of them with a receipt.

    Accounts are counted and not messages: an account that is never reached is written to again and again, and would
    make the service look broken for all others.
    """
    waiting_since: datetime | None
    """Since when the oldest notice waits that was handed to the service and is not taken yet."""


def traffic(sent_from: datetime, sent_until: datetime, sample: int) -> Traffic:
    """Return how many accounts the last `sample` notices reached that were sent in [sent_from, sent_until).

    Only notices of channels that report are counted; waiting ones are of any channel.
    """
    sent = Notice.objects.filter(sent_at__gte=sent_from, sent_at__lt=sent_until)
    sent = sent.exclude(channel=LETTER).exclude(service__in=channels.without_receipts())
    last = sent.order_by("-sent_at")[:sample]
    counted = Notice.objects.filter(id__in=last.values("id")).aggregate(
        notified=Count("account", distinct=True),
        reached=Count("account", distinct=True, filter=Q(delivered_at__isnull=False)),
    )
    waiting = Notice.objects.filter(state=NoticeState.REQUESTED, attempts__gt=0).aggregate(
        since=Min("requested_at")
    )
    return Traffic(counted["notified"], counted["reached"], waiting["since"])
