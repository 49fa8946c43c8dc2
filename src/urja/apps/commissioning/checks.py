"""The checks that a meter must pass before it is billed, judged from commands that have ended. Pure functions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

import msgspec

from urja.cosem.companion import DeviceType
from urja.cosem.errors import LocalError
from urja.cosem.layout import LayoutSet
from urja.cosem.push_object_list import PushObjectList, matches_type

SERIAL: Final = "0.0.96.1.0.255"
"""Meter serial number (IS 15959, OBIS 0.0.96.1.0)."""
FIRMWARE: Final = "1.0.0.2.0.255"
"""Firmware version for the meter (OBIS 1.0.0.2.0)."""
REGISTER: Final = "1.0.1.8.0.255"
"""Cumulative active energy import (OBIS 1.0.1.8.0)."""
CLOCK_TOLERANCE_S: Final = 5
"""How far the meter's clock may be off, in seconds."""


class Check(StrEnum):
    """The checks of a call, in the order in which a page shows them."""

    KEYS = "keys"
    IDENTITY = "identity"
    FIRMWARE = "firmware"
    REGISTER = "register"
    CLOCK = "clock"
    PUSHES = "pushes"
    """Whether the pushes that the meter describes can be decoded."""
    MODE = "mode"
    SWITCH_OFF = "switch_off"
    SWITCH_ON = "switch_on"
    REGISTRY = "registry"
    """Whether the registry accepts the meter, once it has answered every command."""


ALWAYS: Final[dict[Check, tuple[str, dict[str, Any]]]] = {
    Check.IDENTITY: ("read_object", {"obis": SERIAL}),
    Check.FIRMWARE: ("read_object", {"obis": FIRMWARE}),
    Check.REGISTER: ("read_object", {"obis": REGISTER}),
    Check.CLOCK: ("set_clock", {"tolerance_s": CLOCK_TOLERANCE_S, "only_if_off": True}),
    Check.PUSHES: ("read_pushes", {}),
}
"""The command of each check that every meter has to pass, with its arguments."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A command at its end."""

    state: str
    detail: str
    evidence: Mapping[str, Any]
    ended_at: datetime | None = None

    @property
    def confirmed(self) -> bool:
        """Whether the meter did what was ordered, also where only its load would prove it."""
        return self.state in {"confirmed", "connected_load_unproven"}


@dataclass(frozen=True, slots=True)
class Expected:
    """What the registry has recorded of the meter."""

    serial: str
    device_type: DeviceType | None
    """Its type for its firmware; None where no type of this name is known."""
    firmware: str
    """As delivered; empty where it is unknown."""
    register_wh: int
    """Register at the installation, in Wh: the least that it can show."""
    most_wh: int
    """The most that can have been counted since, in Wh."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check with what was found and, where it has not passed, what to do."""

    check: Check
    passed: bool
    found: str
    says: str = ""


def judge(answers: Mapping[Check, Answer], expected: Expected) -> list[Outcome]:
    """Return the outcome of every check that was asked for, in their order.

    `answers` are the commands' ends by the check that each is for; `Check.IDENTITY` is always among them.
    """
    outcomes = [_keys(answers[Check.IDENTITY])]
    for check, answer in sorted(answers.items(), key=lambda item: list(Check).index(item[0])):
        if answer.confirmed:
            outcomes.append(_CONFIRMED[check](answer, expected))
        else:
            outcomes.append(
                Outcome(check, passed=False, found=answer.state, says=_unconfirmed(check, answer))
            )
    return outcomes


def _keys(identity: Answer) -> Outcome:
    """Judge the keys by a read: it came through an association in which both sides have proved their keys."""
    if identity.confirmed:
        return Outcome(Check.KEYS, passed=True, found="both sides have proved their keys")
    if identity.detail.startswith("wrong key"):
        says = "the stored keys are not the meter's: load the manufacturer's key file again, then commission it again"
        return Outcome(Check.KEYS, passed=False, found=identity.detail, says=says)
    return Outcome(
        Check.KEYS,
        passed=False,
        found=identity.state,
        says="the meter has not answered: its keys are not proved",
    )


def _unconfirmed(check: Check, answer: Answer) -> str:
    if answer.state == "expired":
        return "the meter was not reached: check antenna, SIM and address, then commission it again"
    if answer.state == "waiting_for_person":
        return "the meter is ready for reconnection: press its button, then commission it again"
    return f"{_ACTIVITY[check]} failed ({answer.detail or answer.state}): correct the cause, then commission it again"


