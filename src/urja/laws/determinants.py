"""The law of determinants: each stored row is what its hash was taken over, adds up, and is what its readings come to.

The newest version of each row is calculated again from the readings, under the rules that it names, some thousand rows at a
time, and its total is compared with the accruals' statement. A row whose readings have changed since waits for the next
version, as long as one is made.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from urja.apps.determinants.added_day import of_days_before
from urja.apps.determinants.evaluation import RULES_VERSION, Evaluated, Wanted, evaluate, row_hash
from urja.apps.determinants.gas_rules import gas_rules_from_text
from urja.apps.readings.accrual import energies_until
from urja.apps.readings.queries.columns import Owner
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.calendars import Calendar, parse_calendar
from urja.core.determinants import Rules
from urja.core.heat_values import HeatValues, parse_heat_values
from urja.laws.connections import Connection, Cursor
from urja.quantities.catalogue import BILLED_REGISTERS, BY_ID, BY_NAME

_RULES: Final = re.compile(
    r"demand (\d+) s; reactive (lag(?:\+lead)?)((?:; calendar \S+ \S+:[0-9a-f]{16})*)(?:; (heat [^;]*))?"
)

_TOGETHER: Final = 4000
"""Rows that are in memory at a time, and those of an agreement."""
_FROM_ALL: Final = 50
"""Rows that are calculated from all readings together: a month of each has 1,440 intervals in memory."""

_ROWS: Final = """
SELECT r.agreement_id, r.period, r.period_end, r.as_of, r.version, s.quantities, r.values, r.origins, r.estimated,
    r.known_from_at, r.known_to_at, r.reads, r.intervals, r.intervals_hash, r.rules, r.sha256, r.notes,
    r.version = max(r.version) OVER (PARTITION BY r.agreement_id, r.period, r.as_of)
FROM determinants_row r LEFT JOIN determinants_channel_set s ON s.hash = r.channel_set
WHERE r.agreement_id >= %(first)s AND r.agreement_id < %(end)s AND (%(since)s::timestamptz IS NULL OR r.calculated_at > %(since)s)
ORDER BY r.agreement_id, r.period, r.as_of, r.version
"""
_LATE: Final = """
WITH pending AS MATERIALIZED (
    SELECT DISTINCT a.id FROM readings_change c JOIN contracts_agreement a ON a.service_point_id = c.service_point_id
),
asked AS MATERIALIZED (
    SELECT d.*, (d.as_of + 1)::timestamp AT TIME ZONE %(zone)s AS ends_at,
        -- The newest row of a period gets the next version until 62 days after its end: until then only what is in the
        -- queue explains a difference. Others stay as they are, and so do rows of older periods.
        CASE WHEN EXISTS (SELECT FROM determinants_row n WHERE n.agreement_id = d.agreement_id
            AND n.period = d.period AND n.as_of > d.as_of) THEN '-infinity'::timestamptz
        ELSE (d.period_end + 60)::timestamp AT TIME ZONE %(zone)s END AS stands_from_at
    FROM unnest(%(agreements)s::bigint[], %(periods)s::date[], %(days)s::date[], %(versions)s::int[])
        AS w (agreement_id, period, as_of, version)
    JOIN determinants_row d USING (agreement_id, period, as_of, version)
)
SELECT r.agreement_id, r.period, r.as_of FROM asked r
WHERE r.agreement_id IN (SELECT id FROM pending)
    OR EXISTS (SELECT FROM contracts_agreement a JOIN readings_interval i ON i.service_point_id = a.service_point_id
        AND i.start_at >= r.period::timestamp AT TIME ZONE %(zone)s
        AND i.start_at < (r.as_of + 1)::timestamp AT TIME ZONE %(zone)s
        AND i.received_at > r.calculated_at - interval '1 hour' AND i.received_at >= r.stands_from_at
        WHERE a.id = r.agreement_id)
    OR EXISTS (SELECT FROM contracts_agreement a JOIN readings_register g ON g.service_point_id = a.service_point_id
        AND g.received_at > r.calculated_at - interval '1 hour' AND g.received_at >= r.stands_from_at
        -- The first read at or after the end closes what is before it; later ones say nothing of that time.
        AND (g.read_at <= r.ends_at OR NOT EXISTS (SELECT FROM json_array_elements(r.reads::json) AS known
            WHERE to_timestamp((known ->> 1)::bigint) >= r.ends_at AND to_timestamp((known ->> 1)::bigint) < g.read_at))
        WHERE a.id = r.agreement_id)
    OR EXISTS (SELECT FROM contracts_agreement a JOIN assets_device_period p ON p.service_point_id = a.service_point_id
        JOIN determinants_meter_calendar c ON c.device_id = p.device_id
            AND c.recorded_at > r.calculated_at - interval '1 hour' WHERE a.id = r.agreement_id)
    -- Only the newest row of a period gets the next version: what changed is in it, and rows of earlier days stay.
    OR EXISTS (SELECT FROM determinants_row n WHERE n.agreement_id = r.agreement_id AND n.period = r.period
        AND n.as_of > r.as_of AND n.version > 1 AND n.calculated_at > r.calculated_at)
