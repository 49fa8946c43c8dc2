"""Inputs of a meter: everything that acts on it from outside, as values from which its past can be replayed.

A meter's state is a fold over its load (which follows from a seed) and these inputs. They are written to the journal
when they occur, so that a fleet whose process was killed restarts in the same state.

The names of the classes are the kinds in the journal (`do`, in lower case): renaming one makes existing journals
unreadable.
"""

from collections.abc import Callable
from typing import Literal

import msgspec

SERVICE_OUTAGE = "service"
"""The outage of one meter alone; other reasons are named after their transformer or feeder."""

NOT_INSTALLED = "off the wall"
"""A meter in stock or removed has no power: an outage that ends only when it is installed."""

TamperSwitch = Literal["cover", "magnet", "neutral"]
SpecialDayAction = Literal["write", "insert", "delete"]


class _Input(msgspec.Struct, frozen=True, tag_field="do", tag=str.lower):
    pass


class PowerCut(_Input, frozen=True):
    """The grid fails for a reason; a meter has power while no reason lasts."""

    reason: str = SERVICE_OUTAGE


class PowerBack(_Input, frozen=True):
    """One reason ends; without a reason, all that belong to the grid."""

    reason: str | None = None


class Operate(_Input, frozen=True):
    """An order of the disconnect control (`relay.Order`)."""

    order: int


class SetControlMode(_Input, frozen=True):
    """The control mode is set (disconnect control, attribute 4)."""

    mode: int


class SetLoadLimit(_Input, frozen=True):
    """The threshold of the limiter is set, in W."""

    watts: int


class SetBillingDay(_Input, frozen=True):
    """The billing period is closed at the midnight of another day of the month."""

    day: int


class ResetDemand(_Input, frozen=True):
    """The billing period is closed by order (script 1 of 0.0.10.0.1.255)."""


class WriteCalendar(_Input, frozen=True):
    """A table of the passive activity calendar is written: its attribute (6 to 9), and hexadecimal A-XDR."""

    attribute: int
    data: str


class ScheduleCalendar(_Input, frozen=True):
    """The passive calendar becomes active at a Unix time of the meter's clock, at once if it has passed; None: never."""

    at_s: int | None


class ChangeSpecialDays(_Input, frozen=True):
    """The special days are written, or one is inserted or deleted: hexadecimal A-XDR of its parameter."""

    action: SpecialDayAction
    data: str


class RunGenerator(_Input, frozen=True):
    """A generator supplies the load instead of the grid, or ceases to."""

    on: bool


class WatchOverload(_Input, frozen=True):
    """The meter begins or ceases to disconnect by itself above its limit."""

    on: bool


class SetClock(_Input, frozen=True):
    """The meter's clock is set to a Unix time."""

    shown_s: int


class DriftClock(_Input, frozen=True):
    """From now on the clock runs fast by `ppm`."""

    ppm: int


class Store(_Input, frozen=True):
    """A data object is written: its OBIS code, and the value as hexadecimal A-XDR."""

    obis: str
    data: str


class TransferKeys(_Input, frozen=True):
    """New keys, as received: wrapped with the master key, hexadecimal; empty for one that stays."""

    guek: str = ""
    gak: str = ""


class ChangeSecret(_Input, frozen=True):
    """A new HLS secret of the utility association, hexadecimal."""

    secret: str


class MoveTamper(_Input, frozen=True):
    """A tamper switch changes: cover opened, magnet applied or removed, neutral disturbed or restored."""

    switch: TamperSwitch
    on: bool


class Weld(_Input, frozen=True):
    """The contacts of the relay weld, or are repaired."""

    on: bool


class Hook(_Input, frozen=True):
    """A wire that bypasses the meter draws so many W; 0 removes it."""

    watts: int


class Leak(_Input, frozen=True):
    """Gas escapes behind the meter, past a valve that is not tight: so many mL a second; 0 ends it."""

    ml_s: int


class Silence(_Input, frozen=True):
    """The link is down until a Unix time; a past time restores it."""

    until_s: int


Input = (
    PowerCut
    | PowerBack
    | Operate
    | SetControlMode
    | SetLoadLimit
    | SetBillingDay
    | ResetDemand
    | WriteCalendar
    | ScheduleCalendar
    | ChangeSpecialDays
    | RunGenerator
    | WatchOverload
    | SetClock
    | DriftClock
    | Store
    | TransferKeys
    | ChangeSecret
    | MoveTamper
    | Weld
    | Hook
    | Leak
    | Silence
)


class Entry(msgspec.Struct, frozen=True):
    """An input, the true instant at which it acted (Unix seconds), and the meter's serial."""

    at_s: int
    serial: str
    input: Input


RecordEntry = Callable[[Entry], None]


def discard_entry(_entry: Entry) -> None:
    """Discard an input: the journal of a meter that is never restarted."""
