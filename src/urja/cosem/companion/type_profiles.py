"""Profiles, pushes and single registers of a meter type (`profiles.toml`), held against its companion standard."""

import re
from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from urja.cosem.companion.gas_columns import gas_column_problems
from urja.cosem.companion.gas_types import GasRegister
from urja.cosem.companion.loader import Raw, obis_problems, unit_of
from urja.cosem.companion.model import (
    CLOCK_KEY,
    ESW_KEY,
    PROFILE_KEYS,
    PUSH_KEYS,
    Column,
    Companion,
    Profile,
    PushLayout,
)
from urja.cosem.companion.stored_columns import stored_problems
from urja.cosem.companion.type_columns import column_problems, meaning_problems
from urja.cosem.companion.type_files import PROFILES
from urja.cosem.companion.units import TYPE_TAGS
from urja.cosem.obis import Obis
from urja.quantities.catalogue import BY_NAME, Commodity

_KEY: Final = re.compile(r"[a-z][a-z0-9_]{0,47}")
MAX_COLUMNS: Final = 120
"""Of one profile or push: a structure of up to 127 elements has a length of one byte, and a push has three
before them.
"""
MAX_PROFILES: Final = 16


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


class RawProfiles(Raw, frozen=True):
    """The content of `profiles.toml`, as it is written."""

    profiles: dict[str, _RawProfile]
    pushes: dict[str, _RawPush]
    registers: list[_RawColumn] = msgspec.field(default_factory=list)


def profiles_and_pushes(
    raw: RawProfiles, companion: Companion, gas: GasRegister | None, problems: list[str]
) -> tuple[dict[str, Profile], dict[str, PushLayout]]:
    """Return the profiles and the pushes by their keys; what is wrong with them is added to `problems`."""
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


def lone_registers(
    raw: RawProfiles, profiles: Mapping[str, Profile], companion: Companion, problems: list[str]
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
