"""The law of final settlements: no money is paid out before the last register of each meter is known.

Reads and blocks are followed one by one, by this module's own code.
"""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from urja.laws.connections import Connection, streamed

_ENDED: Final = """
SELECT f.account_id, d.serial, p.service_point_id, p.device_id, p.valid_to FROM billing_final_settlement f
JOIN contracts_agreement a ON a.id = f.agreement_id
JOIN assets_device_period p ON p.service_point_id = a.service_point_id AND p.role = 1
    AND p.in_service_at < p.valid_to AND p.valid_to > a.valid_from AND p.valid_to <= a.valid_to
JOIN assets_device d ON d.id = p.device_id
WHERE f.settled_at IS NOT NULL AND NOT EXISTS (SELECT FROM journal_operation o
    WHERE o.service_point_id = a.service_point_id AND o.recorded_at >= f.settled_at)
ORDER BY f.account_id, p.valid_to
"""
"""Meters removed while the settled agreement was in force, except where operations were recorded at the service point
since.
"""

_READS: Final = """
SELECT max(read_at) FILTER (WHERE read_at <= %(at)s), count(*) FILTER (WHERE read_at >= %(at)s) FROM readings_register
WHERE service_point_id = %(place)s AND device_id = %(device)s AND kind IN (2, 3, 5)
"""

_BLOCKS: Final = """
SELECT DISTINCT start_at, start_at + make_interval(secs => length_s) FROM readings_interval
WHERE service_point_id = %(place)s AND device_id = %(device)s AND series = 1
    AND start_at >= %(since)s AND start_at < %(at)s ORDER BY 1
"""


def examine(connection: Connection) -> Iterator[str]:
    """Yield accounts that were settled before the last register of one of their meters was known."""
    for account_id, serial, place, device, removed_at in streamed(connection, _ENDED):
        where = {"place": place, "device": device, "at": removed_at}
        read = connection.execute(_READS, where).fetchone()
        assert read is not None, "an aggregate is one row"
        if read[1]:
            continue
        known = _known_to(connection, where | {"since": read[0]}, read[0])
        if known != removed_at:
            yield (
                f"account {account_id} was settled although nothing is known of meter {serial}, removed on {removed_at}, "
                f"after {known}"
            )


def _known_to(connection: Connection, where: dict[str, object], read_at: datetime | None) -> datetime | None:
    """Return the end of the blocks that follow the last read without a gap."""
    known = read_at
    for start_at, end_at in connection.execute(_BLOCKS, where).fetchall():
        if known is None:
            break
        # A read in the middle of an interval: the rest of that interval is in no block of its own, so the block that
        # begins within one interval after the read still follows it.
        follows = start_at <= known or (known == read_at and start_at - known < end_at - start_at)
        if not follows:
            break
        known = end_at
    return known
