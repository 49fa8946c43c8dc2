"""Stored determinants with their derivation."""

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.db import connection

from urja.apps.determinants.gas_rules import Decided, gas_rules_from_text, registers_from_text, registers_of
from urja.apps.determinants.meter_calendars import HeldCalendar, held
from urja.apps.readings.changes import Change
from urja.apps.rulebook.queries import heat_values
from urja.base.untyped_values import SqlRow
from urja.core.calendar import ONE_DAY, Period
from urja.core.determinants import Origin, RecordedDemand, usable_for_ratchet
from urja.core.gas import (
    STANDARD,
    BaseConditions,
    HeatValue,
    RegisterConditions,
    SupplyConditions,
    conversion_factor,
)
from urja.core.heat_values import HeatValues, HeatZone
from urja.core.rating import PastDemand
from urja.quantities.catalogue import BY_ID, BY_NAME, Accumulation, Kind


@dataclass(frozen=True, slots=True)
class Determinant:
    """One value of a row, in the unit of its quantity."""

    name: str
    unit: str
    value: int
    origin: Origin
    estimated: int
    """The part of an energy that rests on estimates."""
    change: int | None
    """What this version has more than the one before it; None in a first version, and where that did not have it."""


class ReadKey(NamedTuple):
    """The key of a register read that a row rests on."""

    device_id: int
    read_at: datetime
    kind: int
    version: int


@dataclass(frozen=True, slots=True)
class StoredDeterminants:
    """One version of the determinants of an agreement in a period up to a day."""

    agreement_id: int
    period: Period
    as_of: date
    version: int
    determinants: tuple[Determinant, ...]
    known_from_at: datetime
    known_to_at: datetime | None
    reads: str
    """Device id, instant (Unix seconds), kind and version of each register read, as JSON."""
    intervals: int
    intervals_hash: str
    rules: str
    sha256: str
    calculated_at: datetime
    of_own_totals: tuple[str, ...]
    """Sentences: why the meter's own totals or maxima are not used."""

    def value(self, name: str) -> int | None:
        """Return the value of a quantity in its unit; None where it is not known."""
        return next((one.value for one in self.determinants if one.name == name), None)

    @property
    def read_keys(self) -> list[ReadKey]:
        """The keys in `reads`."""
        return [
            ReadKey(device_id, datetime.fromtimestamp(at, UTC), kind, version)
            for device_id, at, kind, version in json.loads(self.reads)
        ]

    @property
    def not_known(self) -> list[str]:
        """Why a determinant is not known, as sentences."""
        return _NOT_KNOWN.findall(self.rules)

    @property
    def notes(self) -> list[str]:
        """Why a determinant is not known, and why the meter's own totals or maxima are not used, as sentences."""
        return [*self.not_known, *self.of_own_totals]

    @property
    def load_factor_permille(self) -> int | None:
        """Mean power by maximum demand, in thousandths, over the time that is known; None without a demand."""
        energy_wh, highest_w = self.value("import_wh"), self.value("max_import_w")
        if (
            energy_wh is None
            or not highest_w
            or self.known_to_at is None
            or self.known_to_at <= self.known_from_at
        ):
            return None
        possible = highest_w * int((self.known_to_at - self.known_from_at).total_seconds())
        return (2000 * 3600 * energy_wh + possible) // (2 * possible)


_NOT_KNOWN: Final = re.compile("; not known: ([^;]+)")

_ROWS: Final = """
SELECT r.agreement_id, r.period, r.period_end, r.as_of, r.version, s.quantities, r.values, r.origins, r.estimated,
    r.known_from_at, r.known_to_at, r.reads, r.intervals, r.intervals_hash, r.rules, r.sha256, r.calculated_at,
    bs.quantities, before.values, r.notes
FROM determinants_row r JOIN determinants_channel_set s ON s.hash = r.channel_set
LEFT JOIN determinants_row before ON before.agreement_id = r.agreement_id AND before.period = r.period
    AND before.as_of = r.as_of AND before.version = r.version - 1
LEFT JOIN determinants_channel_set bs ON bs.hash = before.channel_set
WHERE r.agreement_id = %s AND r.period <= %s AND r.period_end > %s
ORDER BY r.period, r.as_of, r.version
"""


