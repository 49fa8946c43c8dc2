"""The parts of one charge line over the days of a bill: each part is a quantity times a rate."""

from collections.abc import Iterator, Sequence
from datetime import date
from fractions import Fraction
from typing import assert_never

from urja.core.calendar import Period, month_fraction, split_by_month
from urja.core.rating.bills import ChargeSpan
from urja.core.rating.inputs_and_results import ROUNDING, ZERO, LinePart, RatedLine, rounded
from urja.core.rating.tariff import (
    BaseLine,
    ChargeLine,
    DatedPercent,
    Minimum,
    Percent,
    PerTime,
    Prorate,
    RoundingScope,
    RoundOff,
    Scaling,
    Slabs,
)
from urja.core.units import exact_text, major_text

type _Weights = tuple[tuple[Period, Fraction], ...]


def _by_days(days: Period) -> _Weights:
    """Weights of a part that is spread evenly over some days."""
    return ((days, Fraction(days.days)),)


type _Product = tuple[Fraction, str, Fraction]
"""Quantity, its unit, and the rate in minor units."""


def _part(
    span: ChargeSpan,
    line: ChargeLine,
    key: str,
    label: str,
    product: _Product,
    *,
    weights: _Weights,
) -> LinePart:
    quantity, unit, rate = product
    exactly = quantity * rate
    amount = line.step.apply(exactly) if line.each is RoundingScope.PART else exactly
    return LinePart(f"{span.name}/{line.name}/{key}", label, quantity, unit, rate, amount, weights)


def _factor(span: ChargeSpan, days: Period, prorate: Prorate) -> Fraction:
    """Return the length of some days in months, as the document's proration counts them."""
    match prorate:
        case Prorate.MONTH_FRACTION:
            return month_fraction(days)
        case Prorate.DAYS_OF_30:
            return Fraction(days.days, 30)
        case Prorate.NONE:
            return Fraction(days.days, span.period_days)
        case _:
            assert_never(prorate)


def _scaled(span: ChargeSpan, kwh: Fraction, scaling: Scaling, what: str, notes: list[str]) -> Fraction:
    """Return a bound given in kWh a month, scaled to the days of the bill."""
    factor = _factor(span, span.days, scaling.prorate)
    return rounded(kwh * factor, scaling.round_width, what, "kWh", notes)


def _reached(
    span: ChargeSpan,
    line: ChargeLine,
    bounds: Sequence[Fraction | None],
    kwh: Fraction,
    scaling: Scaling,
    notes: list[str],
) -> int:
    """Return the number of the first monthly bound that the bill's energy does not exceed; the last bound is open."""
    for number, bound in enumerate(bounds):
        what = f"{line.name}: bound {number + 1} of the use"
        if bound is None or kwh <= _scaled(span, bound, scaling, what, notes):
            return number
    raise AssertionError("the last bound is open: parse_tariff refuses another document")


def slab_parts(span: ChargeSpan, line: ChargeLine, accrual: Slabs, notes: list[str]) -> Iterator[LinePart]:
    """Yield the parts of energy priced by slabs, in minor units: one for each slab with energy since the change."""
    what = f"{line.name}: energy"
    energy = rounded(span.energy_kwh, accrual.round_energy, what, "kWh", notes)
    before = rounded(span.before_kwh, accrual.round_energy, f"{what} before the change", "kWh", notes)
    bounds = [table.up_to_kwh for table in accrual.tables]
    chosen = _reached(span, line, bounds, energy, accrual.scaling, notes)
    slabs = accrual.tables[chosen].slabs
    # The same slab number in another table is another slab. Its own key makes a posting reverse the first table's
    # slabs when the use of the period moves the bill into the next table.
    prefix = f"{chosen}." if chosen else ""
    low = ZERO
    for number, slab in enumerate(slabs):
        width = None
        if slab.up_to_kwh is not None:
            full = slab.up_to_kwh - slab.from_kwh
            width = _scaled(span, full, accrual.scaling, f"{line.name}: width of slab {number + 1}", notes)
        high = None if width is None else low + width
        inside = _inside(energy, number, low, high)
        if before:
            inside -= _inside(before, number, low, high)
        if inside:
            extent = (
                f"above {exact_text(low)} kWh"
                if high is None
                else f"{exact_text(low)} to {exact_text(high)} kWh"
            )
            label = "all energy" if len(slabs) == 1 else f"slab {number + 1}: {extent}"
            product = (inside, "kWh", slab.rate)
            yield _part(span, line, f"{prefix}{number}", label, product, weights=span.uses)
        if high is None:
            return
        low = high


