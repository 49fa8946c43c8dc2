"""What happens to a meter from outside, as values: enough to live its past once more.

A meter's state is a fold over its load (which follows from a seed) and these. They are written down when they
happen (`journal`), so that a fleet which was killed comes back as it was.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

SERVICE_OUTAGE = "service"
"""The outage of one meter alone; others are named after their transformer or feeder."""

NOT_INSTALLED = "off the wall"
"""A meter in its box, or taken away, has no power: an outage that ends only when somebody hangs it up."""

TamperSwitch = Literal["cover", "magnet", "neutral"]


class _Input(msgspec.Struct, frozen=True, tag_field="do", tag=str.lower):
    pass


class PowerCut(_Input, frozen=True):
    """The grid fails for a reason; a meter has power when there is none."""

    reason: str = SERVICE_OUTAGE


class PowerBack(_Input, frozen=True):
    """One reason is over; without a reason, all that the grid has."""

    reason: str | None = None


class Operate(_Input, frozen=True):
    """An order to the load switch (`relay.Order`)."""

    order: int


class SetControlMode(_Input, frozen=True):
    """Attribute 4 of the disconnect control."""

    mode: int


class SetLoadLimit(_Input, frozen=True):
    """The threshold of the limiter."""

    watts: int


class SetBillingDay(_Input, frozen=True):
    """The billing period is closed at the midnight of another day of the month."""

    day: int


class WatchOverload(_Input, frozen=True):
    """Whether the meter cuts by itself above its limit."""

    on: bool


class SetClock(_Input, frozen=True):
    """The meter's clock is set to a Unix time."""

    shown_s: int


class DriftClock(_Input, frozen=True):
    """From here on the clock runs fast by so many ppm."""

    ppm: int


class Store(_Input, frozen=True):
    """A data object is written: its OBIS code, and the value as hexadecimal A-XDR."""

    obis: str
    data: str


class TransferKeys(_Input, frozen=True):
    """New keys, as they came: wrapped with the master key, hexadecimal; empty for one that stays."""

    guek: str = ""
    gak: str = ""


class ChangeSecret(_Input, frozen=True):
    """Another HLS secret of the utility association, hexadecimal."""

    secret: str


class MoveTamper(_Input, frozen=True):
    """A tamper switch opens or closes; a magnet comes or goes; the neutral is disturbed or mended."""

    switch: TamperSwitch
    on: bool


class Weld(_Input, frozen=True):
    """The contacts of the load switch weld, or are mended."""

    on: bool


class Hook(_Input, frozen=True):
    """A wire hooked past the meter draws so many W; 0 takes it off."""

    watts: int


class Silence(_Input, frozen=True):
    """The link is dead until a Unix time; one that has passed brings it back."""

    until_s: int


Input = (
    PowerCut
    | PowerBack
    | Operate
    | SetControlMode
    | SetLoadLimit
    | SetBillingDay
    | WatchOverload
    | SetClock
    | DriftClock
    | Store
    | TransferKeys
    | ChangeSecret
    | MoveTamper
    | Weld
    | Hook
    | Silence
)


class Entry(msgspec.Struct, frozen=True):
    """An input, the true instant at which it acted (Unix seconds), and the meter it acted on."""

    at_s: int
    serial: str
    input: Input


RecordEntry = Callable[[Entry], None]


def discard_entry(_entry: Entry) -> None:
    """The journal of a meter whose past nobody wants again."""
