"""Rows of one more day: the row of the day before and the readings of the day, in place of all readings of the period.

A row that is made so has the same content as one from all readings, to the byte: the law `determinants` calculates the newest
one of a period from all. Where that is not certain beforehand, no row is made here.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from zoneinfo import ZoneInfo

from urja.apps.determinants.evaluation import Evaluated, Wanted, chained, channels_of, evaluate
from urja.apps.readings import changes
from urja.apps.readings.queries.columns import MeterTime, Window, meter_times
from urja.base.sql_cursor import Cursor
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.determinants import Value, with_day
from urja.quantities.catalogue import BY_ID


@dataclass(frozen=True, slots=True)
class _Before:
    """The newest row of the day before."""

    values: dict[str, Value]
    known_from_at: datetime
    intervals: int
    intervals_hash: bytes
    devices: frozenset[int]


def of_days_before(cursor: Cursor, wanted: Sequence[Wanted], zone: ZoneInfo) -> list[Evaluated]:
    """Return the determinants that follow from the row of the day before and the day's readings; others are left out.

    The caller has locked the rows. None is of a period's first day, nor of its last one, whose meters may have totals of their
    own.
    """
    # Of several days of one agreement the first: the row before the next one is not there yet.
    asked = {
        one.agreement_id: one
        for one in sorted(wanted, key=lambda one: one.as_of, reverse=True)
        if one.gas is None and one.period.first < one.as_of and one.as_of + ONE_DAY < one.period.end
    }
    rows = _rows_before(cursor, asked.values(), zone)
    meters = {
        agreement_id: meter
        for agreement_id, meter in _only_meters(cursor, [asked[id_] for id_ in rows], zone).items()
        if _goes_on(meter, rows[agreement_id])
    }
    changed = changes.changed_until(
        cursor,
        (
            (meter.service_point_id, midnight(asked[agreement_id].as_of, zone))
            for agreement_id, meter in meters.items()
        ),
    )
    days = [
        replace(asked[agreement_id], period=Period(asked[agreement_id].as_of, asked[agreement_id].period.end))
        for agreement_id, meter in meters.items()
        if meter.service_point_id not in changed
    ]
    found = (
        _added(asked[day.wanted.agreement_id], rows[day.wanted.agreement_id], day, zone)
        for day in evaluate(cursor, days, zone)
    )
    return [one for one in found if one is not None]


def _added(wanted: Wanted, before: _Before, day: Evaluated, zone: ZoneInfo) -> Evaluated | None:
    begins = int(midnight(wanted.as_of, zone).timestamp())
    reads = [read for read in json.loads(day.reads) if read[1] >= begins]
    if day.meters or day.notes or not reads or reads[0][1] != begins:
        return None
    values = with_day(before.values, day.values_by_name)
    if values is None:
        return None
    channels = channels_of(values)
    ordered = [values[name] for name in channels.names]
    return replace(
        day,
        wanted=wanted,
        channels=channels,
        values=tuple(one.value for one in ordered),
        origins=tuple(one.origin for one in ordered),
        estimated=tuple(one.estimated for one in ordered),
        known_from_at=before.known_from_at,
        reads=json.dumps(reads, separators=(",", ":")),
        intervals=before.intervals + day.intervals,
        intervals_hash=chained(before.intervals_hash, day.last_digest),
    )


def _goes_on(meter: MeterTime, before: _Before) -> bool:
    """Return whether the meter of the row before is the only one of the period so far."""
    return (
        before.devices == {meter.device_id}
        and meter.ratio_primary == meter.ratio_secondary
        and meter.from_at == int(before.known_from_at.timestamp())
    )


_BEFORE: Final = """
SELECT w.agreement_id, s.quantities, r.values, r.origins, r.estimated, r.known_from_at, r.intervals, r.intervals_hash, r.reads
FROM unnest(%s::bigint[], %s::date[], %s::date[], %s::timestamptz[], %s::text[])
    AS w (agreement_id, period, as_of, begins_at, rules)
CROSS JOIN LATERAL (
    SELECT d.* FROM determinants_row d WHERE d.agreement_id = w.agreement_id AND d.period = w.period AND d.as_of = w.as_of - 1
    ORDER BY d.version DESC LIMIT 1
) r JOIN determinants_channel_set s ON s.hash = r.channel_set
-- What is said of meters besides the rules is of several meters, or of a ratio.
WHERE r.rules = w.rules AND r.notes = '{}' AND r.known_to_at = w.begins_at
"""


def _rows_before(cursor: Cursor, wanted: Collection[Wanted], zone: ZoneInfo) -> dict[int, _Before]:
    """Return the rows of the days before that were known to their end and made by the same rules, by agreement."""
    cursor.execute(
        _BEFORE,
        [
            [one.agreement_id for one in wanted],
            [one.period.first for one in wanted],
            [one.as_of for one in wanted],
            [midnight(one.as_of, zone) for one in wanted],
            [one.rules_text for one in wanted],
        ],
    )
    return {
        agreement_id: _Before(
            {
                BY_ID[number].name: Value(*parts)
                for number, *parts in zip(
                    quantities, values, origins, estimated or [0] * len(values), strict=True
                )
            },
            known_from_at,
            intervals,
            bytes(intervals_hash),
            frozenset(device for device, *_ in json.loads(reads)),
        )
        for agreement_id, quantities, values, origins, estimated, known_from_at, intervals, intervals_hash, reads in (
            cursor.fetchall()
        )
    }


def _only_meters(cursor: Cursor, wanted: Sequence[Wanted], zone: ZoneInfo) -> dict[int, MeterTime]:
    """Return the meters of agreements that have one alone in their period up to the day, by agreement."""
    found: dict[int, list[MeterTime]] = {}
    for meter in meter_times(
        cursor,
        [
            Window(one.owner, midnight(one.period.first, zone), midnight(one.as_of + ONE_DAY, zone))
            for one in wanted
        ],
    ):
        found.setdefault(meter.owner.id, []).append(meter)
    return {agreement_id: meters[0] for agreement_id, meters in found.items() if len(meters) == 1}
