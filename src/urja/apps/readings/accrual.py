"""Energy of an agreement, calculated from the stored rows: registers decide the amount, intervals how far it reaches.

Terms, for one device. *Anchors* are the register reads that the meter froze at an instant (`ANCHOR_KINDS`).

- The *watermark* W is the end of the gapless run of intervals after the latest anchor. Before an anchor all energy is
  known, gaps or not, because the register has counted it.
- E(t), for t up to W, is the latest anchor at or before t plus the intervals from it to t.
- A meter behind current and voltage transformers whose ratio it does not apply counts only a part of the energy. S(t)
  is E(t) times the ratio (primary by secondary) of the meter's installation, rounded down to 1 Wh.
- A period [t0, t1) has used S(min(t1, W)) - S(t0). Neighbouring periods share S(t1), so no energy is lost between them
  and the rounding of one is made up by the next.

A period with several meters, or several ratios of one, is the sum of what each has counted in its time: from its first
read to its last, and for a billing meter nothing before it was commissioned.

The result depends on the stored rows alone and not on the order in which they arrived. `recompute` evaluates the
definition; `EXTEND` and its siblings do the same by addition for the common case, intervals that continue a gapless
run. A property test holds the two to each other.
"""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Self

from urja.base.ids import bucket_of, shard_of
from urja.base.sql_cursor import Cursor
from urja.base.untyped_values import SqlRow

