"""The model of a tariff version: its charge lines, what each accrues by, and which lines others are calculated from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from urja.core.units import RoundingStep


class Prorate(StrEnum):
    """How a width or price for a month is scaled to the billed days."""

    MONTH_FRACTION = "month-fraction"
    """Each day counts as one part of its own calendar month (Delhi)."""
    DAYS_OF_30 = "days-of-30"
    """Each day counts as one thirtieth (Sri Lanka)."""
    NONE = "none"
    """The whole value for each period, however long; a bill of some of its days has a share by days."""


class OnChange(StrEnum):
    """How the change to a version is made that begins inside a billing period."""

    CONTINUE = "continue"
    """The bill and its slabs continue; only the lines that the version changes have another price."""
    BY_DAYS = "by-days"
    """Each version rates its days as a bill of their own, with a share of the energy by days (BRPL, MSEDCL)."""
    BY_READS = "by-reads"
    """Each version rates its days as a bill of their own, with the energy read on them."""


class RoundingScope(StrEnum):
    """What the rounding of money is applied to."""

    LINE = "line"
    PART = "part"
    """Each slab, each month, or each part that a percentage is taken of."""


class ContraKind(StrEnum):
    """The kind of contra account that a line is posted to."""

    REVENUE = "revenue"
    DUTY = "duty"
    """Collected for the state, such as electricity duty: the default of a percentage."""


@dataclass(frozen=True, slots=True)
class Slab:
    """A block of energy with its price: bounds in kWh a month, `rate` in minor units per kWh."""

    from_kwh: Fraction
    up_to_kwh: Fraction | None
    rate: Fraction


@dataclass(frozen=True, slots=True)
class Scaling:
    """How bounds in kWh a month become bounds of a billing period."""

    prorate: Prorate
    round_width: RoundingStep | None
    """Rounding of a prorated bound or width, in kWh."""


@dataclass(frozen=True, slots=True)
class SlabTable:
    """The slabs for a use of at most `up_to_kwh` a month; None is for every larger use."""

    up_to_kwh: Fraction | None
    slabs: tuple[Slab, ...]


@dataclass(frozen=True, slots=True)
class Slabs:
    """Energy priced slab by slab, by how much of it the billing period has."""

    tables: tuple[SlabTable, ...]
    """One table, unless the slabs depend on the total use (Telangana, Tamil Nadu; Kerala above 250 kWh)."""
    scaling: Scaling
    round_energy: RoundingStep | None
    """Rounding of the energy before it is priced, in kWh."""


@dataclass(frozen=True, slots=True)
class Band:
    """A price up to a sanctioned load (kW) or up to a use a month (kWh); `rate` in minor units."""

    up_to_kw: Fraction | None
    up_to_kwh: Fraction | None
    rate: Fraction


@dataclass(frozen=True, slots=True)
class PerTime:
    """A price for each day or month, for the service point or for each kW of sanctioned load."""

    monthly: bool
    per_kw: bool
    bands: tuple[Band, ...]
    scaling: Scaling
    """Of a monthly price to days, and of bounds in kWh to the period."""
    round_load: RoundingStep | None
    """Rounding of the sanctioned load, in kW."""


@dataclass(frozen=True, slots=True)
class BaseLine:
    """A charge line, or a `share` of it, that another line is calculated from."""

    line: str
    share: Fraction


@dataclass(frozen=True, slots=True)
class DatedPercent:
    """A percentage from a day on, as a fraction; the first of a line applies from the beginning (`from_day` None)."""

    from_day: date | None
    fraction: Fraction


@dataclass(frozen=True, slots=True)
class UsePercent:
    """A percentage for a use up to a bound in kWh a month, as a fraction; the last of a line has no bound."""

    up_to_kwh: Fraction | None
    fraction: Fraction
    at_most: Fraction | None
    """Cap of the amount for a month, in minor units, whatever its sign."""


@dataclass(frozen=True, slots=True)
class Percent:
    """A duty, surcharge, rebate or subsidy: a percentage of named lines. A rebate's fractions are negative."""

    rates: tuple[DatedPercent, ...]
    """Empty where `by_use` has the percentages."""
    by_use: tuple[UsePercent, ...]
    at_most: Fraction | None
    """Cap as in `by_use`, where the entry there has none of its own."""
    scaling: Scaling
    on: tuple[BaseLine, ...]


@dataclass(frozen=True, slots=True)
class Minimum:
    """A minimum charge: a price by the month less the amounts of named lines, at least zero."""

    price: PerTime
    on: tuple[BaseLine, ...]


@dataclass(frozen=True, slots=True)
class RoundOff:
    """The rounding of the sum of named lines, such as a bill in whole rupees."""

    to: RoundingStep
    on: tuple[BaseLine, ...]


type Accrual = Slabs | PerTime | Percent | Minimum | RoundOff


def bases_of(accrual: Accrual) -> tuple[BaseLine, ...]:
    """Return the lines that a charge line is calculated from; none for one that depends on no other."""
    return accrual.on if isinstance(accrual, Percent | Minimum | RoundOff) else ()


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One charge line of a bill."""

    name: str
    title: str
    accrual: Accrual
    step: RoundingStep
    """Rounding of the amount, in minor units."""
    each: RoundingScope
    book: ContraKind

    def charges_like(self, other: "ChargeLine") -> bool:
        """Return whether both lines charge alike: their titles and contra accounts are not compared."""
        return (self.accrual, self.step, self.each) == (other.accrual, other.step, other.each)


@dataclass(frozen=True, slots=True)
class Tariff:
    """One version of a tariff, in force from a local day until the next version with its code."""

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
    round_units: RoundingStep | None
    """With `on_change` by days: rounding of the energy before the change, in kWh."""
    modelled_on: str
    lines: tuple[ChargeLine, ...]
    sha256: str = field(repr=False)

    def line(self, name: str) -> ChargeLine:
        """Return the line of a name; raises KeyError where there is none."""
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(name)

    def conflict_with(self, other: "Tariff") -> str:
        """Return why this version cannot follow another of its code, as a sentence; empty where it can.

        Periods that begin on another day of the month would overlap those before, and the shared days would be
        charged twice; an account has one currency.
        """
        if self.period_starts_on != other.period_starts_on:
            return f"its periods begin on day {self.period_starts_on}, those of version {other.version} on day {other.period_starts_on}"
        if (self.currency, self.exponent) != (other.currency, other.exponent):
            return (
                f"it is in {self.currency} with {self.exponent} decimals, version {other.version} in {other.currency} "
                f"with {other.exponent}"
            )
        return ""


def calculation_order(lines: Sequence[ChargeLine]) -> tuple[list[str], list[list[str]]]:
    """Return the names of lines with bases first, and the cycles that prevent such an order.

    Versions of a line count as one line, which depends on the bases of all of them.
    """
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
