"""Reader of the value types of a tariff document: exact numbers, days, choices and roundings."""

from contextlib import suppress
from datetime import date, datetime
from enum import StrEnum
from fractions import Fraction
from typing import Self

from urja.core.rating.tariff import Commodity
from urja.core.table_reader import MISSING, TableReader
from urja.core.units import RoundingMode, RoundingStep, parse_quotient, quoted


class TariffTableReader(TableReader):
    """One table of a tariff document."""

    commodity: Commodity = Commodity.ELECTRICITY
    """What the document prices; inner tables have that of the table around them."""

    @property
    def unit(self) -> str:
        """The unit of what is priced: kWh or m³."""
        return self.commodity.unit

    def tables(self, key: str, each: str = "") -> list[Self]:
        """Return a reader for each table of a list, as `TableReader.tables` does."""
        found = super().tables(key, each)
        for reader in found:
            reader.commodity = self.commodity
        return found

    def number(self, key: str, default: object = MISSING) -> Fraction | None:
        """Return an exact number of zero or more, without a float in between; None where it is missing or wrong."""
        value = self.take(key, default)
        if value is None or isinstance(value, Fraction):
            return value
        number = parse_quotient(value)
        if number is None:
            self.fault(f'must be a number such as 3 or "4.50", not {quoted(value)}', key)
        elif number < 0:
            back = (
                ": what is given back has credit = true, or is a rebate" if key in ("rate", "percent") else ""
            )
            self.fault(f"must not be negative, and is {value}{back}", key)
        else:
            return number
        return None

    def day(self, key: str, default: object = MISSING) -> date | None:
        """Return a local day, from a TOML date or from text such as 2026-04-01; None where it is missing or wrong."""
        value = self.take(key, default)
        if value is None:
            return None
        if isinstance(value, str):
            with suppress(ValueError):
                value = date.fromisoformat(value)
        if not isinstance(value, date) or isinstance(value, datetime):
            self.fault(f"must be a day such as 2026-04-01, not {value!r}", key)
            return None
        return value

    def choice[E: StrEnum](self, key: str, kind: type[E], default: E) -> E:
        """Return a member of a closed set of words; `default` where it is missing or wrong."""
        value = self.take(key, default.value)
        if value not in [member.value for member in kind]:
            allowed = ", ".join(member.value for member in kind)
            self.fault(f"is {value!r}; allowed are {allowed}", key)
            return default
        return kind(value)

    def inner(self, key: str) -> "TariffTableReader | None":
        """Return the reader of an inner table; None where it is missing or not a table."""
        value = self.take(key, None)
        if value is None:
            return None
        if not isinstance(value, dict):
            self.fault('must be a table such as {to = "0.01"}', key)
            return None
        reader = TariffTableReader(value, self.place(key), self.faults)
        reader.commodity = self.commodity
        return reader

    def step(self, key: str, unit: str) -> RoundingStep | None:
        """Return a rounding step in `unit`, the unit of the rounded quantity; None where none is given."""
        reader = self.inner(key)
        if reader is None:
            return None
        to = reader.number("to")
        mode = reader.choice("mode", RoundingMode, RoundingMode.HALF_UP)
        if to == 0:
            reader.fault(f"a rounding needs a step above zero, in {unit}", "to")
        # The table of a money rounding has the key `each` as well, which its caller reads before it calls `finish`.
        if key != "round":
            reader.finish()
        return RoundingStep(to, mode) if to else None