"""
"""Those of some rows that may differ from their readings. Only of a row that does is it asked."""


type _Key = tuple[int, date, date]
"""Agreement, first day of the period, and last day: what a row has versions of."""


@dataclass(frozen=True, slots=True)
class _Row:
    agreement_id: int
    period: date
    period_end: date
    as_of: date
    version: int
    quantities: list[int]
    values: list[int]
    origins: list[int]
    estimated: list[int]
    known_from_at: datetime
    known_to_at: datetime | None
    reads: str
    intervals: int
    intervals_hash: bytes
    rules: str
    sha256: bytes
    notes: list[str]
    newest: bool
    """Whether no version of it is later."""

    @property
    def key(self) -> _Key:
        return self.agreement_id, self.period, self.as_of

    @property
    def name(self) -> str:
        return f"determinants of agreement {self.agreement_id} from {self.period} to {self.as_of}, version {self.version},"

    def content(self) -> list[object]:
        known = None if self.known_to_at is None else int(self.known_to_at.timestamp())
        return [
            self.agreement_id, self.period.isoformat(), self.period_end.isoformat(), self.as_of.isoformat(), self.version,
            self.quantities, self.values, self.origins, self.estimated or [0] * len(self.values),
            int(self.known_from_at.timestamp()), known, self.reads, self.intervals,
            bytes(self.intervals_hash).hex(), self.rules, *([self.notes] if self.notes else []),
        ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Examination:
    """What rows are calculated again with."""

    connection: Connection
    zone: ZoneInfo
    calendars: dict[str, Calendar]
    documents: dict[str, HeatValues]
    whole: bool
    """Whether all rows are examined, and not those alone that were calculated since a head."""


def examine(connection: Connection, buckets: Sequence[int], zone: str, proven: int = 0) -> Iterator[str]:
    """Yield the rows of buckets that are not what their hash says, do not add up, or differ from their readings.

    With `proven`, only those that were calculated since the cut of that head, each by the row of the day before, which was
    proven with it.
    """
    calendars = {
        sha256[:16]: parse_calendar(text)
        for sha256, text in connection.execute("SELECT sha256, text FROM rulebook_calendar_version")
    }
    documents = {
        sha256[:16]: parse_heat_values(text)
        for sha256, text in connection.execute("SELECT sha256, text FROM rulebook_heat_values_version")
    }
    # A close that began before the cut may have been committed after it.
    (since,) = connection.execute(
        "SELECT max(cut_at) - interval '1 hour' FROM proofs_period WHERE number = %s", [proven]
    ).fetchone() or (None,)
    examination = _Examination(connection, ZoneInfo(zone), calendars, documents, whole=since is None)
    for bucket in buckets:
        given = {"first": bucket << 40, "end": (bucket + 1) << 40, "since": since}
        # A server-side cursor: a plain one would load all rows of a bucket at once.
        with connection.transaction(), connection.cursor(name="determinants") as cursor:
            cursor.execute(_ROWS, given)
            for rows in _of_whole_agreements(_Row(*row) for row in cursor):
                for row in rows:
                    yield from _by_itself(row)
                yield from _by_readings(examination, [row for row in rows if row.newest])


def _of_whole_agreements(rows: Iterable[_Row]) -> Iterator[list[_Row]]:
    """Yield rows by the thousands, all of an agreement together."""
    together: list[_Row] = []
    for _, own in groupby(rows, key=lambda row: row.agreement_id):
        together += own
        if len(together) >= _TOGETHER:
            yield together
            together = []
    yield together


def _by_itself(row: _Row) -> Iterator[str]:
    if row_hash(row.content()) != bytes(row.sha256):
        yield f"{row.name} are not what their hash was taken over"
    values = dict(zip(row.quantities, row.values, strict=True))
    for total, of_zones in _zones(tuple(row.quantities)):
        zones = [values[zone] for zone in of_zones]
        if sum(zones) != values[total]:
            yield f"{row.name} have {BY_ID[total].name} {values[total]}, and zones that sum to {sum(zones)}"
        if min(zones) < 0 and row.rules.startswith(f"{RULES_VERSION}; "):
            yield f"{row.name} have {BY_ID[total].name} {values[total]}, and a zone of {min(zones)}"


@cache
def _zones(quantities: tuple[int, ...]) -> list[tuple[int, list[int]]]:
    """Return the quantities that sum over zones and have some, each with those of its zones, by their numbers."""
    names = {BY_ID[number].name: number for number in quantities}
    found = [
        (number, [zone for other, zone in names.items() if re.fullmatch(rf"{name}_z\d", other)])
        for name, number in names.items()
        if not name.startswith("max_")
    ]
    return [(number, zones) for number, zones in found if zones]


def _by_readings(it: _Examination, rows: Sequence[_Row]) -> Iterator[str]:
    """Yield the rows, in their newest versions, whose readings come to something else."""
    stored: dict[_Key, _Row] = {}
    asked: list[Wanted] = []
    for row in rows:
        found = _wanted(it, row)
        if isinstance(found, str):
            yield found
        elif found is not None:
            stored[found.key] = row
            asked.append(found)
    with it.connection.cursor() as cursor:
        differing = _differing(it, cursor, asked, stored)
        beside = _beside_accruals(it, cursor, stored.values())
        late = _late(it, cursor, [stored[key] for key in differing.keys() | beside.keys()])
    for key, row in stored.items():
        if key in late:
            continue
        yield from beside.get(key, ())
        # Intervals may be gone by their retention.
        if (made := differing.get(key)) is not None and made.intervals >= row.intervals:
            values = json.dumps(row.values)
            yield f"{row.name} are {values}, their readings come to {json.dumps(list(made.values))}"


def _wanted(it: _Examination, row: _Row) -> Wanted | str | None:
    """Return what a row is calculated from; what it names and is not stored, as a sentence; None of earlier arithmetic."""
    rules = _RULES.search(row.rules)
    # Rows under earlier arithmetic stand by their hash.
    if rules is None or not row.rules.startswith(f"{RULES_VERSION}; "):
        return None
    hashes = re.findall(r":([0-9a-f]{16})", rules[3])
    if missing := [one for one in hashes if one not in it.calendars]:
        return f"{row.name} name a calendar {missing[0]} that is not stored"
    gas = gas_rules_from_text(rules[4], it.documents) if rules[4] else None
    if rules[4] and gas is None:
        return f"{row.name} name heat values that are not stored: {rules[4]}"
    return Wanted(
        Owner.agreement(row.agreement_id),
        Period(row.period, row.period_end),
        row.as_of,
        tuple(it.calendars[one] for one in hashes),
        Rules(int(rules[1]), "lag+lead" if rules[2] == "lag+lead" else "lag"),
        gas,
    )


def _differing(
    it: _Examination, cursor: Cursor, asked: Sequence[Wanted], stored: Mapping[_Key, _Row]
) -> dict[_Key, Evaluated]:
    """Return what readings come to where it is not what is stored.

    The newest row of each period is calculated from all of its readings. One before it may follow from the row of the day
    before, if that is what its own readings come to: so all readings of a month are read twice, and not once for each day.
    """
    newest: dict[tuple[int, date], date] = {}
    for one in asked:
        of_period = one.agreement_id, one.period.first
        newest[of_period] = max(one.as_of, newest.get(of_period, one.as_of))
    unproven: set[_Key] = set()
    differing: dict[_Key, Evaluated] = {}

    def is_stored(made: Evaluated) -> bool:
        row = stored[made.wanted.key]
        return made.sha256(row.version) == bytes(row.sha256)

    for as_of, group in groupby(sorted(asked, key=lambda one: one.as_of), key=lambda one: one.as_of):
        of_day = {one.key: one for one in group}
        following = [
            one
            for one in of_day.values()
            if not (it.whole and newest[one.agreement_id, one.period.first] == as_of)
            and (one.agreement_id, one.period.first, as_of - ONE_DAY) not in unproven
        ]
        for made in of_days_before(cursor, following, it.zone):
            if is_stored(made):
                del of_day[made.wanted.key]
        from_all = list(of_day.values())
        unproven |= of_day.keys()
        for n in range(0, len(from_all), _FROM_ALL):
            for made in evaluate(cursor, from_all[n : n + _FROM_ALL], it.zone):
                if is_stored(made):
                    unproven.discard(made.wanted.key)
                else:
                    differing[made.wanted.key] = made
    return differing


def _beside_accruals(it: _Examination, cursor: Cursor, rows: Iterable[_Row]) -> dict[_Key, list[str]]:
    """Return the rows whose total is not the energy that bills rest on, by the statement of the accruals, as sentences."""
    found: dict[_Key, list[str]] = {}

    def shared(row: _Row) -> tuple[date, date]:
        return row.period, row.as_of

    for (period, as_of), group in groupby(sorted(rows, key=shared), key=shared):
        by_agreement = {row.agreement_id: row for row in group}
        until_at = midnight(as_of + ONE_DAY, it.zone)
        for energy in energies_until(cursor, list(by_agreement), period, until_at, it.zone.key):
            row = by_agreement[energy.agreement_id]
            values = dict(zip(row.quantities, row.values, strict=True))
            for name in BILLED_REGISTERS.values():
                total = values.get(BY_NAME[name].id)
                if total is not None and total != energy.billed_value:
                    found.setdefault(row.key, []).append(
                        f"{row.name} have {name} {total}, and the accrual of that time is {energy.billed_value}"
                    )
    return found


def _late(it: _Examination, cursor: Cursor, rows: Sequence[_Row]) -> set[_Key]:
    """Return those of some rows whose readings came since, and which therefore may differ from them."""
    if not rows:
        return set()
    cursor.execute(
        _LATE,
        {
            "zone": it.zone.key,
            "agreements": [row.agreement_id for row in rows],
            "periods": [row.period for row in rows],
            "days": [row.as_of for row in rows],
            "versions": [row.version for row in rows],
        },
    )
    return {(agreement_id, period, as_of) for agreement_id, period, as_of in cursor.fetchall()}