def _inside(energy: Fraction, number: int, low: Fraction, high: Fraction | None) -> Fraction:
    """Return the part of some energy that lies in a slab."""
    # A corrected read can make the energy negative: it is then all in the first slab, not in every one.
    if energy < 0:
        return ZERO if number else energy
    return max(ZERO, (energy if high is None else min(energy, high)) - low)


def _band(accrual: PerTime, load_kw: Fraction) -> Fraction:
    for band in accrual.bands:
        if band.up_to_kw is None or load_kw <= band.up_to_kw:
            return band.rate
    raise AssertionError("the last band is open: parse_tariff refuses another document")


def _rate_of_use(span: ChargeSpan, line: ChargeLine, accrual: PerTime, notes: list[str]) -> Fraction | None:
    """Return the rate of the band that the use has reached; None where bands depend on the load."""
    bounds = [band.up_to_kwh for band in accrual.bands]
    if all(bound is None for bound in bounds):
        return None
    return accrual.bands[_reached(span, line, bounds, span.energy_kwh, accrual.scaling, notes)].rate


type _Priced = tuple[Period, Fraction | None, Fraction]
"""Days, the load in kW that their price is multiplied by (None: by none), and that price in minor units."""


def _priced(span: ChargeSpan, line: ChargeLine, accrual: PerTime, notes: list[str]) -> list[_Priced]:
    """Return the days in runs of one price: a change of load that leaves the price unchanged splits nothing."""
    runs: list[_Priced] = []
    of_use = _rate_of_use(span, line, accrual, notes)
    for days, load_kw in span.loads:
        load = accrual.round_load.apply(load_kw) if accrual.round_load else load_kw
        rate = _band(accrual, load) if of_use is None else of_use
        price = rate * (load if accrual.per_kw else 1)
        priced = (load if accrual.per_kw else None, price)
        first = runs.pop()[0].first if runs and runs[-1][1:] == priced else days.first
        runs.append((Period(first, days.end), *priced))
    return runs


def time_parts(span: ChargeSpan, line: ChargeLine, accrual: PerTime, notes: list[str]) -> Iterator[LinePart]:
    """Yield the parts of a charge by day or by month, in minor units: one for each month and price."""
    begun: set[str] = set()
    for days, load, price in _priced(span, line, accrual, notes):
        suffix = f", {exact_text(load)} kW" if load is not None else ""
        for key, label, run, of in _times(span, accrual, days):
            # The first run has the plain key: a load that changes later must not rename a part that is posted
            # already.
            name = f"{key}@{run.first}" if key in begun else key
            begun.add(key)
            product = (Fraction(run.days), "day", price / of)
            yield _part(span, line, name, label + suffix, product, weights=_by_days(run))


def _times(span: ChargeSpan, accrual: PerTime, days: Period) -> Iterator[tuple[str, str, Period, int]]:
    """Yield the days as the line counts them: a key, a label, the days, and the number of days that the price is for."""
    if not accrual.monthly:
        if days.days:
            yield "days", "by day", days, 1
        return
    if accrual.scaling.prorate is Prorate.NONE:
        if days.days:
            label = f"{days.days} of the period's {span.period_days} days"
            yield "period", label, days, span.period_days
        return
    for month, length in split_by_month(days):
        of = 30 if accrual.scaling.prorate is Prorate.DAYS_OF_30 else length
        yield f"{month.first:%Y-%m}", f"{month.first:%Y-%m}, {month.days} of {of} days", month, of


def percent_parts(
    span: ChargeSpan, line: ChargeLine, accrual: Percent, bases: dict[str, RatedLine], notes: list[str]
) -> Iterator[LinePart]:
    """Yield the parts of a percentage of other lines, in minor units, and a last one where they exceed the cap."""
    rates, at_most = accrual.rates, accrual.at_most
    if accrual.by_use:
        bounds = [rate.up_to_kwh for rate in accrual.by_use]
        chosen = accrual.by_use[_reached(span, line, bounds, span.energy_kwh, accrual.scaling, notes)]
        rates = (DatedPercent(None, chosen.fraction),)
        at_most = at_most if chosen.at_most is None else chosen.at_most
    whole = ZERO
    for part in _shares(span, line, accrual.on, rates, bases):
        whole += part.amount
        yield part
    if at_most is None:
        return
    limit = at_most * _factor(span, span.charged, accrual.scaling.prorate)
    if abs(whole) > limit:
        over = (limit if whole > 0 else -limit) - whole
        label = "what is beyond the most it may come to"
        product = (over, "minor", Fraction(1))
        yield _part(span, line, "at-most", label, product, weights=_by_days(span.elapsed))


