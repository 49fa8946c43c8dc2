"""The law of common areas: what they used on a day is shared among the agreements of the day, whole and once.

Each stored day is what its hash was taken over, and its shares sum to its energy by its weights. The newest version has the weights
that the registry has, and the energy that the readings come to, unless either has changed since.
"""

# ruff: noqa: S608  (statements are put together from constants of this module; values travel as parameters)

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from fractions import Fraction
from itertools import batched
from typing import Any, Final, LiteralString
from zoneinfo import ZoneInfo

from urja.apps.determinants.common_days import COUNTED, Shared, counted_on, day_hash
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.rating import Tariff
from urja.core.rating.bills import first_shared_day
from urja.core.rating.priced_quantities import is_own_part, share_of
from urja.laws.connections import Connection, streamed

_INSIDE: LiteralString = """
RECURSIVE asked AS MATERIALIZED (
    SELECT d.*, d.day::timestamp AT TIME ZONE %(zone)s AS begins_at, (d.day + 1)::timestamp AT TIME ZONE %(zone)s AS ends_at
    FROM determinants_common_day d WHERE %(since)s::timestamptz IS NULL OR d.calculated_at > %(since)s
),
inside AS (
    SELECT DISTINCT premise_id AS top, premise_id AS id FROM asked
    UNION ALL SELECT i.top, p.id FROM inside i JOIN network_premise p ON p.parent_id = i.id
),
member AS (
    SELECT i.top, a.id, a.valid_from, a.valid_to, a.recorded_at, least(
        (SELECT min(greatest(p.valid_from, p.in_service_at)) FROM assets_device_period p WHERE p.service_point_id = s.id
            AND p.role = 1 AND p.in_service_at < coalesce(p.valid_to, 'infinity')),
        a.bill_from::timestamp AT TIME ZONE %(zone)s) AS begun_at
    FROM inside i JOIN network_service_point s ON s.premise_id = i.id AND s.purpose = 'consumer' AND s.commodity = 'electricity'
    JOIN contracts_agreement a ON a.service_point_id = s.id
)
"""
_DAYS: LiteralString = f"""
WITH {_INSIDE}
SELECT r.premise_id, r.quantity, r.share, r.day, r.version, r.energy_wh, r.sources, r.agreements, r.weights, r.shares_wh, r.sha256, r.calculated_at,
    r.version = max(r.version) OVER (PARTITION BY r.premise_id, r.quantity, r.share, r.day),
    (SELECT coalesce(json_object_agg(m.id, w.weight), '{{}}') FROM member m CROSS JOIN LATERAL (
        SELECT CASE r.share WHEN 'flat' THEN 1 WHEN 'area' THEN t.carpet_area_dm2 ELSE t.sanctioned_load_w END AS weight
        FROM contracts_agreement_terms t WHERE t.agreement_id = m.id
        ORDER BY t.valid_from > r.begins_at, CASE WHEN t.valid_from <= r.begins_at THEN t.valid_from END DESC, t.valid_from LIMIT 1
    ) w WHERE m.top = r.premise_id AND m.valid_from < r.ends_at AND coalesce(m.valid_to, 'infinity') >= r.ends_at
        AND m.begun_at < coalesce(m.valid_to, 'infinity') AND m.begun_at < r.ends_at AND w.weight IS NOT NULL),
    EXISTS (SELECT FROM member m WHERE m.top = r.premise_id AND (m.recorded_at > r.calculated_at
        OR EXISTS (SELECT FROM contracts_agreement_terms t WHERE t.agreement_id = m.id AND t.recorded_at > r.calculated_at)
        OR EXISTS (SELECT FROM journal_history h WHERE h.known_to > r.calculated_at AND (
            h.table_name = 'contracts_agreement' AND h.row_id = m.id
            OR h.table_name = 'contracts_agreement_terms'
                AND h.row_id IN (SELECT t.id FROM contracts_agreement_terms t WHERE t.agreement_id = m.id)))))
    -- A premise that was moved away was inside before.
    OR EXISTS (SELECT FROM journal_history h JOIN inside i ON i.top = r.premise_id
            AND i.id IN (h.row_id, (h.row ->> 'parent_id')::bigint)
        WHERE h.table_name = 'network_premise' AND h.known_to > r.calculated_at),
    EXISTS (SELECT FROM readings_change c JOIN network_service_point s ON s.id = c.service_point_id
        WHERE s.purpose = 'common_area')
FROM asked r ORDER BY r.premise_id, r.quantity, r.share, r.day, r.version
"""
_LATE: LiteralString = """
SELECT EXISTS (SELECT FROM readings_interval i WHERE i.service_point_id = ANY(%(points)s) AND i.received_at >= %(since)s
        AND i.start_at < %(ends)s AND i.start_at >= %(ends)s - interval '62 days')
    OR EXISTS (SELECT FROM readings_register g WHERE g.service_point_id = ANY(%(points)s) AND g.received_at >= %(since)s
        AND (g.read_at <= %(ends)s OR %(closing)s::bigint IS NULL OR g.read_at < to_timestamp(%(closing)s::bigint)))
"""
_TOGETHER: Final = 1000
"""Days that are calculated together."""
_COMMITTED_WITHIN: Final = timedelta(hours=1)
_STANDS_AFTER: Final = timedelta(days=61)
"""The stage `determine` makes other versions of a day until 62 days after it."""


