"""Reads companion data (TOML in this package) and checks it; every problem is told with its file and place."""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import msgspec

from urja.cosem.companion.model import (
    CLOCK_KEY,
    PUSH_KEYS,
    Associations,
    Column,
    Companion,
    DeviceType,
    Dials,
    EswBit,
    EventCode,
    ObjectInfo,
    OutageRows,
    OverloadHabit,
    Profile,
    PushLayout,
)
from urja.cosem.companion.units import COUNT, TYPE_TAGS, UNIT_CODES
from urja.cosem.errors import LocalError
from urja.cosem.obis import Obis
from urja.cosem.time import DeviationSign

_OCTET_STRING = TYPE_TAGS["octet-string"]
_BIT_STRING = TYPE_TAGS["bit-string"]
_HLS_MECHANISMS = (2, 5)


class CompanionError(LocalError):
    """Companion data that cannot be used; `problems` holds each with its file and place."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


# The files' own shape. `forbid_unknown_fields` turns a misspelt key into a message.
class _Raw(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    pass


class _RawObject(_Raw, frozen=True):
    name: str
    class_id: int = msgspec.field(name="class")
    unit: str | None = None


class _RawLog(_Raw, frozen=True):
    log: int
    pairs: list[tuple[int, int, str]]
    instants: list[tuple[int, str]]


class _RawEsw(_Raw, frozen=True):
    length: int
    bits: list[EswBit]


class _RawCompanion(_Raw, frozen=True):
    title: str
    objects: dict[str, _RawObject]
    events: dict[str, _RawLog]
    esw: _RawEsw


class _RawColumn(_Raw, frozen=True):
    key: str
    class_id: int = msgspec.field(name="class")
    obis: str
    type: str
    attribute: int = 2
    length: int | None = None
    scaler: int = 0
    unit: str = "count"


class _RawProfile(_Raw, frozen=True):
    obis: str
    columns: list[_RawColumn]
    scaler_obis: str | None = None


class _RawPush(_Raw, frozen=True):
    obis: str
    profile: str | None = None
    columns: list[_RawColumn] | None = None


class _RawModel(_Raw, frozen=True):
    title: str
    companion: str
    profiles: dict[str, _RawProfile]
    pushes: dict[str, _RawPush]


class _RawClock(_Raw, frozen=True):
    deviation_sign: DeviationSign
    default_deviation_min: int


class _RawType(_Raw, frozen=True):
    manufacturer: str
    model: str
    category: str
    dials: Dials
    relay: bool
    interval_s: int
    outage_rows: OutageRows
    pushes: list[str]
    clock: _RawClock
    association: Associations
    overload: OverloadHabit | None = None


def _read[T](relative: str, raw_type: type[T]) -> T:
    resource = files("urja.cosem.companion").joinpath(relative)
    if not resource.is_file():
        known = ", ".join(sorted(device_types()))
        raise CompanionError([f"{relative}: there is no such file; device types here: {known}"])
    return parse(resource.read_text("utf-8"), relative, raw_type)


def parse[T](text: str, origin: str, raw_type: type[T]) -> T:
    """TOML text to the raw shape `raw_type`; CompanionError names `origin` and the place."""
    try:
        return msgspec.convert(tomllib.loads(text), raw_type)
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise CompanionError([f"{origin}: {error}"]) from error


def device_types() -> tuple[str, ...]:
    """The names that `load_device_type` takes."""
    entries = files("urja.cosem.companion").joinpath("types").iterdir()
    return tuple(
        sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml"))
    )


@cache
def load_companion(name: str = "is15959") -> Companion:
    """The companion standard `name`. Raises CompanionError."""
    return build_companion(name, _read(f"{name}.toml", _RawCompanion))


@cache
def load_device_type(name: str) -> DeviceType:
    """The device type `name` (see `device_types`). Raises CompanionError with everything that is wrong."""
    raw = _read(f"types/{name}.toml", _RawType)
    model = _read(f"{raw.model}.toml", _RawModel)
    return build_device_type(name, raw, model, load_companion(model.companion))


def load_device_type_text(name: str, text: str) -> DeviceType:
    """A device type from a utility's own TOML text; its `model` is one of this package."""
    raw = parse(text, name, _RawType)
    model = _read(f"{raw.model}.toml", _RawModel)
    return build_device_type(name, raw, model, load_companion(model.companion))


