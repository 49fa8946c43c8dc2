"""What meters tell of their power: last gasps, and what is heard after them (`urja.core.power`)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from django.db import connection

from urja.apps.readings.accrual import Cursor
from urja.apps.readings.gaps import FAILED, RESTORED
from urja.apps.readings.staging import Rows
from urja.stream.records import Source

_NOTE: Final = """
INSERT INTO readings_heard AS h (device_id, heard_at, last_gasp)
SELECT device, to_timestamp(at_ms / 1000.0), gasp
FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[]) AS m (device, at_ms, gasp) ORDER BY 1
ON CONFLICT (device_id) DO UPDATE SET heard_at = excluded.heard_at, last_gasp = excluded.last_gasp
WHERE excluded.heard_at > h.heard_at
"""
"""In the order of devices, so that no two transactions wait for each other in a circle."""


_GASPED: Final = "SELECT device_id FROM readings_heard WHERE last_gasp AND device_id = ANY(%s)"


def record_batch(cursor: Cursor, measured: Sequence[Rows], events: Rows) -> None:
    """Keep the newest message of each device of a batch that has told of events, or whose last one was a last gasp.

    That blocks came in, the accruals know (`urja.apps.readings.queries.power`): a row for each would halve the speed of ingest.
    A pushed message whose last word is that power fails is a last gasp. A failure that was read from the meter's log is
    none: a meter that answers has power.
    """
    parts = [*measured, events]
    device = np.concatenate([rows["device_id"] for rows in parts])
    if len(device) == 0:
        return
    at_ms = np.concatenate([rows["received_at"] for rows in parts])
    gasp = np.concatenate(
        [
            *(np.zeros(len(rows), np.bool_) for rows in measured),
            (events["code"] == FAILED) & (events["source"] == Source.PUSH),
        ]
    )
    # The last word of a message: what is measured tells of power, of events the latest one; of those under one stamp
    # the failure speaks for the alert that it is in, unless the same alert tells that power is back.
    stamp = np.concatenate(
        [*(np.full(len(rows), np.iinfo(np.int64).max) for rows in measured), events["occurred_at"]]
    )
    back = np.concatenate([*(np.zeros(len(rows), np.bool_) for rows in measured), events["code"] == RESTORED])
    order = np.lexsort((gasp, back, stamp, at_ms, device))
    device, at_ms, gasp = device[order], at_ms[order], gasp[order]
    newest = np.append(np.nonzero(np.diff(device))[0], len(device) - 1)
    device, at_ms, gasp = device[newest], at_ms[newest], gasp[newest]
    cursor.execute(_GASPED, [device.tolist()])
    gasped = np.array([device_id for (device_id,) in cursor.fetchall()], np.int64)
    kept = np.isin(device, events["device_id"]) | np.isin(device, gasped)
    if kept.any():
        cursor.execute(_NOTE, [device[kept].tolist(), at_ms[kept].tolist(), gasp[kept].tolist()])


def record_answers(answered: Iterable[tuple[int, datetime]]) -> None:
    """Keep that meters answered at these instants: an order was carried out, so there was power."""
    newest = dict(sorted(answered))
    if not newest:
        return
    with connection.cursor() as cursor:
        milliseconds = [int(at.timestamp() * 1000) for at in newest.values()]
        cursor.execute(_NOTE, [list(newest), milliseconds, [False] * len(newest)])
