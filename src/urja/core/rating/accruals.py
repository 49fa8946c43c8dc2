"""What charge lines accrue by: slabs, prices by time, demand, percentages and the like, as a tariff's document says them."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fractions import Fraction
from typing import Final

from urja.core.units import RoundingStep


class Prorate(StrEnum):
    """How a width or price for a month is scaled to the billed days."""

    MONTH_FRACTION = "month-fraction"
    """Each day counts as one part of its own calendar month (Delhi)."""
    DAYS_OF_30 = "days-of-30"
    """Each day counts as one thirtieth (Sri Lanka)."""
    NONE = "none"
    """The whole value for each period, however long; a bill of some of its days has a share by days."""


class LoadBasis(StrEnum):
    """Which load of an agreement a price or a demand goes by."""

    SANCTIONED = "sanctioned"
    CONTRACTED = "contracted"


class ZonesAndSlabs(StrEnum):
    """How time zones meet slabs in a line."""

    NONE = "none"
    """They do not: each zone has one price, or a percentage of its own amount."""
    WITHIN_ZONES = "within-zones"
    """Each zone has slabs of its own, filled by its own energy."""
    AVERAGE = "average"
    """A percentage of the average price that slabs come to, on the energy of the zone."""


@dataclass(frozen=True, slots=True)
class Measure:
    """The quantity that a line is calculated from, and the unit of its prices and bounds."""

    quantity: str
    """Name of its determinant; empty for the billed quantity of the commodity, which accruals have."""
    unit: str
    size: Fraction
    """One unit in the determinant's unit: 1000 (Wh) for kWh."""
    share: str = ""
    """The factor of the agreement (`RatingTerms.shares`) by which a common quantity is multiplied; empty for none."""


@dataclass(frozen=True, slots=True)
class Slab:
    """A block of energy with its price: bounds in kWh a month, `rate` in minor units per kWh.

    Of another quantity they are in the unit of the line.
    """

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
    priced_by: Measure | None = None
    """Another quantity that rates are for, in which each slab has its share by energy (Pakistan's gas); None for the line's."""
    by_demand: "DemandBounds | None" = None
    """The demand that bounds are for (hours-use blocks); None where they are amounts of the quantity."""


@dataclass(frozen=True, slots=True)
class Band:
    """A price up to a sanctioned load (kW) or up to a use a month (kWh); `rate` in minor units."""

    up_to_kw: Fraction | None
    """In kVA where the line goes by it."""
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
    """Rounding of the load, in its unit."""
    load: LoadBasis = LoadBasis.SANCTIONED
    apparent: bool = False
    """Whether the load is in kVA."""
    telescopic: bool = False
    """Whether each band prices the part of the load in it; else the band of the load prices all of it."""

    @property
    def goes_by_load(self) -> bool:
        """Whether its price depends on the load."""
        return self.per_kw or any(band.up_to_kw is not None for band in self.bands)


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
    """A minimum charge: a price by the month, or one of demand, less the amounts of named lines, at least zero."""

    price: "PerTime | Demand"
    on: tuple[BaseLine, ...]


@dataclass(frozen=True, slots=True)
class RoundOff:
    """The rounding of the sum of named lines, such as a bill in whole rupees."""

    to: RoundingStep
    on: tuple[BaseLine, ...]


@dataclass(frozen=True, slots=True)
class ZonePrice:
    """The slabs of one time zone; a price without slabs is one open slab."""

    zone: str
    number: int
    """Number of the zone in the calendar, as in names of determinants (`import_wh_z1`)."""
    slabs: tuple[Slab, ...]


@dataclass(frozen=True, slots=True)
class Zones:
    """A quantity priced by time zones."""

    prices: tuple[ZonePrice, ...]
    """One for each zone of the document."""
    otherwise: str
    """The zone in which energy counts that determinants have in none."""
    zones_and_slabs: ZonesAndSlabs
    scaling: Scaling


@dataclass(frozen=True, slots=True)
class ZonePercent:
    """A surcharge in one time zone, as a fraction; a rebate is negative."""

    zone: str
    number: int
    fraction: Fraction


@dataclass(frozen=True, slots=True)
class ZonePercents:
    """A surcharge or rebate by time zones on what named lines come to; a zone that is not listed has none."""

    percents: tuple[ZonePercent, ...]
    zones_and_slabs: ZonesAndSlabs
    on: tuple[BaseLine, ...]


class BilledDemand(StrEnum):
    """Which demand a demand line prices."""

    RECORDED = "recorded"
    """The maximum demand of the period."""
    SANCTIONED = "sanctioned"
    CONTRACTED = "contracted"
    EXCESS = "excess"
    """None but what is recorded above a load."""


@dataclass(frozen=True, slots=True)
class LoadShare:
    """A share of a load, as a fraction."""

    load: LoadBasis
    fraction: Fraction


@dataclass(frozen=True, slots=True)
class Ratchet:
    """A share of the highest demand of the last periods, as a fraction."""

    periods: int
    fraction: Fraction


@dataclass(frozen=True, slots=True)
class Excess:
    """What is charged, besides the line's price, for recorded demand above a load."""

    above: LoadShare
    rate: Fraction | None
    """Minor units by the month for each kW or kVA of it; None where `fraction` has it."""
    fraction: Fraction
    """Share of the line's price."""