def _shares(
    span: ChargeSpan,
    line: ChargeLine,
    on: tuple[BaseLine, ...],
    rates: tuple[DatedPercent, ...],
    bases: dict[str, RatedLine],
) -> Iterator[LinePart]:
    starts = [rate.from_day for rate in rates if rate.from_day]
    for base, again in _told_apart(on):
        for part in _base_parts(span, bases[base.line], line.each):
            for days, weight in _weights(part, span.elapsed, starts):
                rate = [r for r in rates if r.from_day is None or r.from_day <= days.first][-1]
                quantity = part.amount * base.share * weight
                key = f"{part.key.removeprefix(f'{span.name}/')}{again}@{rate.from_day or ''}"
                share = "" if base.share == 1 else f"{exact_text(base.share * 100)} % of "
                label = f"{exact_text(rate.fraction * 100)} % of {share}{part.label}"
                if quantity:
                    product = (quantity, "minor", rate.fraction)
                    yield _part(span, line, key, label, product, weights=_by_days(days))


def _told_apart(on: tuple[BaseLine, ...]) -> Iterator[tuple[BaseLine, str]]:
    """Yield bases with a suffix for their keys: a line may be named twice, as all of it and as 8 % of it (Delhi)."""
    named: list[str] = []
    for base in on:
        times = named.count(base.line)
        named.append(base.line)
        yield base, f"+{times}" if times else ""


def minimum_parts(
    span: ChargeSpan, line: ChargeLine, accrual: Minimum, bases: dict[str, RatedLine], notes: list[str]
) -> list[LinePart]:
    """Return the minimum charge of the elapsed days less the named lines, in minor units; nothing where they reach
    it.
    """
    parts = [*time_parts(span, line, accrual.price, notes), *_less(span, line, accrual.on, bases)]
    return parts if sum((part.amount for part in parts), ZERO) > 0 else []


def _less(
    span: ChargeSpan, line: ChargeLine, on: tuple[BaseLine, ...], bases: dict[str, RatedLine]
) -> Iterator[LinePart]:
    for base, again in _told_apart(on):
        amount = Fraction(bases[base.line].amount_minor)
        if amount:
            # The "@" ends the key: a percentage of this line that is itself named twice adds another "+1", and
            # "less/energy+1" must stay distinct from that.
            key = f"less/{base.line}{again}@" if again else f"less/{base.line}"
            label = f"less {bases[base.line].title}"
            product = (amount, "minor", -base.share)
            yield _part(span, line, key, label, product, weights=_by_days(span.elapsed))


def round_off_parts(
    span: ChargeSpan, line: ChargeLine, accrual: RoundOff, bases: dict[str, RatedLine]
) -> list[LinePart]:
    """Return the part that rounds the sum of the named lines, in minor units; nothing where the sum is round already."""
    whole = sum((base.share * bases[base.line].amount_minor for base in accrual.on), ZERO)
    left = accrual.to.apply(whole) - whole
    if not left:
        return []
    multiple = major_text(accrual.to.to, span.tariff.exponent)
    label = f"rounded {accrual.to.mode} to a multiple of {multiple} {span.tariff.currency}"
    product = (left, ROUNDING, Fraction(1))
    return [_part(span, line, "whole", label, product, weights=_by_days(span.elapsed))]


def _base_parts(span: ChargeSpan, base: RatedLine, each: RoundingScope) -> Iterator[LinePart]:
    """Yield the amounts that a percentage is taken of: each part of the base line, or its total."""
    if each is RoundingScope.PART:
        yield from (
            LinePart(p.key, f"{base.title}, {p.label}", p.quantity, p.unit, p.rate, p.amount, p.weights)
            for p in base.parts
        )
        return
    weights = tuple(
        (days, part.amount * weight / sum((w for _, w in part.weights), ZERO))
        for part in base.parts
        for days, weight in part.weights
        if sum((w for _, w in part.weights), ZERO)
    )
    key = f"{span.name}/{base.name}"
    amount = Fraction(base.amount_minor)
    yield LinePart(key, base.title, Fraction(1), "line", amount, amount, weights)


def _weights(part: LinePart, elapsed: Period, starts: list[date]) -> list[tuple[Period, Fraction]]:
    """Return the runs of elapsed days with one percentage, each with the share of a part that falls on it."""
    spans = elapsed.split_at(starts)
    if len(spans) == 1:
        return [(elapsed, Fraction(1))]
    total = sum((weight for _, weight in part.weights), ZERO)
    if not total:
        return [(days, Fraction(days.days, elapsed.days)) for days in spans]
    shares = []
    for days in spans:
        inside = sum(
            (weight * days.intersection(own).days / own.days for own, weight in part.weights if own.days),
            ZERO,
        )
        shares.append((days, inside / total))
    return shares
