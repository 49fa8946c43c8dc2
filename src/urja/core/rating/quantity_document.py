"""Readers of the lines of a tariff document that go by other quantities than the billed energy, and by time zones."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from urja.core.calendars.zones import MOST_ZONES
from urja.core.rating.accruals import (
    Measure,
    Settlement,
    Slab,
    Slabs,
    ZonePercent,
    ZonePercents,
    ZonePrice,
    Zones,
    ZonesAndSlabs,
)
from urja.core.rating.document_parts import bases_on, scaling_of, slab_table
from urja.core.rating.priced_quantities import BILLED, PRICED
from urja.core.rating.table_reader import TariffTableReader
from urja.core.rating.tariff import ChargeLine, Commodity, NetMetering, billed_measure
from urja.core.table_reader import Fault

MEASURED = ("slabs", "zones", "zone-percent")
"""Kinds of lines that may name a quantity."""
NETTED = "netted_import_wh"
SHARES = ("flat", "area", "load")
"""How a building's common quantities may be divided among its agreements."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a whole document says, as its lines need it."""

    minor: int
    """Minor units in one major unit of the currency."""
    zones: dict[str, int]
    net_metering: NetMetering | None


def net_metering_of(reader: TariffTableReader, zones: dict[str, int]) -> NetMetering | None:
    """Return how export is set off against import; None where the document does not say so."""
    table = reader.inner("net_metering")
    if table is None:
        return None
    if reader.commodity is not Commodity.ELECTRICITY:
        reader.fault("is for electricity", "net_metering")
    bank = table.take("bank")
    if bank not in ("zones", "total", None):
        table.fault(f"is {bank!r}; allowed are zones (a bank for each), total (one for all times)", "bank")
    if bank == "zones" and not zones:
        table.fault("needs the zones of the calendar: state them at the top", "bank")
    month = table.take("settlement_month", None)
    if month is not None and (isinstance(month, bool) or not isinstance(month, int) or not 1 <= month <= 12):
        table.fault(f"must be a month, 1 to 12, not {month!r}", "settlement_month")
        month = None
    at_end = table.take("at_end", "keep")
    if at_end not in ("settle", "keep"):
        table.fault(
            f"is {at_end!r}; when an agreement ends, its bank may settle, or keep its units unpaid", "at_end"
        )
    table.finish()
    return NetMetering(bank == "zones", month, at_end == "settle")


def settlement(reader: TariffTableReader, around: Surroundings) -> Settlement:
    """Return what banked units are paid at their settlement."""
    bank = around.net_metering
    if bank is None or (bank.settlement_month is None and not bank.settles_at_end):
        reader.fault(
            'needs net_metering with a settlement_month or at_end = "settle": nothing is settled without them',
            "accrues",
        )
    rate = reader.number("rate")
    return Settlement((rate or Fraction(0)) * around.minor)


def zones_of(reader: TariffTableReader, calendar: str) -> dict[str, int]:
    """Return the numbers of the calendar's zones by their names, as the document states them."""
    if "zones" not in reader:
        return {}
    table = reader.inner("zones")
    if table is None:
        return {}
    if not calendar:
        reader.fault('are those of a calendar: name it, such as calendar = "industry"', "zones")
    found: dict[str, int] = {}
    for name in table.given:
        number = table.take(name)
        if isinstance(number, bool) or not isinstance(number, int) or not 1 <= number <= MOST_ZONES:
            table.fault(f"must be the zone's number in the calendar, 1 to {MOST_ZONES}, not {number!r}", name)
        elif number in found.values():
            table.fault(f"has the number {number} of another zone; each zone has its own", name)
        else:
            found[name] = number
    return found


def measure_of(reader: TariffTableReader, around: Surroundings) -> Measure:
    """Return the quantity that a line names, with the unit of its prices; the billed quantity where it names none."""
    billed = BILLED[reader.commodity]
    name = reader.text("quantity", billed)
    quantity = PRICED.get(name)
    allowed = [known for known in PRICED.values() if known.commodity == reader.commodity]
    # The name of a unit in documents needs no key that a keyboard lacks.
    unit, share = reader.text("unit", "").replace("m3", "m³"), reader.text("share", "")
    if quantity is None or quantity.commodity != reader.commodity:
        what = "is not known" if quantity is None else f"is a quantity of {quantity.commodity}"
        names = ", ".join(known.name for known in allowed)
        reader.fault(f"{name!r} {what}; a tariff of {reader.commodity} prices {names}", "quantity")
        return billed_measure(reader.commodity)
    if unit and unit not in quantity.units:
        reader.fault(f"is {unit!r}; {name} is priced by {', '.join(quantity.units)}", "unit")
        unit = ""
    if quantity.common and share not in SHARES:
        reader.fault(f"must say how {name} is divided: {', '.join(SHARES)}", "share")
    elif share and not quantity.common:
        common = ", ".join(known.name for known in allowed if known.common)
        reader.fault(f"is of a building's common quantities ({common or 'none of this commodity'})", "share")
    if name == NETTED and around.net_metering is None:
        reader.fault("is what net_metering leaves of the import: state net_metering at the top", "quantity")
    unit = unit or next(iter(quantity.units))
    return Measure("" if name == billed else name, unit, quantity.units[unit], share)


