"""The steps of a notice in the database; the stage `notify` calls the message services between them.

States go forward only: requested → sent → unconfirmed, each of them → delivered or failed. A receipt that says
`delivered` counts at any time and is never undone. Instants are business time in UTC.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Case, F, Q, Value, When
from django.db.models.functions import Coalesce

from urja.apps.notices import channels
from urja.apps.notices.composing import IsDisconnected, compose, is_outdated
from urja.apps.notices.kinds import SAFETY, Failure, NoticeState
from urja.apps.notices.models import Notice, Receipt
from urja.apps.notices.port import DeliveryReport, Outcome, Receipts, UnreadableReceiptError
from urja.apps.notices.wording import subject

log = structlog.get_logger()

SEND_WITHIN: Final = timedelta(hours=12)
"""A notice that no service has taken within this time is ended: its text is no longer true."""
FIRST_RETRY: Final = timedelta(seconds=30)
"""Pause before the second attempt; it doubles with each attempt."""
LAST_RETRY: Final = timedelta(minutes=30)

FIRST_QUESTION: Final = timedelta(minutes=15)
"""Pause before the first query for what became of a message; it doubles with each query."""
LAST_QUESTION: Final = timedelta(hours=4)
RECEIPT_WITHIN: Final = timedelta(hours=24)
"""After this time a message without a receipt is sent."""

_SAFETY_FIRST: Final = Case(When(kind__in=sorted(SAFETY), then=Value(0)), default=Value(1))
_DETAIL: Final = 200
_OPEN: Final = (NoticeState.REQUESTED, NoticeState.SENT, NoticeState.UNCONFIRMED)


@dataclass(frozen=True, slots=True)
class Outgoing:
    """A message to hand over to a service."""

    notice_id: int
    to: str
    text: str
    subject: str

    @property
    def ref(self) -> str:
        """The reference by which the service recognises a repeated message."""
        return str(self.notice_id)


@dataclass(frozen=True, slots=True)
class Awaited:
    """A message that the service has taken and not reported on."""

    notice_id: int
    provider_id: str


def compose_pending(now: datetime, recharge_at: str, is_disconnected: IsDisconnected, limit: int) -> int:
    """Compose the next notices: text, recipient and channel; return how many were ended because there is none."""
    waiting = Notice.objects.filter(state=NoticeState.REQUESTED)
    names = [channel.name for channel in channels.configured()]
    ended = 0
    for notice in waiting.filter(text="").order_by(_SAFETY_FIRST, "id")[:limit]:
        _word(notice, now, recharge_at, is_disconnected)
        if not notice.service:
            ended += _fail(notice.id, Failure.NO_NUMBER if names else Failure.NO_SERVICE, now)
    for notice in waiting.exclude(text="").exclude(service__in=names)[:limit]:
        ended += _fail(notice.id, Failure.NO_SERVICE, now)
    return ended


def outgoing(
    service: str, now: datetime, is_disconnected: IsDisconnected, limit: int
) -> tuple[list[Outgoing], int]:
    """Return the next messages for a channel, and how many notices were ended because they are too late.

    Too late is 12 hours after the request; a warning also after a recharge or a disconnection.
    """
    due = Notice.objects.filter(
        Q(due_at=None) | Q(due_at__lte=now), state=NoticeState.REQUESTED, service=service
    )
    ready, ended = [], 0
    for notice in due.order_by(_SAFETY_FIRST, F("due_at").asc(nulls_first=True), "id")[:limit]:
        failure = _hindrance(notice, now, is_disconnected)
        if failure:
            ended += _fail(notice.id, failure, now)
        else:
            ready.append(Outgoing(notice.id, notice.recipient, notice.text, subject(notice.language)))
    return ready, ended


def _word(notice: Notice, now: datetime, recharge_at: str, is_disconnected: IsDisconnected) -> None:
    """Compose a notice and store it.

    Once: for the service, another text under the same reference is another message.
    """
    worded = compose(notice, now, recharge_at, is_disconnected)
    notice.text, notice.language, notice.recipient = worded.text, worded.language, worded.to
    if worded.channel is not None:
        notice.channel, notice.service = worded.channel.medium, worded.channel.name
    notice.save(update_fields=["text", "language", "recipient", "channel", "service"])


def _hindrance(notice: Notice, now: datetime, is_disconnected: IsDisconnected) -> Failure | None:
    if notice.requested_at + SEND_WITHIN <= now:
        return Failure.NOT_TAKEN
    return Failure.OUTDATED if is_outdated(notice, is_disconnected) else None


def record_taken(notice_id: int, provider_id: str, now: datetime, *, reports: bool) -> None:
    """Record that the service has taken a message; where the channel `reports`, the first query is due in 15 minutes."""
    with transaction.atomic():
        # Not only from `requested`: a receipt may have arrived before the service's answer and moved the state on.
        Notice.objects.filter(id=notice_id).update(
            provider_id=provider_id[:100], attempts=F("attempts") + 1, sent_at=Coalesce("sent_at", now)
        )
        Notice.objects.filter(id=notice_id, state=NoticeState.REQUESTED).update(
            state=NoticeState.SENT, detail="", due_at=now + FIRST_QUESTION if reports else None
        )


def record_missed(notice_id: int, detail: str, now: datetime) -> None:
    """Record that a message could not be handed over, and when to try again.

    The pause doubles from 30 seconds to 30 minutes; that of a warning of danger stays 30 seconds.
    """
    notice = Notice.objects.get(id=notice_id)
    # The exponent is bounded, or the product would overflow a timedelta after enough attempts.
    doubled = 0 if notice.kind in SAFETY else min(notice.attempts, 16)
    pause = min(FIRST_RETRY * 2**doubled, LAST_RETRY)
    Notice.objects.filter(id=notice_id, state=NoticeState.REQUESTED).update(
        attempts=F("attempts") + 1, detail=detail[:_DETAIL], due_at=now + pause
    )


def record_refused(notice_id: int, detail: str, now: datetime) -> None:
    """Record that the service refuses a message: it has failed."""
    Notice.objects.filter(id=notice_id).update(attempts=F("attempts") + 1)
    _fail(notice_id, Failure.REFUSED, now, detail)


def _fail(notice_id: int, failure: Failure, now: datetime, detail: str | None = None) -> bool:
    said = {} if detail is None else {"detail": detail[:_DETAIL]}
    return bool(
        Notice.objects.filter(id=notice_id, state__in=_OPEN).update(
            state=NoticeState.FAILED, failure=failure, ended_at=now, due_at=None, **said
        )
    )


def awaited(service: str, now: datetime, limit: int) -> list[Awaited]:
    """Return the next messages of a channel to query.

    Those without a receipt for 24 hours become unconfirmed instead.
    """
    sent = Notice.objects.filter(state=NoticeState.SENT)
    sent.filter(sent_at__lte=now - RECEIPT_WITHIN).update(
        state=NoticeState.UNCONFIRMED, ended_at=now, due_at=None
    )
    due = sent.filter(service=service, due_at__lte=now).exclude(provider_id="").order_by("due_at", "id")
    return [Awaited(*row) for row in due.values_list("id", "provider_id")[:limit]]


def record_report(notice_id: int, answer: DeliveryReport, now: datetime) -> None:
    """Record what the service has answered about a message."""
    if answer.outcome is Outcome.UNDER_WAY:
        postpone_query(notice_id, now)
    else:
        _end(notice_id, answer, now)


def postpone_query(notice_id: int, now: datetime) -> None:
    """Record when to query a message again that is still under way.

    The pause doubles from 15 minutes to 4 hours.
    """
    notice = Notice.objects.get(id=notice_id)
    pause = min(FIRST_QUESTION * 2 ** min(notice.questions, 16), LAST_QUESTION)
    Notice.objects.filter(id=notice_id, state=NoticeState.SENT).update(
        questions=F("questions") + 1, due_at=now + pause
    )


def _end(notice_id: int, answer: DeliveryReport, now: datetime) -> bool:
    """Record the final outcome of a message; return False where it is known already."""
    if answer.outcome is Outcome.FAILED:
        return _fail(notice_id, Failure.UNDELIVERABLE, now)
    # The service's time, but never later than now: its clock may be ahead.
    at = min(answer.at or now, now)
    return bool(
        Notice.objects.filter(id=notice_id, delivered_at=None).update(
            state=NoticeState.DELIVERED,
            delivered_at=at,
            sent_at=Coalesce("sent_at", at),
            failure="",
            detail="",
            ended_at=None,
            due_at=None,
        )
    )


# -- receipts -------------------------------------------------------------------------------------------------


def apply_receipts(now: datetime, limit: int) -> int:
    """Verify and apply the receipts that have come in, oldest first; return how many. Forged ones are deleted."""
    waiting = list(Receipt.objects.filter(applied_at=None).order_by("id")[:limit])
    for receipt in waiting:
        with transaction.atomic():
            receipts = _genuine(receipt)
            if receipts is None:
                log.warning("receipt with a wrong signature", provider=receipt.provider, receipt=receipt.id)
                receipt.delete()
                continue
            receipt.outcome = _apply(receipts, receipt.provider, bytes(receipt.body), now)
            receipt.applied_at = now
            receipt.save(update_fields=["outcome", "applied_at"])
    return len(waiting)


def _genuine(receipt: Receipt) -> Receipts | None:
    """Return the functions that read a receipt that its channel has signed; None for any other."""
    channel = channels.named(receipt.provider)
    if channel is None or not channel.reports:
        return None
    receipts = channels.receipts_of(channel)
    return receipts if receipts.is_genuine(channel.secrets, receipt.headers, bytes(receipt.body)) else None


def _apply(receipts: Receipts, service: str, body: bytes, now: datetime) -> str:
    try:
        answer = receipts.read(body)
    except UnreadableReceiptError:
        return "unreadable"
    notice_id = _notice_id(answer.ref)
    # A channel reports on its own messages alone: with one channel's secret no notice of another can be made delivered.
    if notice_id is None or not Notice.objects.filter(id=notice_id, service=service).exists():
        return "unknown"
    return answer.outcome.value if _end(notice_id, answer, now) else "nothing"


def _notice_id(ref: str) -> int | None:
    # 18 digits fit a bigint; a longer reference would be an error of the database.
    return int(ref) if ref.isascii() and ref.isdigit() and len(ref) <= 18 else None


def count_waiting() -> int:
    """Return how many notices no service has taken yet."""
    return Notice.objects.filter(state=NoticeState.REQUESTED).count()