def build_companion(name: str, raw: _RawCompanion) -> Companion:
    """Checks `raw` and freezes it."""
    problems: list[str] = []
    objects = {}
    for obis, entry in raw.objects.items():
        where = f"{name}.toml: objects.{obis}"
        problems += _obis_problems(where, obis)
        unit = None if entry.unit is None else _unit(where, entry.unit, problems)
        objects[obis] = ObjectInfo(obis, entry.name, entry.class_id, unit)
    events: dict[int, EventCode] = {}
    for code in _event_codes(raw.events):
        if code.code in events:
            problems.append(f"{name}.toml: event code {code.code} stands twice")
        events[code.code] = code
    for bit in raw.esw.bits:
        if not 0 <= bit.bit < raw.esw.length:
            problems.append(f"{name}.toml: esw bit {bit.bit} is outside the word of {raw.esw.length} bits")
        if bit.event is not None and bit.event not in events:
            problems.append(f"{name}.toml: esw bit {bit.bit} names event {bit.event}, which is not listed")
    if problems:
        raise CompanionError(problems)
    return Companion(
        name=name,
        title=raw.title,
        objects=MappingProxyType(objects),
        events=MappingProxyType(events),
        esw_length=raw.esw.length,
        esw=MappingProxyType({bit.bit: bit for bit in raw.esw.bits}),
    )


def _event_codes(logs: Mapping[str, _RawLog]) -> Iterator[EventCode]:
    for log, entry in logs.items():
        for occurred, restored, name in entry.pairs:
            yield EventCode(occurred, f"{name}: occurred", log, entry.log, "occurred", restored)
            yield EventCode(restored, f"{name}: restored", log, entry.log, "restored", occurred)
        for code, name in entry.instants:
            yield EventCode(code, name, log, entry.log, "instant")


def build_device_type(name: str, raw: _RawType, model: _RawModel, companion: Companion) -> DeviceType:
    """Checks a type against its model and companion and freezes it."""
    problems: list[str] = []
    origin = f"{raw.model}.toml"
    profiles = {
        key: Profile(
            key=key,
            obis=_checked_obis(f"{origin}: profiles.{key}", profile.obis, problems),
            scaler_obis=profile.scaler_obis,
            columns=_columns(f"{origin}: profiles.{key}", profile.columns, problems),
        )
        for key, profile in model.profiles.items()
    }
    pushes = {
        key: PushLayout(key, push.obis, _push_columns(f"{origin}: pushes.{key}", push, profiles, problems))
        for key, push in model.pushes.items()
    }
    problems += [
        f"{origin}: pushes.{key}: a push is one of {', '.join(PUSH_KEYS)}"
        for key in pushes
        if key not in PUSH_KEYS
    ]
    problems += _type_problems(f"types/{name}.toml", raw, tuple(pushes))
    if problems:
        raise CompanionError(problems)
    return DeviceType(
        name=name,
        manufacturer=raw.manufacturer,
        category=raw.category,
        companion=companion,
        dials=raw.dials,
        relay=raw.relay,
        interval_s=raw.interval_s,
        outage_rows=raw.outage_rows,
        deviation_sign=raw.clock.deviation_sign,
        default_deviation_min=raw.clock.default_deviation_min,
        associations=raw.association,
        profiles=MappingProxyType(profiles),
        pushes=MappingProxyType({key: pushes[key] for key in raw.pushes}),
        overload=raw.overload,
    )