# Kinds 2, 3 and 5 are ANCHOR_KINDS. They are literals because the partial index on registers has this condition, and a
# parameter would not match it. Role 1 is DeviceRole.BILLING, series 1 Series.COUNTED, status 3 Status.ESTIMATED.
ENERGY = """
    span AS (
        SELECT d.agreement_id, d.period, a.service_point_id,
            greatest(a.valid_from, d.period::timestamp AT TIME ZONE %(zone)s) AS opened_at,
            least(coalesce(a.valid_to, 'infinity'), d.until_at) AS closes_at
        FROM due d JOIN contracts.agreement a ON a.id = d.agreement_id
    ),
    segment AS (
        SELECT s.*, p.device_id, p.ratio_primary::bigint AS ratio_primary, p.ratio_secondary::bigint AS ratio_secondary,
            greatest(s.opened_at, p.valid_from, p.in_service_at) AS from_at,
            least(s.closes_at, coalesce(p.valid_to, 'infinity')) AS to_at
        FROM span s JOIN assets.device_period p
            ON p.service_point_id = s.service_point_id AND p.role = 1 AND p.in_service_at IS NOT NULL
            AND greatest(p.valid_from, p.in_service_at) < s.closes_at
            AND coalesce(p.valid_to, 'infinity') > greatest(s.opened_at, p.in_service_at)
        WHERE s.opened_at < s.closes_at
    ),
    metered AS (
        SELECT g.*,
            opening.register + lead_in.wh AS opening_value,
            greatest(anchor.read_at, g.from_at) AS anchor_at,
            CASE WHEN anchor.read_at < g.from_at THEN opening.register + lead_in.wh ELSE anchor.register END
                AS anchor_value,
            CASE WHEN closed.yes THEN run.all_counted ELSE run.known_counted END AS block_value,
            CASE WHEN closed.yes THEN run.all_estimated ELSE run.known_estimated END AS estimated_value,
            CASE WHEN closed.yes THEN g.to_at ELSE coalesce(run.known_end_at, anchor.read_at) END
                AS watermark_at,
            CASE WHEN closed.yes THEN g.to_at ELSE coalesce(run.latest_end_at, anchor.read_at) END
                AS latest_end_at
        FROM segment g
        CROSS JOIN LATERAL (
            SELECT read_at, r.values[1] AS register FROM readings_register r
            WHERE r.service_point_id = g.service_point_id AND r.device_id = g.device_id
                AND r.kind IN (2, 3, 5) AND r.read_at <= g.from_at
            ORDER BY read_at DESC, version DESC, kind LIMIT 1
        ) opening
        CROSS JOIN LATERAL (
            SELECT coalesce(sum(b.values[1]), 0)::bigint AS wh FROM readings_interval b
            WHERE b.service_point_id = g.service_point_id AND b.device_id = g.device_id
                AND b.series = 1 AND b.start_at >= opening.read_at AND b.start_at < g.from_at
                -- False where a meter was read at the border, and then no partition of intervals is looked at; so below.
                AND opening.read_at < g.from_at
                AND NOT EXISTS (
                    SELECT FROM readings_interval n
                    WHERE n.service_point_id = b.service_point_id AND n.device_id = b.device_id
                        AND n.series = 1 AND n.start_at = b.start_at AND n.version > b.version
                )
        ) lead_in
        CROSS JOIN LATERAL (
            SELECT read_at, r.values[1] AS register FROM readings_register r
            WHERE r.service_point_id = g.service_point_id AND r.device_id = g.device_id
                AND r.kind IN (2, 3, 5) AND r.read_at <= g.to_at
            ORDER BY read_at DESC, version DESC, kind LIMIT 1
        ) anchor
        CROSS JOIN LATERAL (
            SELECT EXISTS (
                SELECT FROM readings_register r
                WHERE r.service_point_id = g.service_point_id AND r.device_id = g.device_id
                    AND r.kind IN (2, 3, 5) AND r.read_at >= g.to_at
            ) AS yes
        ) closed
        CROSS JOIN LATERAL (
            SELECT
                max(end_at) FILTER (WHERE holes = 0) AS known_end_at,
                max(end_at) AS latest_end_at,
                coalesce(sum(wh) FILTER (WHERE holes = 0 AND inside), 0)::bigint AS known_counted,
                coalesce(sum(wh) FILTER (WHERE inside), 0)::bigint AS all_counted,
                coalesce(sum(wh) FILTER (WHERE holes = 0 AND inside AND status = 3), 0)::bigint
                    AS known_estimated,
                coalesce(sum(wh) FILTER (WHERE inside AND status = 3), 0)::bigint AS all_estimated
            FROM (
                SELECT end_at, wh, status, start_at >= g.from_at AS inside,
                    count(*) FILTER (WHERE start_at > expected_at) OVER (ORDER BY start_at) AS holes
                FROM (
                    SELECT start_at, end_at, wh, status,
                        -- A meter installed within an interval stores its first whole one after that: the part of an
                        -- interval before it is no gap.
                        coalesce(
                            lag(end_at) OVER (ORDER BY start_at),
                            anchor.read_at + (end_at - start_at) - interval '1 second'
                        ) AS expected_at
                    FROM (
                        SELECT b.start_at, b.start_at + make_interval(secs => b.length_s) AS end_at,
                            b.values[1] AS wh, b.status
                        FROM readings_interval b
                        WHERE b.service_point_id = g.service_point_id AND b.device_id = g.device_id
                            AND b.series = 1
                            AND b.start_at >= anchor.read_at AND b.start_at < g.to_at
                            AND anchor.read_at < g.to_at
                            AND NOT EXISTS (
                                SELECT FROM readings_interval n
                                WHERE n.service_point_id = b.service_point_id AND n.device_id = b.device_id
                                    AND n.series = 1 AND n.start_at = b.start_at
                                    AND n.version > b.version
                            )
                    ) block
                ) row
            ) run_row
        ) run
    ),
    placed AS (
        SELECT m.*,
            row_number() OVER w AS place,
            -- Energy of the devices before this one in the period.
            coalesce(
                sum(
                    (m.anchor_value + m.block_value) * m.ratio_primary / m.ratio_secondary
                    - m.opening_value * m.ratio_primary / m.ratio_secondary
                ) OVER (
                    PARTITION BY m.agreement_id, m.period ORDER BY m.from_at
                    ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
                ),
                0
            )::bigint AS carried_value,
            -- The first meter with a gap bounds what is known of the period, whatever later meters have sent.
            min(CASE WHEN m.watermark_at < m.to_at THEN m.watermark_at END)
                OVER (PARTITION BY m.agreement_id, m.period) AS hole_at
        FROM metered m
        WINDOW w AS (PARTITION BY m.agreement_id, m.period ORDER BY m.from_at DESC)
    ),
    energy AS (
        SELECT agreement_id, period, service_point_id, device_id, opened_at, closes_at, opening_value, carried_value,
            anchor_at, anchor_value, block_value, estimated_value, ratio_primary, ratio_secondary,
            coalesce(hole_at, watermark_at) AS watermark_at,
            greatest(latest_end_at, coalesce(hole_at, watermark_at)) AS latest_end_at
        FROM placed WHERE place = 1
    )
"""
"""Common table expressions from `due (agreement_id, period, until_at)` to `energy`, one row per agreement and period.
"""

