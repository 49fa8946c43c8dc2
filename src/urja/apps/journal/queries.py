"""Queries on requests and operations."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Model, Q

from urja.apps.journal.models import AuditEntry, Request
from urja.base.untyped_values import JsonObject

type AuditRow = AuditEntry
"""A row of `journal_operation`, for annotations outside this app."""


@dataclass(frozen=True, slots=True)
class Requested:
    """A request with its outcome."""

    id: int
    kind: str
    content: Any
    dry_run: bool
    actor: str
    requested_at: datetime
    state: str
    answered_at: datetime | None
    faults: list[str]
    operation_id: int | None
    effects: dict[str, object]


@dataclass(frozen=True, slots=True)
class Done:
    """An operation that was carried out."""

    id: int
    kind: str
    content: JsonObject
    outcome: JsonObject
    actor: str
    recorded_at: datetime
    undone_by_id: int | None
    service_point_id: int | None


def _as[View](view: type[View], row: Model) -> View:
    """Return the values of a row that a view of it has."""
    return view(**{field.name: getattr(row, field.name) for field in fields(view)})  # type: ignore[arg-type]  # a view is a dataclass


def requested(row: Request) -> Requested:
    """Return the values of a request that was read."""
    return _as(Requested, row)


def request_of(request_id: int, actor: str | None = None) -> Requested | None:
    """Return a request, or None; with `actor` only one of theirs: another's does not exist for them."""
    rows = Request.objects.filter(id=request_id)
    row = (rows if actor is None else rows.filter(actor=actor)).first()
    return None if row is None else requested(row)


def request_under(idempotency_key: str) -> Requested | None:
    """Return the request that was recorded under a key, or None."""
    row = Request.objects.filter(idempotency_key=idempotency_key).first()
    return None if row is None else requested(row)


def operation(operation_id: int | None, inside: Q | None = None) -> Done | None:
    """Return the operation with a number, or None; `inside` is a further condition."""
    row = None if operation_id is None else AuditEntry.objects.filter(inside or Q(), id=operation_id).first()
    return None if row is None else _as(Done, row)


def operations(inside: Q, picked: Mapping[str, object], *, before: int | None, limit: int) -> list[Done]:
    """Return operations, newest first.

    `inside` is a condition (such as an area); `picked` has values that fields must have, None for any.
    """
    rows = AuditEntry.objects.filter(
        inside, **{name: value for name, value in picked.items() if value is not None}
    )
    if before is not None:
        rows = rows.filter(id__lt=before)
    return [_as(Done, row) for row in rows.order_by("-id")[:limit]]


type Subject = tuple[str, int]
"""A kind such as `account`, and a number."""


@dataclass(frozen=True, slots=True)
class Failure:
    """One account, agreement or device for which a step fails."""

    stage: str
    step: str
    subject: str
    subject_id: int
    error: str
    tries: int
    first_at: datetime
    again_at: datetime

    def __str__(self) -> str:
        """The sentence for operators."""
        times = "once" if self.tries == 1 else f"{self.tries} times"
        return (
            f"{self.subject} {self.subject_id} is held back: {self.step} has failed {times} since "
            f"{self.first_at:%Y-%m-%d %H:%M} UTC, and is tried again at {self.again_at:%Y-%m-%d %H:%M}: {self.error}"
        )


def failures(stage: str | None = None, step: str | None = None) -> list[Failure]:
    """Return what a stage, or each stage, fails for, the oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_FAILURES, {"stage": stage, "step": step})
        return [Failure(*row) for row in cursor.fetchall()]


# Each step of each run of a stage asks: to build this from a model took three times as long.
_FAILURES = """
SELECT stage, step, subject, subject_id, error, tries, first_at, again_at FROM journal_failure
WHERE stage = coalesce(%(stage)s, stage) AND step = coalesce(%(step)s, step) ORDER BY first_at, id
"""
