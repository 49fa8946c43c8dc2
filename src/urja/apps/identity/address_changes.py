"""Changes of the e-mail address that a person signs in with, step by step: words mailed, answered, notified, ended."""

from datetime import datetime
from hashlib import sha256

import structlog
from django.db import transaction
from django.db.models import QuerySet

from urja.apps.identity.kinds import AddressChangeState
from urja.apps.identity.models import AddressAnswer, AddressChange

log = structlog.get_logger()

type AddressChangeRow = AddressChange
"""A row of `identity_address_change`, for annotations outside this app."""


_WAITING = AddressChangeState.WAITING


def apply_answers(now: datetime, limit: int) -> int:
    """Apply the words that people brought from mails about a change of address; return how many there were."""
    with transaction.atomic():
        answers = list(AddressAnswer.objects.order_by("id")[:limit])
        for answer in answers:
            # Only digests are stored: neither the web nor a copy of the database has the words that were
            # mailed.
            _judge(sha256(answer.word.encode()).digest(), now)
        AddressAnswer.objects.filter(id__in=[answer.id for answer in answers]).delete()
    return len(answers)


def _judge(digest: bytes, now: datetime) -> None:
    waiting = AddressChange.objects.select_for_update().filter(state=_WAITING)
    if (change := waiting.filter(new_digest=digest).first()) is not None:
        change.new_confirmed_at = change.new_confirmed_at or now
    elif (change := waiting.filter(old_digest=digest).first()) is not None:
        change.old_confirmed_at = change.old_confirmed_at or now
    elif (change := waiting.filter(refusal_digest=digest).first()) is not None:
        change.state, change.ended_at = AddressChangeState.REFUSED, now
    else:
        log.warning("a word that confirms nothing")
        return
    change.save(update_fields=["new_confirmed_at", "old_confirmed_at", "state", "ended_at"])
    log.info("address answered", change=change.id, user=change.user_id, state=change.state)


def open_changes() -> list[AddressChange]:
    """Return the changes that are not decided yet, the oldest first."""
    return list(AddressChange.objects.filter(state=_WAITING).order_by("id"))


def end(change_id: int, state: AddressChangeState, now: datetime) -> None:
    """Move an undecided change to a final state."""
    AddressChange.objects.filter(id=change_id, state=_WAITING).update(state=state, ended_at=now)


def pending_mails(limit: int) -> list[AddressChange]:
    """Return undecided changes whose words are not mailed yet, with the person."""
    return list(_with_person().filter(state=_WAITING, mailed_at=None)[:limit])


def pending_approval_notices(limit: int) -> list[AddressChange]:
    """Return undecided changes whose approval the old address was not notified of yet, with the person."""
    approved = _with_person().filter(state=_WAITING, approved_at__isnull=False, approval_told_at=None)
    return list(approved[:limit])


def pending_end_notices(limit: int) -> list[AddressChange]:
    """Return completed changes whose addresses were not notified yet, with the person."""
    return list(_with_person().filter(state=AddressChangeState.DONE, end_told_at=None)[:limit])


def _with_person() -> QuerySet[AddressChange]:
    return AddressChange.objects.select_related("person").order_by("id")


def store_word_digests(change_id: int, *, new: str, old: str, refusal: str) -> None:
    """Store the SHA-256 digests of the words that confirm or refuse a change."""
    AddressChange.objects.filter(id=change_id).update(
        new_digest=sha256(new.encode()).digest(),
        old_digest=sha256(old.encode()).digest(),
        refusal_digest=sha256(refusal.encode()).digest(),
    )


def record_mailed(change_id: int, now: datetime) -> None:
    """Record that both addresses were sent their words."""
    AddressChange.objects.filter(id=change_id).update(mailed_at=now)


def record_approval_notice(change_id: int, now: datetime) -> None:
    """Record that the old address was notified of the approval."""
    AddressChange.objects.filter(id=change_id).update(approval_told_at=now)


def record_end_notice(change_id: int, now: datetime) -> None:
    """Record that both addresses were notified that the change is complete."""
    AddressChange.objects.filter(id=change_id).update(end_told_at=now)