_LOCK_CLASS = 0x61636372
"""First key of the advisory locks, so that they collide with no other use; "accr" in ASCII."""
_COLUMNS = (
    "service_point_id, device_id, opened_at, closes_at, opening_value, carried_value, anchor_at, anchor_value, block_value, "
    "estimated_value, ratio_primary, ratio_secondary, watermark_at, latest_end_at, latest"
)

MONTH_END = "((period + interval '1 month')::timestamp AT TIME ZONE %(zone)s)"
"""SQL expression for the end of the calendar month `period`, for which an accrual is stored."""

BILLED_VALUE = (
    "({0}.carried_value + ({0}.anchor_value + {0}.block_value) * {0}.ratio_primary / {0}.ratio_secondary"
    " - {0}.opening_value * {0}.ratio_primary / {0}.ratio_secondary)"
)
"""SQL expression for the billed value of an accrual row with alias {0}, where only its columns are at hand."""


def lock_shards(cursor: Cursor, identifiers: Iterable[int]) -> None:
    """Take the exclusive lock on the readings of some shards until the transaction ends.

    Every writer of rows and accruals takes it first: ingest, edits, known zeros. Without it two writers would each
    calculate an accrual from rows that the other has not committed. Shards are locked in ascending order, so that no
    two writers wait for each other.
    """
    for shard in sorted({shard_of(bucket_of(identifier)) for identifier in identifiers}):
        cursor.execute("SELECT pg_advisory_xact_lock(%s, %s)", [_LOCK_CLASS, shard])


def recompute(cursor: Cursor, touched: Iterable[tuple[int, datetime]], zone: str) -> None:
    """Calculate each billing period again whose energy rows at these (agreement id, instant) can have changed.

    These are the period of the instant itself, every later one (its opening register may rest on the row), and every
    earlier one with a gap (a later anchor closes it). Periods of other agreements at the same service point are
    included: where one ends and the next begins, both rest on the same rows. `zone` is the utility's time zone, in
    which billing periods are calendar months. The caller holds the shards (`lock_shards`).
    """
    # Distinct: a batch may name the same instant of an agreement many times.
    agreements, instants = _columns(touched)
    if not agreements:
        return
    parameters = {"agreements": agreements, "instants": instants, "zone": zone}
    cursor.execute(_RECOMPUTE, parameters)
    cursor.execute(_ONE_LATEST, parameters)


_RECOMPUTE = f"""
    WITH touched AS (
        SELECT DISTINCT agreement_id, instant
        FROM unnest(%(agreements)s::bigint[], %(instants)s::timestamptz[]) AS t (agreement_id, instant)
    ),
    months AS (
        SELECT agreement_id, date_trunc('month', instant AT TIME ZONE %(zone)s)::date AS period FROM touched
        UNION
        SELECT a.agreement_id, a.period
        FROM touched t
        JOIN contracts.agreement own ON own.id = t.agreement_id
        JOIN contracts.agreement g ON g.service_point_id = own.service_point_id
        JOIN readings_accrual a ON a.agreement_id = g.id
        WHERE a.closes_at >= t.instant OR a.watermark_at < a.closes_at
    ),
    due AS MATERIALIZED (SELECT agreement_id, period, {MONTH_END} AS until_at FROM months),
    {ENERGY}
    INSERT INTO readings_accrual (agreement_id, period, {_COLUMNS})
    SELECT agreement_id, period, service_point_id, device_id, opened_at, closes_at, opening_value, carried_value,
        anchor_at, anchor_value, block_value, estimated_value, ratio_primary, ratio_secondary, watermark_at, latest_end_at, true
    FROM energy
    ON CONFLICT (agreement_id, period) DO UPDATE SET ({_COLUMNS}) = ROW (
        {", ".join("excluded." + column for column in _COLUMNS.split(", "))})
"""

