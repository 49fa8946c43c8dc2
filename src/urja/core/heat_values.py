"""Heat values of a gas utility as dated documents: TOML, one file for each version; and which of them is in force on a day.

A document states base conditions, and for each zone the conditions of the gas at its meters and the heat value of each day.
All faults of a document are reported at once, each with its place and a sentence that says what to correct.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from typing import Final

from urja.core.calendar import ONE_DAY
from urja.core.gas import (
    STANDARD,
    BaseConditions,
    GasConversionError,
    HeatBasis,
    HeatValue,
    SupplyConditions,
    absolute_pressure_pa,
)
from urja.core.table_reader import DocumentError, Fault, TableReader, tables_of

FORMAT: Final = 1
"""The document format that this module reads."""
UNITS_J: Final = {"MJ/m3": 1_000_000, "MJ/m³": 1_000_000, "kWh/m3": 3_600_000, "kWh/m³": 3_600_000}
"""Joules of each unit in which a document may state heat values."""
_BASE_DC: Final = (-50, 300)
_BASE_PA: Final = (95_000, 105_000)
"""Base conditions that are in use are from 0 to 25 °C, and from 100 to 101.6 kPa."""
_JUMP: Final = Fraction(1, 4)
"""Gas of other origin changes the heat value of a zone by up to a sixth; more is a slip of the pen, or needs a document."""
_MOST_ZONES: Final = 200
_MOST_VALUES: Final = 800
_LARGEST: Final = 10**9
_MOST_DECIMALS: Final = 18
"""Bounds of what a document may cost."""
_AREA: Final = re.compile(r"(zone|circle|division|subdivision|section) [^\s,;]{1,32}")


class HeatValuesError(DocumentError):
    """A text that is no valid document of heat values."""


@dataclass(frozen=True, slots=True)
class HeatZone:
    """Service points that get one gas: those of an area, or with an empty area all that no other zone has."""

    area: str
    """A node of the administration with its level, such as `section North-2`."""
    supply: SupplyConditions
    values: tuple[tuple[date, HeatValue], ...]
    """(first local day, heat value), in their order; each is in force until the next begins."""

    def on(self, day: date) -> HeatValue:
        """Return the heat value of a local day that the document covers."""
        return [value for first, value in self.values if first <= day][-1]


@dataclass(frozen=True, slots=True)
class HeatValues:
    """One version of a utility's heat values, for the local days from `valid_from` to `valid_to`, both included."""

    code: str
    version: str
    title: str
    valid_from: date
    valid_to: date | None
    """None: until further notice."""
    base: BaseConditions
    basis: HeatBasis
    zones: tuple[HeatZone, ...]
    sha256: str = field(repr=False, default="")

    def covers(self, day: date) -> bool:
        """Return whether the document has heat values of a local day."""
        return self.valid_from <= day and (self.valid_to is None or day <= self.valid_to)

    def zone_of(self, areas: Sequence[str]) -> HeatZone | None:
        """Return the zone of a service point by the areas that it is in, the smallest first; None without one."""
        by_area = {zone.area: zone for zone in self.zones}
        return next((by_area[area] for area in (*areas, "") if area in by_area), None)


def in_force(
    documents: Sequence[HeatValues], day: date, areas: Sequence[str]
) -> tuple[HeatValues, HeatZone] | None:
    """Return the document and the zone that decide for a service point on a local day; None where no document does.

    `documents` are in the order in which they were loaded: of several that cover the day and the service point the last one
    corrects the others. `areas` are those that it is in, the smallest first.
    """
    for document in reversed(documents):
        if document.covers(day) and (zone := document.zone_of(areas)) is not None:
            return document, zone
    return None


def parse_heat_values(text: str) -> HeatValues:
    """Parse a document of heat values. Raises HeatValuesError with every fault found.

    In each zone every day of the document has one heat value, and no two zones have the same area.
    """
    faults: list[Fault] = []
    reader = TableReader(tables_of(text, HeatValuesError, "docs/gas.md"), "", faults)
    reader.check_format(FORMAT)
    valid_from, valid_to = _day(reader, "valid_from"), _day(reader, "valid_to", None)
    if valid_from and valid_to and valid_to < valid_from:
        reader.fault(f"is {valid_to}, before valid_from {valid_from}", "valid_to")
        valid_to = None
    kind = _Kind(
        _one_of(reader, "unit", tuple(UNITS_J)), _one_of(reader, "basis", ("gross", "net")), _base(reader)
    )
    document = HeatValues(
        code=reader.identifier("code"),
        version=reader.identifier("version"),
        title=reader.text("title"),
        valid_from=valid_from or date.min,
        valid_to=valid_to,
        base=kind.base,
        basis=kind.heat_basis,
        zones=tuple(_zones(reader, kind, valid_from, valid_to)),
        sha256=hashlib.sha256(text.encode()).hexdigest(),
    )
    reader.finish()
    if faults:
        raise HeatValuesError(faults)
    return document


