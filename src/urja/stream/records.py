"""The records that the head end sends to the pipeline: one NumPy structured array a batch.

All fields are little-endian integers. Instants are UTC seconds (`received_at` in milliseconds); quantities
are in base units (Wh, VAh, centivolt, centiampere). An interval is half-open and named by its *start*: the
meter's end stamps are converted once, in the head end (docs/architecture.md).
"""

from enum import IntEnum
from typing import Final

import numpy as np

NULL: Final = -(2**63)
"""A quantity that the meter did not send (null-data), in an i8 field."""


class Source(IntEnum):
    """How a value came to Urja; stored with every row."""

    PUSH = 1
    PULL = 2
    INSTALLATION = 3
    EDIT = 4
    OUTAGE = 5
    """A known zero, proven by the meter's own power-failure events."""
    ESTIMATE = 6
    """A register that could not be read, calculated from the meter's own past."""
    SWAP = 7
    """A value moved from the service point at which the meter was believed to be installed."""
    PUSH_UNAUTHENTICATED = 8
    """A push without a tag: shown as not confirmed, neither billed nor acted on (ADR 22)."""


class RegisterKind(IntEnum):
    """The object of the meter that a register read was taken from."""

    INSTANTANEOUS = 1
    DAILY = 2
    BILLING = 3
    ON_DEMAND = 4
    INSTALLATION = 5
    UNCOMMISSIONED = 6
    """A push of a billing meter before its commissioning: its meaning is not certain, and it is not billed.
    """


class EventState(IntEnum):
    """Whether an event began or ended."""

    OCCURRED = 1
    RESTORED = 2
    INSTANT = 3


class OwnEvent(IntEnum):
    """Events that the head end reports of a meter; negative, as codes of the companion standards begin at 1."""

    PUSH_MISFIT = -1
    """An authentic push does not fit the layout that is known of the meter."""
    PUSH_IMPLAUSIBLE = -2
    """An authentic push has impossible values: its columns may be others than known."""


_UNLISTED_BITS: Final = -1000


def unlisted_bit(bit: int) -> int:
    """Return the event code of a status bit that the meter's type does not list: -1000 less the bit."""
    return _UNLISTED_BITS - bit


_PROVENANCE = [("source", "<i2"), ("correlation", "<i8"), ("received_at", "<i8")]

BLOCK: Final = np.dtype(
    [
        ("device_id", "<i8"),
        ("start_at", "<i8"),
        ("length_s", "<i4"),
        ("clock_status", "<i2"),
        ("import_wh", "<i8"),
        ("import_vah", "<i8"),
        ("export_wh", "<i8"),
        ("export_vah", "<i8"),
        ("voltage_cv", "<i8"),
        ("current_ca", "<i8"),
        ("health", "<i8"),
        *_PROVENANCE,
    ]
)
"""Block load profile rows (IS 15959-2, D1): energy of one interval in Wh and VAh, averages in cV and cA."""

REGISTER: Final = np.dtype(
    [
        ("device_id", "<i8"),
        ("read_at", "<i8"),
        ("kind", "<i2"),
        ("clock_status", "<i2"),
        ("import_wh", "<i8"),
        ("import_vah", "<i8"),
        ("export_wh", "<i8"),
        ("export_vah", "<i8"),
        ("tamper_count", "<i8"),
        *_PROVENANCE,
    ]
)
"""Reads of the cumulative registers at one instant, in Wh and VAh, with the tamper count of an instantaneous
read.
"""

EVENT: Final = np.dtype(
    [
        ("device_id", "<i8"),
        ("occurred_at", "<i8"),
        ("code", "<i4"),
        ("state", "<i2"),
        ("clock_status", "<i2"),
        *_PROVENANCE,
    ]
)
"""Events and alerts by IS 15959 event code."""

DTYPES: Final = {"block": BLOCK, "register": REGISTER, "event": EVENT}
"""The dtype of each kind of batch."""

EARLIER: Final = {1: {"register": np.dtype([one for one in REGISTER.descr if one[0] != "tamper_count"])}}
"""By codec version, the dtypes that were others; the fields that they lack are 8-byte quantities."""
