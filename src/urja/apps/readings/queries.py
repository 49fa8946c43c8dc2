"""The reading side of the readings. Whatever a person sees goes through an agreement's own time."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from urja.apps.readings import accrual
from urja.apps.readings.accrual import PERIOD_ENERGY_COLUMNS, PeriodEnergy
from urja.apps.registry.models import Agreement


@dataclass(frozen=True, slots=True)
class HourUse:
    """Use in the hour from `start_at`; no energy where nothing is known of it."""

    start_at: datetime
    energy_wh: int | None
    estimated_wh: int


@dataclass(frozen=True, slots=True)
class DayUse:
    """Use on a local day; no energy where nothing is known of it."""

    day: date
    energy_wh: int | None
    estimated_wh: int


@dataclass(frozen=True, slots=True)
class RegisterRead:
    """A point read of the cumulative import register, in its current version."""

    read_at: datetime
    import_wh: int
    kind: int
    status: int
    source: int
    version: int
    correlation: int
    device_id: int


@dataclass(frozen=True, slots=True)
class Block:
    """An interval in its current version."""

    start_at: datetime
    length_s: int
    import_wh: int
    status: int
    source: int
    version: int
    correlation: int
    device_id: int


@dataclass(frozen=True, slots=True)
class ReadingsHealth:
    """How much is missing and put aside, over all meters."""

    open_gaps: int
    exceptions: int


@dataclass(frozen=True, slots=True)
class MonthUse:
    """A local day by hour and the month around it by day."""

    hours: list[HourUse]
    days: list[DayUse]


def use_by_hour(agreement: Agreement, local_day: date) -> list[HourUse]:
    """The hours of a local day, in order, each with the blocks that begin in it."""
    begins, ends = _day_bounds(local_day)
    return _hours(begins, ends, _summed(agreement, begins, ends, begins, ends))


def use_by_day(agreement: Agreement, local_month: date) -> list[DayUse]:
    """The days of the local month that `local_month` lies in.

    Between two midnights that were both read from the register it is the register's advance, as it is billed;
    else the sum of the blocks.
    """
    return use_of_month(agreement, local_month).days


def use_of_month(agreement: Agreement, local_day: date) -> MonthUse:
    """What `use_by_hour` and `use_by_day` say of one day, at the cost of one of them."""
    midnights = [_midnight(day) for day in _days_and_one(local_day)]
    number = local_day.day - 1
    begins, ends = midnights[number : number + 2]
    summed = _summed(agreement, midnights[0], midnights[-1], begins, ends)
    return MonthUse(_hours(begins, ends, summed), _days(agreement, local_day, midnights, summed))


def _days_and_one(local_day: date) -> list[date]:
    """The days of a month and the one after it."""
    first = local_day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return [first + timedelta(days=number) for number in range((following - first).days + 1)]


type _Sums = list[tuple[date, datetime | None, int, int]]
"""Local day, hour where it was asked for, energy and how much of it is estimated."""


def _hours(begins: datetime, ends: datetime, summed: _Sums) -> list[HourUse]:
    known = {hour: (energy, estimated) for _day, hour, energy, estimated in summed if hour is not None}
    hours = (ends - begins) // timedelta(hours=1)
    return [
        HourUse(hour, *known.get(hour, (None, 0)))
        for hour in (begins + number * timedelta(hours=1) for number in range(hours))
    ]


def _days(agreement: Agreement, local_day: date, midnights: list[datetime], summed: _Sums) -> list[DayUse]:
    sums: dict[date, tuple[int, int]] = {}
    for day, _hour, energy, estimated in summed:
        before = sums.get(day, (0, 0))
        sums[day] = (before[0] + energy, before[1] + estimated)
    registers: dict[datetime, dict[int, int]] = {}
    for read_at, device_id, import_wh in _registers_at(agreement, midnights):
        registers.setdefault(read_at, {})[device_id] = import_wh
    days = []
    for number, day in enumerate(_days_and_one(local_day)[:-1]):
        energy_wh, estimated_wh = sums.get(day, (None, 0))
        opening, closing = registers.get(midnights[number], {}), registers.get(midnights[number + 1], {})
        for device_id in closing.keys() & opening.keys():
            energy_wh = closing[device_id] - opening[device_id]
        days.append(DayUse(day, energy_wh, estimated_wh))
    return days


def blocks(agreement: Agreement, begins: datetime, ends: datetime) -> list[Block]:
    """The billing device's blocks that begin in [begins, ends) and in the agreement's time, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT DISTINCT ON (i.start_at, i.device_id) {_BLOCK} {_BLOCKS}"
            " ORDER BY i.start_at, i.device_id, i.version DESC",
            _within(agreement, begins, ends),
        )
        return [Block(*row) for row in cursor.fetchall()]


