"""Meter types built from their files: checked as a whole and frozen, or refused with sentences that say why.

A type says how bytes become energy and money. So its statements are held against the companion standard:
classes, units, the register of each column, increments in a block and cumulative registers in a daily row.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

import msgspec

from urja.base.event_meanings import MEANINGS
from urja.cosem.companion.battery_meters import AwakePlan, Battery
from urja.cosem.companion.gas_columns import gas_column_problems
from urja.cosem.companion.gas_types import GasRegister
from urja.cosem.companion.loader import (
    CompanionError,
    Raw,
    RawLog,
    bit_problems,
    event_codes,
    load_companion,
    obis_problems,
    parse,
    unit_of,
)
from urja.cosem.companion.model import (
    CLOCK_KEY,
    ESW_KEY,
    PROFILE_KEYS,
    PUSH_KEYS,
    Associations,
    Column,
    CommodityName,
    Companion,
    DeviceType,
    Dials,
    EswBit,
    EventCode,
    OutageRows,
    OverloadBehaviour,
    Profile,
    PushLayout,
    TextDisplay,
)
from urja.cosem.companion.named_lists import parse_lists
from urja.cosem.companion.stored_columns import stored_problems
from urja.cosem.companion.type_columns import column_problems, meaning_problems
from urja.cosem.companion.type_files import EVENTS, LISTS, PROFILES, TYPE, TypeFiles, read_files
from urja.cosem.companion.units import TYPE_TAGS
from urja.cosem.errors import CosemError
from urja.cosem.obis import Obis
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, ENCRYPTED
from urja.cosem.time import DeviationSign
from urja.quantities.catalogue import BY_NAME, Commodity

NAME: Final = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
LONGEST_NAME: Final = 48
_VERSION: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
_PUSH_SECURITY: Final = (ENCRYPTED.to_byte(), AUTHENTICATED_ENCRYPTED.to_byte())
_HLS_MECHANISMS: Final = (2, 5)
_INTERVALS_S: Final = (900, 1800, 3600)
"""Lengths of a block in seconds that the registry accepts (IS 15959-2)."""

MAX_COLUMNS: Final = 120
"""Of one profile or push: a structure of up to 127 elements has a length of one byte, and a push has three
before them.
"""
MAX_PROFILES: Final = 16
MAX_EVENTS: Final = 1000
LONGEST_TITLE: Final = 100
_LARGEST_CODE: Final = 0xFFFF
_LARGEST_RATIO: Final = 0xFFFF
_MOST_ZONES: Final = 8
"""Tariff zones of IS 15959-2."""
_ACTED_ON: Final = frozenset({101, 102, 201, 202, 203, 204, 251})
"""Codes of the standard that decide about outages and open work orders: no type may give them another
meaning.
"""


class _RawColumn(Raw, frozen=True):
    key: str
    class_id: int = msgspec.field(name="class")
    obis: str
    type: str
    attribute: int = 2
    length: int | None = None
    scaler: int = 0
    unit: str = "count"
    quantity: str | None = None


class _RawProfile(Raw, frozen=True):
    obis: str
    columns: list[_RawColumn]
    scaler_obis: str | None = None


class _RawPush(Raw, frozen=True):
    obis: str
    profile: str | None = None
    columns: list[_RawColumn] | None = None


class _RawProfiles(Raw, frozen=True):
    profiles: dict[str, _RawProfile]
    pushes: dict[str, _RawPush]
    registers: list[_RawColumn] = msgspec.field(default_factory=list)


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


class _RawType(Raw, frozen=True):
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


class _RawOwnEsw(Raw, frozen=True):
    bits: list[EswBit]


class _RawEvents(Raw, frozen=True):
    events: dict[str, RawLog] = msgspec.field(default_factory=dict)
    esw: _RawOwnEsw = _RawOwnEsw([])
    instead_of: dict[str, int] = msgspec.field(default_factory=dict)
    means: dict[str, int] = msgspec.field(default_factory=dict)


@cache
def device_types() -> tuple[str, ...]:
    """Return the names of the shipped types, which `load_device_type` accepts."""
    return tuple(sorted(entry.name for entry in _shipped_folder().iterdir() if entry.is_dir()))


def _shipped_folder() -> Traversable:
    return files("urja.cosem.companion").joinpath("types")


@cache
def load_device_type(name: str) -> DeviceType:
    """Return the shipped type `name` (see `device_types`); raises CompanionError with all problems."""
    if name not in device_types():
        raise CompanionError([f"there is no meter type {name!r}; shipped are {', '.join(device_types())}"])
    return build_device_type(read_type_folder(_shipped_folder().joinpath(name)))


def read_type_folder(folder: Traversable) -> TypeFiles:
    """Return the files of a type.

    Files that it does not have are those of the shipped type that it is `like`.

    Raises CompanionError.
    """
    own = read_files(folder)
    raw = parse(own.files[TYPE], TYPE, _RawType)
    if raw.like is None:
        return own
    if raw.like not in device_types():
        raise CompanionError(
            [f"{TYPE}: like: there is no shipped type {raw.like!r}: write one of {', '.join(device_types())}"]
        )
    base = read_files(_shipped_folder().joinpath(raw.like))
    return TypeFiles.of(dict(base.files) | dict(own.files))


def build_device_type(source: TypeFiles) -> DeviceType:
    """Return the checked and frozen type of these files; raises CompanionError with all problems."""
    if TYPE not in source.files:
        raise CompanionError([f"{TYPE}: is missing"])
    raw = parse(source.files[TYPE], TYPE, _RawType)
    if PROFILES not in source.files:
        raise CompanionError(
            [f"{PROFILES}: is missing: add it, or name a shipped type that has the same: like in {TYPE}"]
        )
    shapes = parse(source.files[PROFILES], PROFILES, _RawProfiles)
    own = parse(source.files.get(EVENTS, ""), EVENTS, _RawEvents)
    lists = parse_lists(source.files[LISTS], LISTS) if LISTS in source.files else MappingProxyType({})
    # From here on problems are collected and raised together, so that a type is corrected in one round.
    standard = load_companion(raw.companion)
    problems: list[str] = []
    companion = _with_own(standard, own, problems)
    written = _written(own, standard, companion, problems)
    meanings = _meanings(own, companion, written, problems)
    profiles, pushes = _shapes(shapes, companion, raw.gas, problems)
    registers = _registers(shapes, profiles, companion, problems)
    problems += _type_problems(raw, pushes)
    if problems:
        raise CompanionError(problems)
    associations = raw.association
    return DeviceType(
        name=raw.name,
        version=raw.version,
        valid_from=raw.valid_from,
        title=raw.title,
        manufacturer=raw.manufacturer,
        firmware=tuple(raw.firmware),
        category=raw.category,
        companion=companion,
        dials=raw.dials,
        relay=raw.relay,
        interval_s=raw.interval_s,
        outage_rows=raw.outage_rows,
        deviation_sign=raw.clock.deviation_sign,
        default_deviation_min=raw.clock.default_deviation_min,
        standard_time=raw.clock.standard_time,
        associations=Associations(**msgspec.structs.asdict(associations)),
        profiles=MappingProxyType(profiles),
        pushes=MappingProxyType({key: pushes[key] for key in raw.pushes}),
        written=MappingProxyType(written),
        meant=MappingProxyType({code: standard_code for standard_code, code in written.items()} | meanings),
        lists=lists,
        overload=raw.overload,
        display=raw.display,
        commodity=raw.commodity,
        gas=raw.gas,
        awake=raw.awake,
        battery=raw.battery,
        phases=raw.phases,
        zones=raw.zones,
        demand_period_s=raw.demand_period_s,
        generator=raw.generator,
        ct_ratio=raw.ct_ratio,
        pt_ratio=raw.pt_ratio,
        registers=registers,
    )


# --- type.toml --------------------------------------------------------------------------------------------


def _type_problems(raw: _RawType, pushes: Mapping[str, PushLayout]) -> list[str]:
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
        (not _is_line(raw.title), f"title: write one line of 1 to {LONGEST_TITLE} characters"),
        (not _is_line(raw.category), "category: write one line such as D1"),
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


def _sleeper_problems(raw: _RawType) -> list[str]:
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


def _display_problems(raw: _RawType) -> list[str]:
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


def _overload_problems(raw: _RawType) -> list[str]:
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


def _is_line(text: str) -> bool:
    return 0 < len(text) <= LONGEST_TITLE and text.isprintable() and bool(text.strip())


def _is_ascii_line(text: str) -> bool:
    return _is_line(text) and text.isascii()


# --- events.toml ------------------------------------------------------------------------------------------


def _with_own(standard: Companion, own: _RawEvents, problems: list[str]) -> Companion:
    """Return the standard with a type's own codes and bits in place of, and beside, its own."""
    codes = list(event_codes(own.events))
    if len(codes) > MAX_EVENTS:
        problems.append(f"{EVENTS}: events: has {len(codes)} codes: write at most {MAX_EVENTS}")
    events = {code.code: code for code in codes}
    problems += [
        f"{EVENTS}: events: code {code} is given twice: give each code one name"
        for code, count in Counter(code.code for code in codes).items()
        if count > 1
    ]
    problems += _code_problems(codes)
    problems += [
        f"{EVENTS}: events: code {code} is the standard's {standard.events[code].name!r}, which is acted on: leave it out"
        for code in sorted(_ACTED_ON & set(events))
    ]
    for code in events:
        # An outage or a tamper that begins by the type's code and ends by the standard's would never end.
        counterpart = standard.events[code].counterpart if code in standard.events else None
        if counterpart is not None and counterpart not in events:
            problems.append(
                f"{EVENTS}: events: {code} replaces one end of the standard's pair with {counterpart}: give both"
            )
    merged = dict(standard.events) | events
    for bit in own.esw.bits:
        problems += bit_problems(f"{EVENTS}: esw", bit, standard.esw_length, merged)
        if not _is_line(bit.name):
            problems.append(f"{EVENTS}: esw: bit {bit.bit} has no name: write one line")
    problems += [
        f"{EVENTS}: esw: bit {bit} is given twice: give each bit one meaning"
        for bit, count in Counter(bit.bit for bit in own.esw.bits).items()
        if count > 1
    ]
    bits = dict(standard.esw)
    # A code that the type gives a bit of its own loses the standard's bit.
    moved = {bit.event for bit in own.esw.bits} | {int(code) for code in own.instead_of if code.isdecimal()}
    bits = {number: bit for number, bit in bits.items() if bit.event is None or bit.event not in moved}
    return msgspec.structs.replace(
        standard,
        events=MappingProxyType(merged),
        esw=MappingProxyType(bits | {bit.bit: bit for bit in own.esw.bits}),
    )


