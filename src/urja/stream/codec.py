"""Batches of records on the wire: their description in the headers, the array's bytes as they are in memory.

The version is in the header, so that a reader refuses a batch that it does not know instead of misreading it;
a layout changes by a new version only. Batches that were in the broker during an upgrade were accepted and
are read: `EARLIER` says which fields a version did not have yet.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from urja.stream.errors import PoisonMessageError
from urja.stream.records import DTYPES, EARLIER, NULL
from urja.stream.subjects import Kind

CODEC_VERSION: Final = 2
"""Version that is written."""

HEADER_CODEC: Final = "Urja-Codec"
HEADER_KIND: Final = "Urja-Kind"
HEADER_COUNT: Final = "Urja-Count"
HEADER_CORRELATION: Final = "Urja-Correlation"

_LARGEST: Final = 2**63 - 1
_FIRST_S: Final = -62_135_510_400
_LAST_S: Final = 253_402_128_000
"""The years 1 to 9999 in UTC seconds, without the days at their ends: any time zone stays within."""
_INSTANTS: Final = {"start_at": 1, "read_at": 1, "occurred_at": 1, "received_at": 1000}
"""Fields that are instants, and their units per second."""

Records = np.ndarray[Any, np.dtype[np.void]]
"""A one-dimensional structured array with a dtype of `urja.stream.records`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one kind that were published together.

    The array is read-only, as it is the message's memory.
    """

    kind: Kind
    correlation: int
    records: Records


def encode_batch(kind: Kind, records: Records, correlation: int) -> tuple[dict[str, str], bytes]:
    """Return the headers and the payload of a batch; raises ValueError for another dtype than the kind's."""
    if records.dtype != DTYPES[kind] or records.ndim != 1:
        raise ValueError(f"a {kind} batch is a vector of {DTYPES[kind]}, not of {records.dtype}")
    headers = {
        HEADER_CODEC: str(CODEC_VERSION),
        HEADER_KIND: kind.value,
        HEADER_COUNT: str(len(records)),
        HEADER_CORRELATION: str(correlation),
    }
    return headers, records.tobytes()


def decode_batch(headers: Mapping[str, str] | None, payload: bytes) -> Batch:
    """Return the batch of a message.

    Raises PoisonMessageError where headers and bytes do not fit, for an unknown version, and for an instant
    that no calendar has.
    """
    fields = headers or {}
    try:
        version = int(fields[HEADER_CODEC])
        kind = Kind(fields[HEADER_KIND])
        count = int(fields[HEADER_COUNT])
        correlation = int(fields[HEADER_CORRELATION])
    except (KeyError, ValueError) as error:
        raise PoisonMessageError(f"a batch without readable headers ({error!r})") from error
    if version != CODEC_VERSION and version not in EARLIER:
        known = ", ".join(map(str, [*EARLIER, CODEC_VERSION]))
        raise PoisonMessageError(f"codec version {version}; this reader knows {known}")
    dtype = EARLIER.get(version, DTYPES).get(kind, DTYPES[kind])
    if count < 0 or len(payload) != count * dtype.itemsize:
        raise PoisonMessageError(
            f"{count} {kind} records take {count * dtype.itemsize} bytes, not {len(payload)}"
        )
    if not 0 <= correlation <= _LARGEST:
        raise PoisonMessageError(f"a correlation of {correlation} does not fit 63 bits")
    records = _in_todays_layout(np.frombuffer(payload, dtype), DTYPES[kind])
    _check_instants(records)
    return Batch(kind, correlation, records)


def _check_instants(records: Records) -> None:
    """Raise PoisonMessageError for an instant outside the calendar.

    No stage behind could store it or show it as a date.
    """
    for name, per_second in _INSTANTS.items():
        if name in (records.dtype.names or ()):
            outside = (records[name] < _FIRST_S * per_second) | (records[name] > _LAST_S * per_second)
            if outside.any():
                raise PoisonMessageError(
                    f"{name} of {records[name][outside][0]} is no instant of the years 1 to 9999"
                )


def _in_todays_layout(records: Records, dtype: np.dtype[np.void]) -> Records:
    """Return records of an earlier version with the fields that were added since, as not sent."""
    if records.dtype == dtype:
        return records
    names = records.dtype.names or ()
    widened = np.empty(len(records), dtype)
    for name in dtype.names or ():
        widened[name] = records[name] if name in names else NULL
    # As read-only as the message's own memory, so that no reader depends on the version.
    widened.flags.writeable = False
    return widened
