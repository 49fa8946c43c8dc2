"""The checks that a meter must pass before it is billed, judged from commands that have ended. Pure functions."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final

import msgspec

from urja.base.untyped_values import JsonMapping
from urja.core.rating.priced_quantities import BILLED
from urja.cosem.companion import DeviceType
from urja.cosem.errors import LocalError
from urja.cosem.layout import LayoutSet
from urja.cosem.push_object_list import PushObjectList, matches_type

SERIAL: Final = "0.0.96.1.0.255"
"""Meter serial number (IS 15959, OBIS 0.0.96.1.0)."""
FIRMWARE: Final = "1.0.0.2.0.255"
"""Firmware version for the meter (OBIS 1.0.0.2.0)."""
REGISTER: Final = "1.0.1.8.0.255"
"""Cumulative active energy import (OBIS 1.0.1.8.0), of a type that is not known."""
STATUS_WORD: Final = "0.0.94.91.18.255"
"""Event status word: a bit for each state that the meter itself detects and that lasts (IS 15959-1, 0.0.94.91.18)."""
POWERS: Final = {"1.0.36.7.0.255": "L1 (R)", "1.0.56.7.0.255": "L2 (Y)", "1.0.76.7.0.255": "L3 (B)"}
"""Phases by the register of their active power, imported less exported (IEC 62056-6-1, C = 36, 56 and 76)."""
ANGLES: Final = {"1.0.81.7.1.255": 120, "1.0.81.7.2.255": 240}
"""Angles of U(L2) and U(L3) to U(L1) in degrees by their registers (C = 81), where the phase sequence is right."""
ANGLE_TOLERANCE_DEG: Final = 30
"""How far an angle may be off: less than half of what lies between two phases."""
LEAST_POWER_W: Final = 5
"""The power of a phase, on the meter's side of its transformers, below which its sign is not judged, in W."""
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
    WIRING = "wiring"
    """Whether a three-phase meter has voltage on each phase, in the right sequence, and no current flows backwards."""
    MODE = "mode"
    SWITCH_OFF = "switch_off"
    SWITCH_ON = "switch_on"
    REGISTRY = "registry"
    """Whether the registry accepts the meter, once it has answered every command."""


ALWAYS: Final[dict[Check, tuple[str, dict[str, object]]]] = {
    Check.IDENTITY: ("read_object", {"obis": SERIAL}),
    Check.FIRMWARE: ("read_object", {"obis": FIRMWARE}),
    Check.REGISTER: ("read_object", {"obis": REGISTER, "clock_tolerance_s": CLOCK_TOLERANCE_S}),
    Check.CLOCK: ("set_clock", {"tolerance_s": CLOCK_TOLERANCE_S, "only_if_off": True}),
    Check.PUSHES: ("read_pushes", {}),
}
"""The command of each check that every meter has to pass, with its arguments."""


def register_of(device_type: DeviceType | None) -> str:
    """Return the OBIS code of the register that is billed of a type: energy imported, or volume of gas."""
    columns = () if device_type is None else device_type.profiles["daily"].columns
    return next((column.obis for column in columns if column.key in BILLED.values()), REGISTER)


def commands_of(
    device_type: DeviceType | None, payment_mode: str, *, relay_test: bool
) -> dict[Check, tuple[str, dict[str, object]]]:
    """Return the command of each check of a meter of a type, with its arguments, in their order."""
    wanted = dict(ALWAYS)
    kind, arguments = ALWAYS[Check.REGISTER]
    wanted[Check.REGISTER] = (kind, arguments | {"obis": register_of(device_type)})
    if device_type is not None and device_type.phases > 1:
        wanted[Check.WIRING] = ("read_object", _wiring_arguments(device_type))
    if payment_mode:
        wanted[Check.MODE] = ("set_payment_mode", {"mode": payment_mode})
    if relay_test:
        wanted[Check.SWITCH_OFF] = ("disconnect", {})
    return wanted


