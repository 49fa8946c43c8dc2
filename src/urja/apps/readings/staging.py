"""Stores a NumPy batch: a binary COPY into a temporary table, then set-wise inserts that never overwrite.

Content decides, not bookkeeping: the same key with the same values exists already and is ignored, whatever its sender
and however often it arrives. The same key with other values is a new version and is reported.
"""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from psycopg import Cursor
from psycopg.errors import UniqueViolation

from urja.apps.readings import accrual, changes, pgcopy
from urja.apps.readings.channel_sets import SHIPPED, Sets, column_of
from urja.apps.readings.kinds import ANCHOR_KINDS, Reason, Status
from urja.quantities.channel_sets import D1_BLOCK, D1_REGISTERS, ChannelSet
from urja.stream.records import NULL, block_dtype, register_dtype

MOST_VERSIONS: Final = 1_000
"""Of a row by itself: a meter that says something else each time neither fills the tables nor stops the batch of others."""

_PLACE: Final = [
    ("service_point_id", "<i8"),
    ("agreement_id", "<i8"),
    ("status", "<i2"),
    ("channel_set", "<i2"),
]


def placed_block(width: int) -> np.dtype[np.void]:
    """Return the dtype of blocks with their service points, agreements (zero without one), sets and series."""
    return np.dtype([*_PLACE, ("series", "<i2"), *block_dtype(width).descr])


def placed_register(width: int) -> np.dtype[np.void]:
    """Return the dtype of register reads with their service points, agreements and sets."""
    return np.dtype([*_PLACE, *register_dtype(width).descr])


PLACED_BLOCK: Final = placed_block(len(D1_BLOCK))
PLACED_REGISTER: Final = placed_register(len(D1_REGISTERS))
"""Rows of a single-phase meter."""

Rows = NDArray[np.void]


@dataclass(frozen=True, slots=True)
class Stored:
    """Numbers of a batch's rows by what happened to them."""

    inserted: int = 0
    changed: int = 0
    """Stored as a new version of a row that had other values."""
    ignored: int = 0
    """Stored before with the same values, or behind an edit that takes precedence."""

    def __add__(self, other: "Stored") -> "Stored":
        return Stored(
            self.inserted + other.inserted, self.changed + other.changed, self.ignored + other.ignored
        )


STAGES: Final = """
    CREATE TEMP TABLE IF NOT EXISTS stage_block (
        service_point_id bigint, device_id bigint, start_at timestamptz, correlation bigint, received_at timestamptz,
        length_s integer, series smallint, channel_set smallint, status smallint, source smallint,
        clock_status smallint, values integer[]
    ) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS stage_run (
        agreement_id bigint, device_id bigint, period date, from_at timestamptz, to_at timestamptz,
        counted bigint, estimated bigint, length_s integer, gapless boolean
    ) ON COMMIT DELETE ROWS;
    CREATE TEMP TABLE IF NOT EXISTS stage_register (
        service_point_id bigint, device_id bigint, read_at timestamptz, correlation bigint, received_at timestamptz,
        kind smallint, channel_set smallint, status smallint, source smallint, clock_status smallint, values bigint[]
    ) ON COMMIT DELETE ROWS
"""
"""Temporary tables: unlogged, emptied by each commit, created once per connection by `prepare`."""

_BLOCK_COLUMNS = (
    "service_point_id, device_id, start_at, correlation, received_at, length_s, series, channel_set, status, source, "
    "clock_status, values"
)
_BLOCK_CONTENT = "channel_set, values, length_s"
_REGISTER_COLUMNS = (
    "service_point_id, device_id, read_at, correlation, received_at, kind, channel_set, status, source, clock_status, "
    "values"
)
_REGISTER_CONTENT = "channel_set, values"


def prepare(cursor: Cursor) -> None:
    """Create the temporary tables of this connection."""
    cursor.execute(STAGES)


