"""The parts of charge lines that go by maximum demand, by power factor and by load factor."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from math import isqrt
from typing import assert_never

from urja.core.calendar import Period
from urja.core.rating.accruals import (
    BilledDemand,
    Demand,
    DemandBasis,
    LoadBasis,
    LoadFactor,
    Measure,
    PowerFactor,
    Slabs,
)
from urja.core.rating.bills import ChargeSpan, MeasuredPiece, weights_within
from urja.core.rating.inputs_and_results import ZERO, LinePart, RatedLine, RatingError, RatingTerms, rounded
from urja.core.rating.parts import band_rate, load_price, months_of, part_of, times, told_apart
from urja.core.rating.tariff import ChargeLine
from urja.core.units import exact_text

_HOURS_OF_A_DAY = 24
_APPARENT = Measure("import_vah", "kVAh", Fraction(1000))


def demand_parts(span: ChargeSpan, line: ChargeLine, accrual: Demand, notes: list[str]) -> Iterator[LinePart]:
    """Yield the parts of a demand charge, in minor units: for each month and load the billed demand, then the excess.

    Raises RatingError where no determinants have a demand that the line needs, or the terms a load.
    """
    unit = "kVA" if accrual.apparent else "kW"
    recorded = _rounded_record(span, line, accrual, notes)
    begun: set[str] = set()
    for days, demand, rate, above in _priced(span, accrual, recorded):
        priced = []
        if accrual.billed is not BilledDemand.EXCESS:
            price = load_price(accrual.bands, demand, telescopic=accrual.telescopic)
            priced.append(("", f"{exact_text(demand)} {unit}", price))
        if above and accrual.excess is not None:
            excess = accrual.excess
            price = rate * excess.fraction if excess.rate is None else excess.rate
            priced.append(
                ("excess/", f"{exact_text(above)} {unit} above the {excess.above.load} load", above * price)
            )
        for key, label, run, of in times(span, days, accrual.scaling.prorate):
            for prefix, what, price in priced:
                name = f"{prefix}{key}@{run.first}" if prefix + key in begun else prefix + key
                begun.add(prefix + key)
                product = (Fraction(run.days), "day", price / of)
                weights = ((run, Fraction(run.days)),)
                yield part_of(span, line, name, f"{label}, {what}", product, weights=weights)


type _Priced = tuple[Period, Fraction, Fraction, Fraction]
"""Days, their billed demand, its rate in minor units, and the demand in excess; demands in kW or kVA."""


def _priced(span: ChargeSpan, accrual: Demand, recorded: Fraction) -> list[_Priced]:
    """Return the days in runs of one price; an estimate has the days to come as well."""
    runs: list[_Priced] = []
    for days, terms in (*span.loads, *span.bill.coming):
        if not days.days:
            continue
        demand = _billed(span, accrual, recorded, terms)
        priced = (demand, band_rate(accrual.bands, demand), _excess(accrual, recorded, terms))
        first = runs.pop()[0].first if runs and runs[-1][1:] == priced else days.first
        runs.append((Period(first, days.end), *priced))
    return runs


def mean_demand(span: ChargeSpan, line: ChargeLine, basis: DemandBasis, notes: list[str]) -> Fraction:
    """Return the mean by days of the billed demand, in kW or kVA; an estimate has the days to come as well.

    Only days that are charged by day count, as for a price of demand. Raises RatingError as `demand_parts` does.
    """
    recorded = _rounded_record(span, line, basis, notes)
    demands = [
        (days.days, _billed(span, basis, recorded, terms)) for days, terms in (*span.loads, *span.bill.coming)
    ]
    whole = sum(days for days, _ in demands)
    mean = sum((days * demand for days, demand in demands), ZERO) / (whole or 1)
    notes.append(f"{line.name}: demand {exact_text(mean)} {'kVA' if basis.apparent else 'kW'}")
    return mean


def size_of_bounds(span: ChargeSpan, line: ChargeLine, accrual: Slabs, notes: list[str]) -> Fraction | None:
    """Return what a bound of one hour, or of one percent, of a demand is on the days of the bill, in the line's unit.

    None where bounds are amounts of the quantity by the month.
    """
    if accrual.by_demand is None:
        return None
    hours = (
        Fraction(_HOURS_OF_A_DAY * span.days.days, 100)
        if accrual.by_demand.by_load_factor
        else months_of(span, span.days, accrual.scaling.prorate)
    )
    return mean_demand(span, line, accrual.by_demand.basis, notes) * hours * 1000 / line.measure.size


def _rounded_record(span: ChargeSpan, line: ChargeLine, basis: DemandBasis, notes: list[str]) -> Fraction:
    unit = "kVA" if basis.apparent else "kW"
    return rounded(_recorded(span, line, basis), basis.round_demand, f"{line.name}: demand", unit, notes)


def _recorded(span: ChargeSpan, line: ChargeLine, accrual: DemandBasis) -> Fraction:
    """Return the recorded maximum demand since the line is as it is, in kW or kVA."""
    pieces = [piece for piece in span.bill.measured if piece.touches(span.elapsed)]
    if not accrual.goes_by_record or not pieces:
        return ZERO
    demand = _highest(span, line, pieces, accrual.quantities)
    if accrual.kva_fraction is None:
        return demand
    return max(demand, accrual.kva_fraction * _highest(span, line, pieces, accrual.apparent_quantities))


def _highest(
    span: ChargeSpan, line: ChargeLine, pieces: list[MeasuredPiece], names: tuple[str, ...]
) -> Fraction:
    """Return the highest of some maxima, in kW or kVA."""
    captured = span.bill.captured
    if captured is not None and captured.isdisjoint(names):
        raise RatingError(
            f"line {line.name}: no determinants of the period have {' or '.join(names)}; "
            "give the agreement a tariff without demand, or a meter that records it"
        )
    # A day of an outage has no whole demand period: what was not measured is no maximum.
    known = [piece.values[name] for piece in pieces for name in names if name in piece.values]
    return max(known, default=ZERO) / 1000


def _billed(span: ChargeSpan, accrual: DemandBasis, recorded: Fraction, terms: RatingTerms) -> Fraction:
    match accrual.billed:
        case BilledDemand.SANCTIONED | BilledDemand.CONTRACTED:
            demand = terms.load(LoadBasis(accrual.billed.value), apparent=accrual.apparent)
        case BilledDemand.RECORDED | BilledDemand.EXCESS:
            demand = recorded
        case _:
            assert_never(accrual.billed)
    if accrual.at_least is not None:
        load = terms.load(accrual.at_least.load, apparent=accrual.apparent)
        demand = max(demand, load * accrual.at_least.fraction)
    if accrual.ratchet is not None:
        known = [past for past in span.bill.past_demands if past.name in accrual.quantities]
        ends = sorted({past.period.end for past in known if past.period.end <= span.days.first})
        latest = ends[-accrual.ratchet.periods :]
        powers = [past.power for past in known if past.period.end in latest]
        demand = max(demand, Fraction(max(powers, default=0), 1000) * accrual.ratchet.fraction)
    demand = max(demand, accrual.floor)
    demand = accrual.round_demand.apply(demand) if accrual.round_demand else demand
    if accrual.at_most is not None:
        load = terms.load(accrual.at_most.load, apparent=accrual.apparent)
        demand = min(demand, load * accrual.at_most.fraction)
    return demand


def _excess(accrual: Demand, recorded: Fraction, terms: RatingTerms) -> Fraction:
    if accrual.excess is None:
        return ZERO
    above = accrual.excess.above
    return max(ZERO, recorded - terms.load(above.load, apparent=accrual.apparent) * above.fraction)


def power_factor_parts(
    span: ChargeSpan,
    line: ChargeLine,
    accrual: PowerFactor,
    bases: Mapping[str, RatedLine],
    notes: list[str],
) -> Iterator[LinePart]:
    """Yield the penalty or incentive for the mean power factor, in minor units: one part for each base.

    There is none without energy. Raises RatingError where determinants do not have the energies.
    """
    pieces = [piece.within(span.elapsed) for piece in span.bill.measured if piece.touches(span.elapsed)]
    active = (
        sum((kwh for piece in pieces for _, kwh in weights_within(span.uses, piece.days)), ZERO)
        * line.measure.size
    )
    others = [sum((piece.value(name) for piece in pieces), ZERO) for name in accrual.by]
    apparent = others[0] if accrual.by == ("import_vah",) else _apparent(active, sum(others, ZERO))
    if apparent <= 0 or active <= 0:
        return
    factor = accrual.round_factor.apply(min(active / apparent, Fraction(1)))
    notes.append(f"{line.name}: mean power factor {exact_text(factor)}")
    yield from _by_factor(span, line, accrual, factor, f"power factor {exact_text(factor)}", bases)


def load_factor_parts(
    span: ChargeSpan,
    line: ChargeLine,
    accrual: LoadFactor,
    bases: Mapping[str, RatedLine],
    notes: list[str],
) -> Iterator[LinePart]:
    """Yield the penalty or incentive for the load factor since the line is as it is, in minor units: one part for each base.

    There is none without energy or demand. Raises RatingError where determinants do not have them.
    """
    demand = mean_demand(span, line, accrual.basis, notes)
    energy, days = sum((kwh for _, kwh in span.uses), ZERO), span.elapsed.days
    if accrual.basis.apparent:
        uses = span.of(_APPARENT).uses
        energy, days = sum((kvah for _, kvah in uses), ZERO), sum(known.days for known, _ in uses)
    if energy <= 0 or not demand or not days:
        return
    factor = accrual.round_factor.apply(energy / (demand * days * _HOURS_OF_A_DAY) * 100)
    notes.append(f"{line.name}: load factor {exact_text(factor)} %")
    yield from _by_factor(span, line, accrual, factor, f"load factor {exact_text(factor)} %", bases)


def _by_factor(
    span: ChargeSpan,
    line: ChargeLine,
    accrual: PowerFactor | LoadFactor,
    factor: Fraction,
    said: str,
    bases: Mapping[str, RatedLine],
) -> Iterator[LinePart]:
    """Yield the percentage that a table has for a factor, of each base."""
    step = next(step for step in accrual.steps if step.up_to is None or factor <= step.up_to)
    fraction = step.fraction
    if step.per is not None:
        fraction *= abs(factor - step.counted_from) / step.per
    for base, again in told_apart(accrual.on):
        quantity = Fraction(bases[base.line].amount_minor) * base.share
        if quantity and fraction:
            share = "" if base.share == 1 else f"{exact_text(base.share * 100)} % of "
            label = f"{said}: {exact_text(fraction * 100)} % of {share}{bases[base.line].title}"
            weights = ((span.elapsed, Fraction(span.elapsed.days)),)
            yield part_of(
                span, line, f"{base.line}{again}@", label, (quantity, "minor", fraction), weights=weights
            )


def _apparent(active: Fraction, reactive: Fraction) -> Fraction:
    """Return the apparent energy in VAh, rounded down, from active energy in Wh and reactive energy in varh."""
    return Fraction(isqrt(int(active) ** 2 + int(reactive) ** 2))