def _type_problems(origin: str, raw: _RawType, pushes: tuple[str, ...]) -> list[str]:
    problems = [
        f"{origin}: pushes names {key!r}; the model has {', '.join(pushes)}"
        for key in raw.pushes
        if key not in pushes
    ]
    if raw.interval_s <= 0 or 86400 % raw.interval_s:
        problems.append(f"{origin}: interval_s is {raw.interval_s}; it must divide a day of 86400 s")
    if abs(raw.clock.default_deviation_min) > 720:
        problems.append(
            f"{origin}: clock.default_deviation_min is {raw.clock.default_deviation_min}; -720 to 720 is allowed"
        )
    if raw.association.hls_mechanism not in _HLS_MECHANISMS:
        problems.append(
            f"{origin}: association.hls_mechanism is {raw.association.hls_mechanism}; 2 or 5 is allowed"
        )
    if raw.overload is not None:
        problems += _overload_problems(origin, raw.overload, relay=raw.relay)
    if len(raw.manufacturer) != 3 or not raw.manufacturer.isascii():
        problems.append(f"{origin}: manufacturer is {raw.manufacturer!r}; three letters (FLAG id) are needed")
    return problems


def _overload_problems(origin: str, habit: OverloadHabit, *, relay: bool) -> list[str]:
    least = {"trip_after_s": 1, "retry_after_s": 1, "retries": 0, "lockout_s": 1}
    problems = [
        f"{origin}: overload.{name} is {getattr(habit, name)}; {minimum} or more is needed"
        for name, minimum in least.items()
        if getattr(habit, name) < minimum
    ]
    if not relay:
        problems.append(f"{origin}: overload needs a relay")
    return problems


def _push_columns(
    where: str, push: _RawPush, profiles: Mapping[str, Profile], problems: list[str]
) -> tuple[Column, ...]:
    _checked_obis(where, push.obis, problems)
    if (push.profile is None) == (push.columns is None):
        problems.append(f"{where}: give either profile or columns")
        return ()
    if push.columns is not None:
        return _columns(where, push.columns, problems)
    profile = profiles.get(push.profile or "")
    if profile is None:
        problems.append(f"{where}: profile {push.profile!r} is not one of {', '.join(profiles)}")
        return ()
    if not profile.columns or profile.columns[0].key != CLOCK_KEY:
        problems.append(f"{where}: profile {push.profile!r} does not start with its clock")
    return profile.columns[1:]


def _columns(where: str, raws: list[_RawColumn], problems: list[str]) -> tuple[Column, ...]:
    seen: set[str] = set()
    columns = []
    for raw in raws:
        place = f"{where}: column {raw.key!r}"
        if raw.key in seen:
            problems.append(f"{place} stands twice")
        seen.add(raw.key)
        columns.append(_column(place, raw, problems))
    return tuple(columns)


def _column(place: str, raw: _RawColumn, problems: list[str]) -> Column:
    tag = TYPE_TAGS.get(raw.type)
    if tag is None:
        problems.append(f"{place}: type {raw.type!r} is not one of {', '.join(TYPE_TAGS)}")
        tag = 0
    if raw.length is not None and tag not in (_OCTET_STRING, _BIT_STRING):
        problems.append(f"{place}: only an octet-string or a bit-string has a length")
    if not -128 <= raw.scaler <= 127:
        problems.append(f"{place}: scaler {raw.scaler} does not fit an integer8")
    return Column(
        key=raw.key,
        class_id=raw.class_id,
        obis=_checked_obis(place, raw.obis, problems),
        attribute=raw.attribute,
        tag=tag,
        length=raw.length,
        scaler=raw.scaler,
        unit=_unit(place, raw.unit, problems),
    )


def _unit(where: str, symbol: str, problems: list[str]) -> int:
    code = UNIT_CODES.get(symbol)
    if code is None:
        problems.append(f"{where}: unit {symbol!r} is not in the Blue Book's list")
        return COUNT
    return code


def _checked_obis(where: str, obis: str, problems: list[str]) -> str:
    problems += _obis_problems(where, obis)
    return obis


def _obis_problems(where: str, obis: str) -> list[str]:
    try:
        canonical = str(Obis.parse(obis))
    except LocalError as error:
        return [f"{where}: {error}"]
    return [] if canonical == obis else [f"{where}: write {obis!r} as {canonical}"]
