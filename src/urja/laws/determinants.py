"""The law of determinants: each stored row is what its hash was taken over, adds up, and is what its readings come to.

The newest version of each row is calculated again from the readings, under the rules that it names, bucket by bucket, and
its total is compared with the accruals' statement. A row
whose readings have changed since waits for the next version, as long as one is made.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from urja.apps.determinants.evaluation import RULES_VERSION, Evaluated, Wanted, evaluate, row_hash
from urja.apps.determinants.gas_rules import gas_rules_from_text
from urja.apps.readings.accrual import energies_until
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.calendars import Calendar, parse_calendar
from urja.core.determinants import Rules
from urja.core.heat_values import HeatValues, parse_heat_values
from urja.laws.connections import Connection, Cursor
from urja.quantities.catalogue import BILLED_REGISTERS, BY_ID, BY_NAME

_RULES: Final = re.compile(
    r"demand (\d+) s; reactive (lag(?:\+lead)?)((?:; calendar \S+ \S+:[0-9a-f]{16})*)(?:; (heat [^;]*))?"
)

_ROWS: Final = """
WITH pending AS MATERIALIZED (
    SELECT DISTINCT a.id FROM readings_change c JOIN contracts_agreement a ON a.service_point_id = c.service_point_id
)
SELECT r.agreement_id, r.period, r.period_end, r.as_of, r.version, s.quantities, r.values, r.origins, r.estimated,
    r.known_from_at, r.known_to_at, r.reads, r.intervals, r.intervals_hash, r.rules, r.sha256, r.notes,
    r.version = max(r.version) OVER (PARTITION BY r.agreement_id, r.period, r.as_of),
    r.agreement_id IN (SELECT id FROM pending)
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
FROM (
    SELECT d.*, (d.as_of + 1)::timestamp AT TIME ZONE %(zone)s AS ends_at,
        -- The newest row of a period gets the next version until 62 days after its end: until then only what is in the
        -- queue explains a difference. Others stay as they are, and so do rows of older periods.
        CASE WHEN EXISTS (SELECT FROM determinants_row n WHERE n.agreement_id = d.agreement_id
            AND n.period = d.period AND n.as_of > d.as_of) THEN '-infinity'::timestamptz
        ELSE (d.period_end + 60)::timestamp AT TIME ZONE %(zone)s END AS stands_from_at
    FROM determinants_row d
) r LEFT JOIN determinants_channel_set s ON s.hash = r.channel_set
WHERE r.agreement_id >= %(first)s AND r.agreement_id < %(end)s
ORDER BY r.agreement_id, r.period, r.as_of, r.version
"""
_BUCKETS: Final = "SELECT DISTINCT agreement_id >> 40 FROM determinants_row ORDER BY 1"


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
    late: bool
    """Whether readings that change it wait to be calculated, or it stays as it is although readings came since; whether
    calendars of its meters came since, or a later day's row was calculated again.
    """

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


def examine(connection: Connection, zone: str) -> Iterator[str]:
    """Yield the rows that are not what their hash says, do not add up, or differ from their readings."""
    calendars = {
        sha256[:16]: parse_calendar(text)
        for sha256, text in connection.execute("SELECT sha256, text FROM rulebook_calendar_version")
    }
    documents = {
        sha256[:16]: parse_heat_values(text)
        for sha256, text in connection.execute("SELECT sha256, text FROM rulebook_heat_values_version")
    }
    for (bucket,) in connection.execute(_BUCKETS).fetchall():
        bounds = {"first": bucket << 40, "end": (bucket + 1) << 40, "zone": zone}
        rows = [_Row(*row) for row in connection.execute(_ROWS, bounds)]
        for row in rows:
            yield from _by_itself(row)
        yield from _by_readings(
            connection, [row for row in rows if row.newest], calendars, documents, ZoneInfo(zone)
        )


def _by_itself(row: _Row) -> Iterator[str]:
    if row_hash(row.content()) != bytes(row.sha256):
        yield f"{row.name} are not what their hash was taken over"
    values = {BY_ID[number].name: value for number, value in zip(row.quantities, row.values, strict=True)}
    for name, total in values.items():
        zones = [value for other, value in values.items() if re.fullmatch(rf"{name}_z\d", other)]
        if not zones or name.startswith("max_"):
            continue
        if sum(zones) != total:
            yield f"{row.name} have {name} {total}, and zones that sum to {sum(zones)}"
        if min(zones) < 0 and row.rules.startswith(f"{RULES_VERSION}; "):
            yield f"{row.name} have {name} {total}, and a zone of {min(zones)}"


def _by_readings(
    connection: Connection,
    rows: Sequence[_Row],
    calendars: dict[str, Calendar],
    documents: dict[str, HeatValues],
    zone: ZoneInfo,
) -> Iterator[str]:
    wanted: list[Wanted] = []
    stored: dict[tuple[int, date, date], _Row] = {}
    for row in rows:
        rules = _RULES.search(row.rules)
        # Rows under earlier arithmetic stand by their hash.
        if rules is None or not row.rules.startswith(f"{RULES_VERSION}; "):
            continue
        hashes = re.findall(r":([0-9a-f]{16})", rules[3])
        if missing := [one for one in hashes if one not in calendars]:
            yield f"{row.name} name a calendar {missing[0]} that is not stored"
            continue
        gas = gas_rules_from_text(rules[4], documents) if rules[4] else None
        if rules[4] and gas is None:
            yield f"{row.name} name heat values that are not stored: {rules[4]}"
            continue
        stored[row.agreement_id, row.period, row.as_of] = row
        wanted.append(
            Wanted(
                row.agreement_id,
                Period(row.period, row.period_end),
                row.as_of,
                tuple(calendars[one] for one in hashes),
                Rules(int(rules[1]), "lag+lead" if rules[2] == "lag+lead" else "lag"),
                gas,
            )
        )
    with connection.cursor() as cursor:
        found = evaluate(cursor, wanted, zone)
        yield from _by_accruals(cursor, list(stored.values()), zone)
    for made in found:
        row = stored[made.wanted.agreement_id, made.wanted.period.first, made.wanted.as_of]
        if made.sha256(row.version) != bytes(row.sha256) and not _explained(row, made):
            yield f"{row.name} are {json.dumps(row.values)}, their readings come to {json.dumps(list(made.values))}"


def _by_accruals(cursor: Cursor, rows: Sequence[_Row], zone: ZoneInfo) -> Iterator[str]:
    """Yield the rows whose total is not the energy that bills rest on, by the statement of the accruals."""

    def shared(row: _Row) -> tuple[date, date]:
        return row.period, row.as_of

    for (period, as_of), group in groupby(sorted(rows, key=shared), key=shared):
        by_agreement = {row.agreement_id: row for row in group if not row.late}
        until_at = midnight(as_of + ONE_DAY, zone)
        for energy in energies_until(cursor, list(by_agreement), period, until_at, zone.key):
            row = by_agreement[energy.agreement_id]
            values = dict(zip(row.quantities, row.values, strict=True))
            for name in BILLED_REGISTERS.values():
                total = values.get(BY_NAME[name].id)
                if total is not None and total != energy.billed_value:
                    yield f"{row.name} have {name} {total}, and the accrual of that time is {energy.billed_value}"


def _explained(row: _Row, made: Evaluated) -> bool:
    """Return whether readings came since, or intervals are gone by their retention."""
    return row.late or made.intervals < row.intervals
