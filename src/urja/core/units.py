"""Exact quantities: money in minor units (paise), energy in Wh, and named roundings.

No value here is a float. An intermediate value is a `Fraction`; it becomes an integer in one place, by a `Step` that
the tariff document states.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor
from typing import Final, assert_never

MOST_MINOR: Final = 9 * 10**12
"""Largest amount of money that is taken, above zero or below it: the sum of a million of them has 64 bits.

In rupees it is ninety billion (9,000 crore), more than a government pays a utility at once.
"""


class RoundingMode(StrEnum):
    """The direction of a rounding."""

    HALF_UP = "half-up"
    """To the nearest, a half away from zero: what bills call rounding."""
    HALF_EVEN = "half-even"
    """To the nearest, a half to the even neighbour."""
    UP = "up"
    """Away from zero."""
    DOWN = "down"
    """Towards zero."""


@dataclass(frozen=True, slots=True)
class RoundingStep:
    """A rounding to a multiple of `to`, in the unit of the value that is rounded."""

    to: Fraction
    mode: RoundingMode = RoundingMode.HALF_UP

    def apply(self, value: Fraction) -> Fraction:
        """Return the multiple of `to` that `value` is rounded to."""
        return self.to * _to_integer(value / self.to, self.mode)


def _to_integer(value: Fraction, mode: RoundingMode) -> int:
    match mode:
        case RoundingMode.HALF_EVEN:
            # Python's round is half-even, for fractions too.
            return round(value)
        case RoundingMode.DOWN:
            # int() truncates towards zero, also below zero; floor() would round a negative amount away from it.
            return int(value)
        case RoundingMode.UP:
            return ceil(value) if value > 0 else floor(value)
        case RoundingMode.HALF_UP:
            return floor(value + Fraction(1, 2)) if value >= 0 else ceil(value - Fraction(1, 2))
        case _:
            assert_never(mode)


TO_MINOR_UNIT = RoundingStep(Fraction(1))
"""Half-up to one minor unit: the rounding of a charge line whose document states no other."""


def to_minor(value: Fraction) -> int:
    """Round an amount in minor units half-up to the integer that is posted."""
    return _to_integer(value, RoundingMode.HALF_UP)


_MOST_DECIMALS = 12


def exact_text(value: Fraction) -> str:
    """Return a fraction as text without loss: a decimal of at most 12 places where one exists, else `n/d`."""
    if value.denominator == 1:
        return str(value.numerator)
    for decimals in range(1, _MOST_DECIMALS + 1):
        if 10**decimals % value.denominator == 0:
            return major_text(value * 10**decimals, decimals)
    return f"{value.numerator}/{value.denominator}"


_MOST_DIGITS = 18
"""An exponent such as 1e999999 would be a number of a million digits: a document must not cost minutes to parse."""
_LONGEST_SHOWN = 60


def parse_exact(value: object) -> Fraction | None:
    """Return the exact value of a number in a document (3, 4.5 parsed as Decimal, "4.50"), or None for anything else.

    Numbers with more than 18 digits before or behind the decimal point are refused.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
        return None
    try:
        number = Decimal(value)
    except (InvalidOperation, ValueError):
        return None
    if not number.is_finite():
        return None
    exponent = number.as_tuple().exponent
    if number.adjusted() >= _MOST_DIGITS or (isinstance(exponent, int) and exponent < -_MOST_DIGITS):
        return None
    return Fraction(number)


def parse_quotient(value: object) -> Fraction | None:
    """Return the exact value of a number, or of a quotient of two such as "5/1.05"; None for anything else."""
    if not isinstance(value, str) or "/" not in value:
        return parse_exact(value)
    above, _, below = value.partition("/")
    dividend, divisor = parse_exact(above), parse_exact(below)
    return dividend / divisor if dividend is not None and divisor else None


def quoted(value: object) -> str:
    """Return a document's value for an error message, cut at 60 characters."""
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def major_text(amount_minor: int | Fraction, exponent: int) -> str:
    """Return an amount of minor units as text in major units with `exponent` decimals, such as `-1234.50`.

    Fractions of a minor unit are cut off, not rounded.
    """
    minor = int(amount_minor)
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"
