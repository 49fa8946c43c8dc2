"""Batches of records on the wire: their description in the headers, the array's bytes as they are in memory.

The version is in the header, so that a reader refuses a batch that it does not know instead of misreading it;
a layout changes by a new version only. The header also has the batch's channel set: its name, its hash and the
numbers of its quantities, so that a reader needs to know no meter type. Batches that were in the broker during an
upgrade were accepted and are read: `EARLIER` has their layouts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from urja.quantities.channel_sets import ChannelSet, ChannelSetError, channel_set_of_ids
from urja.stream.errors import PoisonMessageError
from urja.stream.records import (
    EARLIER,
    EARLIER_VALUES,
    EVENT,
    NULL,
    UNSAID,
    block_dtype,
    register_dtype,
)
from urja.stream.subjects import Kind

CODEC_VERSION: Final = 3
"""Version that is written."""

HEADER_CODEC: Final = "Urja-Codec"
HEADER_KIND: Final = "Urja-Kind"
HEADER_COUNT: Final = "Urja-Count"
HEADER_CORRELATION: Final = "Urja-Correlation"
HEADER_CHANNELS: Final = "Urja-Channels"
"""Name, hash and quantities of a batch's channel set, such as `d1-block 0123456789abcdef 1000,1020`."""

_LARGEST: Final = 2**63 - 1
_FIRST_S: Final = -62_135_510_400
_LAST_S: Final = 253_402_128_000
"""The years 1 to 9999 in UTC seconds, without the days at their ends: any time zone stays within."""
_INSTANTS: Final = {"start_at": 1, "read_at": 1, "occurred_at": 1, "received_at": 1000}
"""Fields that are instants, and their units per second."""

Records = npt.NDArray[np.void]
"""A one-dimensional structured array with a dtype of `urja.stream.records`."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Records of one kind that were published together.

    The array is read-only, as it is the message's memory.
    """

    kind: Kind
    correlation: int
    records: Records
    channels: ChannelSet | None = None
    """What the values are; None for events, and for the set of `UNSAID`."""

    def channel_set(self) -> ChannelSet:
        """Return what the values are. Raises KeyError for events, which have none."""
        return UNSAID[self.kind] if self.channels is None else self.channels


def dtype_of(kind: Kind, channels: ChannelSet | None) -> np.dtype[np.void]:
    """Return the dtype of a batch's records; without a channel set, that of a single-phase meter."""
    if kind is Kind.EVENT:
        return EVENT
    return (block_dtype if kind is Kind.BLOCK else register_dtype)(len(channels or UNSAID[kind]))


def encode_batch(
    kind: Kind, records: Records, correlation: int, channels: ChannelSet | None = None
) -> tuple[dict[str, str], bytes]:
    """Return the headers and the payload of a batch; raises ValueError for another dtype than its set's.

    Without a channel set the values are those of a single-phase meter.
    """
    dtype = dtype_of(kind, channels)
    if records.dtype != dtype or records.ndim != 1:
        raise ValueError(f"a {kind} batch is a vector of {dtype}, not of {records.dtype}")
    headers = {
        HEADER_CODEC: str(CODEC_VERSION),
        HEADER_KIND: kind.value,
        HEADER_COUNT: str(len(records)),
        HEADER_CORRELATION: str(correlation),
    }
    if kind is not Kind.EVENT:
        headers[HEADER_CHANNELS] = _said(channels or UNSAID[kind])
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
    channels = None
    if kind is not Kind.EVENT:
        channels = UNSAID[kind] if version in EARLIER else _heard(fields.get(HEADER_CHANNELS, ""))
    dtype = EARLIER.get(version, {}).get(kind, dtype_of(kind, channels))
    if count < 0 or len(payload) != count * dtype.itemsize:
        raise PoisonMessageError(
            f"{count} {kind} records take {count * dtype.itemsize} bytes, not {len(payload)}"
        )
    if not 0 <= correlation <= _LARGEST:
        raise PoisonMessageError(f"a correlation of {correlation} does not fit 63 bits")
    records = _in_todays_layout(np.frombuffer(payload, dtype), kind, dtype_of(kind, channels))
    _check_instants(records)
    return Batch(kind, correlation, records, channels)


@lru_cache(maxsize=256)
def _said(channels: ChannelSet) -> str:
    return f"{channels.name} {channels.hash} {','.join(map(str, channels.ids))}"


@lru_cache(maxsize=256)
def _heard(header: str) -> ChannelSet:
    """Return the channel set of a header; raises PoisonMessageError where it does not hold together."""
    try:
        name, hashed, ids = header.split(" ")
        channels = channel_set_of_ids(name, map(int, ids.split(",")))
    except (ValueError, ChannelSetError) as error:
        raise PoisonMessageError(
            f"the header {HEADER_CHANNELS} of {header[:200]!r} names no channel set"
        ) from error
    if channels.hash != hashed:
        raise PoisonMessageError(f"the channel set {name} has the hash {channels.hash}, not {hashed[:200]!r}")
    return channels


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


def _in_todays_layout(records: Records, kind: Kind, dtype: np.dtype[np.void]) -> Records:
    """Return records of an earlier version with their quantities as `values`; what it had no field for was not sent."""
    if records.dtype == dtype:
        return records
    today = np.empty(len(records), dtype)
    had = records.dtype.names or ()
    for name in dtype.names or ():
        if name != "values":
            today[name] = records[name]
    for place, name in enumerate(EARLIER_VALUES[kind]):
        today["values"][:, place] = records[name] if name in had else NULL
    # As read-only as the message's own memory, so that no reader depends on the version.
    today.flags.writeable = False
    return today
