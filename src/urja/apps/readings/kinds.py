"""Codes that the readings' rows store."""

from enum import IntEnum, StrEnum
from typing import Final

from urja.stream.records import RegisterKind

ANCHOR_KINDS: Final = (RegisterKind.DAILY, RegisterKind.BILLING, RegisterKind.INSTALLATION)
"""Kinds of register reads that energy is billed from: the meter froze them at an exactly named instant.

An instantaneous read carries the second in which it was *sent*; it is stored and checked, and never billed from.
"""


class Series(IntEnum):
    """Whether a stored interval counts."""

    COUNTED = 1
    UNCOMMISSIONED = 2
    """A billing meter pushed it before it was commissioned: stored, and counted nowhere."""


class Status(IntEnum):
    """Quality of a value. Versions are immutable: a better value is a new version with its own status."""

    MEASURED = 1
    KNOWN_ZERO = 2
    """The meter's own events prove that there was no power."""
    ESTIMATED = 3
    EDITED = 4
    """Corrected by a person, with a reason (`readings_edit`)."""
    SUSPECT = 5
    """Measured, but the meter's clock reported itself invalid or doubtful."""


class ClosedBy(IntEnum):
    """Why a gap was closed."""

    DATA = 1
    OUTAGE = 2


class Reason(StrEnum):
    """Why a row is in `readings_exception` instead of, or beside, being stored."""

    NO_DEVICE_PERIOD = "no device period holds it"
    FUTURE = "it is in the future"
    IMPLAUSIBLE = "more than the meter can carry, or less than nothing"
    NO_ENERGY = "it carries no value of the quantity that is billed"
    NO_CHANNEL_SET = "no meter type has its channel set: load the type of the meter"
    OTHER_COMMODITY = "it is of another commodity than the service point supplies: correct the meter's type or the service point"
    MISALIGNED = "it does not lie on the meter's intervals"
    RUNS_BACK = "the register runs back"
    CHANGED = "other values were stored for it before; these are the current version now"
    PUSH_DIFFERS = (
        "a push without a tag said otherwise: it was changed on its way, or the meter contradicts itself"
    )
    EDIT_STANDS = "a person has edited it; the edit stands"
    CHANGED_TOO_OFTEN = "it was changed too often: the newest version stands; look at the meter"