def of_period(agreement_id: int, day: date) -> list[StoredDeterminants]:
    """Return every version of an agreement's determinants in the billing period with a local day, oldest first."""
    with connection.cursor() as cursor:
        cursor.execute(_ROWS, [agreement_id, day, day])
        return [_stored(row) for row in cursor.fetchall()]


def up_to(agreement_id: int, day: date) -> StoredDeterminants | None:
    """Return the newest determinants of an agreement's billing period with a local day, up to that day or the last before it."""
    return next((row for row in reversed(of_period(agreement_id, day)) if row.as_of <= day), None)


def _stored(row: SqlRow) -> StoredDeterminants:
    quantities, values, origins, estimated = row[5:9]
    before = {} if row[17] is None else dict(zip(row[17], row[18], strict=True))
    determinants = []
    for number, value, origin, part in zip(
        quantities, values, origins, estimated or [0] * len(values), strict=True
    ):
        quantity = BY_ID[number]
        # Two instants or two ratios have no difference that says anything.
        adds_up = (
            quantity.kind not in (Kind.TIME, Kind.POWER_FACTOR)
            and quantity.accumulation is not Accumulation.MEAN
        )
        change = value - before[number] if adds_up and number in before else None
        determinants.append(Determinant(quantity.name, quantity.unit, value, Origin(origin), part, change))
    return StoredDeterminants(
        row[0], Period(row[1], row[2]), row[3], row[4], tuple(determinants), row[9], row[10], row[11], row[12],
        bytes(row[13]).hex(), row[14], bytes(row[15]).hex(), row[16], tuple(row[19]),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class HeatSpan:
    """What a row's gas is converted by from a local day on."""

    first: date
    document: HeatValues | None
    """None where no document covers the day."""
    zone: HeatZone | None
    values: tuple[tuple[date, HeatValue], ...]
    """(first local day within the span, heat value), in their order."""


@dataclass(frozen=True, slots=True)
class GasConversion:
    """How the gas of a row became standard volume and energy."""

    volume_l: int
    standard_l: int | None
    energy_wh: int | None
    registers: dict[int, RegisterConditions]
    """By device id; a meter whose type is not known is left out."""
    spans: tuple[HeatSpan, ...]

    @property
    def base(self) -> BaseConditions:
        """The base conditions of the standard volume."""
        return next((span.document.base for span in self.spans if span.document), STANDARD)

    @property
    def factor(self) -> Fraction | None:
        """By what every litre was multiplied; None where days or meters differ, or it is not known."""
        supplies = {span.zone.supply for span in self.spans if span.zone} or {SupplyConditions()}
        registers = set(self.registers.values())
        if self.standard_l is None or len(supplies) != 1 or len(registers) != 1:
            return None
        return conversion_factor(*registers, self.base, *supplies)

    @property
    def joules_per_m3(self) -> int | None:
        """The heat value of every day; None where days differ, or it is not known."""
        values = {value.joules_per_m3 for span in self.spans for _, value in span.values}
        return None if self.energy_wh is None or len(values) != 1 else values.pop()


def gas_conversion(row: StoredDeterminants) -> GasConversion | None:
    """Return how a row's gas was converted; None where the row has no gas, or is from before heat values were stored."""
    volume_l = row.value("volume_l")
    if volume_l is None or "; heat " not in row.rules:
        return None
    rules = gas_rules_from_text(row.rules, {one.sha256[:16]: one for one in heat_values.all_versions()})
    assert rules is not None, "documents are never deleted"
    with connection.cursor() as cursor:
        registers = registers_of(cursor, registers_from_text(row.rules))
    ends = [first for first, _ in rules.spans[1:]] + [row.as_of + ONE_DAY]
    return GasConversion(
        volume_l,
        row.value("standard_volume_l"),
        row.value("gas_energy_wh"),
        registers,
        tuple(_span(first, end, decided) for (first, decided), end in zip(rules.spans, ends, strict=True)),
    )


def _span(first: date, end: date, decided: Decided) -> HeatSpan:
    if decided is None:
        return HeatSpan(first, None, None, ())
    document, zone = decided
    values: dict[date, HeatValue] = {}
    for day in Period(first, end):
        if zone.on(day) != next(reversed(values.values()), None):
            values[day] = zone.on(day)
    return HeatSpan(first, document, zone, tuple(values.items()))


@dataclass(frozen=True, slots=True)
class NamedRow:
    """A version of the determinants of an agreement's period up to a day, as an entry names it."""

    version: int
    sha256: str
    values: dict[str, int]
    """By the names of their quantities, in their units."""
    calendar: str
    """Code of the calendar that its zones are of; empty where it has none."""


_NAMED: Final = """
SELECT r.agreement_id, r.version, r.sha256, s.quantities, r.values, r.rules
FROM determinants_row r JOIN determinants_channel_set s ON s.hash = r.channel_set
WHERE r.agreement_id = ANY(%s) AND r.period = %s AND r.as_of = %s
"""


def named_row(agreement_id: int, period: date, as_of: date, version: int) -> NamedRow | None:
    """Return a version of the determinants from the first day of a period to `as_of`; None where it is not stored."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_NAMED} AND r.version = %s", [[agreement_id], period, as_of, version])
        return next((_named(*row[1:]) for row in cursor.fetchall()), None)


def has_row_of_another_period(agreement_id: int, period: date, as_of: date) -> bool:
    """Return whether a day has determinants in a period with another first day than `period`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM determinants_row WHERE agreement_id = %s AND as_of = %s AND period <> %s)",
            [agreement_id, as_of, period],
        )
        return bool(cursor.fetchone()[0])


