"""Formats of cells with quantities: whole numbers of the smallest unit, and degrees."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from urja.base.sentences import say
from urja.core.units import MOST_MINOR
from urja.usecases.loading.cell_formats import (
    CellFormat,
    ColumnFormat,
    FieldValueError,
    Reader,
    Writer,
    cell_text,
)


@dataclass(frozen=True)
class Number(CellFormat):
    """A whole number of the smallest unit, which a file may write in a larger one."""

    low: int
    high: int
    scales: Mapping[str, int] = field(default_factory=lambda: {"": 1})
    """How many of the smallest unit one of each unit is; the first unit where the map names none."""

    def scale(self, ways: ColumnFormat) -> int:
        return self.scales[ways.unit] if ways.unit is not None else next(iter(self.scales.values()))

    def reader(self, ways: ColumnFormat) -> Reader:
        scale, low, high, parse = self.scale(ways), self.low, self.high, ways.numbers.parse

        def read(cell: object) -> str | None:
            if type(cell) is str or cell is None or isinstance(cell, bool):
                text = cell_text(cell)
                if not text:
                    return None
                if scale == 1 and text.isascii() and text.isdecimal():
                    value = int(text)
                    if low <= value <= high:
                        return str(value)
            try:
                exact = parse(text) if type(cell) is str else Decimal(repr(cell))
            except (ValueError, InvalidOperation):
                raise FieldValueError("it is not a number", f"write {self.expected(ways)}") from None
            scaled = exact * scale
            whole = int(scaled)
            if whole != scaled:
                raise FieldValueError(
                    "it has more decimals than can be stored", f"write {self.expected(ways)}"
                )
            if not low <= whole <= high:
                raise FieldValueError(
                    say(
                        "it is outside {low} to {high}",
                        low=self._shown(low, ways),
                        high=self._shown(high, ways),
                    ),
                    f"write {self.expected(ways)}",
                )
            return str(whole)

        return read

    def value(self, text: str) -> int:
        return int(text)

    def writer(self, ways: ColumnFormat) -> Writer:
        scale = Decimal(self.scale(ways))
        return lambda value: ways.numbers.format(Decimal(value) / scale)

    def expected(self, ways: ColumnFormat) -> str:
        unit = ways.unit or next(iter(self.scales))
        return (
            f"a number from {self._shown(self.low, ways)} to {self._shown(self.high, ways)}"
            f"{f' in {unit}' if unit else ''}, written like {ways.numbers.example}"
        )

    def _shown(self, value: int, ways: ColumnFormat) -> str:
        return ways.numbers.format(Decimal(value) / self.scale(ways))


def watts(high: int = 2_000_000_000) -> Number:
    return Number(1, high, {"W": 1, "kW": 1000, "MW": 1_000_000})


def volt_amperes() -> Number:
    return Number(1, 2_000_000_000, {"VA": 1, "kVA": 1000, "MVA": 1_000_000})


def hundredths_of_square_metres() -> Number:
    return Number(1, 2_000_000_000, {"dm²": 1, "dm2": 1, "m²": 100, "m2": 100})


def energy() -> Number:
    return Number(0, 10**15, {"Wh": 1, "kWh": 1000, "MWh": 1_000_000})


def volume() -> Number:
    return Number(0, 10**15, {"L": 1, "m³": 1000, "m3": 1000})


def money(low: int = 0) -> Number:
    """Return the format of amounts: in the main unit unless the map says `unit = "minor"`."""
    return Number(low, MOST_MINOR, {"major": 100, "minor": 1})


@dataclass(frozen=True)
class Degrees(CellFormat):
    """A latitude or longitude in decimal degrees."""

    most: int

    def reader(self, ways: ColumnFormat) -> Reader:
        parse = ways.numbers.parse

        def read(cell: object) -> str | None:
            if type(cell) is str or cell is None:
                text = cell_text(cell)
                if not text:
                    return None
            try:
                value = parse(text) if type(cell) is str else Decimal(repr(cell))
            except (ValueError, InvalidOperation):
                raise FieldValueError(
                    "it is not a number of degrees", f"write {self.expected(ways)}"
                ) from None
            if abs(value) > self.most:
                raise FieldValueError(f"it is more than {self.most} degrees", f"write {self.expected(ways)}")
            return f"{value:.6f}"

        return read

    def value(self, text: str) -> Decimal:
        return Decimal(text)

    def writer(self, ways: ColumnFormat) -> Writer:
        return lambda value: ways.numbers.format(Decimal(value))

    def expected(self, ways: ColumnFormat) -> str:
        return f"decimal degrees from -{self.most} to {self.most}, such as {ways.numbers.format(Decimal('26.846700'))}"
