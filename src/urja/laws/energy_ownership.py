"""The laws of energy ownership: what the registers of a consumer's meters count is used by agreements, or is listed.

The registers are added up here read by read, by this module's own code; the energy used is what was rated.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from zoneinfo import ZoneInfo

from psycopg.sql import SQL, Identifier

from urja.apps.readings import unassigned
from urja.apps.readings.unassigned import Unassigned, UnassignedReason
from urja.laws.connections import Connection, Cursor
from urja.laws.truth_comparison import COMMODITIES, NO_STEPS, TrueEnergy, stored_readings
from urja.laws.verify import Finding
from urja.meter.truth import TruthRecord

_SHOWN: Final = 20
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Before every meter."""


def examine(connection: Connection, now: datetime, zone: str) -> list[Finding]:
    """Check everything stored at `now`."""
    with connection.cursor() as cursor:
        rest = unassigned.find(cursor, _BEGINNING, now, zone)
        energy = tuple(_energy(cursor, now, zone))
    return [
        Finding(
            "metered_is_used_or_listed",
            "the energy counted at a service point is its agreements' energy plus the energy listed as unassigned",
            energy[:_SHOWN],
        ),
        Finding(
            "intervals_have_an_owner",
            "each stored interval of a billing meter belongs to one agreement or is listed as unassigned",
            tuple(_ownerless(connection, rest))[:_SHOWN],
        ),
    ]


@dataclass(frozen=True, slots=True)
class _Metered:
    """A billing meter in its time at a service point, with the reads that its energy is billed from, in order."""

    serial: str
    valid_from: datetime
    billed_from: datetime | None
    valid_to: datetime | None
    ratio: tuple[int, int]
    reads: tuple[tuple[datetime, int], ...]

    def billed_in(self, begins: datetime, ends: datetime) -> datetime | None:
        """Return until when it was billed from in [begins, ends); None where it was not."""
        until = ends if self.valid_to is None else min(ends, self.valid_to)
        return until if self.billed_from is not None and max(begins, self.billed_from) < until else None

    def energy_wh(self) -> int:
        first, last = self.reads[0][1], self.reads[-1][1]
        return last * self.ratio[0] // self.ratio[1] - first * self.ratio[0] // self.ratio[1]


_METERED: Final = """
SELECT p.service_point_id, p.id, d.serial, p.valid_from, p.in_service_at, p.valid_to,
    p.ratio_primary, p.ratio_secondary, r.read_at, r.register
FROM assets_device_period p
JOIN assets_device d ON d.id = p.device_id
JOIN network_service_point s ON s.id = p.service_point_id AND s.purpose = 'consumer'
LEFT JOIN LATERAL (
    SELECT DISTINCT ON (read_at) read_at, values[1] AS register FROM readings_register
    WHERE service_point_id = p.service_point_id AND device_id = p.device_id AND kind IN (2, 3, 5)
        AND read_at >= p.valid_from AND read_at <= coalesce(p.valid_to, 'infinity') AND read_at <= %s
    ORDER BY read_at, version DESC, kind
) r ON true
WHERE p.role = 1 AND p.valid_from < %s
ORDER BY p.service_point_id, p.valid_from, r.read_at
"""

_USED: Final = """
SELECT g.service_point_id, a.opened_at, a.closes_at, a.watermark_at, a.billed_value,
    a.carried_value + a.anchor_value * a.ratio_primary / a.ratio_secondary
        - a.opening_value * a.ratio_primary / a.ratio_secondary
FROM readings_accrual a JOIN contracts_agreement g ON g.id = a.agreement_id
"""
"""Energy of each agreement and period: all of it, and that up to the last register."""


