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


def use_by_hour(agreement: Agreement, local_day: date) -> list[HourUse]:
    """The hours of a local day, in order, each with the blocks that begin in it."""
    begins, ends = _day_bounds(local_day)
    known: dict[datetime, list[int]] = {}
    for block in blocks(agreement, begins, ends):
        hour = begins + (block.start_at - begins) // timedelta(hours=1) * timedelta(hours=1)
        total = known.setdefault(hour, [0, 0])
        total[0] += block.import_wh
        total[1] += block.import_wh if block.status == 3 else 0
    hours = (ends - begins) // timedelta(hours=1)
    return [
        HourUse(hour, *(known.get(hour) or (None, 0)))
        for hour in (begins + number * timedelta(hours=1) for number in range(hours))
    ]


def use_by_day(agreement: Agreement, local_month: date) -> list[DayUse]:
    """The days of the local month that `local_month` lies in.

    Between two midnights that were both read from the register it is the register's advance, as it is billed;
    else the sum of the blocks.
    """
    first = local_month.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    begins, ends = _day_bounds(first)[0], _day_bounds(following)[0]
    summed = _blocks_by_day(agreement, begins, ends)
    midnights = {(read.device_id, read.read_at): read.import_wh for read in anchors(agreement, begins, ends)}
    days = [first + timedelta(days=number) for number in range((following - first).days)]
    return [_day_use(day, summed.get(day), midnights) for day in days]


def _day_use(day: date, summed: tuple[int, int] | None, midnights: dict[tuple[int, datetime], int]) -> DayUse:
    begins, ends = _day_bounds(day)
    estimated = summed[1] if summed else 0
    for (device_id, read_at), closing_wh in midnights.items():
        opening_wh = midnights.get((device_id, begins))
        if read_at == ends and opening_wh is not None:
            return DayUse(day, closing_wh - opening_wh, estimated)
    return DayUse(day, summed[0] if summed else None, estimated)


def blocks(agreement: Agreement, begins: datetime, ends: datetime) -> list[Block]:
    """The billing device's blocks that begin in [begins, ends) and in the agreement's time, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_BLOCK} {_CURRENT_BLOCKS} ORDER BY i.start_at, i.device_id",
            _within(agreement, begins, ends),
        )
        return [Block(*row) for row in cursor.fetchall()]


def anchors(agreement: Agreement, begins: datetime, ends: datetime) -> list[RegisterRead]:
    """The register reads that energy is billed from, in [begins, ends] and in the agreement's time, in order."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (r.read_at, r.device_id) r.read_at, r.import_wh, r.kind, r.status, r.source,"
            " r.version, r.correlation, r.device_id"
            " FROM registry_device_period p JOIN readings_register r"
            " ON r.service_point_id = p.service_point_id AND r.device_id = p.device_id AND r.kind IN (2, 3, 5)"
            " WHERE p.service_point_id = %(place)s AND p.role = 1"
            " AND r.read_at >= %(begins)s AND r.read_at <= %(ends)s"
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

_CURRENT_BLOCKS = """
    FROM registry_device_period p JOIN readings_interval i
        ON i.service_point_id = p.service_point_id AND i.device_id = p.device_id AND i.channel_set = 1
    WHERE p.service_point_id = %(place)s AND p.role = 1
        AND i.start_at >= %(begins)s AND i.start_at < %(ends)s
        AND i.start_at >= p.valid_from AND i.start_at < coalesce(p.valid_to, 'infinity')
        AND NOT EXISTS (
            SELECT FROM readings_interval n
            WHERE n.service_point_id = i.service_point_id AND n.device_id = i.device_id
                AND n.channel_set = i.channel_set AND n.start_at = i.start_at AND n.version > i.version
                -- Said again for the planner, which then leaves out the other days' partitions here too.
                AND n.start_at >= %(begins)s AND n.start_at < %(ends)s
        )
"""


def _blocks_by_day(agreement: Agreement, begins: datetime, ends: datetime) -> dict[date, tuple[int, int]]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT (i.start_at AT TIME ZONE %(zone)s)::date, sum(i.import_wh)::bigint,"
            f" coalesce(sum(i.import_wh) FILTER (WHERE i.status = 3), 0)::bigint {_CURRENT_BLOCKS} GROUP BY 1",
            {**_within(agreement, begins, ends), "zone": settings.URJA_TIMEZONE},
        )
        return {day: (total, estimated) for day, total, estimated in cursor.fetchall()}


def _within(agreement: Agreement, begins: datetime, ends: datetime) -> dict[str, object]:
    """Bounds cut to the agreement's own time: a new tenant never sees the old one's life."""
    ended = agreement.valid_to
    return {
        "place": agreement.service_point_id,
        "begins": max(begins, agreement.valid_from),
        "ends": ends if ended is None else min(ends, ended),
    }


def _day_bounds(day: date) -> tuple[datetime, datetime]:
    zone = ZoneInfo(settings.URJA_TIMEZONE)
    following = day + timedelta(days=1)
    return (
        datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC),
        datetime(following.year, following.month, following.day, tzinfo=zone).astimezone(UTC),
    )
