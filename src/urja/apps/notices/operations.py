"""Requests for notices, letters, and the outbox of a demonstration."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from urja.apps.notices.kinds import Failure, NoticeState
from urja.apps.notices.models import Message, Notice
from urja.core.policy import LETTER

OUTBOX_SIZE = 200
"""The most messages in the outbox of a demonstration; the oldest are deleted."""


def store_message(*, sender: str, recipient: str, subject: str, body: str, sent_at: datetime) -> Message:
    """Store a message in the outbox, and delete those beyond the newest `OUTBOX_SIZE`."""
    message = Message.objects.create(
        sender=sender, recipient=recipient, subject=subject, body=body, sent_at=sent_at
    )
    Message.objects.filter(id__lte=message.id - OUTBOX_SIZE).delete()
    return message


@dataclass(frozen=True, slots=True)
class Request:
    """A notice to be sent; `params` as in `urja.core.policy.Notify`."""

    account_id: int | None
    """None for a notice to a member of staff."""
    kind: str
    params: Mapping[str, object]
    dedupe_key: str
    staff_id: int | None = None


def request_notice(
    account_id: int, kind: str, params: Mapping[str, object], dedupe_key: str, requested_at: datetime
) -> Notice:
    """Request a notice and return it; the earlier one where the dedupe key was used before.

    Amounts in `params` are in minor units, instants in local time with their offset.
    """
    request_notices([Request(account_id, kind, params, dedupe_key)], requested_at)
    return Notice.objects.get(dedupe_key=dedupe_key)


def request_notices(requests: Iterable[Request], requested_at: datetime) -> None:
    """Request many notices at once; dedupe keys that were used before request nothing."""
    Notice.objects.bulk_create(
        [
            Notice(
                account_id=request.account_id,
                staff_id=request.staff_id,
                kind=request.kind,
                params=dict(request.params),
                dedupe_key=request.dedupe_key,
                requested_at=requested_at,
            )
            for request in requests
        ],
        ignore_conflicts=True,
    )


def record_letter(account_id: int, posted_at: datetime, reference: str) -> Notice:
    """Record a letter that was posted at `posted_at` (UTC), and return it as a notice; its arrival is not known."""
    count = Notice.objects.filter(account_id=account_id, channel=LETTER).count()
    return Notice.objects.create(
        account_id=account_id,
        kind=LETTER,
        dedupe_key=f"{LETTER}:{account_id}:{count + 1}",
        requested_at=posted_at,
        sent_at=posted_at,
        state=NoticeState.UNCONFIRMED,
        channel=LETTER,
        detail=reference,
    )


def withdraw_letter(notice_id: int, at: datetime) -> None:
    """Record that a letter was entered by mistake; from then on no disconnection can rest on it."""
    Notice.objects.filter(id=notice_id, channel=LETTER).update(
        state=NoticeState.FAILED, failure=Failure.WITHDRAWN, ended_at=at
    )
