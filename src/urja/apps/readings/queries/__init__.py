"""Queries on interval and register readings. Everything shown to a person is cut to the time of an agreement."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import lru_cache
from itertools import pairwise
from math import inf
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from urja.apps.contracts.kinds import Agreement
from urja.apps.readings import accrual
from urja.apps.readings.accrual import PERIOD_ENERGY_COLUMNS, PeriodEnergy
from urja.apps.readings.kinds import Series
from urja.apps.readings.unassigned import Unassigned, find as find_unassigned
from urja.base.sentences import from_plain
from urja.core.calendar import Period, midnight, month_of as calendar_month

ONE_HOUR = timedelta(hours=1)


class HourUse(NamedTuple):
    """Energy used in the hour from `start_at`, in Wh; None where nothing of it is known."""

    start_at: datetime
    energy_wh: int | None
    estimated_wh: int


class DayUse(NamedTuple):
    """Energy used on a local day, in Wh; None where nothing of it is known."""

    day: date
    energy_wh: int | None
    estimated_wh: int


@dataclass(frozen=True, slots=True)
class ReadingsHealth:
    """Numbers of open gaps and of exceptions, over all meters."""

    open_gaps: int
    exceptions: int


@dataclass(frozen=True, slots=True)
class MonthUse:
    """A local day by hour, and the billing month around it by day (which may begin on another day than the first)."""

    hours: list[HourUse]
    days: list[DayUse]


def use_by_day(agreement: Agreement, local_month: date) -> list[DayUse]:
    """Return the use of each day of the calendar month that contains `local_month`.

    Between two midnights with a register read it is the register's advance, as billed, and nothing is estimated.
    Otherwise it is the sum of the intervals.
    """
    return use_of_month(agreement, local_month, calendar_month(local_month)).days


def use_of_month(agreement: Agreement, local_day: date, period: Period) -> MonthUse:
    """Return the hours of a local day, each with the intervals that begin in it, and the days of the period that holds it.

    Intervals of earlier days are only read where a register read is missing, which is rare.
    """
    month, number = _month_of(local_day, period)
    counted = _advances(_registers(agreement, month), month.stamps)
    blocks = _blocks(agreement, month.midnights[number], month.midnights[-1])
    for first, end in _runs(n for n in range(number) if counted[n] is None):
        blocks |= _blocks(agreement, month.midnights[first], month.midnights[end])
    days = _by_day(month, blocks)
    return MonthUse(
        _hour_uses(month, number, blocks),
        [_day_use(day, wh, days.get(day)) for day, wh in zip(month.days, counted, strict=True)],
    )


type _Sum = tuple[int, int]
"""Energy in Wh, and how much of it is estimated."""

type _Stamp = int
"""An instant in microseconds since 1970: integers compare and add faster than datetimes."""

# Hours are counted from local midnight and not from the epoch: India's offset of 5 h 30 min would split each in two.
_HOUR: Final = 3_600_000_000

type _Registers = list[list[tuple[_Stamp, int]]]
"""(instant, Wh) of the register reads of each device period, in order."""

type _Blocks = dict[_Stamp, _Sum]
"""Sums of the intervals by the start of their hour, counted from a midnight."""


@dataclass(frozen=True, slots=True)
class _Month:
    """The days of a month and the midnight at the start of each; the last midnight is its end."""

    days: tuple[date, ...]
    midnights: tuple[datetime, ...]
    stamps: tuple[_Stamp, ...]


def _month_of(local_day: date, period: Period) -> tuple[_Month, int]:
    """Return the days of a period, and the index of a day among them."""
    return _month(period, settings.URJA_TIMEZONE), (local_day - period.first).days


@lru_cache(maxsize=64)
def _month(period: Period, zone: str) -> _Month:
    days = tuple(period)
    midnights = [midnight(day, ZoneInfo(zone)) for day in (*days, period.end)]
    return _Month(days, tuple(midnights), tuple(map(_stamp, midnights)))


def _stamp(at: datetime) -> _Stamp:
    return int(at.timestamp()) * 1_000_000


def _runs(numbers: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yield half-open runs of consecutive numbers from ascending numbers."""
    begun = following = None
    for number in numbers:
        if number != following:
            if begun is not None and following is not None:
                yield begun, following
            begun = number
        following = number + 1
    if begun is not None and following is not None:
        yield begun, following


