"""What the registry's tables have in common: who wrote a row, and periods that do not overlap.

Periods are half-open, `[valid_from, valid_to)`, with an empty upper bound while they last: what is *valid for* when.
What was *known at* an instant is kept beside it: `recorded_at` says since when a row stands there, and a trigger puts
the state before each change into `journal_history` (migration `journal.0002_rules`). That two periods do not overlap is the
database's to say, also between two transactions that do not see each other: exclusion constraints on
`int8range(id, id, '[]')`, which the core GiST operator classes index, so that no extension is needed. Keys carry
the bucket of their premise in the upper bits (`urja.base.ids`).
"""

from typing import ClassVar

from django.contrib.postgres.constraints import ExclusionConstraint
from django.contrib.postgres.fields import DateTimeRangeField, RangeBoundary
from django.db import models
from django.db.models import F, Func, Q, Value

OVERLAPPING = (
    Func(
        F("valid_from"),
        F("valid_to"),
        RangeBoundary(),
        function="tstzrange",
        output_field=DateTimeRangeField(),
    ),
    "&&",
)


def same(field: str, function: str = "int8range") -> tuple[Func, str]:
    """The rows whose `field` is equal, in words that core GiST can index."""
    return Func(F(field), F(field), Value("[]"), function=function), "&&"


def one_at_a_time(name: str, *of: tuple[Func, str]) -> ExclusionConstraint:
    """At each instant at most one row for each value of `of`."""
    return ExclusionConstraint(name=name, expressions=[*of, OVERLAPPING])


def ends_after_it_begins(name: str) -> models.CheckConstraint:
    return models.CheckConstraint(
        condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")), name=f"{name}_ends_after_it_begins"
    )


class Recorded(models.Model):
    """When, by the business clock, a row was written and by whom (a user's name, a command, a stage)."""

    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    operation_id = models.BigIntegerField(null=True, db_index=True)
    """The operation that made the row (`journal_operation`); none before there were operations."""

    class Meta:
        abstract = True


class Period(Recorded):
    """A row that holds for a time."""

    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints: ClassVar = []
