"""The model of a tariff version: its charge lines, its billing periods, and what it needs to be rated."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction
from functools import cached_property

from urja.core.rating.accruals import (
    Accrual,
    BilledDemand,
    Demand,
    DemandBasis,
    DemandBounds,
    LoadBasis,
    LoadFactor,
    Measure,
    Minimum,
    MoneyRebate,
    PerTime,
    PowerFactor,
    Slabs,
    ZonePercents,
    Zones,
    bases_of,
)
from urja.core.rating.priced_quantities import BILLED
from urja.core.units import RoundingStep


class OnChange(StrEnum):
    """How the change to a version is made that begins inside a billing period."""

    CONTINUE = "continue"
    """The bill and its slabs continue; only the lines that the version changes have another price."""
    BY_DAYS = "by-days"
    """Each version rates its days as a bill of their own, with a share of the energy by days (BRPL, MSEDCL)."""
    BY_READS = "by-reads"
    """Each version rates its days as a bill of their own, with the energy read on them."""


class Commodity(StrEnum):
    """What a tariff prices: the commodity of the service points that it may bill."""

    ELECTRICITY = "electricity"
    GAS = "gas"

    @property
    def unit(self) -> str:
        """The unit that prices, bounds and billed quantities are in: kWh, or m³ of gas as the register counts it."""
        return "m³" if self is Commodity.GAS else "kWh"

    @property
    def meter_unit(self) -> str:
        """The thousandth of `unit` in which registers and intervals count: Wh or L."""
        return "L" if self is Commodity.GAS else "Wh"


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
    RECEIVABLE = "receivable"
    """Owed by another than the consumer, such as a subsidy: the default of a line with `claim_on`."""


class Settles(StrEnum):
    """When a line is charged inside a billing period."""

    PROGRESSIVE = "progressive"
    """With what the period has so far."""
    PER_DAY = "per-day"
    """By the elapsed days."""
    AT_CLOSE = "at-close"
    """Once the period is over: until then it is in the reserve."""


BILLED_KWH = Measure("", "kWh", Fraction(1000))
"""The measure of a line of electricity that names no quantity."""


def billed_measure(commodity: Commodity) -> Measure:
    """Return the measure of a line that names no quantity."""
    return Measure("", commodity.unit, BILLED_KWH.size)


@dataclass(frozen=True, slots=True)
class BillingCycle:
    """How long billing periods are: some months, half a month (`months` 0), or some days (`months` None)."""

    months: int | None = 1
    first_month: int = 1
    """The month (1 to 12) in which one of several months begins."""
    days: int = 1
    counted_from: date = date(1970, 1, 1)
    """A day on which one of some days begins."""

    def __str__(self) -> str:
        if self.months is None:
            return f"{self.days} days from {self.counted_from}" if self.days > 1 else "a day"
        if self.months == 0:
            return "half a month"
        return f"{self.months} months from month {self.first_month}" if self.months > 1 else "a month"


@dataclass(frozen=True, slots=True)
class NetMetering:
    """Export set off against import, and banked from period to period."""

    by_zones: bool
    """Whether each zone has a bank of its own."""
    settlement_month: int | None
    """The month (1 to 12) with the last day of the period that settles the bank; None where it never is."""
    settles_at_end: bool = False
    """Whether the last period of an agreement settles the bank, whatever its month."""


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
    measure: Measure = BILLED_KWH
    settles: Settles = Settles.PROGRESSIVE
    claim_on: str = ""
    """The body that owes the utility what this line gives the consumer; empty where the utility bears it."""

    @property
    def at_close(self) -> bool:
        """Whether it is charged only once the period is over."""
        return self.settles is Settles.AT_CLOSE

    @property
    def demand(self) -> DemandBasis | None:
        """The demand that it prices, is a minimum by, or has bounds or a load factor of; None where it goes by no demand."""
        match self.accrual:
            case (Demand() as basis) | Minimum(price=Demand() as basis) | LoadFactor(basis=basis):
                return basis
            case Slabs(by_demand=DemandBounds(basis=basis)):
                return basis
            case _:
                return None

    def charges_like(self, other: "ChargeLine") -> bool:
        """Return whether both lines charge alike: their titles and contra accounts are not compared."""
        mine, others = (
            (line.accrual, line.step, line.each, line.measure, line.settles) for line in (self, other)
        )
        return mine == others


# Without slots: what follows from its lines is calculated once.
@dataclass(frozen=True)
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
    commodity: Commodity = Commodity.ELECTRICITY
    calendar: str = ""
    """Code of the calendar of time of day by which its energy is put into zones; empty where it has none."""
    zones: tuple[tuple[str, int], ...] = ()
    """Names of the calendar's zones with their numbers."""
    net_metering: NetMetering | None = None
    cycle: BillingCycle = BillingCycle()

    @property
    def needs(self) -> frozenset[str]:
        """What its lines need besides the billed quantity and the sanctioned load in kW: rating raises without it.

        Determinants by name; what an agreement's terms must state, in words.
        """
        return self.determinants | self.facts

    @property
    def facts(self) -> frozenset[str]:
        """What an agreement's terms must state besides the sanctioned load in kW, in words."""
        return frozenset(fact for line in self.lines for fact in _facts_of(line))

    @cached_property
    def loads(self) -> frozenset[tuple[LoadBasis, bool]]:
        """The loads that its lines go by besides the sanctioned one in kW, and whether each is in kVA."""
        return frozenset(load for line in self.lines for load in _loads_of(line))

    @property
    def goes_by_kw(self) -> bool:
        """Whether one of its lines goes by the sanctioned load in kW."""
        return any((LoadBasis.SANCTIONED, False) in _named_loads(line) for line in self.lines)

    @cached_property
    def determinants(self) -> frozenset[str]:
        """Names of the determinants that its lines need besides the billed quantity."""
        needed: set[str] = set()
        for line in self.lines:
            if line.measure.quantity:
                needed.add(line.measure.quantity)
            if isinstance(line.accrual, Slabs) and line.accrual.priced_by and line.accrual.priced_by.quantity:
                needed.add(line.accrual.priced_by.quantity)
            if isinstance(line.accrual, Zones | ZonePercents):
                name = line.measure.quantity or BILLED[self.commodity]
                needed |= {f"{name}_z{number}" for _, number in self.zones}
            if line.demand is not None and (line.demand.goes_by_record or line.demand.ratchet):
                needed |= {*line.demand.quantities, *line.demand.apparent_quantities}
            if isinstance(line.accrual, LoadFactor) and line.accrual.basis.apparent:
                needed.add("import_vah")
            if isinstance(line.accrual, MoneyRebate):
                needed.add(line.accrual.of)
            if isinstance(line.accrual, PowerFactor):
                needed |= set(line.accrual.by)
        if self.net_metering is not None:
            # What is netted is no determinant: the engine makes it of the import and the export of each bank.
            needed = {name for name in needed if not name.startswith("netted_import_wh")}
            needed |= {
                f"{name}{suffix}" for name in ("import_wh", "export_wh") for suffix in self.banks.values()
            }
        return frozenset(needed)

    @cached_property
    def commons(self) -> frozenset[tuple[str, str]]:
        """The common quantities that its lines price, each with how it is shared."""
        return frozenset(
            (line.measure.quantity, line.measure.share) for line in self.lines if line.measure.share
        )

    @property
    def banks(self) -> dict[int, str]:
        """Numbers of the banks of its net metering (0: of all times), with the ends of the names of their determinants."""
        if self.net_metering is None:
            return {}
        return {number: f"_z{number}" for _, number in self.zones} if self.net_metering.by_zones else {0: ""}

    @property
    def recorded_demands(self) -> tuple[tuple[str, ...], ...]:
        """Names of maximum demands, in groups of which a closed period must have one: rating raises without."""
        found: list[tuple[str, ...]] = []
        for line in self.lines:
            if line.demand is not None and line.demand.goes_by_record:
                found += [line.demand.quantities]
                found += [line.demand.apparent_quantities] if line.demand.apparent_quantities else []
        return tuple(found)

    @property
    def ratchets(self) -> Mapping[str, int]:
        """How many earlier periods its ratchets go back, by the name of the maximum demand."""
        found: dict[str, int] = {}
        for line in self.lines:
            if line.demand is not None and line.demand.ratchet is not None:
                for name in line.demand.quantities:
                    found[name] = max(found.get(name, 0), line.demand.ratchet.periods)
        return found

    def line(self, name: str) -> ChargeLine:
        """Return the line of a name; raises KeyError where there is none."""
        for line in self.lines:
            if line.name == name:
                return line
        raise KeyError(name)

    def conflict_with(self, other: "Tariff") -> str:
        """Return why this version cannot follow another of its code, as a sentence; empty where it can.

        Other periods would overlap those before, and the shared days would be charged twice: agreements have days of the
        month of their own. They need a tariff of their own, which agreements change to at a period's end. An account has
        one currency.
        """
        if self.period_starts_on != other.period_starts_on:
            return f"its periods begin on day {self.period_starts_on}, those of version {other.version} on day {other.period_starts_on}"
        if self.cycle != other.cycle:
            return (
                f"its periods are {self.cycle}, those of version {other.version} {other.cycle}; give it a code of its own, and "
                "let agreements change to it at a period's end"
            )
        if self.commodity != other.commodity:
            return f"it is of {self.commodity}, version {other.version} of {other.commodity}"
        if why := self.zone_conflict(dict(other.zones)):
            return f"{why} in version {other.version}"
        # Units in a bank that a later version has no more would be neither used nor settled.
        if self.banks.keys() != other.banks.keys():
            return f"its banks of units are not those of version {other.version}: state the same net_metering"
        if (self.currency, self.exponent) != (other.currency, other.exponent):
            return (
                f"it is in {self.currency} with {self.exponent} decimals, version {other.version} in {other.currency} "
                f"with {other.exponent}"
            )
        return ""

    def zone_conflict(self, numbers: Mapping[str, int]) -> str:
        """Return which of its zones has another number among those of a calendar or version; empty where none has."""
        for name, number in self.zones:
            if numbers.get(name, number) != number:
                return f"zone {name!r} is {number} in it and {numbers[name]}"
        return ""