def _hour_uses(month: _Month, number: int, blocks: _Blocks) -> list[HourUse]:
    begins, (first, end) = month.midnights[number], month.stamps[number : number + 2]
    return [
        HourUse(begins + hour * ONE_HOUR, *blocks.get(at, (None, 0)))
        for hour, at in enumerate(range(first, end, _HOUR))
    ]


def _by_day(month: _Month, blocks: _Blocks) -> dict[date, _Sum]:
    days: dict[date, _Sum] = {}
    for at, (energy_wh, estimated_wh) in blocks.items():
        day = month.days[bisect_right(month.stamps, at) - 1]
        before = days.get(day, (0, 0))
        days[day] = (before[0] + energy_wh, before[1] + estimated_wh)
    return days


def _day_use(day: date, counted_wh: int | None, blocks: _Sum | None) -> DayUse:
    """Return a day's use: the register's advance, or the sum of the intervals where it was not read."""
    return DayUse(day, counted_wh, 0) if counted_wh is not None else DayUse(day, *(blocks or (None, 0)))


def accrued(agreement_id: int, period: date) -> PeriodEnergy | None:
    """Return the energy of a billing period (given by its first local day) up to its watermark; None before any.

    It costs one indexed row.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {PERIOD_ENERGY_COLUMNS} FROM readings_accrual WHERE agreement_id = %s AND period = %s",
            [agreement_id, period],
        )
        row = cursor.fetchone()
    return None if row is None else PeriodEnergy.from_row(row)


def energies_until(agreement_ids: Sequence[int], period: date, until_at: datetime) -> list[PeriodEnergy]:
    """Return the energy in Wh of each agreement in a billing period up to `until_at`, or to its watermark before that.

    Evaluated from the rows for many agreements at once; the close of a day passes the day's end. Compare `watermark_at`
    with `until_at` to see whether everything up to then is known.
    """
    with connection.cursor() as cursor:
        return accrual.energies_until(cursor, agreement_ids, period, until_at, settings.URJA_TIMEZONE)


def unassigned(from_at: datetime, to_at: datetime, service_point_id: int | None = None) -> list[Unassigned]:
    """Return energy in Wh that consumers' meters measured in [from_at, to_at) outside of any agreement, with reasons.

    Such times are vacancies, meters that have not passed commissioning, and intervals within which something changed.
    """
    with connection.cursor() as cursor:
        return find_unassigned(cursor, from_at, to_at, settings.URJA_TIMEZONE, service_point_id)


def health() -> ReadingsHealth:
    """Return the numbers of open gaps and of exceptions."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM readings_gap WHERE closed_at IS NULL),"
            " (SELECT count(*) FROM readings_exception)"
        )
        return ReadingsHealth(*cursor.fetchone())


# With a transformer ratio each interval is rounded down, as meters round themselves. The remainder comes with the
# register's advance.
_BLOCKS = """
    SELECT (extract(epoch FROM shown.start_at)::bigint - %(midnight)s) / 3600 AS hour,
        sum(shown.counted)::bigint, coalesce(sum(shown.counted) FILTER (WHERE shown.status = 3), 0)::bigint
    FROM (
        SELECT DISTINCT ON (i.start_at, i.device_id) i.start_at,
            i.values[1]::bigint * p.ratio_primary / p.ratio_secondary AS counted, i.status
        FROM assets.device_period p JOIN readings_interval i
            ON i.service_point_id = p.service_point_id AND i.device_id = p.device_id AND i.series = 1
            AND i.start_at >= greatest(p.valid_from, p.in_service_at)
            AND i.start_at < coalesce(p.valid_to, 'infinity')
        WHERE p.service_point_id = %(place)s AND p.role = 1 AND p.in_service_at IS NOT NULL
            AND i.start_at >= %(begins)s AND i.start_at < %(ends)s
        ORDER BY i.start_at, i.device_id, i.version DESC
    ) shown
    GROUP BY hour
"""

_REGISTERS = """
    SELECT DISTINCT ON (r.read_at, p.id) p.id, (extract(epoch FROM r.read_at) * 1000000)::bigint,
        r.values[1] * p.ratio_primary / p.ratio_secondary
    FROM assets.device_period p JOIN readings_register r
        ON r.service_point_id = p.service_point_id AND r.device_id = p.device_id AND r.kind IN (2, 3, 5)
        AND r.read_at >= greatest(p.valid_from, p.in_service_at) AND r.read_at <= coalesce(p.valid_to, 'infinity')
    WHERE p.service_point_id = %(place)s AND p.role = 1 AND p.in_service_at IS NOT NULL
        AND r.read_at >= %(first)s AND r.read_at <= %(last)s
    ORDER BY r.read_at, p.id, r.version DESC, r.kind
"""