def _code_problems(codes: Sequence[EventCode]) -> list[str]:
    problems = []
    for code in codes:
        where = f"{EVENTS}: events.{code.log}: code {code.code}"
        if not 0 < code.code <= _LARGEST_CODE:
            problems.append(f"{where}: write 1 to {_LARGEST_CODE}")
        if not 0 <= code.log_number <= 255:
            problems.append(f"{where}: log is {code.log_number}: write the E of its log 0.0.99.98.E.255")
        if not _is_line(code.name):
            problems.append(f"{where}: has no name: write one line of 1 to {LONGEST_TITLE} characters")
    return problems


def _written(
    own: _RawEvents, standard: Companion, companion: Companion, problems: list[str]
) -> dict[int, int]:
    """Return the codes that the meter writes in place of the standard's, by the standard's."""
    written: dict[int, int] = {}
    for text, code in own.instead_of.items():
        where = f"{EVENTS}: instead_of.{text}"
        if not re.fullmatch(r"[0-9]{1,5}", text) or int(text) not in standard.events:
            problems.append(f"{where}: is not an event code of {standard.name}: write one of its codes")
            continue
        meant, written_event = standard.events[int(text)], companion.events.get(code)
        if written_event is None:
            problems.append(f"{where}: names event {code}, which is not listed: list it under events")
            continue
        if written_event.state != meant.state:
            problems.append(
                f"{where}: event {code} is {written_event.state}, the standard's {meant.code} is {meant.state}: "
                "write codes that begin and end the same"
            )
        if written_event.log_number not in {event.log_number for event in standard.events.values()}:
            problems.append(
                f"{where}: event {code} is of log {written_event.log_number}: write one of the standard's logs"
            )
        if code in written.values():
            problems.append(f"{where}: event {code} is given for two codes: write one")
        written[meant.code] = code
    return written


