"""Numbers and days of the second rater: exact fractions, units, rounding."""

from calendar import monthrange
from datetime import date, timedelta
from fractions import Fraction

from urja.base.untyped_values import JsonObject

type Table = JsonObject
type ByDay = dict[date, Fraction]

ZERO = Fraction(0)
UNITS = {
    "kWh": Fraction(1000),
    "MWh": Fraction(1_000_000),
    "kVAh": Fraction(1000),
    "kvarh": Fraction(1000),
    "m3": Fraction(1000),
    "SCM": Fraction(1000),
    "MJ": Fraction(10**6, 3600),
    "GJ": Fraction(10**9, 3600),
    "MMBtu": Fraction("1055.05585262") * 10**6 / 3600,
}
"""Wh, VAh, varh or litres in one unit."""


def rounded_by(rounding: Table, value: Fraction) -> Fraction:
    return rounded(value, Fraction(rounding["to"]), rounding.get("mode", "half-up"))


def rounded(value: Fraction, to: Fraction, mode: str) -> Fraction:
    """Return a multiple of `to`."""
    sign = -1 if value < 0 else 1
    whole, rest = divmod(abs(value), to)
    half = to / 2
    if mode == "half-up":
        up = rest >= half
    elif mode == "half-even":
        up = rest > half or (rest == half and whole % 2 == 1)
    elif mode == "up":
        up = rest > 0
    else:
        up = False
    return sign * to * (whole + (1 if up else 0))


def as_day(value: str | date) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def days_between(first: date, end: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((end - first).days)]


def days_in_month(day: date) -> int:
    return monthrange(day.year, day.month)[1]
