"""Rows that validation refuses, stored once each with the reason and their values, however often they are delivered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from psycopg import Cursor

from urja.apps.readings.kinds import Reason
from urja.stream.records import NULL

_PROVENANCE = ("device_id", "correlation", "received_at")


@dataclass(slots=True)
class RefusedRows:
    """Collects the rows of one kind that checks refuse, with the reason."""

    kind: str
    at: str
    """Name of the field with the row's instant: `start_at`, `read_at` or `occurred_at`."""
    refused: list[tuple[NDArray[np.void], Reason]]

    def refuse(self, rows: NDArray[np.void], objections: NDArray[np.bool_], reason: Reason) -> None:
        """Add the rows that a check objects to; `objections` is a mask over `rows`."""
        if objections.any():
            self.refused.append((rows[objections], reason))

    @property
    def count(self) -> int:
        """Number of refused rows."""
        return sum(len(rows) for rows, _ in self.refused)

    def store(self, cursor: Cursor, now: datetime) -> None:
        """Store the refused rows as exceptions; existing ones stay unchanged."""
        records = [
            record
            for rows, reason in self.refused
            for record in _records(rows, self.kind, self.at, reason, now)
        ]
        if records:
            cursor.executemany(_INSERT, records)


_INSERT = (
    "INSERT INTO readings_exception (device_id, kind, at, reason, detail, correlation, received_at, recorded_at)"
    " VALUES (%s, %s, %s, %s, %s::jsonb, %s, %s, %s) ON CONFLICT DO NOTHING"
)


def _records(
    rows: NDArray[np.void], kind: str, at: str, reason: Reason, now: datetime
) -> Sequence[tuple[object, ...]]:
    names = [name for name in rows.dtype.names or () if name not in _PROVENANCE]
    return [
        (
            int(row["device_id"]),
            kind,
            _instant(int(row[at])),
            str(reason),
            json.dumps({name: None if row[name] == NULL else int(row[name]) for name in names}),
            int(row["correlation"]),
            datetime.fromtimestamp(int(row["received_at"]) / 1000, UTC),
            now,
        )
        for row in rows
    ]


_FIRST, _LAST = -62_135_596_800, 253_402_214_400
"""Years 1 and 9999 in Unix seconds, the range that a datetime can express."""


def _instant(second: int) -> datetime:
    """Return the instant, or the nearest that a datetime can express. The original stamp is in the row's detail."""
    return datetime.fromtimestamp(min(max(second, _FIRST), _LAST), UTC)
