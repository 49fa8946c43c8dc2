"""A register that nobody could read: what is known of it, and an estimate of the rest from the meter's own past.

The method, which the estimate keeps with its figures: the last read that the meter froze, plus the blocks since, plus
for the time that no block speaks for the mean of the register's advance before, over up to 28 days of the same meter
and agreement. Where that is less than a day long, the mean is that of the blocks; where there are none, nothing is
added. It is never below what the meter has itself said at any time.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from urja.apps.readings.accrual import Cursor
from urja.apps.readings.errors import NothingKnownError
from urja.stream.records import RegisterKind

PAST_CONSIDERED: Final = timedelta(days=28)
"""Four whole weeks: as many Sundays as Mondays."""

SHORTEST_PAST: Final = timedelta(days=1)
"""A mean over less would take an evening for a day."""

METHOD: Final = "blocks, and the mean of the meter's own past"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A register as it will have stood, in Wh as the meter counts, and the figures that it was made of."""

    import_wh: int
    anchor_at: datetime
    anchor_wh: int
    """The last read that the meter froze."""
    block_wh: int
    """Blocks since."""
    unknown_s: int
    """Seconds since that no block speaks for."""
    mean_wh: int
    mean_s: int
    """The mean that was taken for them: so much in so many seconds."""
    least_wh: int
    """The highest register that the meter has said at all."""

    def detail(self) -> dict[str, Any]:
        """For the row beside the read."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found


_KNOWN = """
    WITH anchor AS (
        SELECT read_at, import_wh FROM readings_register
        WHERE service_point_id = %(place)s AND device_id = %(device)s AND kind IN (2, 3, 5) AND read_at <= %(at)s
        ORDER BY read_at DESC, version DESC, kind LIMIT 1
    ),
    first AS (
        SELECT r.read_at, r.import_wh FROM readings_register r, anchor a
        WHERE r.service_point_id = %(place)s AND r.device_id = %(device)s AND r.kind IN (2, 3, 5)
            AND r.read_at >= greatest(%(since)s, a.read_at - %(back)s::interval) AND r.read_at <= a.read_at
        ORDER BY r.read_at, r.version DESC, r.kind LIMIT 1
    ),
    block AS (
        SELECT DISTINCT ON (i.start_at) i.import_wh, i.length_s FROM readings_interval i, anchor a
        WHERE i.service_point_id = %(place)s AND i.device_id = %(device)s AND i.channel_set = 1
            AND i.start_at >= a.read_at AND i.start_at + make_interval(secs => i.length_s) <= %(at)s
        ORDER BY i.start_at, i.version DESC
    )
    SELECT anchor.read_at, anchor.import_wh, first.read_at, first.import_wh,
        (SELECT coalesce(sum(import_wh), 0)::bigint FROM block), (SELECT coalesce(sum(length_s), 0)::bigint FROM block),
        (SELECT max(import_wh) FROM readings_register r
            WHERE r.service_point_id = %(place)s AND r.device_id = %(device)s AND r.kind <> 6 AND r.read_at <= %(at)s)
    FROM anchor LEFT JOIN first ON true
"""


def estimate_register(
    cursor: Cursor, *, service_point_id: int, device_id: int, at: datetime, since: datetime
) -> Estimate:
    """Where a meter's register will have stood at an instant.

    `since` is the beginning of the past that may be looked at: nobody's use is estimated from another's. Raises
    NothingKnownError where the register was never read.
    """
    cursor.execute(
        _KNOWN,
        {"place": service_point_id, "device": device_id, "at": at, "since": since, "back": PAST_CONSIDERED},
    )
    row = cursor.fetchone()
    if row is None:
        raise NothingKnownError(f"no register of device {device_id} was read up to {at.isoformat()}")
    anchor_at, anchor_wh, first_at, first_wh, block_wh, block_s, least_wh = row
    unknown_s = max(int((at - anchor_at).total_seconds()) - block_s, 0)
    mean_wh, mean_s = block_wh, block_s
    if first_at is not None and anchor_at - first_at >= SHORTEST_PAST:
        mean_wh, mean_s = anchor_wh - first_wh, int((anchor_at - first_at).total_seconds())
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
    """Keep beside an estimated read how it was estimated, and for whom."""
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