@dataclass(frozen=True, slots=True)
class DemandBasis:
    """A billed demand: which demand counts, and what it is at least and at most."""

    apparent: bool
    """Whether demand is in kVA."""
    billed: BilledDemand
    zones: tuple[int, ...]
    """Numbers of the zones in which demand counts; empty for all times."""
    floor: Fraction
    """What the billed demand is at least, in kW or kVA."""
    at_least: LoadShare | None
    at_most: LoadShare | None
    ratchet: Ratchet | None
    kva_fraction: Fraction | None
    """Share of the demand in kVA that demand in kW is at least; None where kVA does not count."""
    round_demand: RoundingStep | None

    @property
    def goes_by_record(self) -> bool:
        """Whether recorded demand changes it."""
        return self.billed in (BilledDemand.RECORDED, BilledDemand.EXCESS)

    @property
    def is_limited(self) -> bool:
        """Whether the billed demand may be more or less than the recorded one."""
        return bool(self.floor or self.at_least or self.at_most or self.ratchet)

    @property
    def quantities(self) -> tuple[str, ...]:
        """Names of the determinants of recorded demand, in W or VA."""
        return self._by_zone("max_import_va" if self.apparent else "max_import_w")

    @property
    def apparent_quantities(self) -> tuple[str, ...]:
        """Names of the determinants of demand in VA whose share counts beside demand in W; empty where it does not."""
        return () if self.kva_fraction is None else self._by_zone("max_import_va")

    def _by_zone(self, name: str) -> tuple[str, ...]:
        return tuple(f"{name}_z{number}" for number in self.zones) or (name,)


@dataclass(frozen=True, slots=True)
class Demand(DemandBasis):
    """A price by the month for each kW or kVA of demand."""

    bands: tuple[Band, ...]
    """By the billed demand."""
    telescopic: bool
    """Whether each band prices the part of the demand in it; else the band of the demand prices all of it."""
    excess: Excess | None
    scaling: Scaling

    @property
    def goes_by_record(self) -> bool:
        """Whether recorded demand changes its amount."""
        return self.billed in (BilledDemand.RECORDED, BilledDemand.EXCESS) or self.excess is not None


@dataclass(frozen=True, slots=True)
class DemandBounds:
    """Bounds of slabs for each kW or kVA of a billed demand."""

    basis: DemandBasis
    by_load_factor: bool
    """Whether bounds are load factors in percent of all hours of the days; else they are hours a month."""


@dataclass(frozen=True, slots=True)
class FactorStep:
    """What a power factor or a load factor (in percent) of at most `up_to` adds to bases, as a fraction; an incentive is negative."""

    up_to: Fraction | None
    fraction: Fraction
    per: Fraction | None
    """Step of the factor for which the fraction is; None where it is for the whole."""
    counted_from: Fraction
    """The factor from which steps are counted."""


@dataclass(frozen=True, slots=True)
class PowerFactor:
    """A penalty or incentive by the mean power factor of the period: a percentage of named lines."""

    steps: tuple[FactorStep, ...]
    by: tuple[str, ...]
    """Determinants it is calculated from besides active energy: `import_vah`, or reactive energies."""
    round_factor: RoundingStep
    on: tuple[BaseLine, ...]


@dataclass(frozen=True, slots=True)
class LoadFactor:
    """A penalty or incentive by the load factor of the period: a percentage of named lines."""

    steps: tuple[FactorStep, ...]
    basis: DemandBasis
    """The demand that all hours are multiplied by: energy is in kWh for kW, and in kVAh for kVA."""
    round_factor: RoundingStep
    """In percent."""
    on: tuple[BaseLine, ...]


@dataclass(frozen=True, slots=True)
class Settlement:
    """What the units that a bank settles are paid: minor units for one kWh, as a positive price."""

    rate: Fraction


class MoneyBase(StrEnum):
    """What money of an account a rebate is taken of."""

    RECHARGES = "recharge_minor"
    """Recharges of the days, in minor units."""
    BALANCES = "balance_minor"
    """Sum of the days' balances, in minor units; none below zero."""


MONEY: Final = frozenset(base.value for base in MoneyBase)
"""Names of the money of days, which is given beside their determinants."""


@dataclass(frozen=True, slots=True)
class MoneyRebate:
    """A rebate on recharges, or by the month on the balance, as a fraction above zero."""

    of: MoneyBase
    fraction: Fraction
    at_most: Fraction | None
    """Cap of the rebate for a month, in minor units."""
    scaling: Scaling


type Accrual = (
    Slabs
    | PerTime
    | Percent
    | Minimum
    | RoundOff
    | Zones
    | ZonePercents
    | Demand
    | PowerFactor
    | LoadFactor
    | Settlement
    | MoneyRebate
)


def bases_of(accrual: Accrual) -> tuple[BaseLine, ...]:
    """Return the lines that a charge line is calculated from; none for one that depends on no other."""
    return (
        accrual.on
        if isinstance(accrual, Percent | Minimum | RoundOff | ZonePercents | PowerFactor | LoadFactor)
        else ()
    )
