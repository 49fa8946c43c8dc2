"""What a meter must show before it is billed by, and what each answer means: pure, from commands that have ended."""

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
FIRMWARE: Final = "1.0.0.2.0.255"
REGISTER: Final = "1.0.1.8.0.255"
CLOCK_TOLERANCE_S: Final = 5
"""How far the clock may be off."""


class Check(StrEnum):
    """In the order in which a person reads them."""

    KEYS = "keys"
    IDENTITY = "identity"
    FIRMWARE = "firmware"
    REGISTER = "register"
    CLOCK = "clock"
    PUSHES = "pushes"
    """Whether what the meter says that it pushes can be decoded."""
    MODE = "mode"
    SWITCH_OFF = "switch_off"
    SWITCH_ON = "switch_on"
    REGISTRY = "registry"
    """Whether the registry takes it, once the meter has answered everything."""


ALWAYS: Final[dict[Check, tuple[str, dict[str, Any]]]] = {
    Check.IDENTITY: ("read_object", {"obis": SERIAL}),
    Check.FIRMWARE: ("read_object", {"obis": FIRMWARE}),
    Check.REGISTER: ("read_object", {"obis": REGISTER}),
    Check.CLOCK: ("set_clock", {"tolerance_s": CLOCK_TOLERANCE_S, "only_if_off": True}),
    Check.PUSHES: ("read_pushes", {}),
}
"""The command that each check is judged by, of those that every meter is asked for."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A command at its end."""

    state: str
    detail: str
    evidence: Mapping[str, Any]
    ended_at: datetime | None = None

    @property
    def confirmed(self) -> bool:
        return self.state in {"confirmed", "connected_load_unproven"}


@dataclass(frozen=True, slots=True)
class Expected:
    """What the registry says of the meter."""

    serial: str
    device_type: DeviceType | None
    """For the firmware that it has; none where there is no type of its name."""
    firmware: str
    """As delivered; empty where nobody said."""
    register_wh: int
    """As read when it was hung up: the least that it can show."""
    most_wh: int
    """The most that can have flowed since."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """A check with what was found and, where it has not passed, what to do."""

    check: Check
    passed: bool
    found: str
    says: str = ""


def judge(answers: Mapping[Check, Answer], expected: Expected) -> list[Outcome]:
    """Every check that was asked for, in their order; `answers` are by the check that each command is for."""
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
    """An answer to a read is proof: it came through an association that both sides have proved their keys in."""
    if identity.confirmed:
        return Outcome(Check.KEYS, passed=True, found="both sides have proved their keys")
    if identity.detail.startswith("wrong key"):
        says = "the keys here are not the meter's: load the manufacturer's key file again, then commission it again"
        return Outcome(Check.KEYS, passed=False, found=identity.detail, says=says)
    return Outcome(
        Check.KEYS,
        passed=False,
        found=identity.state,
        says="the meter has not answered: its keys are not proved",
    )


def _unconfirmed(check: Check, answer: Answer) -> str:
    if answer.state == "expired":
        return "the meter was not reached: see to antenna, SIM and address, then commission it again"
    if answer.state == "waiting_for_person":
        return "press the button at the meter: it waits for a hand to switch on; then commission it again"
    return f"{_DOING[check]} came to nothing ({answer.detail or answer.state}): mend that, then commission it again"


_DOING: Final = {
    Check.IDENTITY: "reading the serial number",
    Check.FIRMWARE: "reading the firmware",
    Check.REGISTER: "reading the register",
    Check.CLOCK: "setting the clock",
    Check.PUSHES: "reading what it pushes",
    Check.MODE: "setting the payment mode",
    Check.SWITCH_OFF: "opening the load switch",
    Check.SWITCH_ON: "closing the load switch",
}


def _identity(answer: Answer, expected: Expected) -> Outcome:
    found = text_of(answer.evidence.get("value"))
    return Outcome(
        Check.IDENTITY,
        passed=found == expected.serial,
        found=found,
        says=""
        if found == expected.serial
        else f"the meter on the wall calls itself {found}, not {expected.serial}: "
        "undo the installation and install the meter that hangs there",
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
            Check.REGISTER, passed=False, found="", says="the register was told in no unit of energy"
        )
    passed = expected.register_wh <= wh <= expected.register_wh + expected.most_wh
    says = (
        f"the register shows {wh} Wh, and {expected.register_wh} Wh were read when the meter was hung up: "
        "look at it again, undo the installation and record it as read"
    )
    return Outcome(Check.REGISTER, passed=passed, found=f"{wh} Wh", says="" if passed else says)


def _clock(answer: Answer, _expected: Expected) -> Outcome:
    """The command finds the clock within its tolerance, before or after it is set, or is not confirmed."""
    if answer.evidence.get("left_alone"):
        return Outcome(Check.CLOCK, passed=True, found="is right")
    return Outcome(
        Check.CLOCK, passed=True, found=f"was off by {answer.evidence.get('was_off_s')} s, and is set"
    )


def _pushes(answer: Answer, expected: Expected) -> Outcome:
    told = pushes_of(answer)
    device_type = expected.device_type
    if device_type is None:
        says = "there is no meter type of its name that can be used: load it with urja meter-type load"
        return Outcome(Check.PUSHES, passed=False, found="", says=says)
    try:
        LayoutSet.of(device_type, told)
        own = not matches_type(device_type, told)
    except LocalError as error:
        says = f"{error}: its firmware is not of the type {device_type.name}; have the type corrected"
        return Outcome(Check.PUSHES, passed=False, found="", says=says)
    found = "other columns than its type says" if own else "as its type says"
    return Outcome(Check.PUSHES, passed=True, found=found)


def pushes_of(answer: Answer) -> tuple[PushObjectList, ...]:
    """What the meter has told of its pushes."""
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
    """A text as `urja.cosem.readings.plain` gives it: octets of printable ASCII are text."""
    if isinstance(value, str) and _HEX.fullmatch(value):
        octets = bytes.fromhex(value[2:]).rstrip(b"\0")
        return octets.decode("ascii") if octets.isascii() else octets.hex()
    return str(value).strip()


def wh_of(evidence: Mapping[str, Any]) -> int | None:
    """Energy in Wh; none where the unit is another."""
    factor = {"Wh": 1, "kWh": 1000}.get(str(evidence.get("unit")))
    return (
        None
        if factor is None or evidence.get("scaled") is None
        else int(Decimal(evidence["scaled"]) * factor)
    )
