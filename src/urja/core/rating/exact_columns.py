"""Exact numbers of many accounts: an array of integers over one common denominator, with a bound that is proven first.

Each operation calculates the bound of its result in integers of any size, from the bounds of what it is given, before it
touches an array. Where 64 bits might not hold the result it raises BeyondBoundsError, so that no element ever wraps around.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import gcd, lcm
from typing import Final, Self, assert_never

import numpy as np
from numpy.typing import NDArray

from urja.core.units import RoundingMode, RoundingStep

type Integers = NDArray[np.int64]
type Mask = NDArray[np.bool_]

LARGEST: Final = 2**63 - 1


class BeyondBoundsError(ArithmeticError):
    """A result that 64 bits might not hold."""


@dataclass(frozen=True, slots=True)
class Column:
    """A number of each account: `numerators` over `denominator`."""

    numerators: Integers
    denominator: int
    most: int
    """No numerator is larger, whatever its sign."""

    @classmethod
    def of(cls, values: Sequence[int], denominator: int = 1) -> Self:
        """Return a column of integers over a denominator."""
        most = _proven(max(map(abs, values), default=0))
        return cls(np.array(values, np.int64), denominator, most)

    @classmethod
    def constant(cls, value: Fraction, accounts: int) -> Self:
        """Return a column with one number for all accounts."""
        most = _proven(abs(value.numerator))
        return cls(np.full(accounts, value.numerator, np.int64), value.denominator, most)

    @property
    def fractions(self) -> list[Fraction]:
        """The numbers, account by account."""
        return [Fraction(numerator, self.denominator) for numerator in self.numerators.tolist()]

    def times(self, factor: Fraction) -> "Column":
        """Return each number times a factor."""
        common = gcd(factor.numerator, self.denominator)
        by = factor.numerator // common
        most = _proven(self.most * abs(by), abs(by))
        return Column(self.numerators * by, self.denominator // common * factor.denominator, most)

    def plus(self, other: "Column") -> "Column":
        """Return the sums of two columns."""
        common = lcm(self.denominator, other.denominator)
        mine, others = self.over(common), other.over(common)
        most = _proven(mine.most + others.most)
        return Column(mine.numerators + others.numerators, common, most)

    def minus(self, other: "Column") -> "Column":
        """Return the differences of two columns."""
        return self.plus(other.times(Fraction(-1)))

    def at_most(self, bound: Fraction) -> "Column":
        """Return each number, or the bound where it is larger."""
        column, limit = self._beside(bound)
        return Column(np.minimum(column.numerators, limit), column.denominator, max(column.most, abs(limit)))

    def at_least(self, bound: Fraction) -> "Column":
        """Return each number, or the bound where it is smaller."""
        column, limit = self._beside(bound)
        return Column(np.maximum(column.numerators, limit), column.denominator, max(column.most, abs(limit)))

    def exceeds(self, bound: Fraction) -> Mask:
        """Return which numbers are larger than a bound."""
        column, limit = self._beside(bound)
        return column.numerators > limit

    def where(self, chosen: Mask) -> "Column":
        """Return the numbers of the chosen accounts, and zero for the others."""
        return Column(np.where(chosen, self.numerators, 0), self.denominator, self.most)

    def rounded(self, step: RoundingStep) -> "Column":
        """Return each number rounded by a step, as `RoundingStep.apply` does."""
        steps = self.times(1 / step.to)
        whole = _to_integers(steps, step.mode)
        # A rounding moves a number by less than one step.
        return Column(whole, 1, steps.most // steps.denominator + 1).times(step.to)

    def over(self, denominator: int) -> "Column":
        """Return the same numbers over a multiple of the denominator."""
        by = denominator // self.denominator
        if by == 1:
            return self
        most = _proven(self.most * by, by)
        return Column(self.numerators * by, denominator, most)

    def _beside(self, bound: Fraction) -> "tuple[Column, int]":
        """Return the column and the numerator of a bound, both over their common denominator."""
        common = lcm(self.denominator, bound.denominator)
        limit = bound.numerator * (common // bound.denominator)
        _proven(abs(limit))
        return self.over(common), limit


def sum_of(columns: Sequence[Column], accounts: int) -> Column:
    """Return the sums of columns, zero where there are none."""
    total = Column.constant(Fraction(0), accounts)
    for column in columns:
        total = total.plus(column)
    return total


def _proven(*bounds: int) -> int:
    """Return the first bound; raises BeyondBoundsError where 64 bits do not hold all of them."""
    if max(bounds) > LARGEST:
        raise BeyondBoundsError(f"numbers of up to {max(bounds)} do not fit into 64 bits")
    return bounds[0]


def _to_integers(column: Column, mode: RoundingMode) -> Integers:
    """Return the integer that each number is rounded to."""
    of = column.denominator
    # The largest number that is calculated below.
    _proven(2 * column.most + of, 2 * of)
    size, sign = np.abs(column.numerators), np.sign(column.numerators)
    down = size // of
    match mode:
        case RoundingMode.DOWN:
            whole = down
        case RoundingMode.UP:
            whole = -(-size // of)
        case RoundingMode.HALF_UP:
            whole = (2 * size + of) // (2 * of)
        case RoundingMode.HALF_EVEN:
            twice = 2 * (size - down * of)
            whole = down + ((twice > of) | ((twice == of) & (down % 2 == 1)))
        case _:
            assert_never(mode)
    found: Integers = sign * whole
    return found
