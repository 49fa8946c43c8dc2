"""Last gasps of meters, and when each was heard last (`urja.core.power`)."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Final

import numpy as np
from django.db import connection

from urja.apps.readings.gaps import FAILED, RESTORED
from urja.apps.readings.staging import Rows
from urja.base.sql_cursor import Cursor
from urja.stream.records import Source

_NOTE: Final = """
INSERT INTO readings_heard AS h (device_id, heard_at, last_gasp)
SELECT device, to_timestamp(at_ms / 1000.0), gasp
FROM unnest(%s::bigint[], %s::bigint[], %s::boolean[]) AS m (device, at_ms, gasp) ORDER BY 1
ON CONFLICT (device_id) DO UPDATE SET heard_at = excluded.heard_at, last_gasp = excluded.last_gasp
WHERE excluded.heard_at > h.heard_at
"""
"""Rows are written in the order of device ids, so that no two transactions wait for each other (deadlock)."""


_GASPED: Final = "SELECT device_id FROM readings_heard WHERE last_gasp AND device_id = ANY(%s)"


def record_batch(cursor: Cursor, measured: Sequence[Rows], events: Rows) -> None:
    """Store the newest message of each device that sent events in a batch, or whose last message was a last gasp.

    The arrival of intervals is known from the accruals (`urja.apps.readings.queries.power`); a row for each would halve
    the speed of ingest. A last gasp is a pushed message whose last event is a power failure. A failure read from the
    meter's log is none: a meter that answers has power.
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
    # The order decides which row speaks for a message. A measurement means power. Among events the latest counts; with
    # one stamp the failure counts, unless the same alert also reports that power is back.
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
    """Store that devices answered at these (device id, UTC instant): a command was executed, so there was power."""
    newest = dict(sorted(answered))
    if not newest:
        return
    with connection.cursor() as cursor:
        milliseconds = [int(at.timestamp() * 1000) for at in newest.values()]
        cursor.execute(_NOTE, [list(newest), milliseconds, [False] * len(newest)])
