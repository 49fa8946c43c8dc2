"""Energy of common areas by local day, shared among the agreements of their premise: stored versions, and reading them.

A common meter has no agreement. Its energy of a day is calculated as that of any meter, by the reads and intervals around the
day alone, so that days sum to the register's advance.
"""

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
from django.db import connection, transaction

from urja.apps.determinants.evaluation import Evaluated, Wanted, evaluate, row_hash
from urja.apps.readings.queries.columns import Owner
from urja.base.sql_cursor import Cursor
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.determinants import allocate

COUNTED: Final = {"common_import_wh": "import_wh", "common_dg_import_wh": "dg_import_wh"}
"""What the meters of common areas count of each common quantity."""


class Shared(NamedTuple):
    """What is shared, and how: the common areas of a premise, a common quantity, and `flat`, `area` or `load`."""

    premise_id: int
    quantity: str
    share: str


@dataclass(frozen=True, slots=True)
class WantedDay:
    """A day of which the energy of common areas is to be shared."""

    shared: Shared
    day: date
    service_points: tuple[int, ...]
    """The common areas with a meter, in ascending order."""
    weights: Mapping[int, int]
    """By agreement, above zero; at least one."""
    waits: bool = False
    """Whether it is left out until all that its meters count is known."""


@dataclass(frozen=True, slots=True)
class EvaluatedDay:
    """A shared day, as a row stores it."""

    wanted: WantedDay
    energy_wh: int
    sources: str
    agreements: tuple[int, ...]
    weights: tuple[int, ...]
    shares_wh: tuple[int, ...]
    is_read: bool
    """Whether the energy is known to the end of the day."""

    def sha256(self, version: int) -> bytes:
        """Return the hash of a row with this content and version."""
        return day_hash(
            self.wanted.shared, self.wanted.day, version, self.energy_wh, self.sources,
            (self.agreements, self.weights, self.shares_wh),
        )  # fmt: skip


def day_hash(
    shared: Shared,
    day: date,
    version: int,
    energy_wh: int,
    sources: str,
    columns: tuple[Sequence[int], Sequence[int], Sequence[int]],
) -> bytes:
    """Return the SHA-256 of a row; `columns` are agreements, weights and shares in Wh."""
    return row_hash([*shared, day.isoformat(), version, energy_wh, sources, *map(list, columns)])


def evaluate_days(cursor: Cursor, wanted: Sequence[WantedDay], zone: ZoneInfo) -> list[EvaluatedDay]:
    """Return the days whose energy is known, each shared by its weights.

    A common area counts while it has a meter. Where none has, nothing is to be shared, and the energy is zero. A day on which
    meters stand and none counts the quantity is left out.
    """
    found = counted_on(cursor, {(point, one.day) for one in wanted for point in one.service_points}, zone)
    days = (
        _shared(
            one,
            [found[point, one.day] for point in one.service_points if (point, one.day) in found],
            midnight(one.day + ONE_DAY, zone),
        )
        for one in wanted
    )
    return [day for day in days if day is not None]


def counted_on(
    cursor: Cursor, asked: Collection[tuple[int, date]], zone: ZoneInfo
) -> dict[tuple[int, date], Evaluated]:
    """Return what service points counted on local days, all together; a point without a meter on a day is left out."""
    found = evaluate(cursor, [_of_day(point, day) for point, day in sorted(asked)], zone)
    return {(one.wanted.owner.id, one.wanted.as_of): one for one in found}


def _of_day(service_point_id: int, day: date) -> Wanted:
    return Wanted(Owner.service_point(service_point_id), Period(day, day + ONE_DAY), day)


def _shared(wanted: WantedDay, counted: Sequence[Evaluated], ends_at: datetime) -> EvaluatedDay | None:
    name = COUNTED[wanted.shared.quantity]
    known = [(one, value.value) for one in counted if (value := one.values_by_name.get(name)) is not None]
    if counted and not known:
        return None
    energy_wh = sum(value for _, value in known)
    sources = [
        [
            one.wanted.owner.id, value, one.intervals, one.intervals_hash.hex(), json.loads(one.reads), one.rules
        ]
        for one, value in known
    ]  # fmt: skip
    is_read = all(one.known_to_at is not None and one.known_to_at >= ends_at for one, _ in known)
    return _divided(wanted, energy_wh, json.dumps(sources, separators=(",", ":")), is_read=is_read)