@dataclass(frozen=True, slots=True)
class _Kind:
    """What all values of a document share; empty texts where the document does not say it rightly."""

    unit: str
    basis: str
    base: BaseConditions

    @property
    def heat_basis(self) -> HeatBasis:
        return "net" if self.basis == "net" else "gross"


def _day(reader: TableReader, key: str, *default: None) -> date | None:
    value = reader.take(key, *default)
    if isinstance(value, str):
        with suppress(ValueError):
            value = date.fromisoformat(value)
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    reader.fault(f"must be a day such as 2026-04-01, not {value!r}", key)
    return None


def _one_of(reader: TableReader, key: str, known: tuple[str, ...]) -> str:
    value = reader.text(key)
    if value and value not in known:
        reader.fault(f"must be one of {', '.join(known)}, not {value!r}", key)
        return ""
    return value


def _scaled(reader: TableReader, key: str, scale: int, what: str) -> int | None:
    """Return an optional number as an integer in a smaller unit; report what is no number, or finer than that unit."""
    value = reader.take(key, None)
    if value is None:
        return None
    number = (
        Decimal(value) if isinstance(value, int | Decimal) and not isinstance(value, bool) else Decimal("NaN")
    )
    # Compared before anything is calculated: exponents of a billion overflow, or take the memory of the machine.
    if not number.is_finite() or not -_LARGEST < number < _LARGEST:
        reader.fault(f"must be {what}, not {value!r}", key)
        return None
    _, _, exponent = number.as_tuple()
    if (
        not isinstance(exponent, int)
        or exponent < -_MOST_DECIMALS
        or (Fraction(number) * scale).denominator != 1
    ):
        reader.fault(f"is {value}, which is finer than 1/{scale}: round it", key)
        return None
    return int(Fraction(number) * scale)


def _base(reader: TableReader) -> BaseConditions:
    given = reader.take("base", {})
    if not isinstance(given, dict):
        reader.fault("must be a table with temperature_c and pressure_kpa", "base")
        return STANDARD
    own = TableReader(given, reader.place("base"), reader.faults)
    temperature = _scaled(own, "temperature_c", 10, "degrees Celsius")
    pressure = _scaled(own, "pressure_kpa", 1000, "kPa, absolute")
    own.finish()
    if given and not {"temperature_c", "pressure_kpa"} <= set(given):
        own.fault("states both temperature_c and pressure_kpa, or is left out: 15 °C and 101.325 kPa")
        return STANDARD
    for key, value, scale, unit, (least, most) in (
        ("temperature_c", temperature, 10, "°C", _BASE_DC),
        ("pressure_kpa", pressure, 1000, "kPa", _BASE_PA),
    ):
        if value is not None and not least <= value <= most:
            own.fault(
                f"is {value / scale:g} {unit}, no base condition in use: {least / scale:g} to {most / scale:g}",
                key,
            )
            return STANDARD
    return STANDARD if temperature is None or pressure is None else BaseConditions(temperature, pressure)


def _zones(
    reader: TableReader, kind: _Kind, valid_from: date | None, valid_to: date | None
) -> Iterator[HeatZone]:
    seen: set[str] = set()
    readers = reader.tables("zone", "zone")
    if len(readers) > _MOST_ZONES:
        reader.fault(f"a document has at most {_MOST_ZONES}, not {len(readers)}", "zone")
    for item in readers[:_MOST_ZONES]:
        area = item.text("area", "")
        if area and not _AREA.fullmatch(area):
            item.fault(
                f'must be a node of the administration with its level, such as "section North-2", not {area!r}',
                "area",
            )
        if area in seen:
            item.fault(f"{repr(area) if area else 'everywhere else'} is another zone's already", "area")
        seen.add(area)
        item.where = f"zone {area}" if area else item.where
        supply = _supply(item)
        values = tuple(_values(item, kind, valid_from, valid_to))
        item.finish()
        yield HeatZone(area, supply, values)


