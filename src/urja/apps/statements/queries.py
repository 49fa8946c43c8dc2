"""Statements of account: those of an account, and one of them with everything that it states."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final

import msgspec
from django.db.models import QuerySet

from urja.apps.statements.kinds import AFTER_ALL, StatementContent, number_of
from urja.apps.statements.models import DueStatement, Statement as _Row


@dataclass(frozen=True, slots=True)
class StatementSummary:
    """A statement of account without its content; amounts in minor units."""

    number: str
    of_series: int
    """Its number in its series."""
    account_id: int
    agreement_id: int
    period_from: date
    period_to: date
    """The day after the last one that is stated."""
    total_minor: int
    opening_minor: int
    closing_minor: int
    made_at: datetime
    revises: str | None
    revised_by: str | None
    final: bool
    """Whether it states what moved the account after its agreement's last period."""
    sha256: str


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement of account."""

    summary: StatementSummary
    content: StatementContent
    text: str
    """The content as stored, over which with the hash before its hash was taken."""
    previous_sha256: str
    """Hash of the statement before it in its series."""


@dataclass(frozen=True, slots=True)
class RefusedStatement:
    """A statement that the database refuses: it is tried again each hour until it is made."""

    agreement_id: int
    period_from: date | None
    """None for a final statement."""
    since: datetime
    """When its period was closed, or charged otherwise."""
    problem: str


_ALL: Final = 1200
"""More statements than an account can have in a hundred years."""


def statements_of(account_id: int, limit: int = _ALL) -> list[StatementSummary]:
    """Return the statements of an account, the newest period first, of each period the newest statement first."""
    rows = _rows().filter(account_id=account_id).defer("content")
    return [_summary(row) for row in rows.order_by("-period_start", "-number")[:limit]]


def refused_statements() -> list[RefusedStatement]:
    """Return the statements that the database refuses, the oldest first."""
    rows = DueStatement.objects.exclude(problem="").order_by("recorded_at", "agreement_id", "period_start")
    columns = rows.values_list("agreement_id", "period_start", "recorded_at", "problem")
    return [
        RefusedStatement(agreement_id, None if start == AFTER_ALL else start, since, problem)
        for agreement_id, start, since, problem in columns
    ]


def statement(account_id: int, number: str) -> Statement | None:
    """Return the statement of an account with a number such as `7-42`; None where it has none."""
    series, dash, of_series = number.partition("-")
    if not (dash and series.isdecimal() and of_series.isdecimal() and len(number) < 20):
        return None
    row = _rows().filter(account_id=account_id, bucket=int(series), number=int(of_series)).first()
    if row is None:
        return None
    return Statement(
        _summary(row),
        msgspec.json.decode(row.content, type=StatementContent),
        row.content,
        bytes(row.previous_sha256).hex(),
    )


def _rows() -> QuerySet[_Row]:
    return _Row.objects.select_related("revises", "revision")


def _summary(row: _Row) -> StatementSummary:
    revision = getattr(row, "revision", None)
    return StatementSummary(
        number=number_of(row.bucket, row.number),
        of_series=row.number,
        account_id=row.account_id,
        agreement_id=row.agreement_id,
        period_from=row.period_start,
        period_to=row.period_end,
        total_minor=row.total_minor,
        opening_minor=row.opening_minor,
        closing_minor=row.closing_minor,
        made_at=row.made_at,
        revises=None if row.revises is None else number_of(row.revises.bucket, row.revises.number),
        revised_by=None if revision is None else number_of(revision.bucket, revision.number),
        final=row.final,
        sha256=bytes(row.sha256).hex(),
    )
