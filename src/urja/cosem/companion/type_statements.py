"""What `type.toml` states of a meter type, and what is wrong with it."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Final

import msgspec

from urja.cosem.companion.battery_meters import AwakePlan, Battery
from urja.cosem.companion.gas_types import GasRegister
from urja.cosem.companion.loader import Raw
from urja.cosem.companion.model import (
    CommodityName,
    Dials,
    OutageRows,
    OverloadBehaviour,
    PushLayout,
    TextDisplay,
)
from urja.cosem.companion.type_files import PROFILES, TYPE
from urja.cosem.errors import CosemError
from urja.cosem.obis import Obis
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, ENCRYPTED
from urja.cosem.time import DeviationSign

NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME: Final = 48
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_PUSH_SECURITY: Final = (ENCRYPTED.to_byte(), AUTHENTICATED_ENCRYPTED.to_byte())
_HLS_MECHANISMS: Final = (2, 5)
_INTERVALS_S: Final = (900, 1800, 3600)
"""Lengths of a block in seconds that the registry accepts (IS 15959-2)."""
LONGEST_TITLE: Final = 100
_LARGEST_RATIO: Final = 0xFFFF
_MOST_ZONES: Final = 8
"""Tariff zones of IS 15959-2."""


class _RawClock(Raw, frozen=True):
    deviation_sign: DeviationSign
    default_deviation_min: int
    standard_time: bool = False


class _RawAssociations(Raw, frozen=True):
    server_sap: int
    public_sap: int
    reader_sap: int
    utility_sap: int
    push_sap: int
    hls_mechanism: int
    push_security: int = AUTHENTICATED_ENCRYPTED.to_byte()


class RawType(Raw, frozen=True):
    """The statements of `type.toml`, as they are written."""

    name: str
    version: str
    valid_from: date
    title: str
    manufacturer: str
    firmware: list[str]
    companion: str
    category: str
    dials: Dials
    relay: bool
    interval_s: int
    outage_rows: OutageRows
    pushes: list[str]
    clock: _RawClock
    association: _RawAssociations
    like: str | None = None
    overload: OverloadBehaviour | None = None
    display: TextDisplay | None = None
    commodity: CommodityName = "electricity"
    gas: GasRegister | None = None
    awake: AwakePlan | None = None
    battery: Battery | None = None
    phases: int = 1
    zones: int = 0
    demand_period_s: int | None = None
    generator: bool = False
    ct_ratio: int = 1
    pt_ratio: int = 1


def statement_problems(raw: RawType, pushes: Mapping[str, PushLayout]) -> list[str]:
    """Return what is wrong with a type's statements; `pushes` are those of its profiles."""
    clock, saps = raw.clock, raw.association
    found = [
        (
            not NAME.fullmatch(raw.name) or len(raw.name) > LONGEST_NAME,
            f"name: is {raw.name!r}: write small letters, digits and hyphens, such as acme-m1-fw3",
        ),
        (
            not _VERSION.fullmatch(raw.version),
            f"version: is {raw.version!r}: write up to 32 letters, digits, points and hyphens",
        ),
        (not is_line(raw.title), f"title: write one line of 1 to {LONGEST_TITLE} characters"),
        (not is_line(raw.category), "category: write one line such as D1"),
        (
            not raw.firmware or len(raw.firmware) > 32 or not all(map(_is_ascii_line, raw.firmware)),
            'firmware: list the versions that it is for, such as ["3.1"], in ASCII',
        ),
        (
            raw.interval_s not in _INTERVALS_S,
            f"interval_s: is {raw.interval_s}: write 900, 1800 or 3600",
        ),
        (
            abs(clock.default_deviation_min) > 720,
            f"clock.default_deviation_min: is {clock.default_deviation_min}: write -720 to 720",
        ),
        (
            clock.standard_time and clock.default_deviation_min % 15 != 0,
            f"clock.default_deviation_min: is {clock.default_deviation_min}: with standard_time write a multiple of 15",
        ),
        (
            saps.hls_mechanism not in _HLS_MECHANISMS,
            f"association.hls_mechanism: is {saps.hls_mechanism}: write 2 or 5",
        ),
        (
            saps.push_security not in _PUSH_SECURITY,
            f"association.push_security: is 0x{saps.push_security:x}: write 0x30, or 0x20 where pushes have no tag",
        ),
        (
            saps.push_sap in (saps.public_sap, saps.reader_sap, saps.utility_sap),
            f"association.push_sap: is {saps.push_sap}, where a client's answers come: write another",
        ),
        (
            not re.fullmatch(r"[A-Z]{3}", raw.manufacturer),
            f"manufacturer: is {raw.manufacturer!r}: write the three capital letters of its FLAG id",
        ),
        (len(set(raw.pushes)) != len(raw.pushes), "pushes: one is given twice: remove it"),
        (raw.phases not in (1, 3), f"phases: is {raw.phases}: write 1 or 3"),
        (not 0 <= raw.zones <= _MOST_ZONES, f"zones: is {raw.zones}: write 0 to {_MOST_ZONES}"),
        (
            raw.demand_period_s is not None
            and (
                raw.demand_period_s not in _INTERVALS_S or raw.demand_period_s % max(raw.interval_s, 1) != 0
            ),
            f"demand_period_s: is {raw.demand_period_s}: write 900, 1800 or 3600, a whole number of blocks",
        ),
        (
            not (1 <= raw.ct_ratio <= _LARGEST_RATIO and 1 <= raw.pt_ratio <= _LARGEST_RATIO),
            f"ct_ratio, pt_ratio: are {raw.ct_ratio} and {raw.pt_ratio}: write 1 to {_LARGEST_RATIO}",
        ),
    ]
    problems = [f"{TYPE}: {sentence}" for wrong, sentence in found if wrong]
    problems += [
        f"{TYPE}: association.{name}: is {value}: write a port from 1 to 65535"
        for name, value in msgspec.structs.asdict(saps).items()
        if name.endswith("_sap") and not 0 < value <= 0xFFFF
    ]
    problems += [
        f"{TYPE}: pushes names {key!r}: {PROFILES} has {', '.join(pushes) or 'none'}"
        for key in raw.pushes
        if key not in pushes
    ]
    return problems + _overload_problems(raw) + _display_problems(raw) + _sleeper_problems(raw)


