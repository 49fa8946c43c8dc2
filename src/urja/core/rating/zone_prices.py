"""What a unit costs: by time zones a price each, or a percentage above or below the usual price; of one quantity its only price."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction

from urja.core.rating.accruals import Slabs, ZonePercents, Zones
from urja.core.rating.inputs_and_results import ZERO
from urja.core.rating.priced_quantities import BILLED
from urja.core.rating.tariff import ChargeLine, Tariff


@dataclass(frozen=True, slots=True)
class ZoneRate:
    """The price of imported energy in a time zone."""

    number: int
    """Number of the zone in the calendar."""
    name: str
    rate: Fraction | None
    """Minor units for one `unit`; None where the zone's price depends on how much is used."""
    percent: Fraction
    """Surcharge above the usual price, as a fraction; a rebate is negative."""
    unit: str

    @property
    def price(self) -> Fraction | None:
        """The price with the percentage, in minor units for one `unit`; None where it depends on how much is used."""
        return None if self.rate is None else self.rate * (1 + self.percent)

    @property
    def level(self) -> Fraction:
        """By what zones of one tariff are compared: the price, else the percentage."""
        price = self.price
        return self.percent if price is None else price


def zone_rates(tariff: Tariff) -> tuple[ZoneRate, ...]:
    """Return the zones of a tariff as its energy lines price them, in the document's order; none of a tariff without zones.

    Duties and what else is taken of these lines are not in the prices.
    """
    lines = [line for line in tariff.lines if _prices_import(tariff, line)]
    zoned = [line for line in lines if isinstance(line.accrual, Zones | ZonePercents)]
    if not zoned:
        return ()
    return tuple(_zone_rate(name, number, lines, zoned[0].measure.unit) for name, number in tariff.zones)


def flat_rate(tariff: Tariff, quantity: str) -> Fraction | None:
    """Return the one price of a determinant, in minor units per kWh or the unit of its line.

    None where no line prices it, or where slabs or zones make the price depend on more.
    """
    for line in tariff.lines:
        if (
            (line.measure.quantity or BILLED[tariff.commodity]) == quantity
            and isinstance(line.accrual, Slabs)
            and line.accrual.priced_by is None
        ):
            slabs = [slab for table in line.accrual.tables for slab in table.slabs]
            return abs(slabs[0].rate) if len(slabs) == 1 else None
    return None


def _prices_import(tariff: Tariff, line: ChargeLine) -> bool:
    if isinstance(line.accrual, Slabs) and line.accrual.priced_by:
        return False
    return line.measure.quantity in {"", BILLED[tariff.commodity], "import_vah", "netted_import_wh"}


def _zone_rate(name: str, number: int, lines: list[ChargeLine], unit: str) -> ZoneRate:
    rates = [rate for line in lines for rate in _rates(line, number)]
    known = [rate for rate in rates if rate is not None]
    percents = [
        share.fraction
        for line in lines
        if isinstance(line.accrual, ZonePercents)
        for share in line.accrual.percents
        if share.number == number
    ]
    return ZoneRate(
        number,
        name,
        sum(known, ZERO) if known and len(known) == len(rates) else None,
        sum(percents, ZERO),
        unit,
    )


def _rates(line: ChargeLine, number: int) -> Iterator[Fraction | None]:
    """Yield the price that a line has in a zone; None where slabs make it depend on the use."""
    match line.accrual:
        case Zones(prices=prices):
            slabs = [slab for price in prices if price.number == number for slab in price.slabs]
        case Slabs(tables=tables):
            slabs = [slab for table in tables for slab in table.slabs]
        case _:
            return
    yield slabs[0].rate if len(slabs) == 1 else None
