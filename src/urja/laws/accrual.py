"""The law of stored accruals: each equals the energy of its rows, evaluated again.

Ingest updates an accrual by addition as blocks arrive. Here the statement that builds one from all its rows
(`accrual.ENERGY`) is evaluated again, bucket by bucket, and nothing is written.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from urja.apps.readings.accrual import BILLED_VALUE, ENERGY, MONTH_END
from urja.base.ids import bucket_of
from urja.laws.connections import Connection

_COMPARED: Final = ("device_id", "watermark_at", "latest_end_at", "estimated_value")

_OTHERWISE: Final = f"""
WITH stored AS MATERIALIZED (
    SELECT * FROM readings_accrual WHERE agreement_id >= %(first)s AND agreement_id < %(end)s
        AND latest_end_at >= coalesce(%(since)s::timestamptz, '-infinity')
),
due AS MATERIALIZED (SELECT agreement_id, period, {MONTH_END} AS until_at FROM stored),
{ENERGY}
SELECT s.agreement_id, s.period, s.billed_value, s.watermark_at, {BILLED_VALUE.format("e")}, e.watermark_at
FROM stored s LEFT JOIN energy e USING (agreement_id, period)
WHERE s.billed_value IS DISTINCT FROM {BILLED_VALUE.format("e")}
    OR {" OR ".join(f"s.{name} IS DISTINCT FROM e.{name}" for name in _COMPARED)}
ORDER BY 1, 2
"""  # noqa: S608 - constants of the code


def examine(connection: Connection, buckets: Sequence[int], zone: str, proven: int = 0) -> Iterator[str]:
    """Yield the accruals of buckets that differ from their rows, or that no row supports.

    With `proven`, only those that reach to the cut of that head and beyond: earlier ones were proven with it.
    """
    cut = connection.execute("SELECT max(cut_at) FROM proofs_period WHERE number = %s", [proven]).fetchone()
    since = cut[0] if cut else None
    for bucket in buckets:
        found = connection.execute(
            _OTHERWISE, {"first": bucket << 40, "end": (bucket + 1) << 40, "zone": zone, "since": since}
        )
        for agreement, period, billed_value, watermark_at, made_wh, made_at in found:
            assert bucket_of(agreement) == bucket, "agreements of a bucket are asked for by their keys"
            yield (
                f"agreement {agreement} has accrued {billed_value} Wh in {period:%B %Y} up to {watermark_at}, "
                f"its rows come to {made_wh} Wh up to {made_at}"
            )