def _divided(wanted: WantedDay, energy_wh: int, sources: str, *, is_read: bool) -> EvaluatedDay:
    agreements = tuple(sorted(wanted.weights))
    weights = tuple(wanted.weights[id_] for id_ in agreements)
    group = np.zeros(len(weights), np.int64)
    shares = allocate(np.array([energy_wh], np.int64), np.array(weights, np.int64), group)
    return EvaluatedDay(
        wanted, energy_wh, sources, agreements, weights, tuple(int(share) for share in shares), is_read
    )


_LOCK_CLASS: Final = 0x636F6D6D
"""First key of the advisory locks, so that they collide with no other use; "comm" in ASCII."""


def lock(premise_id: int) -> None:
    """Lock the days of a premise until the transaction ends: a close and late readings may both make the next version of one."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s::int)", [_LOCK_CLASS, premise_id % 2**31])


def store(wanted: Sequence[WantedDay], zone: ZoneInfo, now: datetime) -> int:
    """Calculate and store the days of one premise; return how many rows are new. A row with the same content is left as it is."""
    if not wanted:
        return 0
    (premise_id,) = {one.shared.premise_id for one in wanted}
    with transaction.atomic(), connection.cursor() as cursor:
        lock(premise_id)
        newest = {(row.shared, row.day): row for row in newest_days(premise_id, {one.day for one in wanted})}
        fresh = []
        for one in evaluate_days(cursor, wanted, zone):
            known = newest.get((one.wanted.shared, one.wanted.day))
            if one.wanted.waits and not one.is_read:
                continue
            if known is None or one.sha256(known.version) != known.sha256:
                fresh.append((one, 1 if known is None else known.version + 1))
        _insert(fresh, now)
    return len(fresh)


def share_again(weights: Iterable[tuple["StoredDay", Mapping[int, int]]], now: datetime) -> int:
    """Store the next versions of newest days of a premise, by other weights; return how many.

    Their energy stays, as readings may be gone by their retention. The caller has the premise's lock.
    """
    again = [
        (
            _divided(WantedDay(row.shared, row.day, (), by), row.energy_wh, row.sources, is_read=True),
            row.version + 1,
        )
        for row, by in weights
    ]
    _insert(again, now)
    return len(again)


def _insert(fresh: Sequence[tuple[EvaluatedDay, int]], now: datetime) -> None:
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO determinants_common_day (premise_id, quantity, share, day, version, energy_wh, sources, agreements,"
            " weights, shares_wh, sha256, calculated_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            [
                (
                    *one.wanted.shared, one.wanted.day, version, one.energy_wh, one.sources, list(one.agreements),
                    list(one.weights), list(one.shares_wh), one.sha256(version), now,
                )
                for one, version in fresh
            ],
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class StoredDay:
    """The newest version of a shared day."""

    shared: Shared
    day: date
    version: int
    sha256: bytes
    energy_wh: int
    sources: str
    weights: Mapping[int, int]

    def rests_on(self, service_point_id: int, at: datetime, zone: ZoneInfo, *, is_register: bool) -> bool:
        """Return whether a reading of a service point from an instant (UTC) on, or its register read at it, may change the day."""
        of_point = [
            reads for point, _, _, _, reads, _ in json.loads(self.sources) if point == service_point_id
        ]
        ends_at = midnight(self.day + ONE_DAY, zone)
        if at < ends_at or not of_point:
            return True
        # The first read at or after the end closes what is before it; later ones say nothing of that time.
        after = [read_at for _, read_at, _, _ in chain(*of_point) if read_at >= int(ends_at.timestamp())]
        return is_register and (at == ends_at or all(read_at >= int(at.timestamp()) for read_at in after))


def newest_days(premise_id: int, days: Iterable[date]) -> list[StoredDay]:
    """Return the newest version of each stored day of a premise, of all its quantities and ways to share them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT ON (quantity, share, day) quantity, share, day, version, sha256, energy_wh, sources, agreements,"
            " weights FROM determinants_common_day WHERE premise_id = %s AND day = ANY(%s)"
            " ORDER BY quantity, share, day, version DESC",
            [premise_id, sorted(days)],
        )
        return [
            StoredDay(
                Shared(premise_id, quantity, share), day, version, bytes(sha256), energy_wh, sources,
                dict(zip(agreements, weights, strict=True)),
            )
            for quantity, share, day, version, sha256, energy_wh, sources, agreements, weights in cursor.fetchall()
        ]  # fmt: skip


