"""Sign-in codes that the web has requested, step by step: pending, then ended, with the code blanked."""

from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q

from urja.apps.identity.kinds import CODE_EXPIRES_AFTER, CodeMedium, CodeOutcome
from urja.apps.identity.models import SignInCode

type SignInCodeRow = SignInCode
"""A row of `identity_sign_in_code`, for annotations outside this app."""


def due(now: datetime, limit: int, medium: CodeMedium) -> list[SignInCode]:
    """Return pending codes that are to be sent at `now` (wall clock, UTC) or have expired, the oldest first."""
    rows = SignInCode.objects.filter(ended_at=None, medium=medium).select_related("user")
    # Of the user nothing but the address: the pipeline may read no more of that table.
    rows = rows.only(*(field.attname for field in SignInCode._meta.concrete_fields), "user__email")  # noqa: SLF001 - documented by Django
    asked = Q(due_at=None) | Q(due_at__lte=now) | Q(requested_at__lte=now - CODE_EXPIRES_AFTER)
    return list(rows.filter(asked).order_by("id")[:limit])


def pending_count(medium: CodeMedium) -> int:
    """Return how many codes wait to be sent by a medium."""
    return SignInCode.objects.filter(ended_at=None, medium=medium).count()


def sent_count(since: datetime, medium: CodeMedium, user_id: int | None = None) -> int:
    """Return how many codes were sent by a medium since an instant (wall clock, UTC): to a user, or to all where it is
    None.
    """
    rows = SignInCode.objects.filter(outcome=CodeOutcome.SENT, medium=medium, ended_at__gt=since)
    return (rows if user_id is None else rows.filter(user_id=user_id)).count()


def end(code_id: int, outcome: CodeOutcome, now: datetime) -> None:
    """Record what became of a code, and blank it."""
    SignInCode.objects.filter(id=code_id).update(code="", outcome=outcome, ended_at=now, due_at=None)


def postpone(code_id: int, due_at: datetime) -> None:
    """Try a code again from `due_at` on (wall clock, UTC)."""
    SignInCode.objects.filter(id=code_id).update(due_at=due_at)


def record_relay_failure(code_ids: Sequence[int], now: datetime) -> None:
    """Record at which instant (wall clock, UTC) the relay took no mail at all while these codes were pending."""
    SignInCode.objects.filter(id__in=code_ids).update(relay_failed_at=now)


def forget(before: datetime) -> int:
    """Delete the codes that ended before an instant of the wall clock (UTC); return how many."""
    return SignInCode.objects.filter(ended_at__lt=before).delete()[0]
