"""Columns of many agreements for determinants: meters in time, register reads and intervals, as meters count."""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum, auto
from operator import itemgetter
from typing import Final, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from urja.apps.readings import channel_sets
from urja.apps.readings.kinds import ANCHOR_KINDS
from urja.base.sql_cursor import Cursor
from urja.quantities.channel_sets import ChannelSet
from urja.stream.records import NULL, RegisterKind


class OwnerKind(Enum):
    """What billing meters are asked for by."""

    AGREEMENT = auto()
    SERVICE_POINT = auto()


class Owner(NamedTuple):
    """Whose billing meters are asked for: an agreement's, or a service point's, as a common area has no agreement."""

    kind: OwnerKind
    id: int

    @classmethod
    def agreement(cls, id_: int) -> Self:
        """Return the owner that is an agreement."""
        return cls(OwnerKind.AGREEMENT, id_)

    @classmethod
    def service_point(cls, id_: int) -> Self:
        """Return the owner that is a service point, at all times."""
        return cls(OwnerKind.SERVICE_POINT, id_)


class Window(NamedTuple):
    """The time of an owner that is asked for; UTC, half-open."""

    owner: Owner
    from_at: datetime
    to_at: datetime


class MeterTime(NamedTuple):
    """The time of a billing meter under one ratio within a window; instants in Unix seconds."""

    owner: Owner
    service_point_id: int
    device_id: int
    from_at: int
    to_at: int
    ratio_primary: int
    ratio_secondary: int
    opening_at: int
    """The last register read at or before `from_at`."""
    device_type: str
    interval_s: int


class Read(NamedTuple):
    """A register read that the meter froze, in its newest version."""

    number: int
    """Number of the meter time."""
    device_id: int
    read_at: int
    kind: int
    version: int
    channels: ChannelSet
    values: tuple[int | None, ...]

    @property
    def key(self) -> tuple[int, int, int, int]:
        """Device, instant, kind and version."""
        return self.device_id, self.read_at, self.kind, self.version


class Blocks(NamedTuple):
    """Intervals of one channel set in their newest version, or some of them: an array for each fact, in no certain order."""

    channels: ChannelSet
    number: NDArray[np.int64]
    """Number of the meter time."""
    start_at: NDArray[np.int64]
    length_s: NDArray[np.int64]
    version: NDArray[np.int64]
    status: NDArray[np.int64]
    values: NDArray[np.int64]
    """A row for each interval, a column for each channel; `NULL` for no value."""


@dataclass(frozen=True, slots=True)
class ReadingColumns:
    """Everything that the determinants of some windows are calculated from."""

    meters: list[MeterTime]
    reads: list[Read]
    blocks: list[Blocks]
    billing: list[Read]
    """Billing profiles: of each meter time those in it and at its end, and the last one at or before its beginning."""


_METERS: Final = f"""
SELECT a.id, p.service_point_id, p.device_id, floor(extract(epoch FROM g.from_at))::bigint, floor(extract(epoch FROM g.to_at))::bigint,
    p.ratio_primary, p.ratio_secondary, floor(extract(epoch FROM o.read_at))::bigint, d.device_type, d.interval_s
FROM unnest(%s::bigint[], %s::timestamptz[], %s::timestamptz[]) AS w (owner_id, from_at, to_at)
JOIN {{owners}} a ON a.id = w.owner_id
JOIN assets.device_period p ON p.service_point_id = a.service_point_id AND p.role = 1 AND p.in_service_at IS NOT NULL
JOIN assets.device d ON d.id = p.device_id
CROSS JOIN LATERAL (
    SELECT greatest(w.from_at, a.valid_from, p.valid_from, p.in_service_at) AS from_at,
        least(w.to_at, coalesce(a.valid_to, 'infinity'), coalesce(p.valid_to, 'infinity')) AS to_at
) g
-- Without a read before it a meter bills nothing, as in accruals.
CROSS JOIN LATERAL (
    SELECT max(r.read_at) AS read_at FROM readings_register r
    WHERE r.service_point_id = p.service_point_id AND r.device_id = p.device_id
        AND r.kind IN ({", ".join(str(kind.value) for kind in ANCHOR_KINDS)}) AND r.read_at <= g.from_at
) o
WHERE g.from_at < g.to_at AND o.read_at IS NOT NULL
ORDER BY a.id, g.from_at
"""
_OWNERS: Final = {
    OwnerKind.AGREEMENT: "contracts.agreement",
    OwnerKind.SERVICE_POINT: (
        "(SELECT id, id AS service_point_id, '-infinity'::timestamptz AS valid_from, NULL::timestamptz AS valid_to"
        " FROM network.service_point)"
    ),
}