_ONE_LATEST = """
    UPDATE readings_accrual a SET latest = false
    FROM (
        SELECT agreement_id, max(period) AS period FROM readings_accrual
        WHERE agreement_id IN (
            SELECT g.id FROM contracts.agreement own JOIN contracts.agreement g USING (service_point_id)
            WHERE own.id = ANY (%(agreements)s)
        )
        GROUP BY agreement_id
    ) newest
    WHERE a.agreement_id = newest.agreement_id AND a.latest AND a.period < newest.period
"""


def recompute_moved_borders(cursor: Cursor, known: Iterable["PeriodEnergy"], zone: str) -> None:
    """Recompute accruals of adjacent periods that do not share the register at their border.

    `known` is the energy of periods as calculated from rows. Where the accrual of the period before ends on another
    register, the read between them was changed without updating its accruals. Rated like that, one period would return
    the energy and the other would not take it. The period before may belong to another agreement.
    """
    opened = [energy for energy in known if not energy.carried_value]
    cursor.execute(
        "SELECT a.agreement_id, a.closes_at FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[], %s::bigint[])"
        " AS k (service_point_id, device_id, opened_at, opening_value)"
        # Accruals have no index by service point: without its agreements all of them are read.
        " JOIN contracts.agreement g USING (service_point_id)"
        " JOIN readings_accrual a ON a.agreement_id = g.id AND a.device_id = k.device_id"
        " WHERE a.closes_at = k.opened_at AND a.watermark_at >= a.closes_at"
        " AND a.anchor_value + a.block_value <> k.opening_value",
        [
            [energy.service_point_id for energy in opened],
            [energy.device_id for energy in opened],
            [energy.opened_at for energy in opened],
            [energy.opening_value for energy in opened],
        ],
    )
    if moved := cursor.fetchall():
        lock_shards(cursor, [agreement for agreement, _ in moved])
        recompute(cursor, moved, zone)


def delete_since(cursor: Cursor, since: Mapping[int, datetime], zone: str) -> None:
    """Delete the accruals at service points for the billing period of an instant and all later ones.

    `since` has the instant by service point. Needed where installations or agreements have changed, because a period
    may then belong to another agreement or to none. The last remaining period of each agreement becomes its `latest`.
    """
    cursor.execute(
        "DELETE FROM readings_accrual r USING unnest(%s::bigint[], %s::timestamptz[]) AS s (place, since)"
        " WHERE r.service_point_id = s.place AND r.period >= date_trunc('month', s.since AT TIME ZONE %s)::date",
        [list(since), list(since.values()), zone],
    )
    cursor.execute(
        "UPDATE readings_accrual r SET latest = true FROM ("
        " SELECT agreement_id, max(period) AS period FROM readings_accrual WHERE service_point_id = ANY(%s)"
        " GROUP BY agreement_id) newest"
        " WHERE r.agreement_id = newest.agreement_id AND r.period = newest.period AND NOT r.latest",
        [list(since)],
    )


def agreements_resting_on(
    cursor: Cursor, places: Sequence[int], devices: Sequence[int], instants: Sequence[datetime]
) -> list[tuple[int, datetime]]:
    """Return the (agreement id, instant) pairs whose energy rests on rows without an agreement, for `recompute`.

    Examples are an interval across the end of an agreement, or a read in a vacant premise: the agreement before may
    have waited for it, the one after may start from it. Rows of devices that bill no service point are left out.
    """
    cursor.execute(
        "SELECT DISTINCT g.id, r.at FROM unnest(%s::bigint[], %s::bigint[], %s::timestamptz[]) AS r (place, device, at)"
        " JOIN contracts.agreement g ON g.service_point_id = r.place"
        " WHERE (coalesce(g.valid_to, 'infinity') >= r.at OR EXISTS ("
        "  SELECT FROM readings_accrual a WHERE a.agreement_id = g.id AND a.watermark_at < a.closes_at))"
        " AND EXISTS (SELECT FROM assets.device_period p"
        "  WHERE p.service_point_id = r.place AND p.device_id = r.device AND p.role = 1)",
        [list(places), list(devices), list(instants)],
    )
    return cursor.fetchall()


