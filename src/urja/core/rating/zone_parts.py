"""The parts of charge lines that go by time zones: prices of a zone, and percentages of what a zone comes to."""

from collections.abc import Iterator
from dataclasses import replace

from urja.core.rating.accruals import ZonePercents, Zones, ZonesAndSlabs
from urja.core.rating.bills import ChargeSpan
from urja.core.rating.inputs_and_results import ZERO, LinePart, RatedLine
from urja.core.rating.parts import filled_slabs, part_of, told_apart
from urja.core.rating.priced_quantities import BILLED
from urja.core.rating.tariff import ChargeLine
from urja.core.units import exact_text


def zone_parts(span: ChargeSpan, line: ChargeLine, accrual: Zones, notes: list[str]) -> Iterator[LinePart]:
    """Yield the parts of a quantity priced by zones, in minor units: one for each zone, or slab in it, with some of it.

    What determinants have in no zone, as on a day that is not over, counts in the zone `otherwise`.
    """
    inside = {price.zone: zone_span(span, line, price.number) for price in accrual.prices}
    known = sum((zone.energy_kwh for zone in inside.values()), ZERO)
    if known != span.energy_kwh:
        left = exact_text(span.energy_kwh - known)
        notes.append(f"{line.name}: {left} {span.unit} in no zone, calculated as {accrual.otherwise}")
        others = [zone for name, zone in inside.items() if name != accrual.otherwise]
        inside[accrual.otherwise] = replace(
            span,
            before_kwh=span.before_kwh - sum((zone.before_kwh for zone in others), ZERO),
            uses=(*span.uses, *((days, -kwh) for zone in others for days, kwh in zone.uses)),
        )
    for price in accrual.prices:
        zone = inside[price.zone]
        yield from filled_slabs(
            zone,
            line,
            price.slabs,
            accrual.scaling,
            notes,
            energy=zone.energy_kwh,
            before=zone.before_kwh,
            prefix=f"{price.zone}.",
            zone=price.zone,
        )


def zone_span(span: ChargeSpan, line: ChargeLine, number: int) -> ChargeSpan:
    """Return the days of a span with their use in one zone."""
    quantity = line.measure.quantity or BILLED[span.tariff.commodity]
    return span.of(replace(line.measure, quantity=f"{quantity}_z{number}"))


def zone_percent_parts(
    span: ChargeSpan, line: ChargeLine, accrual: ZonePercents, bases: dict[str, RatedLine]
) -> Iterator[LinePart]:
    """Yield the parts of a surcharge or rebate by zones, in minor units: one for each zone and base."""
    whole = span.energy_kwh - span.before_kwh
    for base, again in told_apart(accrual.on):
        rated = bases[base.line]
        for percent in accrual.percents:
            inside = zone_span(span, line, percent.number)
            used = inside.energy_kwh - inside.before_kwh
            if accrual.zones_and_slabs is ZonesAndSlabs.AVERAGE:
                amount = rated.amount_minor * used / whole if whole else ZERO
                of = f"{rated.title} on average"
            else:
                amount = sum((part.amount for part in rated.parts if part.zone == percent.zone), ZERO)
                of = rated.title
            quantity = amount * base.share
            if quantity and percent.fraction:
                share = "" if base.share == 1 else f"{exact_text(base.share * 100)} % of "
                label = f"{percent.zone}: {exact_text(percent.fraction * 100)} % of {share}{of}"
                key = f"{percent.zone}/{base.line}{again}@"
                product = (quantity, "minor", percent.fraction)
                yield part_of(span, line, key, label, product, weights=inside.uses, zone=percent.zone)