_MEASURED: Final = (
    "unnest(%s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])"
    " AS m (number, service_point_id, device_id, opening_at, to_at)"
)

# Up to the first read at or after the end: it closes what is before it.
_READS: Final = f"""
SELECT DISTINCT ON (m.number, r.read_at) m.number, r.device_id, floor(extract(epoch FROM r.read_at))::bigint, r.kind, r.version,
    r.channel_set, r.values
FROM {_MEASURED} JOIN readings_register r
    ON r.service_point_id = m.service_point_id AND r.device_id = m.device_id
    AND r.kind IN ({", ".join(str(kind.value) for kind in ANCHOR_KINDS)})
    AND r.read_at >= to_timestamp(m.opening_at)
    AND r.read_at <= coalesce(
        (SELECT min(n.read_at) FROM readings_register n WHERE n.service_point_id = m.service_point_id
            AND n.device_id = m.device_id AND n.kind IN ({", ".join(str(kind.value) for kind in ANCHOR_KINDS)})
            AND n.read_at >= to_timestamp(m.to_at)),
        'infinity')
ORDER BY m.number, r.read_at, r.version DESC, r.kind
"""

# The three kinds are the condition of the index on anchors.
_BILLING: Final = f"""
SELECT DISTINCT ON (m.number, r.read_at) m.number, r.device_id, floor(extract(epoch FROM r.read_at))::bigint, r.kind, r.version,
    r.channel_set, r.values
FROM unnest(%s::int[], %s::bigint[], %s::bigint[], %s::bigint[], %s::bigint[])
    AS m (number, service_point_id, device_id, from_at, to_at)
JOIN readings_register r ON r.service_point_id = m.service_point_id AND r.device_id = m.device_id
    AND r.kind IN ({", ".join(str(kind.value) for kind in ANCHOR_KINDS)}) AND r.kind = {RegisterKind.BILLING}
    AND r.read_at <= to_timestamp(m.to_at)
    AND r.read_at >= coalesce(
        (SELECT max(n.read_at) FROM readings_register n WHERE n.service_point_id = m.service_point_id
            AND n.device_id = m.device_id AND n.kind IN ({", ".join(str(kind.value) for kind in ANCHOR_KINDS)})
            AND n.kind = {RegisterKind.BILLING} AND n.read_at <= to_timestamp(m.from_at)),
        to_timestamp(m.from_at))
ORDER BY m.number, r.read_at, r.version DESC
"""

_NO_VALUE: Final = -(2**31)
"""Stands for no value in an array of 32 bits: no meter measures so much below zero."""

# Arrays in PostgreSQL's binary form, for intervals that differ by their meter, time and values alone: a row for each interval takes
# longer to read than to calculate. Each meter's intervals are sorted for themselves, which keeps the sort in memory.
_BLOCKS: Final = f"""
SELECT i.channel_set, i.length_s, i.version, i.status, array_send(array_agg(m.number)),
    array_send(array_agg(floor(date_part('epoch', i.start_at))::bigint)), array_send(array_replace(array_agg(i.values), NULL, {_NO_VALUE}))
FROM {_MEASURED} CROSS JOIN LATERAL (
    SELECT DISTINCT ON (start_at) start_at, length_s, version, status, channel_set, values FROM readings_interval
    WHERE service_point_id = m.service_point_id AND device_id = m.device_id AND series = 1
        AND start_at >= to_timestamp(m.opening_at) AND start_at < to_timestamp(m.to_at)
    ORDER BY start_at, version DESC
) i GROUP BY 1, 2, 3, 4
"""
_ELEMENTS: Final = {23: ">i4", 20: ">i8"}
"""Elements of arrays in that form, by the numbers that PostgreSQL gives their types."""