def _wiring_arguments(device_type: DeviceType) -> dict[str, object]:
    listed = {column.obis for column in device_type.registers}
    registers = [obis for obis in (*POWERS, *ANGLES) if obis in listed]
    return {"obis": STATUS_WORD} | ({"registers": registers} if registers else {})


@dataclass(frozen=True, slots=True)
class Answer:
    """A command at its end."""

    state: str
    detail: str
    evidence: Mapping[str, object]
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
    feeds_in: bool = False
    """Whether net metering is agreed there, so that a phase may rightly feed in."""


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
    Check.WIRING: "reading how it is connected",
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
        says = "the meter reports its register in no unit of energy or gas"
        return Outcome(Check.REGISTER, passed=False, found="", says=says)
    unit = "L" if str(answer.evidence.get("unit")).startswith("m³") else "Wh"
    passed = expected.register_wh <= wh <= expected.register_wh + expected.most_wh
    says = (
        f"the register shows {wh} {unit}, and {expected.register_wh} {unit} were read at the installation: "
        "read it again, undo the installation and record it with the right reading"
    )
    return Outcome(Check.REGISTER, passed=passed, found=f"{wh} {unit}", says="" if passed else says)


def _clock(answer: Answer, _expected: Expected) -> Outcome:
    """Judge the clock: a confirmed command has found it within its tolerance, or has set it."""
    if answer.evidence.get("left_alone"):
        return Outcome(Check.CLOCK, passed=True, found="is right")
    off_s = answer.evidence.get("was_off_s")
    was = "showed no time" if off_s is None else f"was off by {off_s} s"
    return Outcome(Check.CLOCK, passed=True, found=f"{was}, and was set")


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


_MISSING: Final = {1: "L1 (R)", 3: "L2 (Y)", 5: "L3 (B)"}
"""Phases by the event that reports them without voltage (IS 15959-1, events 1, 3 and 5)."""
_REVERSED: Final = {51: "L1 (R)", 53: "L2 (Y)", 55: "L3 (B)"}
"""Phases by the event that reports their current flowing backwards (events 51, 53 and 55)."""


def _wiring(answer: Answer, expected: Expected) -> Outcome:
    """Judge the wiring by what the meter itself detects, and by powers and angles where its type has their registers."""
    lasting = _lasting(answer, expected.device_type)
    missing = [phase for event, phase in _MISSING.items() if event in lasting]
    backwards, unjudged = _backwards(answer, expected)
    backwards |= {phase for event, phase in _REVERSED.items() if event in lasting}
    sequence, unread = ("", []) if missing else _sequence(answer)
    says = [
        *(
            f"phase {phase} has no voltage: check its fuse and its voltage terminal at the meter"
            for phase in missing
        ),
        *(
            f"the current of phase {phase} flows backwards: exchange the two leads of its current transformer, or of a"
            " whole-current meter its incoming and its outgoing lead; where a roof feeds in, agree net metering first"
            for phase in sorted(backwards)
        ),
        *([sequence] if sequence else []),
    ]
    if says:
        wrong = (
            f"{len(says)} of the phases' connections are wrong"
            if len(says) > 1
            else "one connection is wrong"
        )
    else:
        wrong = "each phase has voltage and draws forwards"
    unchecked = [*unread, *unjudged]
    return Outcome(
        Check.WIRING,
        passed=not says,
        found=f"{wrong}; not checked: {', '.join(unchecked)}" if unchecked else wrong,
        says=f"{'; '.join(says)}; then commission it again" if says else "",
    )


def _lasting(answer: Answer, device_type: DeviceType | None) -> set[int]:
    """Return the standard's events whose bits are set in the status word."""
    bits = str(answer.evidence.get("value")).removeprefix("b:")
    known = () if device_type is None else device_type.companion.esw.values()
    meant = {} if device_type is None else device_type.meant
    return {
        meant.get(one.event, one.event)
        for one in known
        if one.event is not None and bits[one.bit : one.bit + 1] == "1"
    }


