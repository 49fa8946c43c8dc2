"""Estimate of a register that could not be read, from the meter's own past.

The method, stored with each estimate and its figures: the last read that the meter froze, plus the intervals since,
plus for the time without intervals the mean of the register's earlier advance, over up to 28 days of the same meter and
agreement. Where that past is shorter than a day the mean is taken over the intervals; where there are none, nothing is
added. The estimate is never below any register value that the meter has reported.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

import msgspec

from urja.apps.readings.errors import NothingKnownError
from urja.base.sql_cursor import Cursor
from urja.stream.records import RegisterKind

PAST_CONSIDERED: Final = timedelta(days=28)
"""How much of the past the mean is taken over: four whole weeks, so that weekends have their usual share."""

SHORTEST_PAST: Final = timedelta(days=1)
"""A mean over less time would take an evening's use for a day's."""

METHOD: Final = "blocks, and the mean of the meter's own past"


@dataclass(frozen=True, slots=True)
class Estimate:
    """An estimated register in Wh as the meter counts, and the figures it was calculated from."""

    import_wh: int
    anchor_at: datetime
    anchor_wh: int
    """The last read that the meter froze."""
    block_wh: int
    """Sum of the intervals since."""
    unknown_s: int
    """Seconds since then that no interval covers."""
    mean_wh: int
    mean_s: int
    """The mean that fills them: `mean_wh` in `mean_s` seconds."""
    least_wh: int
    """The highest register that the meter has ever reported, a lower bound."""

    def detail(self) -> dict[str, object]:
        """Return the figures as JSON values, for the row beside the read."""
        found: dict[str, object] = msgspec.to_builtins(self)
        return found


_KNOWN = """
    WITH anchor AS (
        SELECT read_at, values[1] AS register FROM readings_register
        WHERE service_point_id = %(place)s AND device_id = %(device)s AND kind IN (2, 3, 5) AND read_at <= %(at)s
        ORDER BY read_at DESC, version DESC, kind LIMIT 1
    ),
    first AS (
        SELECT r.read_at, r.values[1] AS register FROM readings_register r, anchor a
        WHERE r.service_point_id = %(place)s AND r.device_id = %(device)s AND r.kind IN (2, 3, 5)
            AND r.read_at >= greatest(%(since)s, a.read_at - %(back)s::interval) AND r.read_at <= a.read_at
        ORDER BY r.read_at, r.version DESC, r.kind LIMIT 1
    ),
    block AS (
        SELECT DISTINCT ON (i.start_at) i.values[1] AS counted, i.length_s FROM readings_interval i, anchor a
        WHERE i.service_point_id = %(place)s AND i.device_id = %(device)s AND i.series = 1
            AND i.start_at >= a.read_at AND i.start_at + make_interval(secs => i.length_s) <= %(at)s
        ORDER BY i.start_at, i.version DESC
    )
    SELECT anchor.read_at, anchor.register, first.read_at, first.register,
        (SELECT coalesce(sum(counted), 0)::bigint FROM block), (SELECT coalesce(sum(length_s), 0)::bigint FROM block),
        (SELECT max(values[1]) FROM readings_register r
            WHERE r.service_point_id = %(place)s AND r.device_id = %(device)s AND r.kind <> 6 AND r.read_at <= %(at)s)
    FROM anchor LEFT JOIN first ON true
"""


def estimate_register(
    cursor: Cursor, *, service_point_id: int, device_id: int, at: datetime, since: datetime
) -> Estimate:
    """Return the estimated register of a meter in Wh at an instant (UTC).

    `since` bounds the past that is used, so that the use of an earlier consumer counts for nothing. Raises
    NothingKnownError where no register was read up to `at`.
    """
    cursor.execute(
        _KNOWN,
        {"place": service_point_id, "device": device_id, "at": at, "since": since, "back": PAST_CONSIDERED},
    )
    row = cursor.fetchone()
    if row is None:
        raise NothingKnownError(
            f"no register of device {device_id} was read up to {at.isoformat()}, so it cannot be estimated: "
            "enter a read"
        )
    anchor_at, anchor_wh, first_at, first_wh, block_wh, block_s, least_wh = row
    unknown_s = max(int((at - anchor_at).total_seconds()) - block_s, 0)
    mean_wh, mean_s = block_wh, block_s
    if first_at is not None and anchor_at - first_at >= SHORTEST_PAST:
        mean_wh, mean_s = anchor_wh - first_wh, int((anchor_at - first_at).total_seconds())
    # Rounded down to a whole Wh, in the consumer's favour.
    missing_wh = mean_wh * unknown_s // mean_s if mean_s else 0
    return Estimate(
        import_wh=max(anchor_wh + block_wh + missing_wh, least_wh),
        anchor_at=anchor_at,
        anchor_wh=anchor_wh,
        block_wh=block_wh,
        unknown_s=unknown_s,
        mean_wh=mean_wh,
        mean_s=mean_s,
        least_wh=least_wh,
    )


def record_method(
    cursor: Cursor,
    estimate: Estimate,
    *,
    service_point_id: int,
    device_id: int,
    read_at: datetime,
    version: int,
    actor: str,
    recorded_at: datetime,
) -> None:
    """Store beside an estimated read its method, its figures and its author."""
    cursor.execute(
        "INSERT INTO readings_estimate (service_point_id, device_id, read_at, kind, version, method, detail, actor,"
        " recorded_at) VALUES (%s, %s, %s, %s, %s, %s, %s::jsonb, %s, %s)",
        [
            service_point_id,
            device_id,
            read_at,
            RegisterKind.INSTALLATION,
            version,
            METHOD,
            msgspec.json.encode(estimate.detail()).decode(),
            actor,
            recorded_at,
        ],
    )