def priced_by(reader: TariffTableReader, around: Surroundings) -> Measure | None:
    """Return the quantity that the rates of slabs are for, where it is another than that of their bounds."""
    inner = reader.inner("priced_by")
    if inner is None:
        return None
    if "quantity" not in inner:
        inner.fault("must say which quantity the rates are for, such as gas_energy_wh", "quantity")
    measure = measure_of(inner, around)
    if measure.share or measure.quantity == NETTED:
        inner.fault("is no quantity that the meter counts or gas has: name another", "quantity")
    inner.finish()
    return measure


def _check_zoned(reader: TariffTableReader, around: Surroundings, measure: Measure) -> None:
    if not around.zones:
        reader.fault(
            "needs the zones of the calendar: state them at the top, such as zones = {peak = 1, normal = 2}",
            "accrues",
        )
    name = measure.quantity or BILLED[reader.commodity]
    if name == NETTED and around.net_metering is not None and not around.net_metering.by_zones:
        reader.fault('has no zones with one bank for all times; say bank = "zones"', "quantity")
    if not PRICED[name].zoned:
        zoned = ", ".join(
            known.name for known in PRICED.values() if known.zoned and known.commodity == reader.commodity
        )
        reader.fault(f"{name} is not known by zones; {zoned or 'no quantity of gas'} is", "quantity")


def _named_zones(
    reader: TariffTableReader, key: str, around: Surroundings
) -> Iterator[tuple[TariffTableReader, str]]:
    """Yield the entries of a list, each with its zone; empty where it is not one of the document's."""
    seen: set[str] = set()
    for item in reader.tables(key, "zone"):
        zone = item.text("zone")
        if zone and around.zones and zone not in around.zones:
            item.fault(f"is {zone!r}; the document has the zones {', '.join(around.zones)}", "zone")
            zone = ""
        elif zone in seen:
            item.fault(f"names {zone} a second time; each zone has one entry", "zone")
            zone = ""
        seen.add(zone)
        yield item, zone


def zone_prices(reader: TariffTableReader, around: Surroundings, minor: int, measure: Measure) -> Zones:
    """Return prices by zones: one price, or slabs of its own, for each zone of the document."""
    _check_zoned(reader, around, measure)
    prices: list[ZonePrice] = []
    slabbed = False
    named: set[str] = set()
    for item, zone in _named_zones(reader, "prices", around):
        named.add(zone)
        if "slabs" in item:
            slabbed = True
            slabs = slab_table(item, minor, measure.unit)
        else:
            rate = item.number("rate")
            slabs = () if rate is None else (Slab(Fraction(0), None, rate * minor),)
        item.finish()
        if zone and slabs:
            prices.append(ZonePrice(zone, around.zones.get(zone, 0), slabs))
    for zone in around.zones:
        if zone not in named:
            reader.fault(f"has no price for the zone {zone}: add it", "prices")
    otherwise = reader.text("otherwise")
    if otherwise and around.zones and otherwise not in around.zones:
        reader.fault(f"is {otherwise!r}; the document has the zones {', '.join(around.zones)}", "otherwise")
    meeting = reader.choice("zones_and_slabs", ZonesAndSlabs, ZonesAndSlabs.NONE)
    if (meeting is ZonesAndSlabs.WITHIN_ZONES) != slabbed:
        reader.fault(
            'must be "within-zones" where zones have slabs, and only there: say how zones and slabs meet',
            "zones_and_slabs",
        )
    return Zones(tuple(prices), otherwise, meeting, scaling_of(reader, measure.unit))


def zone_percents(reader: TariffTableReader, around: Surroundings, measure: Measure) -> ZonePercents:
    """Return surcharges and rebates by zones on named lines."""
    _check_zoned(reader, around, measure)
    percents: list[ZonePercent] = []
    for item, zone in _named_zones(reader, "percents", around):
        key, sign = ("rebate", -1) if "rebate" in item else ("surcharge", 1)
        value = item.number(key)
        item.finish()
        if zone and value is not None:
            percents.append(ZonePercent(zone, around.zones.get(zone, 0), value * sign / 100))
    if "zones_and_slabs" not in reader:
        reader.fault(
            'must say what the percentage is of: "average" (of all energy, shared by the energy of the zone) or "none" '
            "(of what a line of zones comes to in the zone)",
            "zones_and_slabs",
        )
    meeting = reader.choice("zones_and_slabs", ZonesAndSlabs, ZonesAndSlabs.AVERAGE)
    if meeting is ZonesAndSlabs.WITHIN_ZONES:
        reader.fault('is for lines that accrue by zones; here it is "average" or "none"', "zones_and_slabs")
    return ZonePercents(tuple(percents), meeting, tuple(bases_on(reader)))


def zone_base_faults(line: ChargeLine, lines: Sequence[ChargeLine]) -> Iterator[Fault]:
    """Yield the faults of what a percentage by zones is taken of."""
    assert isinstance(line.accrual, ZonePercents)
    known = {other.name: other for other in lines}
    for base in line.accrual.on:
        other = known.get(base.line)
        if other is None:
            continue
        place = f"line {line.name}.on"
        if not isinstance(other.accrual, Slabs | Zones):
            yield Fault(
                place, f"names {base.line}, which has no zones: only lines of slabs and zones have them"
            )
        elif other.measure != line.measure:
            yield Fault(
                place, f"names {base.line}, which prices another quantity or unit: state the same in both"
            )
        elif isinstance(other.accrual, Slabs) and line.accrual.zones_and_slabs is not ZonesAndSlabs.AVERAGE:
            yield Fault(
                place,
                f'names {base.line}, which has slabs: its zones have no amounts; say zones_and_slabs = "average"',
            )