def newest_named(agreement_ids: Sequence[int], period: date, as_of: date) -> dict[int, NamedRow]:
    """Return the newest version of each agreement's determinants from the first day of a period to `as_of`."""
    with connection.cursor() as cursor:
        cursor.execute(f"{_NAMED} ORDER BY r.version", [list(agreement_ids), period, as_of])
        return {row[0]: _named(*row[1:]) for row in cursor.fetchall()}


def _named(
    version: int, sha256: bytes, quantities: Sequence[int], values: Sequence[int], rules: str
) -> NamedRow:
    names = (BY_ID[number].name for number in quantities)
    return NamedRow(version, bytes(sha256).hex(), dict(zip(names, values, strict=True)), _calendar(rules))


def _calendar(rules: str) -> str:
    found = _CALENDAR.search(rules)
    return found[1] if found else ""


_CALENDAR: Final = re.compile("; calendar ([^ ;]+) ")
_DEMANDS: Final = {
    quantity.id: name
    for name, quantity in BY_NAME.items()
    if re.fullmatch("max_import_(w|va)(_z[0-9]+)?", name)
}
_ENDED: Final = """
SELECT DISTINCT ON (r.agreement_id, r.period) r.agreement_id, r.period, r.period_end, s.quantities, r.values, r.version,
    r.sha256, r.rules, (SELECT min(v.in_service_at) FROM contracts.agreement a
        JOIN assets.supply_in_service v ON v.service_point_id = a.service_point_id WHERE a.id = r.agreement_id)
FROM determinants_row r JOIN determinants_channel_set s ON s.hash = r.channel_set
WHERE r.agreement_id = ANY(%s) AND r.as_of = r.period_end - 1
ORDER BY r.agreement_id, r.period, r.version DESC
"""


@dataclass(frozen=True, slots=True)
class EarlierDemand:
    """A maximum demand of a period that is over."""

    demand: PastDemand
    calendar: str
    """Code of the calendar that its zone is of; empty for the demand of all times."""