def _energy(cursor: Cursor, now: datetime, zone: str) -> Iterator[str]:
    places = _metered(cursor, now)
    used: dict[int, list[tuple[datetime, datetime, datetime, int, int]]] = defaultdict(list)
    for place, *period in cursor.execute(_USED).fetchall():
        used[place].append(tuple(period))
    for place, meters in places.items():
        if any(not meter.reads or _unread_at_an_end(meter) for meter in meters):
            continue
        # The comparison ends with the last read: no register has confirmed the blocks after it.
        until = meters[-1].reads[-1][0]
        counted = sum(meter.energy_wh() for meter in meters)
        agreed, behind = 0, False
        for opened_at, closes_at, watermark_at, all_wh, read_wh in used[place]:
            if opened_at < until:
                agreed += all_wh if closes_at <= until else read_wh
                # Where no meter was billed from at the end of the period, no more reads will come.
                known_to = [
                    at for meter in meters if (at := meter.billed_in(opened_at, closes_at)) is not None
                ]
                behind |= closes_at <= until and watermark_at < max(known_to, default=opened_at)
        listed = sum(piece.energy_wh for piece in unassigned.find(cursor, _BEGINNING, until, zone, place))
        if behind:
            yield f"at {place} a period ends before its last day although registers were read up to {until}"
        if counted != agreed + listed:
            yield (
                f"at {place} the registers of {', '.join(meter.serial for meter in meters)} have counted {counted} Wh "
                f"up to {until}; agreements used {agreed} Wh and {listed} Wh are listed as unassigned"
            )


def _unread_at_an_end(meter: _Metered) -> bool:
    """Return whether the meter was not read when it was installed or removed: then blocks fill the ends."""
    return meter.reads[0][0] > meter.valid_from or (
        meter.valid_to is not None and meter.reads[-1][0] < meter.valid_to
    )


def _metered(cursor: Cursor, now: datetime) -> dict[int, list[_Metered]]:
    found: dict[int, dict[int, _Metered]] = defaultdict(dict)
    for place, period, serial, begins, passed_at, ends, times, over, read_at, wh in cursor.execute(
        _METERED, [now, now]
    ).fetchall():
        known = found[place].get(period)
        reads = (*(known.reads if known else ()), *([(read_at, wh)] if read_at else ()))
        billed_from = None if passed_at is None else max(begins, passed_at)
        found[place][period] = _Metered(serial, begins, billed_from, ends, (times, over), reads)
    return {place: list(periods.values()) for place, periods in found.items()}


_OWNED: Final = """
WITH listed AS (
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::timestamptz[])
        AS l (service_point_id, device_id, from_at, to_at)
),
interval AS (
    SELECT DISTINCT i.service_point_id, i.device_id, i.start_at, i.start_at + make_interval(secs => i.length_s) AS end_at
    FROM readings_interval i
    JOIN network_service_point s ON s.id = i.service_point_id AND s.purpose = 'consumer'
    JOIN assets_device_period p ON p.service_point_id = i.service_point_id AND p.device_id = i.device_id
        AND p.role = 1 AND i.start_at < coalesce(p.valid_to, 'infinity')
        AND i.start_at + make_interval(secs => i.length_s) > p.valid_from
    WHERE i.series = 1
)
SELECT d.serial, i.start_at, owners.count, listed.count
FROM interval i JOIN assets_device d ON d.id = i.device_id
CROSS JOIN LATERAL (
    SELECT count(*) FROM contracts_agreement g JOIN assets_device_period p
        ON p.service_point_id = g.service_point_id AND p.device_id = i.device_id AND p.role = 1
        AND p.in_service_at IS NOT NULL
    WHERE g.service_point_id = i.service_point_id
        AND greatest(g.valid_from, p.valid_from, p.in_service_at) <= i.start_at
        AND least(coalesce(g.valid_to, 'infinity'), coalesce(p.valid_to, 'infinity')) >= i.end_at
) owners
CROSS JOIN LATERAL (
    SELECT count(*) FROM listed l WHERE l.service_point_id = i.service_point_id AND l.device_id = i.device_id
        AND l.from_at < i.end_at AND l.to_at > i.start_at
) listed
WHERE owners.count + least(listed.count, 1) <> 1
ORDER BY i.start_at, d.serial LIMIT 20
"""


