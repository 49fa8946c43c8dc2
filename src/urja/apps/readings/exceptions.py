"""Rows that validation refuses, stored once each with the reason and their values, however often they are delivered."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray
from psycopg import Cursor

from urja.apps.readings.channel_sets import Sets
from urja.apps.readings.kinds import Reason
from urja.stream.records import NULL

_LEFT_OUT = frozenset(
    (
        "device_id",
        "correlation",
        "received_at",
        "service_point_id",
        "agreement_id",
        "status",
        "series",
        "channel_set",
        "values",
    )
)
"""Fields of placed rows that are columns of the exception, or are not known of a refused row."""


@dataclass(slots=True)
class RefusedRows:
    """Collects the rows of one kind that checks refuse, with the reason."""

    kind: str
    at: str
    """Name of the field with the row's instant: `start_at`, `read_at` or `occurred_at`."""
    refused: list[tuple[NDArray[np.void], Reason]]
    sets: Sets

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
            for record in _records(rows, self.kind, self.at, reason, self.sets, now)
        ]
        if records:
            cursor.executemany(_INSERT, records)


_INSERT = (
    "INSERT INTO readings_exception (device_id, kind, at, reason, detail, correlation, received_at, recorded_at)"
    " VALUES (%s, %s, %s, %s, %s::jsonb, %s, %s, %s) ON CONFLICT DO NOTHING"
)


def _records(
    rows: NDArray[np.void], kind: str, at: str, reason: Reason, sets: Sets, now: datetime
) -> Sequence[tuple[object, ...]]:
    names = [name for name in rows.dtype.names or () if name not in _LEFT_OUT]
    return [
        (
            int(row["device_id"]),
            kind,
            _instant(int(row[at])),
            str(reason),
            json.dumps({name: int(row[name]) for name in names} | _values(row, sets)),
            int(row["correlation"]),
            datetime.fromtimestamp(int(row["received_at"]) / 1000, UTC),
            now,
        )
        for row in rows
    ]


def _values(row: np.void, sets: Sets) -> dict[str, object]:
    """Return what a row measured by the names of its quantities."""
    if "values" not in (row.dtype.names or ()):
        return {}
    values = [None if value == NULL else value for value in row["values"].tolist()]
    return dict(zip(sets[int(row["channel_set"])].names, values, strict=False))


_FIRST, _LAST = -62_135_596_800, 253_402_214_400
"""Years 1 and 9999 in Unix seconds, the range that a datetime can express."""


def _instant(second: int) -> datetime:
    """Return the instant, or the nearest that a datetime can express. The original stamp is in the row's detail."""
    return datetime.fromtimestamp(min(max(second, _FIRST), _LAST), UTC)