def _facts_of(line: ChargeLine) -> Iterator[str]:
    """Yield what a line needs of an agreement's terms, in words."""
    if line.measure.share:
        yield f"share by {line.measure.share}"
    for load, apparent in _loads_of(line):
        yield f"{load} load in {'kVA' if apparent else 'kW'}"


def _loads_of(line: ChargeLine) -> Iterator[tuple[LoadBasis, bool]]:
    """Yield the loads that a line goes by besides the sanctioned one in kW, and whether each is in kVA."""
    for load, apparent in _named_loads(line):
        if apparent or load is LoadBasis.CONTRACTED:
            yield load, apparent


def _named_loads(line: ChargeLine) -> Iterator[tuple[LoadBasis, bool]]:
    """Yield the loads that a line goes by, and whether each is in kVA."""
    price = line.accrual.price if isinstance(line.accrual, Minimum) else line.accrual
    if isinstance(price, PerTime) and price.goes_by_load:
        yield price.load, price.apparent
    if line.demand is not None:
        basis = line.demand
        above = basis.excess.above if isinstance(basis, Demand) and basis.excess else None
        named = [share.load for share in (basis.at_least, basis.at_most, above) if share]
        if basis.billed in (BilledDemand.SANCTIONED, BilledDemand.CONTRACTED):
            named.append(LoadBasis(basis.billed.value))
        yield from ((load, basis.apparent) for load in named)


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