def _meanings(
    own: _RawEvents, companion: Companion, written: Mapping[int, int], problems: list[str]
) -> dict[int, int]:
    """Return the codes of Urja's meanings by the codes that the meter writes."""
    meanings: dict[int, int] = {}
    for name, code in own.means.items():
        where, event = f"{EVENTS}: means.{name}", companion.events.get(code)
        if name not in MEANINGS:
            problems.append(f"{where}: is not a meaning: write one of {', '.join(MEANINGS)}")
        elif event is None:
            problems.append(f"{where}: names event {code}, which is not listed: list it under events")
        elif event.state == "restored":
            problems.append(f"{where}: event {code} ends a condition: write the code that begins it")
        elif code in meanings or code in written.values() or code in _ACTED_ON:
            problems.append(f"{where}: event {code} has another meaning already: write another code")
        else:
            meanings[code] = MEANINGS[name]
    return meanings


# --- profiles.toml ----------------------------------------------------------------------------------------


def _shapes(
    raw: _RawProfiles, companion: Companion, gas: GasRegister | None, problems: list[str]
) -> tuple[dict[str, Profile], dict[str, PushLayout]]:
    if len(raw.profiles) > MAX_PROFILES:
        problems.append(f"{PROFILES}: profiles: has {len(raw.profiles)}: write at most {MAX_PROFILES}")
    profiles = {}
    for key, profile in raw.profiles.items():
        where = f"{PROFILES}: profiles.{key}"
        if not _KEY.fullmatch(key):
            problems.append(f"{where}: write a key of small letters, digits and underscores")
        problems += obis_problems(where, profile.obis)
        if profile.scaler_obis is not None:
            problems += obis_problems(f"{where}: scaler_obis", profile.scaler_obis)
        columns = _columns(where, profile.columns, companion, problems)
        problems += _stored_problems(where, key, columns, gas)
        profiles[key] = Profile(key, profile.obis, profile.scaler_obis, columns)
    problems += [
        f"{PROFILES}: profiles.{key}: is missing: add it" for key in PROFILE_KEYS if key not in profiles
    ]
    pushes = {}
    for key, push in raw.pushes.items():
        where = f"{PROFILES}: pushes.{key}"
        if key not in PUSH_KEYS:
            problems.append(f"{where}: a push is one of {', '.join(PUSH_KEYS)}: rename or remove it")
            continue
        pushes[key] = PushLayout(
            key, push.obis, _push_columns(where, push, profiles, companion, gas, problems)
        )
        problems += _alert_problems(where, pushes[key], companion)
    problems += [
        f"{PROFILES}: pushes: {obis} is the code of {count} pushes: a push is known by its own"
        for obis, count in Counter(push.obis for push in pushes.values()).items()
        if count > 1
    ]
    return profiles, pushes