def earlier_demands(agreement_ids: Sequence[int], zone: ZoneInfo) -> dict[int, list[EarlierDemand]]:
    """Return the maximum demands of each agreement's periods that are over, those that a ratchet may use, oldest first.

    They are `max_import_w` in W and `max_import_va` in VA, of all times and by zone, each with its row. They are read from
    rows, which outlive the intervals. None is from before the service point's first smart meter, which an exchange does not
    change.
    """
    if not agreement_ids:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(_ENDED, [list(agreement_ids)])
        rows = cursor.fetchall()
    found: dict[int, list[EarlierDemand]] = {}
    for agreement_id, first, end, quantities, values, version, sha256, rules, in_service_at in rows:
        period = Period(first, end)
        from_at, to_at = (int(at.timestamp()) for at in period.bounds(zone))
        first_meter = None if in_service_at is None else int(in_service_at.timestamp())
        for number, value in zip(quantities, values, strict=True):
            recorded = RecordedDemand(from_at, to_at, value, imported=False)
            if number in _DEMANDS and usable_for_ratchet([recorded], first_meter):
                name = _DEMANDS[number]
                demand = PastDemand(period, name, value, version, bytes(sha256).hex())
                calendar = _calendar(rules) if "_z" in name else ""
                found.setdefault(agreement_id, []).append(EarlierDemand(demand, calendar))
    return found


def calendars_of_meters(device_ids: Iterable[int]) -> dict[int, list[HeldCalendar]]:
    """Return the calendars that meters held, by device in the order of time; a meter without any is left out."""
    with connection.cursor() as cursor:
        return held(cursor, device_ids)


def last_days(agreement_ids: Sequence[int]) -> dict[int, date]:
    """Return the last day up to which each agreement has determinants."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.id, r.as_of FROM unnest(%s::bigint[]) AS a (id) CROSS JOIN LATERAL ("
            "SELECT d.as_of FROM determinants_row d WHERE d.agreement_id = a.id"
            " ORDER BY d.agreement_id DESC, d.period DESC, d.as_of DESC LIMIT 1) r",
            [list(agreement_ids)],
        )
        return dict(cursor.fetchall())


@dataclass(frozen=True, slots=True)
class NewestRow:
    """The newest row of an agreement in a period: what late data and other rules may change."""

    agreement_id: int
    period: Period
    as_of: date
    rules: str


def buckets() -> list[int]:
    """Return the buckets that have agreements, in ascending order."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT DISTINCT id >> 40 FROM contracts.agreement ORDER BY 1")
        return [bucket for (bucket,) in cursor.fetchall()]


def buckets_at(service_point_ids: Iterable[int]) -> dict[int, list[int]]:
    """Return the service points by the buckets of their agreements, in ascending order of buckets."""
    found: dict[int, list[int]] = {}
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT id >> 40, service_point_id FROM contracts.agreement"
            " WHERE service_point_id = ANY(%s) ORDER BY 1, 2",
            [list(service_point_ids)],
        )
        for bucket, place in cursor.fetchall():
            found.setdefault(bucket, []).append(place)
    return found


# One step of the index for each period: a row is stored each day, and only the newest is read.
_NEWEST: Final = """
WITH RECURSIVE newest AS (
    SELECT r.* FROM contracts.agreement a CROSS JOIN LATERAL (
        SELECT d.agreement_id, d.period, d.period_end, d.as_of, d.rules FROM determinants_row d
        WHERE d.agreement_id = a.id ORDER BY d.agreement_id DESC, d.period DESC, d.as_of DESC, d.version DESC LIMIT 1
    ) r WHERE a.id >= %(first)s AND a.id < %(end)s AND r.period_end > %(ending_after)s
    UNION ALL
    SELECT r.* FROM newest n CROSS JOIN LATERAL (
        SELECT d.agreement_id, d.period, d.period_end, d.as_of, d.rules FROM determinants_row d
        WHERE d.agreement_id = n.agreement_id AND d.period < n.period
        ORDER BY d.agreement_id DESC, d.period DESC, d.as_of DESC, d.version DESC LIMIT 1
    ) r WHERE r.period_end > %(ending_after)s
)
"""
_NEWEST_OF_EACH: Final = f"{_NEWEST} SELECT * FROM newest ORDER BY agreement_id, period"  # noqa: S608 - a constant

