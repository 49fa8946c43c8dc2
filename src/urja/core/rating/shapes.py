"""What rating takes and gives: energy, terms, and an amount for each line with its arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise

from urja.core.calendar import Period
from urja.core.rating.tariff import Tariff
from urja.core.units import Step, exact

ZERO = Fraction(0)
ROUNDING = "rounding"
"""The unit of what a rounding leaves: minor units, at a rate of one."""


class RatingError(ValueError):
    """Energy, days or versions that do not fit together."""


@dataclass(frozen=True, slots=True)
class Use:
    """Energy drawn on the days of a period, in Wh."""

    days: Period
    energy_wh: int


def uses_between(first: date, known_wh: Mapping[date, int]) -> tuple[Use, ...]:
    """The energy between midnights, of what was used from `first` to the midnight at which each day begins."""
    days = sorted(known_wh)
    return tuple(
        Use(Period(begin, end), known_wh[end] - known_wh.get(begin, 0))
        for begin, end in pairwise([first, *days])
    )


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms days are rated, from `first` on: the versions of one tariff, and the sanctioned load."""

    first: date
    versions: tuple[Tariff, ...]
    load_w: int


@dataclass(frozen=True, slots=True)
class Part:
    """One row of a line's arithmetic: `quantity` times `rate` is `amount`, in minor units, before its rounding.

    `key` says which slab, month or base it is, so that the parts of two results can be told from each other.
    """

    key: str
    label: str
    quantity: Fraction
    unit: str
    rate: Fraction
    amount: Fraction
    """After the part's rounding, where the line rounds its parts; else the exact product."""
    weights: tuple[tuple[Period, Fraction], ...]
    """How the part spreads over days, so that a percentage that changes meanwhile can be taken of it."""


@dataclass(frozen=True, slots=True)
class LineTarget:
    """What one line comes to, in minor units, and how."""

    name: str
    title: str
    amount_minor: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """What the billed days up to `through` (without it) come to."""

    billed: Period
    through: date
    lines: tuple[LineTarget, ...]
    versions: tuple[Tariff, ...]
    """Those that the billed days were rated by, in their order."""
    notes: tuple[str, ...]
    """The roundings and splits of quantities, in words."""

    @property
    def total_minor(self) -> int:
        """The sum of all lines."""
        return sum(line.amount_minor for line in self.lines)

    def amount(self, name: str) -> int:
        """What a line comes to; zero where the tariff has no such line."""
        return sum(line.amount_minor for line in self.lines if line.name == name)


def rounded(value: Fraction, step: Step | None, what: str, unit: str, notes: list[str]) -> Fraction:
    if step is None:
        return value
    rounded = step.apply(value)
    if rounded != value:
        notes.append(f"{what} of {exact(value)} {unit} rounded {step.mode} to {exact(rounded)} {unit}")
    return rounded