def _sleeper_problems(raw: RawType) -> list[str]:
    """Return the problems of what only gas meters, or meters on a battery, state."""
    problems = []
    if (raw.commodity == "gas") != (raw.gas is not None):
        problems.append(
            f"{TYPE}: gas: a type of commodity gas has this section, and no other: add or remove it"
        )
    if (raw.awake is None) != (raw.battery is None):
        problems.append(f"{TYPE}: awake and battery: a sleeping meter has both: add or remove one")
    if raw.awake is not None and raw.dials != "out":
        problems.append(f'{TYPE}: awake: a sleeping meter dials: write dials = "out"')
    if raw.gas is not None and (raw.gas.valve is not None) != raw.relay:
        problems.append(f"{TYPE}: gas.valve: relay says whether there is a valve: add or remove one")
    for section, stated in (("gas", raw.gas), ("awake", raw.awake), ("battery", raw.battery)):
        problems += [
            f"{TYPE}: {section}.{problem}" for problem in ([] if stated is None else stated.problems())
        ]
    return problems


def _display_problems(raw: RawType) -> list[str]:
    if raw.display is None:
        return []
    problems = []
    if not 1 <= raw.display.characters <= 255:
        problems.append(f"{TYPE}: display.characters: is {raw.display.characters}: write 1 to 255")
    try:
        Obis.parse(raw.display.obis)
    except CosemError as error:
        problems.append(f"{TYPE}: display.obis: {error}")
    return problems


def _overload_problems(raw: RawType) -> list[str]:
    overload = raw.overload
    if overload is None:
        return []
    least = {"trip_after_s": 1, "retry_after_s": 1, "retries": 0, "lockout_s": 1}
    problems = [
        f"{TYPE}: overload.{name}: is {getattr(overload, name)}: write {minimum} or more"
        for name, minimum in least.items()
        if getattr(overload, name) < minimum
    ]
    if not raw.relay:
        problems.append(f"{TYPE}: overload: needs a relay: write relay = true, or leave overload out")
    return problems


def is_line(text: str) -> bool:
    """Return whether a text can be a title: one printable line that is not blank."""
    return 0 < len(text) <= LONGEST_TITLE and text.isprintable() and bool(text.strip())


def _is_ascii_line(text: str) -> bool:
    return is_line(text) and text.isascii()
