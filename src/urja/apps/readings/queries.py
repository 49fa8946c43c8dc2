"""The reading side of the readings. Whatever a person sees goes through an agreement's own time."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
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
    hours = _hours(local_day)
    return _hour_uses(hours, _sums(agreement, hours))


def use_by_day(agreement: Agreement, local_month: date) -> list[DayUse]:
    """The days of the local month that `local_month` lies in.

    Between two midnights that were both read from the register it is the register's advance, as it is billed;
    else the sum of the blocks.
    """
    return use_of_month(agreement, local_month).days


def use_of_month(agreement: Agreement, local_day: date) -> MonthUse:
    """What `use_by_hour` says of a day and `use_by_day` of its month, at one look."""
    dates = _month(local_day)
    midnights = _midnights(dates[0], dates[-1] + timedelta(days=1), settings.URJA_TIMEZONE)
    hours, before = _hours(local_day), local_day.day - 1
    sums = _sums(agreement, [*midnights[:before], *hours, *midnights[before + 2 :]])
    after = before + len(hours) - 1
    by_hour = sums[before:after]
    by_day = [*sums[:before], _together(by_hour), *sums[after:]]
    registers = _registers(agreement, midnights)
    return MonthUse(
        _hour_uses(hours, by_hour),
        [
            _day_use(day, known, registers[number], registers[number + 1])
            for number, (day, known) in enumerate(zip(dates, by_day, strict=True))
        ],
    )


type _Sum = tuple[int, int] | None
"""Energy and how much of it is estimated; none where nothing is known."""


def _month(local_day: date) -> list[date]:
    first = local_day.replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return [first + timedelta(days=number) for number in range((following - first).days)]


def _hours(local_day: date) -> list[datetime]:
    """The beginnings of the hours of a local day, and its end."""
    begins, ends = _day_bounds(local_day)
    return [
        *(begins + timedelta(hours=number) for number in range((ends - begins) // timedelta(hours=1))),
        ends,
    ]


def _hour_uses(hours: Sequence[datetime], sums: Sequence[_Sum]) -> list[HourUse]:
    return [HourUse(begins, *(known or (None, 0))) for begins, known in zip(hours[:-1], sums, strict=True)]


def _together(sums: Iterable[_Sum]) -> _Sum:
    known = [one for one in sums if one is not None]
    return (sum(energy for energy, _ in known), sum(estimated for _, estimated in known)) if known else None


def _day_use(day: date, known: _Sum, opening: Mapping[int, int], closing: Mapping[int, int]) -> DayUse:
    """`opening` and `closing` are the registers read at the day's midnights, by device."""
    energy_wh, estimated_wh = known or (None, 0)
    for device_id, closing_wh in closing.items():
        if device_id in opening:
            energy_wh = closing_wh - opening[device_id]
            break
    return DayUse(day, energy_wh, estimated_wh)


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


_SUMS = """
    SELECT span.number, shown.wh, shown.estimated_wh
    FROM registry_device_period p
    CROSS JOIN unnest(%(bounds)s::timestamptz[], (%(bounds)s::timestamptz[])[2:]) WITH ORDINALITY
        AS span (begins_at, ends_at, number)
    -- Span by span, so that of all days' partitions each look opens one.
    CROSS JOIN LATERAL (
        SELECT sum(i.import_wh)::bigint AS wh, sum(i.import_wh) FILTER (WHERE i.status = 3)::bigint AS estimated_wh
        FROM (
            SELECT DISTINCT ON (start_at) import_wh, status FROM readings_interval
            WHERE service_point_id = p.service_point_id AND device_id = p.device_id AND channel_set = 1
                AND start_at >= greatest(span.begins_at, p.valid_from, %(begins)s)
                AND start_at < least(span.ends_at, p.valid_to, %(ends)s)
            ORDER BY start_at, version DESC
        ) i
    ) shown
    WHERE p.service_point_id = %(place)s AND p.role = 1 AND span.ends_at IS NOT NULL AND shown.wh IS NOT NULL
"""


def _sums(agreement: Agreement, bounds: Sequence[datetime]) -> list[_Sum]:
    """The blocks that begin between each two following bounds and in the agreement's time."""
    found: list[_Sum] = [None] * (len(bounds) - 1)
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, {**_within(agreement, bounds[0], bounds[-1]), "bounds": list(bounds)})
        for number, energy, estimated in cursor.fetchall():
            found[number - 1] = _together([found[number - 1], (energy, estimated or 0)])
    return found


def _registers(agreement: Agreement, instants: Sequence[datetime]) -> list[dict[int, int]]:
    """The register reads that energy is billed from, at each of the instants and in the agreement's time, by device."""
    known: dict[datetime, dict[int, int]] = {at: {} for at in instants}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (r.read_at, r.device_id) r.read_at, r.device_id, r.import_wh"
            " FROM registry_device_period p JOIN readings_register r"
            " ON r.service_point_id = p.service_point_id AND r.device_id = p.device_id AND r.kind IN (2, 3, 5)"
            " WHERE p.service_point_id = %(place)s AND p.role = 1"
            " AND r.read_at >= %(begins)s AND r.read_at <= %(ends)s"
            " ORDER BY r.read_at, r.device_id, r.version DESC, r.kind",
            _within(agreement, instants[0], instants[-1]),
        )
        for read_at, device_id, import_wh in cursor.fetchall():
            if read_at in known:
                known[read_at][device_id] = import_wh
    return [known[at] for at in instants]


def _within(agreement: Agreement, begins: datetime, ends: datetime) -> dict[str, object]:
    """Bounds cut to the agreement's own time: a new tenant never sees the old one's life."""
    ended = agreement.valid_to
    return {
        "place": agreement.service_point_id,
        "begins": max(begins, agreement.valid_from),
        "ends": ends if ended is None else min(ends, ended),
    }


@lru_cache(maxsize=64)
def _midnights(first: date, last: date, zone: str) -> tuple[datetime, ...]:
    """Where each local day begins, from the first to the last."""
    begins = [first + timedelta(days=number) for number in range((last - first).days + 1)]
    return tuple(datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) for day in begins)


def _day_bounds(day: date) -> tuple[datetime, datetime]:
    begins, ends = _midnights(day, day + timedelta(days=1), settings.URJA_TIMEZONE)
    return begins, ends
