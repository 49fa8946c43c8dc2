"""What a tariff is: its charge lines, by what each of them accrues, and which others it is reckoned from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from urja.core.units import Step


class Prorate(StrEnum):
    """How a monthly width or price is scaled to the billed days."""

    MONTH_FRACTION = "month-fraction"
    """Each day is one part of its own calendar month (Delhi)."""
    DAYS_OF_30 = "days-of-30"
    """Each day is one thirtieth (Sri Lanka)."""
    NONE = "none"
    """Whole for each period, however long. A bill of some of its days has its share by days."""


class OnChange(StrEnum):
    """How the change to a version is made that begins inside a billing period."""

    CONTINUE = "continue"
    """Slabs go on, and only what the version changes is another amount."""
    BY_DAYS = "by-days"
    """Each version rates its days as a bill, with its share by days of the energy (BRPL, MSEDCL)."""
    BY_READS = "by-reads"
    """Each version rates its days as a bill, with the energy that was read on them."""


class Each(StrEnum):
    """What a money rounding is applied to."""

    LINE = "line"
    PART = "part"
    """Each slab, each month's part, or each part that a percentage is taken of."""


class Book(StrEnum):
    """Which kind of contra account a line is posted to."""

    REVENUE = "revenue"
    DUTY = "duty"
    """Collected for somebody else: the usual of a percentage, unless the document says otherwise."""


@dataclass(frozen=True, slots=True)
class Slab:
    """A block of energy with its price; bounds in kWh a month, `rate` in minor units per kWh."""

    from_kwh: Fraction
    up_to_kwh: Fraction | None
    rate: Fraction


@dataclass(frozen=True, slots=True)
class Scaling:
    """How bounds in kWh a month become those of a period."""

    prorate: Prorate
    round_width: Step | None
    """Rounding of a pro-rated bound or width, in kWh."""


@dataclass(frozen=True, slots=True)
class SlabTable:
    """The slabs of those whose whole energy is at most `up_to_kwh` a month; of everybody else where it is None."""

    up_to_kwh: Fraction | None
    slabs: tuple[Slab, ...]


@dataclass(frozen=True, slots=True)
class Slabs:
    """Energy priced by how much of it there is in the billing period, block after block."""

    tables: tuple[SlabTable, ...]
    """One, unless which slabs hold depends on the whole energy (Telangana, Tamil Nadu; Kerala above 250 kWh)."""
    scaling: Scaling
    round_energy: Step | None
    """Rounding of the energy itself, in kWh."""


@dataclass(frozen=True, slots=True)
class Band:
    """A price for sanctioned loads, or for a use a month, up to a bound; `rate` in minor units."""

    up_to_kw: Fraction | None
    up_to_kwh: Fraction | None
    rate: Fraction


@dataclass(frozen=True, slots=True)
class PerTime:
    """A price per day or per month, for the connection or for each kW of sanctioned load."""

    monthly: bool
    per_kw: bool
    bands: tuple[Band, ...]
    scaling: Scaling
    """Of the price to days, and of bounds in kWh to the period."""
    round_load: Step | None
    """Rounding of the sanctioned load, in kW."""


@dataclass(frozen=True, slots=True)
class Base:
    """A line, or `share` of it, that a percentage is taken of."""

    line: str
    share: Fraction


@dataclass(frozen=True, slots=True)
class DatedPercent:
    """A percentage from a day on; the first of a line holds from the beginning (`from_day` None)."""

    from_day: date | None
    fraction: Fraction


@dataclass(frozen=True, slots=True)
class UsePercent:
    """A percentage for a use up to a bound a month; the last of a line is open."""

    up_to_kwh: Fraction | None
    fraction: Fraction
    at_most: Fraction | None
    """The most that it comes to a month, either way, in minor units."""


@dataclass(frozen=True, slots=True)
class Percent:
    """A duty, surcharge, rebate or subsidy: a percentage of named lines. A rebate's fractions are negative."""

    rates: tuple[DatedPercent, ...]
    """Empty where `by_use` says it."""
    by_use: tuple[UsePercent, ...]
    at_most: Fraction | None
    """As of each of `by_use`, where that has none of its own."""
    scaling: Scaling
    on: tuple[Base, ...]


@dataclass(frozen=True, slots=True)
class Minimum:
    """What named lines fall short of a price by the month: a minimum charge."""

    price: PerTime
    on: tuple[Base, ...]


@dataclass(frozen=True, slots=True)
class RoundOff:
    """What rounds the sum of named lines: a bill in whole rupees."""

    to: Step
    on: tuple[Base, ...]


type Accrual = Slabs | PerTime | Percent | Minimum | RoundOff


def bases_of(accrual: Accrual) -> tuple[Base, ...]:
    """The lines that a line is reckoned from; none for one that stands by itself."""
    return accrual.on if isinstance(accrual, Percent | Minimum | RoundOff) else ()


@dataclass(frozen=True, slots=True)
class Line:
    """One charge line of a bill."""

    name: str
    title: str
    accrual: Accrual
    step: Step
    """Rounding of money, in minor units."""
    each: Each
    book: Book

    def says_the_same_as(self, other: "Line") -> bool:
        """Whether both come to the same amounts: the title and the account they are posted to do not count."""
        return (self.accrual, self.step, self.each) == (other.accrual, other.step, other.each)


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of a tariff, in force from a local day until the next version of its code."""

    code: str
    version: str
    title: str
    currency: str
    exponent: int
    """Decimals of the currency: 2 where a rupee has 100 paise."""
    valid_from: date
    period_starts_on: int
    on_change: OnChange
    """How the change to this version is made."""
    round_units: Step | None
    """Rounding of the energy before a change by days, in kWh."""
    modelled_on: str
    lines: tuple[Line, ...]
    sha256: str = field(repr=False)

    def line(self, name: str) -> Line:
        """The line of a name; KeyError if there is none."""
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(name)

    def unlike(self, other: "Tariff") -> str:
        """In what it cannot follow a version of its code, in words; empty where it can.

        Periods that begin on another day would have days in common with those of before, which are charged twice then;
        an account is of one currency.
        """
        if self.period_starts_on != other.period_starts_on:
            return f"its periods begin on day {self.period_starts_on}, those of version {other.version} on day {other.period_starts_on}"
        if (self.currency, self.exponent) != (other.currency, other.exponent):
            return (
                f"it is in {self.currency} with {self.exponent} decimals, version {other.version} in {other.currency} "
                f"with {other.exponent}"
            )
        return ""


def order_of(lines: Sequence[Line]) -> tuple[list[str], list[list[str]]]:
    """Names with bases first, and the cycles that prevent it; versions of a line count as one line."""
    bases: dict[str, list[str]] = {}
    for line in lines:
        bases.setdefault(line.name, []).extend(base.line for base in bases_of(line.accrual))
    done: list[str] = []
    cycles: list[list[str]] = []

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            cycle = path[path.index(name) :]
            if not any(set(cycle) == set(known) for known in cycles):
                cycles.append(cycle)
            return
        if name in done or name not in bases:
            return
        for base in bases[name]:
            visit(base, [*path, name])
        done.append(name)

    for name in bases:
        visit(name, [])
    return done, cycles