def _columns(touched: Iterable[tuple[int, datetime]]) -> tuple[list[int], list[datetime]]:
    distinct = sorted(set(touched))
    return [agreement for agreement, _ in distinct], [instant for _, instant in distinct]


EXTEND = """
    UPDATE readings_accrual a
    SET watermark_at = r.to_at, latest_end_at = r.to_at, block_value = a.block_value + r.counted,
        estimated_value = a.estimated_value + r.estimated
    FROM stage_run r
    WHERE a.agreement_id = r.agreement_id AND a.period = r.period AND a.device_id = r.device_id
        AND a.latest AND r.gapless
        AND a.watermark_at = r.from_at AND a.latest_end_at = r.from_at AND r.to_at < a.closes_at
"""
"""Add new intervals (`stage_run`, one row per agreement and period) to accruals whose run they continue without a gap.
"""

EXTEND_BEYOND_GAP = """
    UPDATE readings_accrual a SET latest_end_at = greatest(a.latest_end_at, r.to_at)
    FROM stage_run r
    WHERE a.agreement_id = r.agreement_id AND a.period = r.period AND a.device_id = r.device_id
        AND a.latest AND a.watermark_at + make_interval(secs => r.length_s) <= r.from_at
        AND r.to_at <= a.closes_at
"""
"""Note new intervals beyond a gap: the watermark stays at the gap, `latest_end_at` moves."""

NEEDS_RECOMPUTE = """
    SELECT r.agreement_id, r.from_at
    FROM stage_run r LEFT JOIN readings_accrual a
        ON a.agreement_id = r.agreement_id AND a.period = r.period AND a.device_id = r.device_id AND a.latest
    WHERE a.agreement_id IS NULL
        OR NOT (
            (a.watermark_at = r.to_at AND a.latest_end_at = r.to_at AND a.anchor_at <= r.from_at AND r.gapless)
            OR (
                a.watermark_at + make_interval(secs => r.length_s) <= r.from_at
                AND a.latest_end_at >= r.to_at AND r.to_at <= a.closes_at
            )
        )
"""
"""Select the runs that neither statement above applies to; they need `recompute`."""

ANCHOR = """
    UPDATE readings_accrual a
    SET anchor_at = s.read_at, anchor_value = s.register, block_value = 0, estimated_value = 0,
        watermark_at = s.read_at, latest_end_at = s.read_at
    FROM unnest(%(agreements)s::bigint[], %(devices)s::bigint[], %(instants)s::timestamptz[], %(registers)s::bigint[])
        AS s (agreement_id, device_id, read_at, register)
    WHERE a.agreement_id = s.agreement_id AND a.device_id = s.device_id AND a.latest
        AND a.watermark_at >= a.anchor_at
        AND s.read_at > a.anchor_at AND s.read_at >= a.latest_end_at AND s.read_at < a.closes_at
    RETURNING a.agreement_id
"""
"""Make a register read at or after everything known the new anchor; returns the agreements it applied to."""