def make_days(cursor: Cursor, start_at: NDArray[np.int64]) -> None:
    """Create the day partitions for instants in Unix seconds; repeating it is harmless."""
    days = np.unique(start_at // 86_400)
    for run in np.split(days, np.nonzero(np.diff(days) > 1)[0] + 1):
        cursor.execute(
            "SELECT readings_make_days(date '1970-01-01' + %s, date '1970-01-01' + %s)",
            [int(run[0]), int(run[-1])],
        )


def make_days_of(cursor: Cursor, instants: Sequence[datetime]) -> None:
    """Create the day partitions for a few instants."""
    make_days(cursor, np.array([int(instant.timestamp()) for instant in instants], np.int64))


def store_blocks(
    cursor: Cursor, rows: Rows, *, zone: str, now: datetime, sets: Sets = SHIPPED, expect_new: bool = False
) -> Stored:
    """Store placed blocks and update the accruals they belong to, in the caller's transaction.

    The partitions of their days exist (`make_days`). `sets` are the channel sets that the rows name; the first value of
    each row is what is billed, in its base unit. `zone` is the utility's time zone, `now` the time of reported
    differences. With `expect_new` the rows are copied straight into the table at twice the speed; where one exists
    already, that is rolled back and the staging table is used. The result is the same.
    """
    if len(rows) == 0:
        return Stored()
    # `_runs` needs the rows of each device adjacent and in the order of time.
    rows = rows[np.lexsort((rows["start_at"], rows["device_id"], rows["service_point_id"]))]
    accrual.lock_shards(cursor, np.unique(rows["service_point_id"]).tolist())
    of_sets = list(_of_sets(rows, sets))
    if expect_new and _insert_new(cursor, of_sets):
        changes.note_intervals(cursor, rows["service_point_id"], rows["start_at"], now, zone)
        _accrue(cursor, rows, zone)
        return Stored(inserted=len(rows))
    for part, channels in of_sets:
        pgcopy.copy(cursor, "stage_block", _BLOCK_COLUMNS, _block_columns(part, channels))
    cursor.execute(
        f"INSERT INTO readings_interval ({_BLOCK_COLUMNS}, version, recorded_in)"
        f" SELECT {_BLOCK_COLUMNS}, 1, (SELECT readings_period()) FROM stage_block ON CONFLICT DO NOTHING"
    )
    inserted = cursor.rowcount
    changed = 0 if inserted == len(rows) else _store_changed(cursor, _CHANGED_BLOCKS, of_sets, now)
    if inserted or changed:
        changes.note_intervals(cursor, rows["service_point_id"], rows["start_at"], now, zone)
    if inserted == len(rows):
        _accrue(cursor, rows, zone)
    elif inserted or changed:
        _accrue_again(cursor, rows, zone)
    return Stored(inserted, changed, len(rows) - inserted - changed)


def _of_sets(rows: Rows, sets: Sets) -> Iterator[tuple[Rows, ChannelSet]]:
    """Yield the rows of each channel set with the set, in their order; mostly all rows have one."""
    numbers = np.unique(rows["channel_set"]).tolist()
    for number in numbers:
        yield (rows if len(numbers) == 1 else rows[rows["channel_set"] == number]), sets[number]


def _insert_new(cursor: Cursor, of_sets: Sequence[tuple[Rows, ChannelSet]]) -> bool:
    """Copy rows into the table itself, where PostgreSQL inserts many at a time; returns False if one exists already."""
    # A savepoint: the duplicate key rolls back this copy only, and the caller's transaction goes on with the staging
    # table.
    try:
        with cursor.connection.transaction():
            cursor.execute("SELECT readings_period()")
            row = cursor.fetchone()
            assert row is not None, "a function gives one row"
            for part, channels in of_sets:
                count = len(part)
                columns = _block_columns(part, channels)
                columns += [(np.ones(count, np.int16), "i2"), (np.full(count, row[0], np.int32), "i4")]
                pgcopy.copy(cursor, "readings_interval", f"{_BLOCK_COLUMNS}, version, recorded_in", columns)
    except UniqueViolation:
        return False
    return True


def store_registers(cursor: Cursor, rows: Rows, *, zone: str, now: datetime, sets: Sets = SHIPPED) -> Stored:
    """Store placed register reads; those that are billed from update the accruals.

    `sets` are the channel sets that the rows name; the first value of each row is what is billed, in its base unit.
    """
    if len(rows) == 0:
        return Stored()
    accrual.lock_shards(cursor, np.unique(rows["service_point_id"]).tolist())
    of_sets = list(_of_sets(rows, sets))
    for part, channels in of_sets:
        pgcopy.copy(cursor, "stage_register", _REGISTER_COLUMNS, _register_columns(part, channels))
    cursor.execute(
        f"INSERT INTO readings_register ({_REGISTER_COLUMNS}, version, recorded_in)"
        f" SELECT {_REGISTER_COLUMNS}, 1, (SELECT readings_period()) FROM stage_register ON CONFLICT DO NOTHING"
    )
    inserted = cursor.rowcount
    changed = 0 if inserted == len(rows) else _store_changed(cursor, _CHANGED_REGISTERS, of_sets, now)
    if inserted or changed:
        _move_anchors(cursor, rows, zone, fresh=inserted == len(rows))
    return Stored(inserted, changed, len(rows) - inserted - changed)


def _values(rows: Rows, channels: ChannelSet) -> NDArray[np.int64]:
    """Return the values of rows of one set; those that the meter did not send are masked."""
    values = rows["values"][:, : len(channels)]
    mask = values == NULL
    return np.ma.array(values, mask=mask) if mask.any() else values


def _block_columns(rows: Rows, channels: ChannelSet) -> list[pgcopy.Column]:
    return [
        (rows["service_point_id"], "i8"),
        (rows["device_id"], "i8"),
        (pgcopy.timestamps(rows["start_at"]), "i8"),
        (rows["correlation"], "i8"),
        (pgcopy.timestamps_ms(rows["received_at"]), "i8"),
        (rows["length_s"], "i4"),
        (rows["series"], "i2"),
        (rows["channel_set"], "i2"),
        (rows["status"], "i2"),
        (rows["source"], "i2"),
        (rows["clock_status"], "i2"),
        (_values(rows, channels), "i4"),
    ]


def _register_columns(rows: Rows, channels: ChannelSet) -> list[pgcopy.Column]:
    return [
        (rows["service_point_id"], "i8"),
        (rows["device_id"], "i8"),
        (pgcopy.timestamps(rows["read_at"]), "i8"),
        (rows["correlation"], "i8"),
        (pgcopy.timestamps_ms(rows["received_at"]), "i8"),
        (rows["kind"], "i2"),
        (rows["channel_set"], "i2"),
        (rows["status"], "i2"),
        (rows["source"], "i2"),
        (rows["clock_status"], "i2"),
        (_values(rows, channels), "i8"),
    ]


# -- contradictions -------------------------------------------------------------------------------------------


def _alike(content: str, stage: str, stored: str) -> str:
    left = ", ".join(f"{stored}.{column}" for column in content.split(", "))
    right = ", ".join(f"{stage}.{column}" for column in content.split(", "))
    return f"({left}) IS NOT DISTINCT FROM ({right})"


def _changed_sql(
    table: str, stage: str, kind: str, at: str, key: tuple[str, ...], columns: str, content: str
) -> str:
    """Return the statement for staged rows that equal no stored version: report them and store them as new versions.

    An edit by a person takes precedence; a known zero or an estimate is replaced without a report. After MOST_VERSIONS of a
    row others are reported alone.
    """
    same_key = " AND ".join(f"{{0}}.{column} = s.{column}" for column in key)
    keys = ", ".join(f"s.{column}" for column in key)
    values = ", ".join(f"s.{column}" for column in content.split(", "))
    others = "".join(
        f", '{column}', c.{column}"
        for column in content.split(", ")
        if column not in ("channel_set", "values")
    )
    return f"""
        WITH changed AS MATERIALIZED (
            SELECT DISTINCT ON ({keys}, {values}) s.*, current.version AS current_version,
                current.status AS current_status
            FROM {stage} s
            CROSS JOIN LATERAL (
                SELECT i.version, i.status FROM {table} i WHERE {same_key.format("i")}
                ORDER BY i.version DESC LIMIT 1
            ) current
            WHERE s.channel_set = %(set)s AND NOT EXISTS (
                SELECT FROM {table} i WHERE {same_key.format("i")} AND {_alike(content, "s", "i")}
            )
            ORDER BY {keys}, {values}, s.received_at
        ),
        numbered AS (
            SELECT *, current_version + row_number() OVER (
                PARTITION BY {", ".join(key)} ORDER BY received_at, values
            ) AS next_version
            FROM changed
        ),
        reported AS (
            INSERT INTO readings_exception
                (device_id, kind, at, reason, detail, correlation, received_at, recorded_at)
            SELECT c.device_id, '{kind}', c.{at},
                CASE WHEN c.current_status = {Status.EDITED} THEN %(edit_stands)s
                    WHEN c.next_version > {MOST_VERSIONS} THEN %(too_often)s ELSE %(changed)s END,
                jsonb_build_object('before_version', c.current_version{others}) || (
                    SELECT jsonb_object_agg(name, value) FROM unnest(%(names)s::text[], c.values) AS v (name, value)
                ),
                c.correlation, c.received_at, %(now)s
            FROM numbered c
            WHERE c.current_status NOT IN ({Status.KNOWN_ZERO}, {Status.ESTIMATED})
            ON CONFLICT DO NOTHING
        )
        INSERT INTO {table} ({columns}, version, recorded_in)
        SELECT {columns}, next_version, (SELECT readings_period())
        FROM numbered WHERE current_status <> {Status.EDITED} AND next_version <= {MOST_VERSIONS}
    """


_CHANGED_BLOCKS = _changed_sql(
    "readings_interval",
    "stage_block",
    "block",
    "start_at",
    ("service_point_id", "device_id", "series", "start_at"),
    _BLOCK_COLUMNS,
    _BLOCK_CONTENT,
)
_CHANGED_REGISTERS = _changed_sql(
    "readings_register",
    "stage_register",
    "register",
    "read_at",
    ("service_point_id", "device_id", "read_at", "kind"),
    _REGISTER_COLUMNS,
    _REGISTER_CONTENT,
)


def _store_changed(
    cursor: Cursor, statement: str, of_sets: Sequence[tuple[Rows, ChannelSet]], now: datetime
) -> int:
    stored = 0
    for part, channels in of_sets:
        cursor.execute(
            statement,
            {
                "edit_stands": Reason.EDIT_STANDS,
                "changed": Reason.CHANGED,
                "too_often": Reason.CHANGED_TOO_OFTEN,
                "now": now,
                "set": int(part["channel_set"][0]),
                "names": list(channels.names),
            },
        )
        stored += cursor.rowcount
    return stored


# -- accrual --------------------------------------------------------------------------------------------------


@lru_cache(maxsize=64)
def _months(zone: str, first: date, last: date) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the starts of the local months from `first` to `last`: as Unix seconds, and as days since 1970."""
    starts, days = [], []
    month = first
    while month <= last:
        starts.append(int(datetime(month.year, month.month, 1, tzinfo=ZoneInfo(zone)).timestamp()))
        days.append((month - date(1970, 1, 1)).days)
        month = date(month.year + month.month // 12, month.month % 12 + 1, 1)
    return np.array(starts, np.int64), np.array(days, np.int64)


def billing_periods(start_at: NDArray[np.int64], zone: str) -> NDArray[np.int64]:
    """Return for each instant (Unix seconds) the first day of its local month, in days since 1970."""
    first, last = (
        datetime.fromtimestamp(int(edge), UTC).astimezone(ZoneInfo(zone)).date().replace(day=1)
        for edge in (start_at.min(), start_at.max())
    )
    starts, days = _months(zone, first, last)
    return days[np.searchsorted(starts, start_at, "right") - 1]


def _accrue(cursor: Cursor, rows: Rows, zone: str) -> None:
    """Update accruals for rows that are all new: add where they continue a run, recompute elsewhere."""
    billed = rows[rows["agreement_id"] != 0]
    accrual.recompute(cursor, _without_agreement(cursor, rows, "start_at"), zone)
    if len(billed) == 0:
        return
    runs = _runs(billed, zone)
    pgcopy.copy(cursor, "stage_run", _RUN_COLUMNS, runs)
    cursor.execute(accrual.EXTEND)
    # The common case ends here: one UPDATE, and no stored interval is read again.
    if cursor.rowcount == len(runs[0][0]):
        return
    cursor.execute(accrual.EXTEND_BEYOND_GAP)
    cursor.execute(accrual.NEEDS_RECOMPUTE)
    accrual.recompute(cursor, cursor.fetchall(), zone)


_RUN_COLUMNS = "agreement_id, device_id, period, from_at, to_at, counted, estimated, length_s, gapless"


def _runs(rows: Rows, zone: str) -> list[pgcopy.Column]:
    """Return sorted rows added up per agreement, device and billing period, as columns of `stage_run`."""
    period = billing_periods(rows["start_at"], zone)
    agreement, device = rows["agreement_id"], rows["device_id"]
    begins = np.ones(len(rows), np.bool_)
    begins[1:] = (agreement[1:] != agreement[:-1]) | (device[1:] != device[:-1]) | (period[1:] != period[:-1])
    first = np.nonzero(begins)[0]
    last = np.concatenate((first[1:], [len(rows)])) - 1
    end_at = rows["start_at"] + rows["length_s"]
    joined = np.ones(len(rows), np.bool_)
    joined[1:] = begins[1:] | (rows["start_at"][1:] == end_at[:-1])
    counted = rows["values"][:, 0]
    estimated = np.where(rows["status"] == Status.ESTIMATED, counted, 0)
    return [
        (agreement[first], "i8"),
        (device[first], "i8"),
        (pgcopy.dates(period[first]), "i4"),
        (pgcopy.timestamps(rows["start_at"][first]), "i8"),
        (pgcopy.timestamps(end_at[last]), "i8"),
        (np.add.reduceat(counted, first), "i8"),
        (np.add.reduceat(estimated, first), "i8"),
        (rows["length_s"][first], "i4"),
        (np.logical_and.reduceat(joined, first), "u1"),
    ]


def _accrue_again(cursor: Cursor, rows: Rows, zone: str) -> None:
    """Recompute accruals for rows of which some were known, each agreement from its first row on."""
    billed = rows[rows["agreement_id"] != 0]
    touched = _instants(billed["agreement_id"], billed["start_at"])
    accrual.recompute(cursor, [*touched, *_without_agreement(cursor, rows, "start_at")], zone)


def _without_agreement(cursor: Cursor, rows: Rows, at: str) -> list[tuple[int, datetime]]:
    """Return (agreement, instant) whose energy rests on rows without an agreement."""
    alone = rows[rows["agreement_id"] == 0]
    if len(alone) == 0:
        return []
    return accrual.agreements_resting_on(
        cursor,
        alone["service_point_id"].tolist(),
        alone["device_id"].tolist(),
        [datetime.fromtimestamp(second, UTC) for second in alone[at].tolist()],
    )


def _instants(agreement: NDArray[np.int64], at: NDArray[np.int64]) -> list[tuple[int, datetime]]:
    pairs = np.unique(np.stack((agreement, at)), axis=1)
    return [(int(key), datetime.fromtimestamp(int(second), UTC)) for key, second in pairs.T]


def _move_anchors(cursor: Cursor, rows: Rows, zone: str, *, fresh: bool) -> None:
    anchors = rows[np.isin(rows["kind"], ANCHOR_KINDS)]
    changes.note_registers(cursor, anchors["service_point_id"], anchors["read_at"])
    accrual.recompute(cursor, _without_agreement(cursor, anchors, "read_at"), zone)
    anchors = anchors[anchors["agreement_id"] != 0]
    if len(anchors) == 0:
        return
    # Only one new anchor per agreement can be set by addition. With several their order would matter: recompute those.
    agreements, counts = np.unique(anchors["agreement_id"], return_counts=True)
    single = agreements[counts == 1] if fresh else agreements[:0]
    added = anchors[np.isin(anchors["agreement_id"], single)]
    moved = _anchor_single(cursor, added) if len(added) else set()
    rest = anchors[~np.isin(anchors["agreement_id"], list(moved))]
    accrual.recompute(cursor, _instants(rest["agreement_id"], rest["read_at"]), zone)


def _anchor_single(cursor: Cursor, rows: Rows) -> set[int]:
    cursor.execute(
        accrual.ANCHOR,
        {
            "agreements": rows["agreement_id"].tolist(),
            "devices": rows["device_id"].tolist(),
            "instants": [datetime.fromtimestamp(second, UTC) for second in rows["read_at"].tolist()],
            "registers": rows["values"][:, 0].tolist(),
        },
    )
    return {agreement for (agreement,) in cursor.fetchall()}


# -- further reads and writes in ingest's transaction ---------------------------------------------------------


def register_neighbours(
    cursor: Cursor, rows: Rows
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return for each row: instant (Unix s) and billed register of the read before it, register after it.

    `NULL` where there is none. Reads pushed before the meter was commissioned (kind 6) do not count.
    """
    cursor.execute(
        """
        SELECT coalesce(floor(extract(epoch FROM before.read_at))::bigint, %(null)s),
            coalesce(before.register, %(null)s), coalesce(after.register, %(null)s)
        FROM unnest(%(places)s::bigint[], %(devices)s::bigint[], %(instants)s::bigint[])
            WITH ORDINALITY AS s (service_point_id, device_id, second, place)
        LEFT JOIN LATERAL (
            SELECT r.read_at, r.values[1] AS register FROM readings_register r
            WHERE r.service_point_id = s.service_point_id AND r.device_id = s.device_id
                AND r.kind <> 6 AND r.read_at < to_timestamp(s.second)
            ORDER BY r.read_at DESC, r.version DESC LIMIT 1
        ) before ON true
        LEFT JOIN LATERAL (
            SELECT r.values[1] AS register FROM readings_register r
            WHERE r.service_point_id = s.service_point_id AND r.device_id = s.device_id
                AND r.kind <> 6 AND r.read_at > to_timestamp(s.second)
            ORDER BY r.read_at, r.version DESC LIMIT 1
        ) after ON true
        ORDER BY s.place
        """,
        {
            "null": NULL,
            "places": rows["service_point_id"].tolist(),
            "devices": rows["device_id"].tolist(),
            "instants": rows["read_at"].tolist(),
        },
    )
    found = np.array(cursor.fetchall(), np.int64).reshape(-1, 3)
    return found[:, 0], found[:, 1], found[:, 2]


def store_events(cursor: Cursor, service_point_id: NDArray[np.int64], rows: Rows) -> int:
    """Store events and alerts once each; returns how many were new."""
    if len(rows) == 0:
        return 0
    cursor.execute(
        "INSERT INTO readings_event (service_point_id, device_id, occurred_at, code, state, clock_status, source,"
        " correlation, received_at)"
        " SELECT place, device, to_timestamp(at), code, state, clock, source, correlation,"
        " to_timestamp(received / 1000.0)"
        " FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::int[], %s::smallint[], %s::smallint[],"
        " %s::smallint[], %s::bigint[], %s::bigint[])"
        " AS e (place, device, at, code, state, clock, source, correlation, received) ON CONFLICT DO NOTHING",
        [
            service_point_id.tolist(),
            *(
                rows[name].tolist()
                for name in (
                    "device_id",
                    "occurred_at",
                    "code",
                    "state",
                    "clock_status",
                    "source",
                    "correlation",
                    "received_at",
                )
            ),
        ],
    )
    return cursor.rowcount


def record_tamper_counts(cursor: Cursor, rows: Rows, sets: Sets = SHIPPED) -> None:
    """Store the tamper counters of meters from their instantaneous reads.

    The stage `gaps` reads the log of a meter whose counter moved. An alert is sent once and may be lost. The counter
    arrives with every read.
    """
    counts = column_of(rows, "tamper_count", sets)
    newest = np.argsort(rows["read_at"], kind="stable")
    newest = newest[counts[newest] > 0]
    if len(newest) == 0:
        return
    told = dict(zip(rows["device_id"][newest].tolist(), counts[newest].tolist(), strict=True))
    cursor.execute(
        "INSERT INTO readings_tamper_count AS t (device_id, told)"
        " SELECT * FROM unnest(%s::bigint[], %s::bigint[]) ORDER BY 1"
        " ON CONFLICT (device_id) DO UPDATE SET told = excluded.told WHERE t.told <> excluded.told",
        [list(told), list(told.values())],
    )


def record_stream_position(cursor: Cursor, consumer: str, stream: str, sequence: int, now: datetime) -> None:
    """Store how far a consumer of a stream has read. For display only: content decides what is stored."""
    cursor.execute(
        "INSERT INTO readings_cursor (consumer, stream, sequence, moved_at) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (consumer, stream) DO UPDATE"
        " SET sequence = greatest(readings_cursor.sequence, excluded.sequence), moved_at = excluded.moved_at",
        [consumer, stream, sequence, now],
    )
