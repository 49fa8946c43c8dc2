"""Meter types built from their files: checked as a whole and frozen, or refused with sentences that say why.

A type says how bytes become energy and money. So its statements are held against the companion standard:
classes, units, the register of each column, increments in a block and cumulative registers in a daily row.
"""

from functools import cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType

import msgspec

from urja.cosem.companion.loader import CompanionError, load_companion, parse
from urja.cosem.companion.model import Associations, DeviceType
from urja.cosem.companion.named_lists import parse_lists
from urja.cosem.companion.own_events import RawEvents, meant_codes, with_own_codes, written_codes
from urja.cosem.companion.type_files import EVENTS, LISTS, PROFILES, TYPE, TypeFiles, read_files
from urja.cosem.companion.type_profiles import RawProfiles, lone_registers, profiles_and_pushes
from urja.cosem.companion.type_statements import RawType, statement_problems


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
    raw = parse(own.files[TYPE], TYPE, RawType)
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
    raw = parse(source.files[TYPE], TYPE, RawType)
    if PROFILES not in source.files:
        raise CompanionError(
            [f"{PROFILES}: is missing: add it, or name a shipped type that has the same: like in {TYPE}"]
        )
    shapes = parse(source.files[PROFILES], PROFILES, RawProfiles)
    own = parse(source.files.get(EVENTS, ""), EVENTS, RawEvents)
    lists = parse_lists(source.files[LISTS], LISTS) if LISTS in source.files else MappingProxyType({})
    # From here on problems are collected and raised together, so that a type is corrected in one round.
    standard = load_companion(raw.companion)
    problems: list[str] = []
    companion = with_own_codes(standard, own, problems)
    written = written_codes(own, standard, companion, problems)
    meanings = meant_codes(own, companion, written, problems)
    profiles, pushes = profiles_and_pushes(shapes, companion, raw.gas, problems)
    registers = lone_registers(shapes, profiles, companion, problems)
    problems += statement_problems(raw, pushes)
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
