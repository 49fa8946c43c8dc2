"""Reader of the value types of a policy document: whole numbers, amounts, times of day, words."""

from datetime import date, datetime
from fractions import Fraction
from typing import Any, Final

from urja.core.table_reader import MISSING, TableReader
from urja.core.units import parse_exact, quoted

MINUTES_PER_DAY: Final = 24 * 60
WEEKDAYS: Final = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


class PolicyTableReader(TableReader):
    """One table of a policy document."""

    def whole(self, key: str, default: Any = MISSING, *, low: int = 0, high: int = 1_000_000) -> int:
        """Return a whole number between bounds; `low` where it is missing or wrong."""
        value = self.take(key, default)
        if value is None:
            return low
        # In Python True is an int: `days = true` would otherwise be one day.
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.fault(f"must be a whole number from {low} to {high}, not {value!r}", key)
            return low
        return value

    def number(self, key: str, default: Any = MISSING) -> Fraction:
        """Return an exact number; zero where it is missing or wrong."""
        value = self.take(key, default)
        if value is None:
            return Fraction(0)
        number = parse_exact(value)
        if number is None:
            self.fault(f'must be a number such as 3 or "4.50", not {quoted(value)}', key)
        return number or Fraction(0)

    def amount(self, key: str, default: Any = MISSING, *, decimals: int, negative: bool = False) -> int:
        """Return an amount in minor units, written in major units in the document; zero where it is missing or wrong."""
        value = self.number(key, default) * 10**decimals
        if value.denominator != 1:
            self.fault(f"has more than the {decimals} decimals of the currency", key)
        if value < 0 and not negative:
            self.fault("must not be negative", key)
            return 0
        return int(value)

    def truth(self, key: str, *, default: bool) -> bool:
        """Return a boolean; `default` where it is missing or wrong."""
        value = self.take(key, default)
        if not isinstance(value, bool):
            self.fault(f"must be true or false, not {quoted(value)}", key)
            return default
        return value

    def wholes(self, key: str, *, low: int, high: int) -> tuple[int, ...]:
        """Return a list of different whole numbers, largest first; empty where it is not given or wrong."""
        value = self.take(key, [])
        whole = isinstance(value, list) and all(
            isinstance(item, int) and not isinstance(item, bool) and low <= item <= high for item in value
        )
        if not whole or len(set(value)) != len(value):
            self.fault(f"must be a list of different whole numbers from {low} to {high}, not {value!r}", key)
            return ()
        return tuple(sorted(value, reverse=True))

    def words(self, key: str, allowed: tuple[str, ...] | None = None) -> tuple[str, ...]:
        """Return a list of different words, of a closed set where one is given; empty where it is not given."""
        value = self.take(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) and item.strip() for item in value):
            self.fault(f"must be a list of words, not {value!r}", key)
            return ()
        for item in value if allowed else ():
            if item not in (allowed or ()):
                self.fault(f"has {item!r}; allowed are {', '.join(allowed or ())}", key)
        if len(set(value)) != len(value):
            self.fault("names something twice", key)
        return tuple(value)

    def day(self, key: str) -> date:
        """Return a local day; `date.min` where it is missing or wrong."""
        value = self.take(key)
        if value is None:
            return date.min
        if not isinstance(value, date) or isinstance(value, datetime):
            self.fault(f"must be a day such as 2026-04-01, not {value!r}", key)
            return date.min
        return value

    def minutes(self, key: str) -> int:
        """Return a time of day such as "18:00" as minutes since midnight; "24:00" is the end of the day."""
        value = self.take(key)
        if value is None:
            return 0
        found = _as_minutes(value)
        if found is None:
            self.fault(f'must be a time of day such as "18:00", not {value!r}', key)
        return found or 0

    def weekday(self, key: str) -> int:
        """Return a weekday by its number; Monday is 0."""
        value = self.take(key)
        if value in WEEKDAYS:
            return WEEKDAYS.index(value)
        if value is not None:
            self.fault(f"is {value!r}; allowed are {', '.join(WEEKDAYS)}", key)
        return 0

    def table(self, key: str) -> "PolicyTableReader":
        """Return the reader of an inner table, or of an empty one where it is not given.

        Each key of an empty table then has its default, or is reported as missing.
        """
        value = self.take(key, {})
        if not isinstance(value, dict):
            self.fault("must be a table", key)
            value = {}
        return PolicyTableReader(value, self.place(key), self.faults)


def _as_minutes(value: object) -> int | None:
    if not isinstance(value, str) or len(value) != 5 or value[2] != ":":
        return None
    hours, minutes = value[:2], value[3:]
    if not (hours.isascii() and hours.isdigit() and minutes.isascii() and minutes.isdigit()):
        return None
    total = int(hours) * 60 + int(minutes)
    return total if int(minutes) < 60 and total <= MINUTES_PER_DAY else None
