"""Writing side of notices."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from urja.apps.notices.kinds import Failure, NoticeState
from urja.apps.notices.models import Message, Notice
from urja.core.policy import LETTER

OUTBOX_SIZE = 200
"""A demonstration's outbox is bounded: the oldest messages go when new ones come."""


def store_message(*, sender: str, recipient: str, subject: str, body: str, sent_at: datetime) -> Message:
    """Keep a message in the outbox and forget those beyond the newest `OUTBOX_SIZE`."""
    message = Message.objects.create(
        sender=sender, recipient=recipient, subject=subject, body=body, sent_at=sent_at
    )
    Message.objects.filter(id__lte=message.id - OUTBOX_SIZE).delete()
    return message


@dataclass(frozen=True, slots=True)
class Request:
    """A notice that somebody wants sent; `params` as in `urja.core.policy.Notify`."""

    account_id: int
    kind: str
    params: Mapping[str, Any]
    dedupe_key: str


def request_notice(
    account_id: int, kind: str, params: Mapping[str, Any], dedupe_key: str, requested_at: datetime
) -> Notice:
    """Ask for a notice; the first one where the key has been used before."""
    request_notices([Request(account_id, kind, params, dedupe_key)], requested_at)
    return Notice.objects.get(dedupe_key=dedupe_key)


def request_notices(requests: Iterable[Request], requested_at: datetime) -> None:
    """Ask for many at once; keys that have been used before ask for nothing."""
    Notice.objects.bulk_create(
        [
            Notice(
                account_id=request.account_id,
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
    """Keep a letter that was posted, beside the messages; whether it arrived is not known."""
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
    """Say that a letter was entered by mistake; from now on it serves nothing."""
    Notice.objects.filter(id=notice_id, channel=LETTER).update(
        state=NoticeState.FAILED, failure=Failure.WITHDRAWN, ended_at=at
    )
