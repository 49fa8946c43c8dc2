"""The laws of the ledger of units: they are conserved, and each bank follows from the one before."""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

from collections.abc import Iterator, Mapping
from datetime import date
from itertools import groupby
from operator import attrgetter
from typing import LiteralString, NamedTuple

from urja.laws.connections import Connection, streamed
from urja.laws.second_rater import set_off, settled_by

_ROWS: LiteralString = """
SELECT agreement_id, zone, period_start, version, opening_wh, imported_wh, exported_wh, used_wh, settled_wh, closing_wh, ends
FROM billing_unit_bank
"""
_OF_BUCKET: LiteralString = f"""{_ROWS}
WHERE agreement_id >= %(bucket)s::bigint << 40 AND agreement_id < (%(bucket)s::bigint + 1) << 40
ORDER BY agreement_id, zone, period_start, version
"""
_NEWEST: LiteralString = f"""
SELECT DISTINCT ON (agreement_id, period_start, zone) * FROM ({_ROWS}) u
WHERE agreement_id >= %(bucket)s::bigint << 40 AND agreement_id < (%(bucket)s::bigint + 1) << 40
ORDER BY agreement_id, period_start, zone, version DESC
"""


# A change of tariff that leaves units behind is refused. This finds those that were left before it was.
_LEFT: LiteralString = """
SELECT u.agreement_id, u.zone, u.closing_wh, u.period_start FROM (
    SELECT DISTINCT ON (agreement_id, zone) agreement_id, zone, closing_wh, period_start FROM billing_unit_bank
    WHERE agreement_id >= %(bucket)s::bigint << 40 AND agreement_id < (%(bucket)s::bigint + 1) << 40
    ORDER BY agreement_id, zone, period_start DESC, version DESC) u
WHERE u.closing_wh <> 0 AND EXISTS (SELECT FROM billing_rated r WHERE r.agreement_id = u.agreement_id
    AND r.period_start > u.period_start AND r.billed_first < r.billed_end)
ORDER BY 1, 2
"""


class Row(NamedTuple):
    """A version of what a bank of an agreement has in a period, in Wh."""

    agreement_id: int
    zone: int
    period_start: date
    version: int
    opening_wh: int
    imported_wh: int
    exported_wh: int
    used_wh: int
    settled_wh: int
    closing_wh: int
    ends: bool

    @property
    def name(self) -> str:
        return f"bank {self.zone} of agreement {self.agreement_id} from {self.period_start}, version {self.version},"


def newest(connection: Connection, bucket: int) -> Iterator[tuple[tuple[int, date], dict[int, Row]]]:
    """Yield agreement and period with the newest row of each bank by its number, in their order, of a bucket.

    In a transaction of the caller.
    """
    rows = (Row(*values) for values in streamed(connection, _NEWEST, {"bucket": bucket}))
    for period, banks in groupby(rows, key=attrgetter("agreement_id", "period_start")):
        yield period, {row.zone: row for row in banks}


def conserved(
    period: tuple[int, date],
    terms: list[tuple[date, list[str], int]],
    days: tuple[date, date, date],
    measured: list[tuple[date, date, dict[str, int]]],
    stored: Mapping[int, Row],
) -> Iterator[str]:
    """Yield the banks of an agreement's rated period whose units are not what its determinants come to, by the second rater.

    `days` are the first billed day, the day after the last, and the day after the last that is charged; `stored` are the
    newest rows of the banks. The opening is the stored one: what it follows from is asked by `following`.
    """
    first, end, through = days
    opening = {zone: row.opening_wh for zone, row in stored.items()}
    _, units, rules = set_off(measured, terms if first < end else [], opening, end)
    settles = through >= end and settled_by(rules, end, ends=any(row.ends for row in stored.values()))
    expected = {
        each.zone: (each.exported, each.used, *((each.closing, 0) if settles else (0, each.closing)))
        for each in units
    }
    for zone in sorted(stored.keys() | expected.keys()):
        row = stored.get(zone)
        # A bank that other terms have taken away is left with what it had.
        comes_to = expected.get(zone, (0, 0, 0, opening.get(zone, 0)))
        if row is None:
            yield f"agreement {period[0]} from {period[1]} has no units of the bank {zone}, they come to {comes_to}"
        elif (row.exported_wh, row.used_wh, row.settled_wh, row.closing_wh) != comes_to:
            yield (
                f"{row.name} has exported, used, settled and closing {row.exported_wh}, {row.used_wh}, {row.settled_wh} and "
                f"{row.closing_wh}, they come to {comes_to}"
            )


def following(connection: Connection, bucket: int, _proven: int) -> Iterator[str]:
    """Yield the rows of a bucket that do not add up or do not follow from the one before: in their period, and in their bank."""
    before: Row | None = None
    left: tuple[tuple[int, int], int] | None = None
    for row in (Row(*found) for found in streamed(connection, _OF_BUCKET, {"bucket": bucket})):
        bank = (row.agreement_id, row.zone)
        same = before is not None and (before.agreement_id, before.zone, before.period_start) == (
            *bank,
            row.period_start,
        )
        if not same:
            yield from _opened(before, left)
            if before is not None:
                left = ((before.agreement_id, before.zone), before.closing_wh)
        if row.version != (before.version + 1 if same and before else 1):
            yield f"{row.name} does not follow version {before.version if same and before else 0}"
        if row.opening_wh + row.exported_wh != row.used_wh + row.settled_wh + row.closing_wh:
            yield f"{row.name} does not add up"
        before = row
    yield from _opened(before, left)
    for agreement_id, zone, units_wh, start in connection.execute(_LEFT, {"bucket": bucket}):
        yield (
            f"bank {zone} of agreement {agreement_id} has {units_wh} from the period from {start}, and its tariff of a later "
            "period has no such bank: give the agreement one that takes the bank on"
        )


def _opened(newest: Row | None, left: tuple[tuple[int, int], int] | None) -> Iterator[str]:
    """Yield the newest row of a period if it opens with other units than its bank had left by then."""
    if newest is None:
        return
    bank = (newest.agreement_id, newest.zone)
    expected = left[1] if left and left[0] == bank else 0
    if newest.opening_wh != expected:
        yield f"{newest.name} opens with {newest.opening_wh}, the period before has left {expected}"
