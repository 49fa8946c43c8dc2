"""Snapshot of the registry's periods in columns, to find service point and agreement for a whole batch of readings.

The snapshot is renewed when the registry's revision has changed. A head end learns of a meter from a projection that is
written after the registry's commit, so a snapshot taken when a batch arrives knows every meter in it.
"""

# ruff: noqa: S608  (statements are put together from constants of this package; values travel as parameters)

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from psycopg import Cursor

from urja.core.vee import NULL
from urja.quantities.catalogue import Commodity

FOREVER: Final = 2**62
"""The open end of a period, in Unix seconds."""

_PERIOD: Final = np.dtype(
    [
        ("device_id", "<i8"),
        ("valid_from", "<i8"),
        ("valid_to", "<i8"),
        ("service_point_id", "<i8"),
        ("billed_from", "<i8"),
        ("believed_from", "<i8"),
        ("interval_s", "<i8"),
        ("max_power_w", "<i8"),
        ("clock_offset_s", "<i8"),
        ("commodity", "<i8"),
    ]
)
_AGREEMENT: Final = np.dtype(
    [("service_point_id", "<i8"), ("valid_from", "<i8"), ("valid_to", "<i8"), ("agreement_id", "<i8")]
)

BILLING: Final = 1
"""`DeviceRole.BILLING`: the device whose register is rated."""

COMMODITIES: Final = [str(one) for one in Commodity]
"""Commodities by the numbers that placed rows have."""

# Periods may begin and end within a second, readings have whole ones. Starts are rounded down and ends up, so that a
# reading stamped in such a second still finds its installation.
_PERIODS = f"""
    SELECT p.device_id, floor(extract(epoch FROM p.valid_from))::bigint,
        coalesce(ceil(extract(epoch FROM p.valid_to))::bigint, {FOREVER}),
        p.service_point_id,
        CASE WHEN p.role = {BILLING} AND p.in_service_at IS NOT NULL
            THEN floor(extract(epoch FROM greatest(p.valid_from, p.in_service_at)))::bigint ELSE {FOREVER} END,
        CASE WHEN p.role <> {BILLING} THEN 0 WHEN p.commissioned_at IS NULL THEN {FOREVER}
            ELSE floor(extract(epoch FROM p.commissioned_at))::bigint END,
        d.interval_s::bigint, d.max_power_w::bigint, coalesce(d.clock_offset_s::bigint, {NULL}),
        array_position(ARRAY{COMMODITIES}, s.commodity::text)::bigint - 1
    FROM assets.device_period p JOIN assets.device d ON d.id = p.device_id
    JOIN network.service_point s ON s.id = p.service_point_id
    ORDER BY 1, 2
"""
_AGREEMENTS = f"""
    SELECT service_point_id, floor(extract(epoch FROM valid_from))::bigint,
        coalesce(ceil(extract(epoch FROM valid_to))::bigint, {FOREVER}), id
    FROM contracts.agreement ORDER BY 1, 2
"""

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class PlacedRows:
    """Result for each row of a batch; zeros where `known` is false."""

    known: NDArray[np.bool_]
    service_point_id: Integers
    agreement_id: Integers
    """Zero where the device is not billing or not commissioned yet, or no agreement is in force then."""
    believed: NDArray[np.bool_]
    """Whether pushes of that time are accepted: for a billing meter only since it was commissioned."""
    interval_s: Integers
    max_power_w: Integers
    clock_offset_s: Integers
    """Offset of the meter's clock from UTC all year, in seconds; `NULL` where it follows the utility's local time."""
    commodity: Integers
    """What the service point supplies, as a place in `COMMODITIES`."""


class RegistrySnapshot:
    """The registry's periods as sorted columns."""

    def __init__(self, revision: int, periods: NDArray[np.void], agreements: NDArray[np.void]) -> None:
        self.revision = revision
        self._periods = periods
        self._agreements = agreements

    @classmethod
    def load(cls, cursor: Cursor) -> "RegistrySnapshot":
        """Return a snapshot of all periods as they are now."""
        # The revision first: a change between the statements then makes the snapshot look old, never too new.
        revision = current_revision(cursor)
        return cls(revision, _fetch(cursor, _PERIODS, _PERIOD), _fetch(cursor, _AGREEMENTS, _AGREEMENT))

    def place(self, device_id: Integers, begins: Integers, ends: Integers) -> PlacedRows:
        """Return for each device the installation that holds [begins, ends), and the agreement that does.

        Arguments are arrays of device ids and Unix seconds. An interval across the end of a period belongs to none.
        """
        found = _holding(self._periods, "device_id", device_id, begins, ends)
        known = found >= 0
        period = self._periods[np.where(known, found, 0)] if len(self._periods) else _nothing(_PERIOD, known)
        place = np.where(known, period["service_point_id"], 0)
        billed = known & (period["billed_from"] <= begins)
        agreement = _holding(self._agreements, "service_point_id", place, begins, ends)
        has_agreement = billed & (agreement >= 0)
        agreements = self._agreements["agreement_id"]
        return PlacedRows(
            known,
            place,
            np.where(has_agreement, agreements[np.where(has_agreement, agreement, 0)], 0)
            if len(agreements)
            else np.zeros_like(place),
            known & (period["believed_from"] <= begins),
            np.where(known, period["interval_s"], 0),
            np.where(known, period["max_power_w"], 0),
            np.where(known, period["clock_offset_s"], NULL),
            np.where(known, period["commodity"], 0),
        )


def current_revision(cursor: Cursor) -> int:
    """Return the registry's revision, a counter that every change of it moves."""
    row = cursor.execute("SELECT revision FROM journal.revision").fetchone()
    assert row is not None, "journal.revision has its one row from the migration on"
    return int(row[0])


def _nothing(dtype: np.dtype[np.void], like: NDArray[np.bool_]) -> NDArray[np.void]:
    return np.zeros(len(like), dtype)


def _fetch(cursor: Cursor, query: str, dtype: np.dtype[np.void]) -> NDArray[np.void]:
    """Return a query's rows of 8-byte integers without nulls, by binary COPY: NumPy reads the fixed shape at once."""
    framed = np.dtype(
        [
            ("count", ">i2"),
            *(
                (f"{name}{part}", kind)
                for name in dtype.names or ()
                for part, kind in (("_length", ">i4"), ("", ">i8"))
            ),
        ]
    )
    with cursor.copy(f"COPY ({query}) TO STDOUT (FORMAT binary)") as copy:
        payload = b"".join(copy)
    rows = np.frombuffer(payload, framed, (len(payload) - _FRAME) // framed.itemsize, _HEADER)
    columns = np.empty(len(rows), dtype)
    for name in dtype.names or ():
        columns[name] = rows[name]
    return columns


_HEADER: Final = 19
_FRAME: Final = _HEADER + 2
"""Bytes of header and trailer of a binary COPY without extension."""


def _holding(
    periods: NDArray[np.void], key: str, wanted: Integers, begins: Integers, ends: Integers
) -> Integers:
    """Return the index of each key's period that holds [begins, ends), or -1. Periods of one key do not overlap."""
    if len(periods) == 0:
        return np.full(len(wanted), -1, np.int64)
    # Walk back from the key's last period to one that begins early enough. Rows are recent, so one step nearly always
    # suffices.
    index = np.searchsorted(periods[key], wanted, "right") - 1
    while True:
        inside = (index >= 0) & (periods[key][index] == wanted)
        late = inside & (periods["valid_from"][index] > begins)
        if not late.any():
            break
        index = np.where(late, index - 1, index)
    holds = inside & (periods["valid_to"][index] >= ends)
    return np.where(holds, index, -1)
