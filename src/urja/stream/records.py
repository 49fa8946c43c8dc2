"""The records that the head end sends to the pipeline: one NumPy structured array a batch.

All fields are little-endian integers. Instants are UTC seconds (`received_at` in milliseconds). What a meter
measured is an array `values`; the batch's channel set says which quantity each of them is, and so its unit. An interval is half-open and named by its *start*: the
meter's end stamps are converted once, in the head end (docs/architecture.md).
"""

from enum import IntEnum
from typing import Final

import numpy as np

from urja.quantities.channel_sets import D1_BLOCK, D1_REGISTERS

NULL: Final = -(2**63)
"""A quantity that the meter did not send (null-data)."""


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


def block_dtype(width: int) -> np.dtype[np.void]:
    """Return the dtype of rows of a load profile: one interval each with `width` values in the order of the channel set."""
    return np.dtype(
        [
            ("device_id", "<i8"),
            ("start_at", "<i8"),
            ("length_s", "<i4"),
            ("clock_status", "<i2"),
            ("values", "<i8", (width,)),
            *_PROVENANCE,
        ]
    )


def register_dtype(width: int) -> np.dtype[np.void]:
    """Return the dtype of reads of registers at one instant, with `width` values in the order of the channel set."""
    return np.dtype(
        [
            ("device_id", "<i8"),
            ("read_at", "<i8"),
            ("kind", "<i2"),
            ("clock_status", "<i2"),
            ("values", "<i8", (width,)),
            *_PROVENANCE,
        ]
    )


BLOCK: Final = block_dtype(len(D1_BLOCK))
"""Block load profile rows of a single-phase meter (IS 15959-2, D1)."""

REGISTER: Final = register_dtype(len(D1_REGISTERS))
"""Reads of the registers of a single-phase meter."""

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
"""The dtype of each kind of batch, with the sets of a single-phase meter."""

UNSAID: Final = {"block": D1_BLOCK, "register": D1_REGISTERS}
"""The channel set of a batch that names none: a single-phase meter's."""


def _fields(key: list[tuple[str, str]], values: tuple[str, ...]) -> np.dtype[np.void]:
    return np.dtype([*key, *((name, "<i8") for name in values), *_PROVENANCE])


_BLOCK_KEY = [("device_id", "<i8"), ("start_at", "<i8"), ("length_s", "<i4"), ("clock_status", "<i2")]
_REGISTER_KEY = [("device_id", "<i8"), ("read_at", "<i8"), ("kind", "<i2"), ("clock_status", "<i2")]
_ENERGY = ("import_wh", "import_vah", "export_wh", "export_vah")

EARLIER_VALUES: Final = {
    "block": (*_ENERGY, "voltage_cv", "current_ca", "health"),
    "register": (*_ENERGY, "tamper_count"),
}
"""The fields that values were until version 2, in the order of the single-phase sets."""

EARLIER: Final = {
    1: {"block": _fields(_BLOCK_KEY, EARLIER_VALUES["block"]), "register": _fields(_REGISTER_KEY, _ENERGY)},
    2: {
        "block": _fields(_BLOCK_KEY, EARLIER_VALUES["block"]),
        "register": _fields(_REGISTER_KEY, EARLIER_VALUES["register"]),
    },
}
"""By codec version, the dtypes that were others. A quantity that they lack was not sent."""