def meter_times(cursor: Cursor, windows: Sequence[Window]) -> list[MeterTime]:
    """Return the billing meters of some windows that have a register read before their time, in the order of time.

    The owners of all windows are of one kind.
    """
    if not windows:
        return []
    (kind,) = {window.owner.kind for window in windows}
    cursor.execute(
        _METERS.format(owners=_OWNERS[kind]),
        [
            [window.owner.id for window in windows],
            [window.from_at for window in windows],
            [window.to_at for window in windows],
        ],
    )
    return [MeterTime(Owner(kind, owner_id), *row) for owner_id, *row in cursor.fetchall()]


def reading_columns(cursor: Cursor, windows: Sequence[Window]) -> ReadingColumns:
    """Return meters, reads and intervals (base units of their channel sets) of some windows, each in its order.

    An owner has one window, and all owners are of one kind. Rows are in Wh, VAh and so on as meters count, before any
    transformer ratio.
    """
    meters = meter_times(cursor, windows)
    measured = [
        list(range(len(meters))),
        *(
            [getattr(meter, name) for meter in meters]
            for name in ("service_point_id", "device_id", "opening_at", "to_at")
        ),
    ]
    sets = channel_sets.load(cursor)
    cursor.execute(_READS, measured)
    reads = [
        Read(number, device, at, kind, version, sets[channels], tuple(values))
        for number, device, at, kind, version, channels, values in cursor.fetchall()
    ]
    cursor.execute(_BLOCKS, measured)
    # Sorted here: the database would write the arrays to disk for it.
    blocks = [
        _blocks(sets[row[0]], *row[1:]) for row in sorted(cursor.fetchall(), key=itemgetter(0, 1, 2, 3))
    ]
    measured[3] = [meter.from_at for meter in meters]
    cursor.execute(_BILLING, measured)
    billing = [
        Read(number, device, at, kind, version, sets[channels], tuple(values))
        for number, device, at, kind, version, channels, values in cursor.fetchall()
    ]
    return ReadingColumns(meters, reads, blocks, billing)


def _blocks(
    channels: ChannelSet,
    length_s: int,
    version: int,
    status: int,
    number: bytes,
    start_at: bytes,
    values: bytes,
) -> Blocks:
    """Return intervals of one length, version and state."""
    numbers, found = _integers(number), _integers(values).reshape(-1, len(channels.ids))
    count = len(numbers)
    return Blocks(
        channels,
        numbers,
        _integers(start_at),
        np.full(count, length_s),
        np.full(count, version),
        np.full(count, status),
        np.where(found == _NO_VALUE, NULL, found),
    )


def _integers(sent: bytes) -> NDArray[np.int64]:
    """Return an array in PostgreSQL's binary form, flat: a head with type and dimensions, then each element with its length."""
    dimensions, kind = int.from_bytes(sent[:4]), int.from_bytes(sent[8:12])
    element = [("length", ">i4"), ("value", _ELEMENTS[kind])]
    return np.frombuffer(sent, element, offset=12 + 8 * dimensions)["value"].astype(np.int64)


def by_quantity(rows: Sequence[Read]) -> dict[str, NDArray[np.int64]]:
    """Return the values of rows as a column for each quantity; rows of other sets have `NULL` there."""
    found: dict[str, NDArray[np.int64]] = {}
    alike: dict[int, list[int]] = {}
    for n, row in enumerate(rows):
        alike.setdefault(id(row.channels), []).append(n)
    for numbers in alike.values():
        names = rows[numbers[0]].channels.names
        for name, values in zip(names, zip(*(rows[n].values for n in numbers), strict=True), strict=True):
            column = np.array([NULL if value is None else value for value in values], np.int64)
            if (column != NULL).any():
                found.setdefault(name, np.full(len(rows), NULL, np.int64))[numbers] = column
    return found


def interval_values(blocks: Sequence[Blocks]) -> dict[str, NDArray[np.int64]]:
    """Return the values of intervals, set after set, as a column for each quantity; those of other sets have `NULL` there."""
    found: dict[str, NDArray[np.int64]] = {}
    begins = 0
    count = sum(len(one.number) for one in blocks)
    for one in blocks:
        ends = begins + len(one.number)
        for name, column in zip(one.channels.names, one.values.T, strict=True):
            if (column != NULL).any():
                found.setdefault(name, np.full(count, NULL, np.int64))[begins:ends] = column
        begins = ends
    return found