def stored_between(premise_id: int, days: Period) -> list[tuple[Shared, date]]:
    """Return the days of a premise that are stored, of all its quantities and ways to share them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT quantity, share, day FROM determinants_common_day WHERE premise_id = %s AND day >= %s AND day < %s",
            [premise_id, days.first, days.end],
        )
        return [(Shared(premise_id, quantity, share), day) for quantity, share, day in cursor.fetchall()]


def premises_with_days(since: date) -> list[int]:
    """Return the premises that have shared days from a local day on."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT premise_id FROM determinants_common_day WHERE day >= %s ORDER BY 1", [since]
        )
        return [premise_id for (premise_id,) in cursor.fetchall()]


class SharedDay(NamedTuple):
    """A day of common areas with an agreement's part of it; energies in Wh."""

    day: date
    version: int
    sha256: bytes
    energy_wh: int
    own_wh: int | None
    """None where the agreement has no part of the day."""
    weight: int | None
    all_weights: int


_SHARES: Final = """
SELECT {first} day, version, sha256, energy_wh, shares_wh[array_position(agreements, %(agreement)s)],
    weights[array_position(agreements, %(agreement)s)], (SELECT sum(weight) FROM unnest(weights) AS every (weight))::bigint
FROM determinants_common_day
WHERE (premise_id, quantity, share) = (%(premise)s, %(quantity)s, %(share)s) AND day >= %(begin)s AND day < %(end)s {which}
ORDER BY day, version DESC
"""


def newest_shares(agreement_id: int, shared: Shared, days: Period) -> tuple[SharedDay, ...]:
    """Return an agreement's newest part of each stored day."""
    return _shares(_SHARES.format(first="DISTINCT ON (day)", which=""), agreement_id, shared, days)


def shares_named(
    agreement_id: int, shared: Shared, days: Period, versions: Mapping[str, int]
) -> tuple[SharedDay, ...]:
    """Return an agreement's part of each day in the version that `versions` has for the day, else in the first."""
    which = "AND version = coalesce((%(versions)s::jsonb ->> day::text)::int, 1)"
    return _shares(
        _SHARES.format(first="", which=which), agreement_id, shared, days, json.dumps(dict(versions))
    )


def _shares(
    statement: str, agreement_id: int, shared: Shared, days: Period, versions: str = ""
) -> tuple[SharedDay, ...]:
    with connection.cursor() as cursor:
        cursor.execute(
            statement,
            {
                "agreement": agreement_id, "premise": shared.premise_id, "quantity": shared.quantity,
                "share": shared.share, "begin": days.first, "end": days.end, "versions": versions,
            },
        )  # fmt: skip
        return tuple(
            SharedDay(day, version, bytes(sha256), *values)
            for day, version, sha256, *values in cursor.fetchall()
        )


_SUMS: Final = """
SELECT s.days, s.own_wh FROM unnest(%s::bigint[], %s::bigint[], %s::text[], %s::text[], %s::date[], %s::date[])
    WITH ORDINALITY AS w (agreement, premise, quantity, share, first, "end", n)
CROSS JOIN LATERAL (
    SELECT count(*) AS days, coalesce(sum(newest.own_wh), 0)::bigint AS own_wh FROM (
        SELECT DISTINCT ON (day) shares_wh[array_position(agreements, w.agreement)] AS own_wh FROM determinants_common_day
        WHERE (premise_id, quantity, share) = (w.premise, w.quantity, w.share) AND day >= w.first AND day < w."end"
        ORDER BY day, version DESC
    ) AS newest
) AS s ORDER BY w.n
"""


def newest_sums(asked: Sequence[tuple[int, Shared, Period]]) -> list[tuple[int, int]]:
    """Return for each agreement how many of its days are stored, and the sum of its newest parts of them in Wh."""
    if not asked:
        return []
    rows = [(agreement_id, *shared, days.first, days.end) for agreement_id, shared, days in asked]
    with connection.cursor() as cursor:
        cursor.execute(_SUMS, [list(column) for column in zip(*rows, strict=True)])
        return [(stored, own_wh) for stored, own_wh in cursor.fetchall()]