_ACTIVITY: Final = {
    Check.IDENTITY: "reading the serial number",
    Check.FIRMWARE: "reading the firmware",
    Check.REGISTER: "reading the register",
    Check.CLOCK: "setting the clock",
    Check.PUSHES: "reading what it pushes",
    Check.MODE: "setting the payment mode",
    Check.SWITCH_OFF: "opening the relay",
    Check.SWITCH_ON: "closing the relay",
}


def _identity(answer: Answer, expected: Expected) -> Outcome:
    found = text_of(answer.evidence.get("value"))
    return Outcome(
        Check.IDENTITY,
        passed=found == expected.serial,
        found=found,
        says=""
        if found == expected.serial
        else f"the meter reports the serial number {found}, not {expected.serial}: "
        "undo the installation and record the meter that is installed",
    )


def _firmware(answer: Answer, expected: Expected) -> Outcome:
    found = text_of(answer.evidence.get("value"))
    passed = not expected.firmware or found == expected.firmware
    says = f"it was delivered with firmware {expected.firmware}: correct the stock, or have the meter updated"
    return Outcome(Check.FIRMWARE, passed=passed, found=found, says="" if passed else says)


def _register(answer: Answer, expected: Expected) -> Outcome:
    wh = wh_of(answer.evidence)
    if wh is None:
        return Outcome(
            Check.REGISTER, passed=False, found="", says="the meter reports its register in no unit of energy"
        )
    passed = expected.register_wh <= wh <= expected.register_wh + expected.most_wh
    says = (
        f"the register shows {wh} Wh, and {expected.register_wh} Wh were read at the installation: "
        "read it again, undo the installation and record it with the right reading"
    )
    return Outcome(Check.REGISTER, passed=passed, found=f"{wh} Wh", says="" if passed else says)


def _clock(answer: Answer, _expected: Expected) -> Outcome:
    """Judge the clock: a confirmed command has found it within its tolerance, or has set it."""
    if answer.evidence.get("left_alone"):
        return Outcome(Check.CLOCK, passed=True, found="is right")
    return Outcome(
        Check.CLOCK, passed=True, found=f"was off by {answer.evidence.get('was_off_s')} s, and was set"
    )


def _pushes(answer: Answer, expected: Expected) -> Outcome:
    lists = pushes_of(answer)
    device_type = expected.device_type
    if device_type is None:
        says = "its meter type is not loaded or cannot be used: load it with urja meter-type load"
        return Outcome(Check.PUSHES, passed=False, found="", says=says)
    try:
        LayoutSet.of(device_type, lists)
        own = not matches_type(device_type, lists)
    except LocalError as error:
        says = f"{error}: its firmware does not fit the type {device_type.name}; correct the type"
        return Outcome(Check.PUSHES, passed=False, found="", says=says)
    found = "other columns than its type" if own else "as in its type"
    return Outcome(Check.PUSHES, passed=True, found=found)


def pushes_of(answer: Answer) -> tuple[PushObjectList, ...]:
    """Return the push object lists that the meter reported; raises msgspec.ValidationError for anything else."""
    return msgspec.convert(answer.evidence["pushes"], tuple[PushObjectList, ...])


def _mode(answer: Answer, _expected: Expected) -> Outcome:
    return Outcome(Check.MODE, passed=True, found=str(answer.evidence.get("mode")))


def _switch(check: Check) -> Callable[[Answer, Expected], Outcome]:
    def found(answer: Answer, _expected: Expected) -> Outcome:
        return Outcome(check, passed=True, found=str(answer.evidence.get("control_state", answer.state)))

    return found


_CONFIRMED: Final = {
    Check.IDENTITY: _identity,
    Check.FIRMWARE: _firmware,
    Check.REGISTER: _register,
    Check.CLOCK: _clock,
    Check.PUSHES: _pushes,
    Check.MODE: _mode,
    Check.SWITCH_OFF: _switch(Check.SWITCH_OFF),
    Check.SWITCH_ON: _switch(Check.SWITCH_ON),
}

_HEX: Final = re.compile(r"h:(?:[0-9a-f]{2})*")


def text_of(value: Any) -> str:
    """Return a value of `urja.cosem.readings.plain` as text; octets of printable ASCII are text."""
    if isinstance(value, str) and _HEX.fullmatch(value):
        octets = bytes.fromhex(value[2:]).rstrip(b"\0")
        return octets.decode("ascii") if octets.isascii() else octets.hex()
    return str(value).strip()


def wh_of(evidence: Mapping[str, Any]) -> int | None:
    """Return energy as Wh; None where the unit is another."""
    factor = {"Wh": 1, "kWh": 1000}.get(str(evidence.get("unit")))
    return (
        None
        if factor is None or evidence.get("scaled") is None
        else int(Decimal(evidence["scaled"]) * factor)
    )