def _ownerless(connection: Connection, rest: Iterable[Unassigned]) -> Iterator[str]:
    pieces = list(rest)
    rows = connection.execute(
        _OWNED,
        [
            [piece.service_point_id for piece in pieces],
            [piece.device_id for piece in pieces],
            [piece.from_at for piece in pieces],
            [piece.to_at for piece in pieces],
        ],
    )
    for serial, start_at, owners, listed in rows.fetchall():
        how = "is listed as unassigned" if listed else "is not listed"
        yield f"the interval of {serial} at {start_at} has {owners} agreements and {how}"


# -- the meters' own truth ---------------------------------------------------------------------------------------


def examine_truth(
    connection: Connection,
    records: Iterable[TruthRecord],
    horizon: datetime,
    zone: ZoneInfo,
    steps_wh: Mapping[str, int] = NO_STEPS,
) -> list[Finding]:
    """Check exchanges and moves against the meters' truth files, for all intervals closed by `horizon`.

    `steps_wh` is as in `TrueEnergy.of`.
    """
    drawn = TrueEnergy.of(records, horizon, steps_wh)
    return [
        Finding(
            "drawn_is_owed_or_listed",
            "what the meters of a service point drew is its agreements' energy plus what is listed as unassigned, to the Wh, of gas to the litre",
            tuple(_owed_otherwise(connection, drawn, horizon, zone))[:_SHOWN],
        ),
        Finding(
            "one_at_a_time",
            "at each instant a service point has at most one agreement and one meter for each use, a meter one service point",
            tuple(f"{words} since {since}" for words, since in connection.execute(_AT_ONCE).fetchall())[
                :_SHOWN
            ],
        ),
        Finding(
            "audit_is_complete",
            "each row, and each earlier state of a row, was written by a recorded operation",
            tuple(_unwritten(connection))[:_SHOWN],
        ),
    ]


_PLACES: Final = """
SELECT s.consumer_number, s.id, s.commodity, array_agg(DISTINCT d.serial)
FROM assets_device_period p JOIN network_service_point s ON s.id = p.service_point_id
JOIN assets_device d ON d.id = p.device_id
WHERE p.role = 1 AND s.purpose = 'consumer' AND p.valid_from <= %s
    -- A register that could not be read is estimated until it is read after all; an estimate is not exact to the Wh.
    AND NOT EXISTS (
        SELECT FROM readings_register e WHERE e.service_point_id = s.id AND e.status = 3 AND NOT EXISTS (
            SELECT FROM readings_register n WHERE n.service_point_id = e.service_point_id
                AND n.device_id = e.device_id AND n.read_at = e.read_at AND n.kind = e.kind AND n.version > e.version))
GROUP BY s.id ORDER BY 1
"""

_OWED: Final = """
SELECT coalesce(sum(r.billed_value), 0)::bigint FROM readings_accrual r JOIN contracts_agreement g ON g.id = r.agreement_id
WHERE g.service_point_id = %s
"""

_SINCE_KNOWN: Final = """
SELECT coalesce(sum(wh), 0)::bigint FROM (
    SELECT DISTINCT ON (start_at) values[1] AS wh FROM readings_interval
    WHERE service_point_id = %s AND device_id = %s AND series = 1 AND start_at >= %s
        AND start_at + make_interval(secs => length_s) <= %s
    ORDER BY start_at, version DESC
) block
"""
"""The energy of the blocks after the last register of an unassigned time that continues."""


def _owed_otherwise(
    connection: Connection, drawn: Mapping[str, TrueEnergy], horizon: datetime, zone: ZoneInfo
) -> Iterator[str]:
    books = stored_readings(connection, horizon)
    for number, place, commodity, serials in connection.execute(_PLACES, [horizon]).fetchall():
        drew = sum(drawn[serial].energy_wh(zone, books[serial]) for serial in serials if serial in drawn)
        owed = connection.execute(_OWED, [place]).fetchone()
        assert owed is not None, "a sum is one row"
        unowned = sum(amount for _, amount in _listed_at(connection, horizon, zone, place))
        if drew != owed[0] + unowned:
            unit = COMMODITIES[commodity]
            yield (
                f"the meters of {number} ({', '.join(serials)}) drew {drew} {unit}; agreements owe {owed[0]} {unit}, "
                f"{unowned} {unit} are listed as unassigned"
            )


