"""The inputs and results of rating: energy, terms, and an amount for each charge line with its arithmetic."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise

from urja.core.calendar import Period
from urja.core.rating.tariff import Tariff
from urja.core.units import RoundingStep, exact_text

ZERO = Fraction(0)
ROUNDING = "rounding"
"""The unit of a rounding difference: minor units, at a rate of one."""


class RatingError(ValueError):
    """Energy, days or tariff versions that contradict each other."""


@dataclass(frozen=True, slots=True)
class EnergyUse:
    """Energy imported on the days of a period, in Wh."""

    days: Period
    energy_wh: int


def uses_between(first: date, known_wh: Mapping[date, int]) -> tuple[EnergyUse, ...]:
    """Return the energy between midnights, from the energy used since `first` by the beginning of each day, in Wh."""
    days = sorted(known_wh)
    return tuple(
        EnergyUse(Period(begin, end), known_wh[end] - known_wh.get(begin, 0))
        for begin, end in pairwise([first, *days])
    )


@dataclass(frozen=True, slots=True)
class RatingTerms:
    """The terms of an agreement from `first` on: the versions of its tariff, and the sanctioned load in W."""

    first: date
    versions: tuple[Tariff, ...]
    load_w: int


@dataclass(frozen=True, slots=True)
class LinePart:
    """One row of a line's arithmetic: `quantity` times `rate` is `amount`, in minor units.

    `key` identifies the slab, month or base, so that the parts of two results can be compared.
    """

    key: str
    label: str
    quantity: Fraction
    unit: str
    rate: Fraction
    amount: Fraction
    """After the part's rounding where the line rounds its parts; else the exact product."""
    weights: tuple[tuple[Period, Fraction], ...]
    """How the part spreads over days, for a percentage of it that changes on a day."""


@dataclass(frozen=True, slots=True)
class RatedLine:
    """The amount of one charge line in minor units, with its parts."""

    name: str
    title: str
    amount_minor: int
    parts: tuple[LinePart, ...]


@dataclass(frozen=True, slots=True)
class RatedPeriod:
    """The charges of the billed days up to `through` (exclusive)."""

    billed: Period
    through: date
    lines: tuple[RatedLine, ...]
    versions: tuple[Tariff, ...]
    """The tariff versions that rated the billed days, in their order."""
    notes: tuple[str, ...]
    """Roundings and splits of quantities, in words for a bill's explanation."""

    @property
    def total_minor(self) -> int:
        """The sum of all lines, in minor units."""
        return sum(line.amount_minor for line in self.lines)

    def amount(self, name: str) -> int:
        """Return the amount of a line in minor units; zero where the tariff has no such line."""
        return sum(line.amount_minor for line in self.lines if line.name == name)


def rounded(value: Fraction, step: RoundingStep | None, what: str, unit: str, notes: list[str]) -> Fraction:
    """Round a quantity by a step, if there is one, and note it where that changes the quantity."""
    if step is None:
        return value
    rounded = step.apply(value)
    if rounded != value:
        notes.append(
            f"{what} of {exact_text(value)} {unit} rounded {step.mode} to {exact_text(rounded)} {unit}"
        )
    return rounded