@dataclass(frozen=True, slots=True)
class _Day:
    premise_id: int
    quantity: str
    share: str
    day: date
    version: int
    energy_wh: int
    sources: str
    agreements: list[int]
    weights: list[int]
    shares_wh: list[int]
    sha256: bytes
    calculated_at: datetime
    newest: bool
    registry: dict[str, int]
    """The weights that the registry has now, by agreement."""
    registered_since: bool
    readings_wait: bool

    @property
    def name(self) -> str:
        return f"the common areas of premise {self.premise_id} on {self.day} ({self.quantity} by {self.share}, version {self.version})"

    @property
    def shared(self) -> Shared:
        return Shared(self.premise_id, self.quantity, self.share)


def examine(connection: Connection, zone: str, proven: int = 0) -> Iterator[str]:
    """Yield the days of common areas that are not shared whole and once, by the weights and the energy of the day.

    With `proven`, only those that were calculated since the cut of that head.
    """
    # A close that began before the cut may have been committed after it.
    (since,) = connection.execute(
        "SELECT max(cut_at) - interval '1 hour' FROM proofs_period WHERE number = %s", [proven]
    ).fetchone() or (None,)
    days = (_Day(*row) for row in streamed(connection, _DAYS, {"zone": zone, "since": since}))
    for together in batched(days, _TOGETHER):
        for one in together:
            yield from _by_itself(one)
        yield from _by_readings(connection, [one for one in together if one.newest], ZoneInfo(zone))


def _by_itself(one: _Day) -> Iterator[str]:
    columns = one.agreements, one.weights, one.shares_wh
    if day_hash(one.shared, one.day, one.version, one.energy_wh, one.sources, columns) != bytes(one.sha256):
        yield f"{one.name} are not what their hash was taken over"
    if sum(one.shares_wh) != one.energy_wh or one.shares_wh != _by_largest_remainder(one):
        yield f"{one.name} used {one.energy_wh} Wh, shared as {one.shares_wh} by weights {one.weights}"
    weights = {int(id_): weight for id_, weight in one.registry.items()}
    if (
        one.newest
        and weights != dict(zip(one.agreements, one.weights, strict=True))
        and not one.registered_since
    ):
        yield f"{one.name} are shared by weights {one.weights} of {one.agreements}, the registry has {weights}"


def _by_readings(connection: Connection, days: Sequence[_Day], zone: ZoneInfo) -> Iterator[str]:
    """Yield the days whose readings come to another energy, unless these wait or came too late for another version."""
    sources = [json.loads(one.sources) for one in days]
    asked = {(point, one.day) for one, known in zip(days, sources, strict=True) for point, *_ in known}
    with connection.cursor() as cursor:
        counted = counted_on(cursor, asked, zone)
    for one, known in zip(days, sources, strict=True):
        found = [counted[point, one.day] for point, *_ in known if (point, one.day) in counted]
        values = [(each.values_by_name.get(COUNTED[one.quantity]), each.intervals) for each in found]
        energy_wh = sum(value.value for value, _ in values if value is not None)
        intervals = sum(number for value, number in values if value is not None)
        # Intervals may be gone by their retention.
        if (
            energy_wh == one.energy_wh
            or one.readings_wait
            or intervals < sum(count for _, _, count, *_ in known)
        ):
            continue
        if not _came_too_late(connection, one, known, zone):
            yield f"{one.name} used {one.energy_wh} Wh, their readings come to {energy_wh}"


def _came_too_late(
    connection: Connection, one: _Day, sources: Sequence[Sequence[Any]], zone: ZoneInfo
) -> bool:
    """Return whether readings that a day rests on came when no other version of it was made any more."""
    ends_at = midnight(one.day + ONE_DAY, zone)
    closing = [
        read_at for *_, reads, _ in sources for _, read_at, *_ in reads if read_at >= ends_at.timestamp()
    ]
    given = {
        "points": [point for point, *_ in sources],
        "ends": ends_at,
        # The first read at or after the end closes what is before it; later ones say nothing of that time.
        "closing": min(closing, default=None),
        "since": max(one.calculated_at - _COMMITTED_WITHIN, midnight(one.day + _STANDS_AFTER, zone)),
    }
    (late,) = connection.execute(_LATE, given).fetchone() or (False,)
    return bool(late)


