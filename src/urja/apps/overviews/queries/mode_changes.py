"""Which orders that change payment modes, and which of their rows, a caller may see; and what they come to.

An order is visible to a caller with `read:mode_changes` where at least one of its supplies is in the caller's area. Of
its rows the caller sees those in the area; rows that name no supply only in an order of the caller, or without a
limited area.
"""

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import BigIntegerField, Count, Exists, OuterRef, Q, QuerySet, Sum
from django.db.models.fields.json import KeyTextTransform
from django.db.models.functions import Cast

from urja.apps.contracts.kinds import ModeChangeState
from urja.apps.contracts.models import ModeChange, ModeChangeRow
from urja.apps.identity.queries.access import Area, Caller
from urja.apps.overviews.queries import areas
from urja.apps.overviews.queries.paging import counts_by_state, given
from urja.base.csv_texts import with_apostrophe
from urja.base.sentences import from_plain

type OrderRow = ModeChange
type AgreementRow = ModeChangeRow


def orders() -> QuerySet[ModeChange]:
    """Return the query for orders."""
    return ModeChange.objects.all()


def seen_in(area: Area, at: datetime) -> Q:
    """Return the condition that an order has a supply in an area."""
    if area.everywhere:
        return Q()
    there = ModeChangeRow.objects.filter(
        areas.service_points(area, at, "service_point_id"), mode_change=OuterRef("pk")
    )
    return Q(Exists(there))


def rows_seen(
    order: ModeChange, caller: Caller, area: Area, at: datetime, *, state: str | None = None
) -> QuerySet[ModeChangeRow]:
    """Return the query for the rows of an order that a caller may see, in the order of its list."""
    seen = areas.service_points(area, at, "service_point_id")
    if order.actor == caller.actor and not area.everywhere:
        seen |= Q(service_point_id=None)
    return ModeChangeRow.objects.filter(seen, given(state=state), mode_change=order).order_by("position")


def newest(count: int) -> list[ModeChange]:
    """Return the newest orders, the newest first."""
    return list(ModeChange.objects.order_by("-id")[:count])


def numbered(number: int) -> ModeChange | None:
    """Return an order by its number, or None."""
    return ModeChange.objects.filter(id=number).first()


def refusals(order: ModeChange, count: int) -> list[tuple[int, str, str]]:
    """Return the first refused rows of an order: position, number, and the reason in English."""
    rows = rows_of(order).filter(state=ModeChangeState.REFUSED)[:count]
    return [(row.position, row.named, why(row)) for row in rows]


def rows_of(order: ModeChange) -> QuerySet[ModeChangeRow]:
    """Return the query for all rows of an order, in the order of its list."""
    return ModeChangeRow.objects.filter(mode_change=order).order_by("position")


def progress(rows: QuerySet[ModeChangeRow]) -> dict[str, int]:
    """Return the number of rows in each state, zero included."""
    return counts_by_state(rows, ModeChangeState.values)


AMOUNTS: Final = (
    "balance_minor",
    "dues_minor",
    "set_apart_minor",
    "deposit_minor",
    "deposit_due_minor",
)


@dataclass(frozen=True, slots=True)
class Sums:
    """What the conversions of an order come to so far, in minor units."""

    amounts: dict[str, int]
    """By name of the amount, of all converted rows."""
    plans_kept: int
    plans_new: int


def sums(rows: QuerySet[ModeChangeRow]) -> Sums:
    """Return the sums of the converted rows."""
    done = rows.order_by().filter(state=ModeChangeState.DONE)
    found = done.aggregate(
        **{name: Sum(Cast(KeyTextTransform(name, "result"), BigIntegerField())) for name in AMOUNTS},
        plans_kept=Count("id", filter=Q(result__plan="kept")),
        plans_new=Count("id", filter=Q(result__plan="new")),
    )
    return Sums({name: int(found[name] or 0) for name in AMOUNTS}, found["plans_kept"], found["plans_new"])


def why(row: ModeChangeRow) -> str:
    """Return why a row was refused, in English; empty where it was not."""
    return str(from_plain(row.detail))


def csv_of(rows: QuerySet[ModeChangeRow]) -> Iterator[str]:
    """Yield rows as CSV, line by line, with amounts in minor units and states as the API has them.

    Texts that a spreadsheet would run as a formula are escaped: a request may name anything, and a fault begins with it.
    """
    figures = (*AMOUNTS, "plan", "instalment_minor")
    yield _line(["row", "consumer_number", "state", *figures, "ended_at", "detail"])
    for row in rows.iterator():
        ended = "" if row.ended_at is None else row.ended_at.isoformat()
        amounts = [row.result.get(name, "") for name in figures]
        yield _line(
            [row.position, with_apostrophe(row.named), row.state, *amounts, ended, with_apostrophe(why(row))]
        )


def _line(cells: Iterable[object]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(cells)
    return text.getvalue()