def listed(connection: Connection, horizon: datetime, zone: ZoneInfo) -> dict[str, int]:
    """Return what is listed as unassigned up to an instant by commodity, in Wh or litres."""
    rows = connection.execute("SELECT id, commodity FROM network_service_point").fetchall()
    commodities: dict[int, str] = dict(rows)
    found = dict.fromkeys(COMMODITIES, 0)
    for place, amount in _listed_at(connection, horizon, zone, None):
        found[commodities[place]] += amount
    return found


def _listed_at(
    connection: Connection, horizon: datetime, zone: ZoneInfo, service_point_id: int | None
) -> Iterator[tuple[int, int]]:
    """Yield service point and amount of each piece that is listed as unassigned, as far as registers or blocks show it.

    With a service point, those of this one alone.
    """
    with connection.cursor() as cursor:
        for piece in unassigned.find(cursor, _BEGINNING, horizon, zone.key, service_point_id):
            yield piece.service_point_id, piece.energy_wh
            if (
                piece.why is not UnassignedReason.PARTIAL
                and piece.known_to_at is not None
                and piece.known_to_at < piece.to_at
            ):
                cursor.execute(
                    _SINCE_KNOWN,
                    [piece.service_point_id, piece.device_id, piece.known_to_at, piece.to_at],
                )
                since = cursor.fetchone()
                assert since is not None, "a sum is one row"
                yield piece.service_point_id, since[0]


_AT_ONCE: Final = """
SELECT s.consumer_number || ' has two meters for one use', other.valid_from
FROM assets_device_period one JOIN assets_device_period other USING (service_point_id, role)
JOIN network_service_point s ON s.id = service_point_id
WHERE one.id < other.id AND tstzrange(one.valid_from, one.valid_to) && tstzrange(other.valid_from, other.valid_to)
UNION ALL SELECT d.serial || ' is installed at two service points', other.valid_from
FROM assets_device_period one JOIN assets_device_period other USING (device_id)
JOIN assets_device d ON d.id = device_id
WHERE one.id < other.id AND tstzrange(one.valid_from, one.valid_to) && tstzrange(other.valid_from, other.valid_to)
UNION ALL SELECT s.consumer_number || ' has two agreements', other.valid_from
FROM contracts_agreement one JOIN contracts_agreement other USING (service_point_id)
JOIN network_service_point s ON s.id = service_point_id
WHERE one.id < other.id AND tstzrange(one.valid_from, one.valid_to) && tstzrange(other.valid_from, other.valid_to)
"""


def _unwritten(connection: Connection) -> Iterator[str]:
    from urja.usecases.operation_execution import RECORDED_TABLES

    for table in RECORDED_TABLES:
        rows = connection.execute(
            SQL(
                "SELECT t.id, t.operation_id FROM {} t LEFT JOIN journal_operation o ON o.id = t.operation_id "
                "WHERE o.id IS NULL ORDER BY 1 LIMIT 20"
            ).format(Identifier(table))
        )
        for row_id, operation in rows.fetchall():
            yield f"{table} {row_id} was made by operation {operation}, which is not recorded"
    for table, row_id, operation in connection.execute(
        "SELECT h.table_name, h.row_id, h.operation_id FROM journal_history h "
        "LEFT JOIN journal_operation o ON o.id = h.operation_id WHERE o.id IS NULL ORDER BY h.id LIMIT 20"
    ).fetchall():
        yield f"{table} {row_id} was changed by operation {operation}, which is not recorded"


def figures(pieces: Iterable[Unassigned]) -> dict[str, int]:
    """Return for a report how much energy no agreement pays for, in Wh by reason."""
    sums = dict.fromkeys((why for why in UnassignedReason if why is not UnassignedReason.PARTIAL), 0)
    partial = 0
    for piece in pieces:
        if piece.why is UnassignedReason.PARTIAL:
            partial += 1
        else:
            sums[piece.why] += piece.energy_wh
    return {f"unassigned_{why}_wh": wh for why, wh in sums.items()} | {"intervals_cut": partial}
