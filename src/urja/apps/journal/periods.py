"""Base classes of the registry's tables: who wrote a row and when, and periods that do not overlap.

Periods are half-open, `[valid_from, valid_to)`, without an upper bound while they last: the time that a row is valid
for. When it was known is kept apart: `recorded_at` says since when a row has its values, and a trigger copies the
state before each change into `journal_history` (migration `journal.0002_rules`).

That two periods do not overlap is ensured by the database, also between two transactions that do not see each other:
exclusion constraints on `int8range(id, id, '[]')`, which the core GiST operator classes index, so that no extension
is needed. The upper bits of keys are the bucket of their premise (`urja.base.ids`).
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
"""Part of an exclusion constraint: the periods of two rows overlap."""


def same(field: str, function: str = "int8range") -> tuple[Func, str]:
    """Return the part of an exclusion constraint by which two rows have the same `field`.

    A range of one value, because core GiST indexes ranges and not plain numbers.
    """
    return Func(F(field), F(field), Value("[]"), function=function), "&&"


def one_at_a_time(name: str, *of: tuple[Func, str]) -> ExclusionConstraint:
    """Return a constraint that allows at most one row at each instant for each combination of `of`."""
    return ExclusionConstraint(name=name, expressions=[*of, OVERLAPPING])


def ends_after_it_begins(name: str) -> models.CheckConstraint:
    """Return a constraint that a period ends after it begins, or not at all."""
    return models.CheckConstraint(
        condition=Q(valid_to=None) | Q(valid_to__gt=F("valid_from")), name=f"{name}_ends_after_it_begins"
    )


class Recorded(models.Model):
    """A row with when (business time) and by whom (a user, a command, a stage) it was written."""

    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    operation_id = models.BigIntegerField(null=True, db_index=True)
    """The operation that created the row (`journal_operation`); None for rows of before operations."""

    class Meta:
        abstract = True


class Period(Recorded):
    """A row that is valid for a period."""

    valid_from = models.DateTimeField()
    valid_to = models.DateTimeField(null=True)

    class Meta:
        abstract = True
        constraints: ClassVar = []