def _by_largest_remainder(one: _Day) -> list[int]:
    total, whole = abs(one.energy_wh), sum(one.weights)
    exact = [Fraction(total * weight, whole) for weight in one.weights]
    shares = [int(share) for share in exact]
    places = sorted(range(len(exact)), key=lambda n: (shares[n] - exact[n], n))
    for n in places[: total - sum(shares)]:
        shares[n] += 1
    return [-share for share in shares] if one.energy_wh < 0 else shares


_PARTS: LiteralString = """
SELECT sha256, coalesce(shares_wh[array_position(agreements, %(agreement)s)], 0) FROM determinants_common_day
WHERE (premise_id, quantity, share) = (%(premise)s, %(quantity)s, %(share)s) AND day >= %(first)s AND day < %(end)s
    AND version = coalesce((%(versions)s::jsonb ->> day::text)::int, 1) ORDER BY day
"""
_PREMISES: LiteralString = """
SELECT DISTINCT premise_id, quantity, share FROM determinants_common_day d
WHERE %(agreement)s = ANY(agreements) AND day >= %(first)s AND day < %(end)s AND calculated_at <= %(posted)s
    AND NOT EXISTS (SELECT FROM determinants_common_day n
        WHERE (n.premise_id, n.quantity, n.share, n.day) = (d.premise_id, d.quantity, d.share, d.day)
            AND n.version > d.version AND n.calculated_at <= %(posted)s)
"""
_ENDED: LiteralString = """
SELECT (agreement ->> 'valid_to')::timestamptz FROM contracts_known('contracts_agreement', 'id', ARRAY[%s::bigint], %s)
    AS known (agreement)
"""


def unlike_their_days(
    connection: Connection,
    agreement_id: int,
    calculation: tuple[Period, date, Mapping[str, int]],
    terms: Sequence[tuple[date, Sequence[Tariff]]],
    named: Sequence[Sequence[Any]],
    posted_at: datetime,
    zone: str,
) -> Iterator[str]:
    """Yield how the shares of a calculation (its billed days, `through` and totals) are not those of the days that it names."""
    billed, through, totals = calculation
    charged = {name: wh for name, wh in totals.items() if is_own_part(name)}
    if not charged and not named:
        return
    commons = {common for _, versions in terms for version in versions for common in version.commons}
    found = dict.fromkeys((share_of(*common) for common in commons), 0)
    first = first_shared_day(terms, billed)
    # The end that the agreement has now may be another one than when the entry was posted. One that was recorded in the same
    # instant may have come after it.
    known = [
        _end_by_registry(connection, agreement_id, Period(first, through), at, zone)
        for at in (posted_at, posted_at - timedelta(microseconds=1))
    ]
    ends = [date.fromisoformat(one) for each in named for one in each[4:] if isinstance(one, str)]
    end = max(ends) if ends else known[0]
    if end not in known:
        yield f"names days of common areas to {end}, the agreement had them to {known[0]}"
    for premise, quantity, share, sha256, *more in named:
        own_end = [date.fromisoformat(one) for one in more if isinstance(one, str)]
        versions = [one for one in more if isinstance(one, dict)]
        given = {
            "agreement": agreement_id, "premise": premise, "quantity": quantity, "share": share, "first": first,
            "end": own_end[0] if own_end else end, "versions": json.dumps(versions[0] if versions else {}),
        }  # fmt: skip
        if own_end and own_end[0] < end:
            # Those of a premise that was moved away.
            left = {"agreement": agreement_id, "first": own_end[0], "end": end, "posted": posted_at}
            if (premise, quantity, share) in connection.execute(_PREMISES, left).fetchall():
                yield f"names days of the common areas of premise {premise} to {own_end[0]}, and bore a share of later ones"
        days = connection.execute(_PARTS, given).fetchall()
        if hashlib.sha256(b"".join(bytes(digest) for digest, _ in days)).hexdigest() != sha256:
            yield f"names days of the common areas of premise {premise} that are not stored"
        name = share_of(quantity, share)
        found[name] = found.get(name, 0) + sum(own_wh for _, own_wh in days)
    if charged != found:
        yield f"was calculated from {charged}, the days that it names have {found}"
    shared = connection.execute(
        _PREMISES, {"agreement": agreement_id, "first": first, "end": end, "posted": posted_at}
    ).fetchall()
    if lacking := sorted(
        one for one in shared if one[1:] in commons and one not in {tuple(each[:3]) for each in named}
    ):
        yield f"names no days of the common areas {lacking}"


def _end_by_registry(
    connection: Connection, agreement_id: int, days: Period, known_at: datetime, zone: str
) -> date:
    """Return the day after the last of some days at whose end an agreement is in force, as was known at an instant."""
    (valid_to,) = connection.execute(_ENDED, [agreement_id, known_at]).fetchone() or (None,)
    end = days.end
    while valid_to is not None and end > days.first and midnight(end, ZoneInfo(zone)) > valid_to:
        end -= ONE_DAY
    return end