def _supply(reader: TableReader) -> SupplyConditions:
    temperature = _scaled(reader, "temperature_c", 10, "degrees Celsius")
    absolute = _scaled(reader, "pressure_kpa", 1000, "kPa, absolute")
    gauge = _scaled(reader, "gauge_pressure_kpa", 1000, "kPa over the atmosphere")
    atmosphere = _scaled(reader, "atmospheric_pressure_kpa", 1000, "kPa")
    if (gauge is None) != (atmosphere is None):
        missing = "atmospheric_pressure_kpa" if atmosphere is None else "gauge_pressure_kpa"
        reader.fault("is missing: the absolute pressure is the gauge pressure and the atmosphere's", missing)
        return SupplyConditions()
    if absolute is not None and gauge is not None:
        reader.fault("is stated beside gauge_pressure_kpa: give the one or the other", "pressure_kpa")
        return SupplyConditions()
    key = "temperature_c"
    try:
        SupplyConditions(temperature)
        key = "pressure_kpa" if gauge is None else "gauge_pressure_kpa"
        if gauge is not None and atmosphere is not None:
            absolute = absolute_pressure_pa(gauge, atmosphere)
        return SupplyConditions(temperature, absolute)
    except GasConversionError as error:
        reader.fault(str(error), key)
        return SupplyConditions()


type _Span = tuple[date, date, HeatValue | None]
"""First and last local day of a value; None where the value itself is wrong."""


def _values(
    reader: TableReader, kind: _Kind, valid_from: date | None, valid_to: date | None
) -> Iterator[tuple[date, HeatValue]]:
    """Yield a zone's values; report each day of the document without one, and each with two."""
    readers = reader.tables("values", "heat value")
    if len(readers) > _MOST_VALUES:
        reader.fault(f"a zone has at most {_MOST_VALUES}, not {len(readers)}", "values")
    spans = [span for item in readers[:_MOST_VALUES] if (span := _span(item, kind, valid_from, valid_to))]
    spans.sort(key=lambda span: span[:2])
    # Without the bounds, or with a span that was not read, each missing day would be a fault of its own.
    if valid_from is not None and len(spans) == len(readers):
        _check_cover(reader, spans, valid_from, valid_to or date.max)
    known = [(first, value) for first, _, value in spans if value is not None]
    for (_, before), (first, value) in pairwise(known):
        if abs(value.joules_per_m3 - before.joules_per_m3) > before.joules_per_m3 * _JUMP:
            reader.fault(
                f"the value from {first} differs from the one before it by more than a quarter: correct it, or begin a "
                "document of its own on that day",
                "values",
            )
    yield from known


def _span(reader: TableReader, kind: _Kind, valid_from: date | None, valid_to: date | None) -> _Span | None:
    first, last = _day(reader, "from"), _day(reader, "to", None)
    value = _heat(reader, kind)
    reader.finish()
    if first is None:
        return None
    last = last or valid_to or date.max
    if last < first:
        reader.fault(f"is {last}, before its beginning on {first}", "to")
        return None
    if valid_from is not None and (first < valid_from or last > (valid_to or date.max)):
        reader.fault(f"{first} to {last} is not within valid_from and valid_to", "from")
        return None
    return first, last, value


def _heat(reader: TableReader, kind: _Kind) -> HeatValue | None:
    value = reader.take("value")
    if value is None or not kind.unit:
        return None
    joules = _scaled(reader, "value", UNITS_J[kind.unit], f"a number of {kind.unit}")
    if joules is None:
        return None
    try:
        return HeatValue(joules, kind.heat_basis, kind.base)
    except GasConversionError as error:
        reader.fault(f"is {value} {kind.unit}: {error}", "value")
        return None


def _check_cover(reader: TableReader, spans: Sequence[_Span], valid_from: date, valid_to: date) -> None:
    reached = valid_from
    for first, last, _ in spans:
        if first > reached:
            reader.fault(f"{reached} to {first - ONE_DAY} has no heat value", "values")
        elif first < reached:
            reader.fault(f"{first} to {min(last, reached - ONE_DAY)} has two heat values", "values")
        if last == date.max:
            return
        reached = max(reached, last + ONE_DAY)
    if reached <= valid_to:
        until = "and later days have" if valid_to == date.max else f"to {valid_to} has"
        reader.fault(f"{reached} {until} no heat value", "values")