def anchors(agreement: Agreement, begins: datetime, ends: datetime) -> list[RegisterRead]:
    """The register reads that energy is billed from, in [begins, ends] and in the agreement's time, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (r.read_at, r.device_id) r.read_at, r.import_wh, r.kind, r.status, r.source,"
            f" r.version, r.correlation, r.device_id{_ANCHORS}"
            " ORDER BY r.read_at, r.device_id, r.version DESC, r.kind",
            _within(agreement, begins, ends),
        )
        return [RegisterRead(*row) for row in cursor.fetchall()]


def accrued(agreement_id: int, period: date) -> PeriodEnergy | None:
    """The energy of a billing period (its first local day) up to the data watermark; one indexed row."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {PERIOD_ENERGY_COLUMNS} FROM readings_accrual WHERE agreement_id = %s AND period = %s",
            [agreement_id, period],
        )
        row = cursor.fetchone()
    return None if row is None else PeriodEnergy.from_row(row)


def energies_until(agreement_ids: Sequence[int], period: date, until_at: datetime) -> list[PeriodEnergy]:
    """The energy of each agreement in a billing period up to `until_at`, or to its watermark before that.

    Evaluated from the rows, for many agreements at once: a day's close asks with the day's end. Compare
    `watermark_at` with `until_at` to see whether everything up to then is known.
    """
    with connection.cursor() as cursor:
        return accrual.energies_until(cursor, agreement_ids, period, until_at, settings.URJA_TIMEZONE)


def health() -> ReadingsHealth:
    """What is missing and what was put aside."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (SELECT count(*) FROM readings_gap WHERE closed_at IS NULL),"
            " (SELECT count(*) FROM readings_exception)"
        )
        return ReadingsHealth(*cursor.fetchone())


_BLOCK = "i.start_at, i.length_s, i.import_wh, i.status, i.source, i.version, i.correlation, i.device_id"

_ANCHORS = """
    FROM registry_device_period p JOIN readings_register r
        ON r.service_point_id = p.service_point_id AND r.device_id = p.device_id AND r.kind IN (2, 3, 5)
    WHERE p.service_point_id = %(place)s AND p.role = 1
        AND r.read_at >= %(begins)s AND r.read_at <= %(ends)s
"""

_BLOCKS = """
    FROM registry_device_period p JOIN readings_interval i
        ON i.service_point_id = p.service_point_id AND i.device_id = p.device_id AND i.channel_set = 1
    WHERE p.service_point_id = %(place)s AND p.role = 1
        AND i.start_at >= %(begins)s AND i.start_at < %(ends)s
        AND i.start_at >= p.valid_from AND i.start_at < coalesce(p.valid_to, 'infinity')
"""
"""All versions; the one to be shown is the first by falling version."""

_SUMMED = f"""
    SELECT day, hour, sum(import_wh)::bigint, coalesce(sum(import_wh) FILTER (WHERE status = 3), 0)::bigint
    FROM (
        SELECT DISTINCT ON (i.start_at, i.device_id) i.import_wh, i.status,
            (i.start_at AT TIME ZONE %(zone)s)::date AS day,
            CASE WHEN i.start_at >= %(hours_from)s AND i.start_at < %(hours_to)s
                THEN date_bin('1 hour', i.start_at, %(hours_from)s) END AS hour
        {_BLOCKS}
        ORDER BY i.start_at, i.device_id, i.version DESC
    ) shown GROUP BY day, hour
"""


def _summed(
    agreement: Agreement, begins: datetime, ends: datetime, hours_from: datetime, hours_to: datetime
) -> _Sums:
    """The blocks that begin in [begins, ends) by local day, and those in [hours_from, hours_to) also by hour."""
    with connection.cursor() as cursor:
        cursor.execute(
            _SUMMED,
            {
                **_within(agreement, begins, ends),
                "zone": settings.URJA_TIMEZONE,
                "hours_from": hours_from,
                "hours_to": hours_to,
            },
        )
        return cursor.fetchall()


def _registers_at(agreement: Agreement, instants: list[datetime]) -> list[tuple[datetime, int, int]]:
    """What `anchors` says at certain instants: when, which device, and its register."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (r.read_at, r.device_id) r.read_at, r.device_id, r.import_wh"
            f"{_ANCHORS} AND r.read_at = ANY(%(instants)s)"
            " ORDER BY r.read_at, r.device_id, r.version DESC, r.kind",
            {**_within(agreement, instants[0], instants[-1]), "instants": instants},
        )
        return cursor.fetchall()


def _within(agreement: Agreement, begins: datetime, ends: datetime) -> dict[str, object]:
    """Bounds cut to the agreement's own time: a new tenant never sees the old one's life."""
    ended = agreement.valid_to
    return {
        "place": agreement.service_point_id,
        "begins": max(begins, agreement.valid_from),
        "ends": ends if ended is None else min(ends, ended),
    }


def _day_bounds(day: date) -> tuple[datetime, datetime]:
    return _midnight(day), _midnight(day + timedelta(days=1))


def _midnight(day: date) -> datetime:
    zone = ZoneInfo(settings.URJA_TIMEZONE)
    return datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC)
