"""Read companion standards (TOML in this package) and check them; every problem names its file and its place."""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

import msgspec

from urja.base import toml
from urja.cosem.companion.model import Companion, EswBit, EventCode, ObjectInfo
from urja.cosem.companion.units import COUNT, UNIT_CODES
from urja.cosem.errors import LocalError
from urja.cosem.obis import Obis


class CompanionError(LocalError):
    """Companion data that cannot be used; `problems` has each problem with its file and place.

    The quoted texts are from files of strangers: unprintable characters are escaped, so that they cannot
    control the terminal that shows them.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = tuple(map(_shown, problems))
        super().__init__("; ".join(self.problems))


_LONGEST_PROBLEM: Final = 500
"""Characters of a problem that are shown."""


def _shown(problem: str) -> str:
    cut = problem if len(problem) <= _LONGEST_PROBLEM else f"{problem[:_LONGEST_PROBLEM]}..."
    return "".join(one if one.isprintable() else repr(one)[1:-1] for one in cut)


class Raw(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The files' own shape; an unknown key becomes a message."""


class RawLog(Raw, frozen=True):
    """The event codes of one log: pairs of occurrence and restoration, and instants."""

    log: int
    pairs: list[tuple[int, int, str]] = msgspec.field(default_factory=list)
    instants: list[tuple[int, str]] = msgspec.field(default_factory=list)


class _RawObject(Raw, frozen=True):
    name: str
    class_id: int = msgspec.field(name="class")
    unit: str | None = None


class _RawEsw(Raw, frozen=True):
    length: int
    bits: list[EswBit]


class _RawCompanion(Raw, frozen=True):
    title: str
    objects: dict[str, _RawObject]
    events: dict[str, RawLog]
    esw: _RawEsw


_PLACE: Final = re.compile(r" - at `(?:key in )?\$\.?(.*?)`$")
_FIELD: Final = re.compile(r"^Object (missing required|contains unknown) field `(.*)`$")
_ALLOWED: Final = {
    "dials": "out or listen",
    "outage_rows": "zero or skip",
    "clock.deviation_sign": "indian or dlms",
}
"""The values of keys that have only a few."""


def parse[T](text: str, origin: str, raw_type: type[T]) -> T:
    """Return the raw shape `raw_type` of a TOML text.

    Raises CompanionError that names `origin`, the key, and what to do.
    """
    try:
        return msgspec.convert(toml.loads(text), raw_type)
    except toml.TomlError as error:
        raise CompanionError([f"{origin}: is not TOML: {error}"]) from None
    except msgspec.ValidationError as error:
        raise CompanionError([f"{origin}: {_sentence(str(error))}"]) from None


def _sentence(message: str) -> str:
    """Return msgspec's message with the place first and what to do last."""
    found = _PLACE.search(message)
    place = found[1] if found else ""
    what = _PLACE.sub("", message)
    field = _FIELD.match(what)
    if field is not None:
        key = f"{place}.{field[2]}" if place else field[2]
        if field[1] == "missing required":
            return f"{key}: is missing: add it"
        return f"{key}: is not a key of a type (unknown field `{field[2]}`): correct or remove it"
    remedy = _ALLOWED.get(place)
    return f"{place or 'document'}: {what[:1].lower()}{what[1:]}: write {remedy or 'what docs/meter-types.md says'}"


@cache
def load_companion(name: str = "is15959") -> Companion:
    """Return the companion standard `name`; raises CompanionError."""
    resource = files("urja.cosem.companion").joinpath(f"{name}.toml")
    # The name comes from a type's file: it must not lead out of this package.
    if not re.fullmatch(r"[a-z0-9]+", name) or not resource.is_file():
        raise CompanionError([f"companion: there is no standard {name!r}: write is15959"])
    return build_companion(name, parse(resource.read_text("utf-8"), f"{name}.toml", _RawCompanion))


def build_companion(name: str, raw: _RawCompanion) -> Companion:
    """Return the checked and frozen standard of the raw shape; raises CompanionError with all problems."""
    problems: list[str] = []
    objects = {}
    for obis, entry in raw.objects.items():
        where = f"{name}.toml: objects.{obis}"
        problems += obis_problems(where, obis)
        unit = None if entry.unit is None else unit_of(where, entry.unit, problems)
        objects[obis] = ObjectInfo(obis, entry.name, entry.class_id, unit)
    events: dict[int, EventCode] = {}
    for code in event_codes(raw.events):
        if code.code in events:
            problems.append(f"{name}.toml: event code {code.code} is given twice: remove one")
        events[code.code] = code
    for bit in raw.esw.bits:
        problems += bit_problems(f"{name}.toml: esw", bit, raw.esw.length, events)
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


def event_codes(logs: Mapping[str, RawLog]) -> Iterator[EventCode]:
    """Yield every event code of the logs, each end of a pair by itself."""
    for log, entry in logs.items():
        for occurred, restored, name in entry.pairs:
            yield EventCode(occurred, f"{name}: occurred", log, entry.log, "occurred", restored)
            yield EventCode(restored, f"{name}: restored", log, entry.log, "restored", occurred)
        for code, name in entry.instants:
            yield EventCode(code, name, log, entry.log, "instant")


def bit_problems(where: str, bit: EswBit, length: int, events: Mapping[int, EventCode]) -> list[str]:
    """Return the problems of one bit of a status word of `length` bits."""
    problems = []
    if not 0 <= bit.bit < length:
        problems.append(
            f"{where}: bit {bit.bit} is outside the word of {length} bits: write 0 to {length - 1}"
        )
    if bit.event is not None and bit.event not in events:
        problems.append(f"{where}: bit {bit.bit} names event {bit.event}, which is not listed: list it")
    return problems


def unit_of(where: str, symbol: str, problems: list[str]) -> int:
    """Return the Blue Book code of a unit; an unknown unit adds a problem and counts as a plain count."""
    code = UNIT_CODES.get(symbol)
    if code is None:
        problems.append(
            f"{where}: unit {symbol!r} is not in the Blue Book's list: write one such as Wh, V or count"
        )
        return COUNT
    return code


def obis_problems(where: str, obis: str) -> list[str]:
    """Return the problems of an OBIS code in its text form."""
    try:
        canonical = str(Obis.parse(obis))
    except LocalError as error:
        return [f"{where}: {error}: write six value groups such as 1.0.1.8.0.255"]
    return [] if canonical == obis else [f"{where}: write {obis!r} as {canonical}"]