@dataclass(frozen=True, slots=True)
class PeriodEnergy:
    """What an agreement has used in a billing period up to `watermark_at`, and how that is known.

    Values are of the billed quantity, in Wh of energy or litres of gas, as the meter counts them; `scaled` applies the
    transformer ratio.
    """

    agreement_id: int
    period: date
    service_point_id: int
    device_id: int
    opened_at: datetime
    closes_at: datetime
    opening_value: int
    """Register at the start of the period (the last read before it plus the intervals since)."""
    carried_value: int
    """What earlier meters counted in the period, or this one under earlier ratios; with the ratios applied."""
    anchor_at: datetime
    """Instant of the last register read that the figure rests on, or the period's start."""
    anchor_value: int
    block_value: int
    """Sum of the intervals from `anchor_at` to `watermark_at`."""
    estimated_value: int
    """How much of `block_value` is estimated."""
    ratio_primary: int
    ratio_secondary: int
    watermark_at: datetime
    """End of what is known without a gap; before `opened_at` where nothing of the period is known."""

    @property
    def is_final(self) -> bool:
        """Whether the register was read exactly at the end of the time, or later."""
        return self.anchor_at >= self.closes_at

    @property
    def billed_value(self) -> int:
        """What the agreement has used, in Wh or litres."""
        return (
            self.carried_value
            + self.scaled(self.anchor_value + self.block_value)
            - self.scaled(self.opening_value)
        )

    @property
    def estimated_billed_value(self) -> int:
        """The part of `billed_value` that rests on estimated intervals."""
        return self.scaled(self.estimated_value)

    def scaled(self, counted: int) -> int:
        """Return what a difference of registers, as the meter counts, comes to; rounded down to 1 Wh or 1 L."""
        return counted * self.ratio_primary // self.ratio_secondary

    @classmethod
    def from_row(cls, row: SqlRow) -> Self:
        return cls(*row)


PERIOD_ENERGY_COLUMNS = (
    "agreement_id, period, service_point_id, device_id, opened_at, closes_at, opening_value, carried_value, "
    "anchor_at, anchor_value, block_value, estimated_value, ratio_primary, ratio_secondary, watermark_at"
)


@dataclass(frozen=True, slots=True)
class MeterEnergy:
    """What an agreement has used in a billing period through one meter under one ratio, as the meter counts."""

    agreement_id: int
    service_point_id: int
    device_id: int
    from_at: datetime
    opening_value: int
    anchor_at: datetime
    anchor_value: int
    block_value: int
    estimated_value: int
    ratio_primary: int
    ratio_secondary: int
    watermark_at: datetime

    @property
    def closing_value(self) -> int:
        """Register at `watermark_at`: as read, or the last read plus the intervals since."""
        return self.anchor_value + self.block_value

    @property
    def billed_value(self) -> int:
        """What the meter counted, with the ratio applied; in Wh or litres."""
        return (
            self.closing_value * self.ratio_primary // self.ratio_secondary
            - self.opening_value * self.ratio_primary // self.ratio_secondary
        )


def meters_until(
    cursor: Cursor, agreement_ids: Sequence[int], period: date, until_at: datetime, zone: str
) -> list[MeterEnergy]:
    """Return what was used as `energies_until` does, split by meter and ratio in the order of time."""
    cursor.execute(
        "WITH due AS (SELECT agreement_id, %(period)s::date AS period, %(until)s::timestamptz AS until_at"
        f" FROM unnest(%(agreements)s::bigint[]) AS agreement_id), {ENERGY}"
        " SELECT agreement_id, service_point_id, device_id, from_at, opening_value, anchor_at, anchor_value, block_value,"
        " estimated_value, ratio_primary, ratio_secondary, watermark_at FROM placed ORDER BY agreement_id, from_at",
        {"agreements": list(agreement_ids), "period": period, "until": until_at, "zone": zone},
    )
    return [MeterEnergy(*row) for row in cursor.fetchall()]


def energies_until(
    cursor: Cursor, agreement_ids: Sequence[int], period: date, until_at: datetime, zone: str
) -> list[PeriodEnergy]:
    """Return what each agreement used in a period up to `until_at` or its watermark, from the rows themselves.

    Values are Wh or litres. `period` is the first local day of a billing period, of whatever length; `until_at` is UTC and
    not after it. Agreements that do not exist in that time, or have no opening read, are left out.
    """
    cursor.execute(
        "WITH due AS (SELECT agreement_id, %(period)s::date AS period, %(until)s::timestamptz AS until_at"
        f" FROM unnest(%(agreements)s::bigint[]) AS agreement_id), {ENERGY}"
        f" SELECT {PERIOD_ENERGY_COLUMNS} FROM energy ORDER BY agreement_id",
        {"agreements": list(agreement_ids), "period": period, "until": until_at, "zone": zone},
    )
    return [PeriodEnergy.from_row(row) for row in cursor.fetchall()]