def _registers(
    raw: _RawProfiles, profiles: Mapping[str, Profile], companion: Companion, problems: list[str]
) -> tuple[Column, ...]:
    """Return the registers that no profile captures."""
    where = f"{PROFILES}: registers"
    columns = _columns(where, raw.registers, companion, problems) if raw.registers else ()
    captured = {column.obis: profile.key for profile in profiles.values() for column in profile.columns}
    for column in columns:
        place = f"{where}: column {column.key!r}"
        if (column.class_id, column.attribute) != (3, 2):
            problems.append(f"{place}: is no value of a register: write class 3, and no attribute")
        if column.obis in captured:
            problems.append(f"{place}: profile {captured[column.obis]!r} captures it already: remove it here")
    return columns


def _stored_problems(
    where: str, key: str, columns: tuple[Column, ...], gas: GasRegister | None, *, pushed: bool = False
) -> list[str]:
    if gas is not None:
        found = gas_column_problems(where, key, columns, gas, pushed=pushed)
    else:
        found = meaning_problems(where, key, columns, pushed=pushed)
    commodity = Commodity.ELECTRICITY if gas is None else Commodity.GAS
    # One fault of a column is not told twice, in two vocabularies.
    return found or list(stored_problems(where, key, columns, commodity))


def _push_columns(
    where: str,
    push: _RawPush,
    profiles: Mapping[str, Profile],
    companion: Companion,
    gas: GasRegister | None,
    problems: list[str],
) -> tuple[Column, ...]:
    problems += obis_problems(where, push.obis)
    key = where.rsplit(".", 1)[1]
    if (push.profile is None) == (push.columns is None):
        problems.append(f"{where}: give either profile or columns")
        return ()
    if push.columns is not None:
        columns = _columns(where, push.columns, companion, problems)
        problems += _stored_problems(where, key, columns, gas, pushed=True)
        return columns
    profile = profiles.get(push.profile or "")
    if profile is None:
        problems.append(
            f"{where}: profile {push.profile!r} is not one of {', '.join(profiles)}: write one of them"
        )
        return ()
    if not profile.columns or profile.columns[0].key != CLOCK_KEY:
        problems.append(f"{where}: profile {push.profile!r} does not start with its clock: write its columns")
    if profile.key != key:
        problems += _stored_problems(where, key, profile.columns[1:], gas, pushed=True)
    return profile.columns[1:]