def alarms() -> list[str]:
    """Return the alarms as sentences for a person, by subject."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sentences FROM readings_alarm ORDER BY about")
        return [from_plain(sentence) for (row,) in cursor.fetchall() for sentence in json.loads(row)]


def _blocks(agreement: Agreement, midnight: datetime, end: datetime) -> _Blocks:
    """Return the intervals that begin between two midnights and in the agreement's time, summed by hour."""
    begins, ends = _within(agreement, midnight, end)
    with connection.cursor() as cursor:
        cursor.execute(
            _BLOCKS,
            {
                "place": agreement.service_point_id,
                "begins": begins,
                "ends": ends,
                "midnight": int(midnight.timestamp()),
            },
        )
        first = _stamp(midnight)
        return {first + hour * _HOUR: (wh, estimated_wh) for hour, wh, estimated_wh in cursor.fetchall()}


def _registers(agreement: Agreement, month: _Month) -> _Registers:
    """Return the register reads of a month that energy is billed from, in the agreement's time."""
    first, last = _within(agreement, month.midnights[0], month.midnights[-1])
    with connection.cursor() as cursor:
        cursor.execute(_REGISTERS, {"place": agreement.service_point_id, "first": first, "last": last})
        registers: dict[int, list[tuple[int, int]]] = {}
        for period, at, wh in cursor.fetchall():
            registers.setdefault(period, []).append((at, wh))
    return sorted(registers.values())


def last_interval_ends(service_point_id: int, device_ids: Iterable[int]) -> dict[int, datetime]:
    """Return the end (UTC) of the newest interval by device at a service point; devices without one are missing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.id, i.start_at + make_interval(secs => i.length_s) FROM unnest(%s::bigint[]) AS d (id) "
            "CROSS JOIN LATERAL (SELECT start_at, length_s FROM readings_interval "
            "WHERE service_point_id = %s AND device_id = d.id AND series = %s ORDER BY start_at DESC LIMIT 1) i",
            [list(device_ids), service_point_id, Series.COUNTED],
        )
        return dict(cursor.fetchall())


def unconfirmed_until(device_ids: Sequence[int]) -> dict[int, datetime]:
    """Return the end (UTC) of the newest unconfirmed interval by device; devices without one are missing."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT device_id, max(start_at + make_interval(secs => length_s)) FROM readings_unconfirmed"
            " WHERE device_id = ANY(%s) GROUP BY device_id",
            [list(device_ids)],
        )
        return dict(cursor.fetchall())


def _advances(registers: _Registers, midnights: Sequence[_Stamp]) -> list[int | None]:
    """Return the registers' advance in Wh from each midnight to the next; None where a read is missing."""
    if len(registers) != 1:
        return [_advance(registers, begins, ends) for begins, ends in pairwise(midnights)]
    # The common case, one meter all month, is a plain difference: it needs no search for each day.
    read = dict(registers[0])
    reads = [read.get(midnight) for midnight in midnights]
    return [None if a is None or b is None else b - a for a, b in pairwise(reads)]


def _advance(registers: _Registers, begins: _Stamp, ends: _Stamp) -> int | None:
    """Return the advance between two midnights over all meters of the day, None where reads are missing.

    On the day of an exchange two meters add up: the old one from midnight to its last read, the new one from its first
    read, at the same instant, to the next midnight.
    """
    reached, total = begins, 0
    for reads in registers:
        first = bisect_left(reads, (begins,))
        last = bisect_right(reads, (ends, inf)) - 1
        if first < last and reads[first][0] == reached:
            reached = reads[last][0]
            total += reads[last][1] - reads[first][1]
    return total if reached == ends else None


def _within(agreement: Agreement, begins: datetime, ends: datetime) -> tuple[datetime, datetime]:
    """Cut bounds to the agreement's own time: a new consumer never sees the use of the one before."""
    ended = agreement.valid_to
    return max(begins, agreement.valid_from), ends if ended is None else min(ends, ended)