def _registers(answer: Answer, wanted: Mapping[str, object], unit: str) -> dict[str, float]:
    """Return what the meter has shown of the wanted registers, by their codes."""
    shown = msgspec.convert(answer.evidence.get("registers", {}), dict[str, dict[str, object]])
    return {
        obis: float(str(shown[obis]["scaled"]))
        for obis in wanted
        if obis in shown and shown[obis]["unit"] == unit and shown[obis]["scaled"] is not None
    }


def _backwards(answer: Answer, expected: Expected) -> tuple[set[str], list[str]]:
    """Return the phases that feed in while another draws, and what could not be judged.

    Where net metering is agreed the sign of a moment says nothing; the meter's own detection waits for the night.
    """
    powers = _registers(answer, POWERS, "W")
    if len(powers) < len(POWERS):
        return set(), ["the sign of each phase's power"]
    if expected.feeds_in:
        return set(), ["the sign of each phase's power, as net metering is agreed"]
    device_type = expected.device_type
    ratio = 1 if device_type is None else device_type.ct_ratio * device_type.pt_ratio
    least_w = LEAST_POWER_W * ratio
    draws = any(watts >= least_w for watts in powers.values())
    backwards = {POWERS[obis] for obis, watts in powers.items() if draws and watts <= -least_w}
    idle = [
        f"the direction of {POWERS[obis]}, which draws less than {least_w} W"
        for obis, watts in powers.items()
        if abs(watts) < least_w
    ]
    return backwards, idle


def _sequence(answer: Answer) -> tuple[str, list[str]]:
    """Return the sentence about a wrong phase sequence, empty for the right one, and what could not be judged."""
    angles = _registers(answer, ANGLES, "°")
    if len(angles) < len(ANGLES):
        return "", ["phase sequence"]
    l2, l3 = angles.values()
    right = tuple(ANGLES.values())
    if _near((l2, l3), right):
        return "", []
    if _near((l3, l2), right):
        says = (
            "the phase sequence is reversed: exchange two phases at the meter's terminals, the voltage lead and the"
            " current leads of each together"
        )
    else:
        says = (
            f"the voltages of L2 (Y) and L3 (B) follow L1 (R) by {l2:g}° and {l3:g}°, not by 120° and 240°:"
            " lead each phase to a voltage terminal of its own"
        )
    return says, []


def _near(angles: tuple[float, ...], right: tuple[int, ...]) -> bool:
    return all(
        abs((angle - wanted + 180) % 360 - 180) <= ANGLE_TOLERANCE_DEG
        for angle, wanted in zip(angles, right, strict=True)
    )


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
    Check.WIRING: _wiring,
    Check.MODE: _mode,
    Check.SWITCH_OFF: _switch(Check.SWITCH_OFF),
    Check.SWITCH_ON: _switch(Check.SWITCH_ON),
}

_HEX: Final = re.compile(r"h:(?:[0-9a-f]{2})*")


def text_of(value: object) -> str:
    """Return a value of `urja.cosem.readings.plain` as text; octets of printable ASCII are text."""
    if isinstance(value, str) and _HEX.fullmatch(value):
        octets = bytes.fromhex(value[2:]).rstrip(b"\0")
        return octets.decode("ascii") if octets.isascii() else octets.hex()
    return str(value).strip()


def wh_of(evidence: JsonMapping) -> int | None:
    """Return energy as Wh and gas as litres; None where the unit is another."""
    factor = {"Wh": 1, "kWh": 1000, "m³": 1000, "m³ (corrected)": 1000}.get(str(evidence.get("unit")))
    return (
        None
        if factor is None or evidence.get("scaled") is None
        else int(Decimal(evidence["scaled"]) * factor)
    )