def _alert_problems(where: str, push: PushLayout, companion: Companion) -> list[str]:
    """Return the problems of an alert push, of which the head end reads the status word alone."""
    if push.key != "alert":
        return []
    word = next((column for column in push.columns if column.key == ESW_KEY), None)
    if word is not None and word.tag == TYPE_TAGS["bit-string"] and word.length == companion.esw_length:
        return []
    return [f"{where}: needs a column 'esw' of type bit-string and length {companion.esw_length}: add it"]


def _columns(
    where: str, raws: list[_RawColumn], companion: Companion, problems: list[str]
) -> tuple[Column, ...]:
    if not 0 < len(raws) <= MAX_COLUMNS:
        problems.append(f"{where}: has {len(raws)} columns: write 1 to {MAX_COLUMNS}")
        return ()
    seen: set[str] = set()
    columns = []
    for raw in raws:
        place = f"{where}: column {raw.key!r}"
        if raw.key in seen:
            problems.append(f"{place} is given twice: rename or remove one")
        seen.add(raw.key)
        if not _KEY.fullmatch(raw.key):
            problems.append(f"{place}: write a key of small letters, digits and underscores")
        column, wrong = _column(place, raw)
        problems += wrong or column_problems(place, column, companion)
        columns.append(column)
    return tuple(columns)


def _column(place: str, raw: _RawColumn) -> tuple[Column, list[str]]:
    problems: list[str] = []
    tag = TYPE_TAGS.get(raw.type, 0)
    if not tag:
        known = ", ".join(name for name, number in TYPE_TAGS.items() if number)
        problems.append(f"{place}: type {raw.type!r} is not one of {known}: write one of them")
    problems += obis_problems(place, raw.obis)
    if not -128 <= raw.scaler <= 127:
        problems.append(f"{place}: scaler {raw.scaler} does not fit an integer8: write -128 to 127")
    if not 0 < raw.class_id <= 0xFFFF:
        problems.append(f"{place}: class {raw.class_id} does not exist: write 1 to 65535")
    if not 0 < raw.attribute <= 127:
        problems.append(f"{place}: attribute {raw.attribute} does not exist: write 1 to 127")
    unit = unit_of(place, raw.unit, problems)
    obis = raw.obis if not obis_problems(place, raw.obis) else str(Obis(0, 0, 0, 0, 0, 0))
    if raw.quantity is not None and raw.quantity not in BY_NAME:
        problems.append(f"{place}: quantity {raw.quantity!r} does not exist: see docs/quantities.md")
    quantity = raw.quantity if raw.quantity in BY_NAME else None
    column = Column(raw.key, raw.class_id, obis, raw.attribute, tag, raw.length, raw.scaler, unit, quantity)
    return column, problems
