"""Exact quantities: money in minor units, energy in Wh, and roundings that have a name.

Nothing here is a float. A value under way is a `Fraction`; it becomes an integer in one place, by a `Step` that
the tariff document states.
"""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from fractions import Fraction
from math import ceil, floor
from typing import Any, assert_never


class Mode(StrEnum):
    """What a rounding does with the part that is left over."""

    HALF_UP = "half-up"
    """To the nearest, a half away from zero: what bills mean by rounding."""
    HALF_EVEN = "half-even"
    UP = "up"
    """Away from zero."""
    DOWN = "down"
    """Towards zero."""


@dataclass(frozen=True, slots=True)
class Step:
    """A named rounding: to a multiple of `to`, by `mode`."""

    to: Fraction
    mode: Mode = Mode.HALF_UP

    def apply(self, value: Fraction) -> Fraction:
        """The multiple of `to` that stands for `value`."""
        return self.to * _to_integer(value / self.to, self.mode)


def _to_integer(value: Fraction, mode: Mode) -> int:
    match mode:
        case Mode.HALF_EVEN:
            return round(value)
        case Mode.DOWN:
            return int(value)
        case Mode.UP:
            return ceil(value) if value > 0 else floor(value)
        case Mode.HALF_UP:
            return floor(value + Fraction(1, 2)) if value >= 0 else ceil(value - Fraction(1, 2))
        case _:
            assert_never(mode)


MINOR = Step(Fraction(1))
"""Half-up to one minor unit: the rounding of a line whose document states no other."""


def to_minor(value: Fraction, mode: Mode = Mode.HALF_UP) -> int:
    """An amount under way, in minor units, as the integer that is posted."""
    return _to_integer(value, mode)


_MOST_DECIMALS = 12


def exact(value: Fraction) -> str:
    """A fraction as text that loses nothing: a decimal where it ends soon, else `n/d`."""
    if value.denominator == 1:
        return str(value.numerator)
    for decimals in range(1, _MOST_DECIMALS + 1):
        if 10**decimals % value.denominator == 0:
            return major(value * 10**decimals, decimals)
    return f"{value.numerator}/{value.denominator}"


_MOST_DIGITS = 18
_LONGEST_SHOWN = 60


def written_number(value: Any) -> Fraction | None:
    """What a document has for a number, exactly: 3, 4.5 read as a Decimal, "4.50"; None for anything else.

    Numbers with more than 18 digits before or behind the point are none that anybody means, and would take for ever.
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


def shown(value: Any) -> str:
    """A document's value in a sentence about it, and never longer than that sentence."""
    text = str(value) if isinstance(value, Decimal) else repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}…"


def major(amount_minor: int | Fraction, exponent: int) -> str:
    """An amount in major units with its usual decimals, such as `-1234.50`; more decimals are cut, not rounded."""
    minor = int(amount_minor)
    sign, digits = ("-" if minor < 0 else ""), str(abs(minor)).rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}" if exponent else f"{sign}{digits}"