# With one tariff, billing day, last day and commodity, what is wanted is the same for all: gas has heat values by place, and
# with several terms each day may have had another tariff.
_ONE_OF_THOSE_ALIKE: Final = f"""
{_NEWEST}, terms AS (
    SELECT agreement_id, count(*) AS terms, min(tariff_code) AS tariff_code FROM contracts.terms
    WHERE agreement_id >= %(first)s AND agreement_id < %(end)s GROUP BY 1
)
SELECT DISTINCT ON (alone, t.tariff_code, a.billing_day, n.as_of, n.rules) n.agreement_id, n.period, n.period_end, n.as_of, n.rules
FROM newest n JOIN contracts.agreement a ON a.id = n.agreement_id JOIN terms t ON t.agreement_id = n.agreement_id
JOIN network.service_point s ON s.id = a.service_point_id
CROSS JOIN LATERAL (
    SELECT CASE WHEN t.terms > 1 OR s.commodity <> 'electricity' THEN a.id END AS alone
) which
ORDER BY alone, t.tariff_code, a.billing_day, n.as_of, n.rules, n.agreement_id
"""  # noqa: S608 - constants


def newest_rows(bucket: int, ending_after: date) -> list[NewestRow]:
    """Return the newest row of each agreement of a bucket and of each period that ends after a local day."""
    return _newest_of(_NEWEST_OF_EACH, bucket, ending_after)


def newest_rows_unlike(bucket: int, ending_after: date) -> list[NewestRow]:
    """Return of `newest_rows` one of those that name the same rules and are to be made by the same ones."""
    return _newest_of(_ONE_OF_THOSE_ALIKE, bucket, ending_after)


def _newest_of(statement: str, bucket: int, ending_after: date) -> list[NewestRow]:
    with connection.cursor() as cursor:
        cursor.execute(
            statement, {"first": bucket << 40, "end": (bucket + 1) << 40, "ending_after": ending_after}
        )
        return [_newest(row) for row in cursor.fetchall()]


_RESTING_ON: Final = """
WITH changed AS (
    SELECT place, min(at) FILTER (WHERE NOT is_register) AS start_at, min(at) FILTER (WHERE is_register) AS read_at
    FROM unnest(%(places)s::bigint[], %(instants)s::timestamptz[], %(registers)s::boolean[]) AS c (place, at, is_register)
    GROUP BY place
),
newest AS (
    SELECT r.*, c.start_at, c.read_at, (r.as_of + 1)::timestamp AT TIME ZONE %(zone)s AS ends_at
    FROM changed c JOIN contracts.agreement a
        ON a.service_point_id = c.place AND a.id >= %(first)s AND a.id < %(end)s
    CROSS JOIN LATERAL (
        SELECT DISTINCT ON (d.period) d.agreement_id, d.period, d.period_end, d.as_of, d.rules, d.reads
        FROM determinants_row d WHERE d.agreement_id = a.id AND d.period_end > %(ending_after)s
        ORDER BY d.period, d.as_of DESC, d.version DESC
    ) r
)
SELECT agreement_id, period, period_end, as_of, rules FROM newest
WHERE start_at < ends_at OR read_at <= ends_at
    -- The first read at or after the end closes what is before it; later ones say nothing of that time.
    OR (read_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM json_array_elements(reads::json) AS r
        WHERE to_timestamp((r ->> 1)::bigint) >= ends_at AND to_timestamp((r ->> 1)::bigint) < read_at))
ORDER BY agreement_id, period
"""


def newest_rows_resting_on(
    changes: Sequence[Change], bucket: int, ending_after: date, zone: str
) -> list[NewestRow]:
    """Return the newest rows of a bucket, of periods that end after a local day, whose readings are among the changes.

    Only rows of the service points in `changes` are read. `zone` is the utility's time zone.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            _RESTING_ON,
            {
                "places": [one.service_point_id for one in changes],
                "instants": [one.at for one in changes],
                "registers": [one.is_register for one in changes],
                "first": bucket << 40,
                "end": (bucket + 1) << 40,
                "ending_after": ending_after,
                "zone": zone,
            },
        )
        return [_newest(row) for row in cursor.fetchall()]


def _newest(row: SqlRow) -> NewestRow:
    agreement_id, first, end, as_of, rules = row
    return NewestRow(agreement_id, Period(first, end), as_of, rules)
