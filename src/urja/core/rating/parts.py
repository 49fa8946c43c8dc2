"""The parts of one charge line over the days of a bill: each part is a quantity times a rate."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from fractions import Fraction
from typing import assert_never

from urja.core.calendar import Period, month_fraction, split_by_month
from urja.core.rating.accruals import (
    Band,
    BaseLine,
    DatedPercent,
    MoneyBase,
    MoneyRebate,
    Percent,
    PerTime,
    Prorate,
    RoundOff,
    Scaling,
    Settlement,
    Slab,
    Slabs,
)
from urja.core.rating.bills import ChargeSpan
from urja.core.rating.inputs_and_results import ROUNDING, ZERO, LinePart, RatedLine, RatingError, rounded
from urja.core.rating.tariff import ChargeLine, RoundingScope
from urja.core.units import exact_text, major_text

type _Weights = tuple[tuple[Period, Fraction], ...]


def _by_days(days: Period) -> _Weights:
    """Weights of a part that is spread evenly over some days."""
    return ((days, Fraction(days.days)),)


type _Product = tuple[Fraction, str, Fraction]
"""Quantity, its unit, and the rate in minor units."""


def part_of(
    span: ChargeSpan,
    line: ChargeLine,
    key: str,
    label: str,
    product: _Product,
    *,
    weights: _Weights,
    zone: str = "",
) -> LinePart:
    """Return a part of a line, its amount rounded where the line rounds its parts."""
    quantity, unit, rate = product
    exactly = quantity * rate
    amount = line.step.apply(exactly) if line.each is RoundingScope.PART else exactly
    return LinePart(f"{span.name}/{line.name}/{key}", label, quantity, unit, rate, amount, weights, zone)


def months_of(span: ChargeSpan, days: Period, prorate: Prorate) -> Fraction:
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


def scaled_bound(
    span: ChargeSpan,
    kwh: Fraction,
    scaling: Scaling,
    what: str,
    notes: list[str],
    *,
    each: Fraction | None = None,
) -> Fraction:
    """Return a bound given in kWh a month, scaled to the days of the bill; `each` is what one unit of another bound is on these days."""
    factor = months_of(span, span.days, scaling.prorate) if each is None else each
    return rounded(kwh * factor, scaling.round_width, what, span.unit, notes)


def _reached(
    span: ChargeSpan,
    line: ChargeLine,
    bounds: Sequence[Fraction | None],
    kwh: Fraction,
    scaling: Scaling,
    notes: list[str],
    *,
    each: Fraction | None = None,
) -> int:
    """Return the number of the first monthly bound that the bill's energy does not exceed; the last bound is open."""
    for number, bound in enumerate(bounds):
        what = f"{line.name}: bound {number + 1} of the use"
        if bound is None or kwh <= scaled_bound(span, bound, scaling, what, notes, each=each):
            return number
    raise AssertionError("the last bound is open: parse_tariff refuses another document")


def slab_parts(
    span: ChargeSpan, line: ChargeLine, accrual: Slabs, notes: list[str], each: Fraction | None
) -> Iterator[LinePart]:
    """Yield the parts of energy priced by slabs, in minor units: one for each slab with energy since the change.

    `each` is what one unit of a bound is on the days of the bill, in the line's unit; None for bounds by the month.
    """
    what = f"{line.name}: energy"
    energy = rounded(span.energy_kwh, accrual.round_energy, what, span.unit, notes)
    before = rounded(span.before_kwh, accrual.round_energy, f"{what} before the change", span.unit, notes)
    bounds = [table.up_to_kwh for table in accrual.tables]
    chosen = _reached(span, line, bounds, energy, accrual.scaling, notes, each=each)
    # The same slab number in another table is another slab. Its own key makes a posting reverse the first table's
    # slabs when the use of the period moves the bill into the next table.
    prefix = f"{chosen}." if chosen else ""
    yield from filled_slabs(
        span,
        line,
        accrual.tables[chosen].slabs,
        accrual.scaling,
        notes,
        energy=energy,
        before=before,
        prefix=prefix,
        content=_content(span, accrual),
        each_bound=each,
    )


type _Content = tuple[Fraction, str]
"""How much of what is priced one unit of the line's quantity has, and its unit."""


def _content(span: ChargeSpan, accrual: Slabs) -> _Content:
    """Return the content of what was used since the change; raises RatingError where nothing has any."""
    if accrual.priced_by is None:
        return Fraction(1), span.unit
    other = span.of(accrual.priced_by)
    used, priced = (each.energy_kwh - each.before_kwh for each in (span, other))
    if priced and not used:
        raise RatingError(
            f"{exact_text(priced)} {other.unit} of {span.elapsed.first} to {span.elapsed.end} are in no slab, as their "
            f"quantity in {span.unit} is zero: correct the determinants"
        )
    return (priced / used if used else ZERO), other.unit


def filled_slabs(
    span: ChargeSpan,
    line: ChargeLine,
    slabs: Sequence[Slab],
    scaling: Scaling,
    notes: list[str],
    *,
    energy: Fraction,
    before: Fraction,
    prefix: str,
    zone: str = "",
    content: _Content | None = None,
    each_bound: Fraction | None = None,
) -> Iterator[LinePart]:
    """Yield the parts of `energy` (kWh, or the unit of the line), of which `before` was used before the change.

    One for each slab with some since.
    """
    named = f"{zone}, " if zone else ""
    low = ZERO
    for number, slab in enumerate(slabs):
        width = None
        if slab.up_to_kwh is not None:
            full = slab.up_to_kwh - slab.from_kwh
            what = f"{line.name}: {named}width of slab {number + 1}"
            width = scaled_bound(span, full, scaling, what, notes, each=each_bound)
        high = None if width is None else low + width
        inside = _inside(energy, number, low, high)
        if before:
            inside -= _inside(before, number, low, high)
        if inside:
            extent = (
                f"above {exact_text(low)} {span.unit}"
                if high is None
                else f"{exact_text(low)} to {exact_text(high)} {span.unit}"
            )
            label = zone or "all energy"
            if len(slabs) > 1:
                label = f"{named}slab {number + 1}: {extent}"
            each, unit = content or (Fraction(1), span.unit)
            product = (inside * each, unit, slab.rate)
            yield part_of(span, line, f"{prefix}{number}", label, product, weights=span.uses, zone=zone)
        if high is None:
            return
        low = high


def _inside(energy: Fraction, number: int, low: Fraction, high: Fraction | None) -> Fraction:
    """Return the part of some energy that lies in a slab."""
    # A corrected read can make the energy negative: it is then all in the first slab, not in every one.
    if energy < 0:
        return ZERO if number else energy
    return max(ZERO, (energy if high is None else min(energy, high)) - low)


def band_rate(bands: Sequence[Band], load_kw: Fraction) -> Fraction:
    """Return the rate of the band that a load or a demand (kW or kVA) is in, in minor units."""
    for band in bands:
        if band.up_to_kw is None or load_kw <= band.up_to_kw:
            return band.rate
    raise AssertionError("the last band is open: parse_tariff refuses another document")


def load_price(bands: Sequence[Band], load: Fraction, *, telescopic: bool) -> Fraction:
    """Return the price of a load or a demand (kW or kVA), in minor units: by the rate of its band, or part by part."""
    if not telescopic:
        return band_rate(bands, load) * load
    price, low = ZERO, ZERO
    for band in bands:
        high = load if band.up_to_kw is None else min(load, band.up_to_kw)
        price += max(ZERO, high - low) * band.rate
        low = high
    return price


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
    for days, terms in span.loads:
        load = terms.load(accrual.load, apparent=accrual.apparent) if accrual.goes_by_load else ZERO
        load = accrual.round_load.apply(load) if accrual.round_load else load
        if of_use is None:
            bands, telescopic = accrual.bands, accrual.telescopic
            price = (
                load_price(bands, load, telescopic=telescopic) if accrual.per_kw else band_rate(bands, load)
            )
        else:
            price = of_use * (load if accrual.per_kw else 1)
        priced = (load if accrual.per_kw else None, price)
        first = runs.pop()[0].first if runs and runs[-1][1:] == priced else days.first
        runs.append((Period(first, days.end), *priced))
    return runs


def time_parts(span: ChargeSpan, line: ChargeLine, accrual: PerTime, notes: list[str]) -> Iterator[LinePart]:
    """Yield the parts of a charge by day or by month, in minor units: one for each month and price."""
    begun: set[str] = set()
    for days, load, price in _priced(span, line, accrual, notes):
        unit = "kVA" if accrual.apparent else "kW"
        suffix = f", {exact_text(load)} {unit}" if load is not None else ""
        for key, label, run, of in times(span, days, accrual.scaling.prorate if accrual.monthly else None):
            # The first run has the plain key: a load that changes later must not rename a part that is posted
            # already.
            name = f"{key}@{run.first}" if key in begun else key
            begun.add(key)
            product = (Fraction(run.days), "day", price / of)
            yield part_of(span, line, name, label + suffix, product, weights=_by_days(run))


def times(span: ChargeSpan, days: Period, prorate: Prorate | None) -> Iterator[tuple[str, str, Period, int]]:
    """Yield the days as a line counts them: a key, a label, the days, and the number of days that the price is for.

    `prorate` is None for a price by the day.
    """
    if prorate is None:
        if days.days:
            yield "days", "by day", days, 1
        return
    if prorate is Prorate.NONE:
        if days.days:
            label = f"{days.days} of the period's {span.period_days} days"
            yield "period", label, days, span.period_days
        return
    for month, length in split_by_month(days):
        of = 30 if prorate is Prorate.DAYS_OF_30 else length
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
    yield from _beyond(span, line, whole, at_most, accrual.scaling)


def _beyond(
    span: ChargeSpan, line: ChargeLine, whole: Fraction, at_most: Fraction | None, scaling: Scaling
) -> Iterator[LinePart]:
    """Yield the part that caps an amount at the most it may come to, in minor units by the month."""
    if at_most is None:
        return
    limit = at_most * months_of(span, span.charged, scaling.prorate)
    if abs(whole) > limit:
        over = (limit if whole > 0 else -limit) - whole
        label = "what is beyond the most it may come to"
        product = (over, "minor", Fraction(1))
        yield part_of(span, line, "at-most", label, product, weights=_by_days(span.elapsed))


def money_parts(span: ChargeSpan, line: ChargeLine, accrual: MoneyRebate) -> Iterator[LinePart]:
    """Yield a rebate on recharges or on balances by the month, in minor units below zero, and its cap.

    Raises RatingError where the money of some days is not known.
    """
    pieces = [piece.within(span.elapsed) for piece in span.bill.measured if piece.touches(span.elapsed)]
    weights = []
    for piece in pieces:
        amount = piece.value(accrual.of)
        if accrual.of is MoneyBase.BALANCES:
            amount *= months_of(span, piece.days, accrual.scaling.prorate) / piece.days.days
        weights.append((piece.days, amount))
    whole = sum((amount for _, amount in weights), ZERO)
    if not whole:
        return
    of = "recharges" if accrual.of is MoneyBase.RECHARGES else "the mean balance by the month"
    label = f"{exact_text(accrual.fraction * 100)} % of {of}"
    part = part_of(span, line, "rebate", label, (whole, "minor", -accrual.fraction), weights=tuple(weights))
    yield part
    yield from _beyond(span, line, part.amount, accrual.at_most, accrual.scaling)


def _shares(
    span: ChargeSpan,
    line: ChargeLine,
    on: tuple[BaseLine, ...],
    rates: tuple[DatedPercent, ...],
    bases: dict[str, RatedLine],
) -> Iterator[LinePart]:
    starts = [rate.from_day for rate in rates if rate.from_day]
    for base, again in told_apart(on):
        for part in _base_parts(span, bases[base.line], line.each):
            for days, weight in _weights(part, span.elapsed, starts):
                rate = [r for r in rates if r.from_day is None or r.from_day <= days.first][-1]
                quantity = part.amount * base.share * weight
                key = f"{part.key.removeprefix(f'{span.name}/')}{again}@{rate.from_day or ''}"
                share = "" if base.share == 1 else f"{exact_text(base.share * 100)} % of "
                label = f"{exact_text(rate.fraction * 100)} % of {share}{part.label}"
                if quantity:
                    product = (quantity, "minor", rate.fraction)
                    yield part_of(span, line, key, label, product, weights=_by_days(days))


def told_apart(on: tuple[BaseLine, ...]) -> Iterator[tuple[BaseLine, str]]:
    """Yield bases with a suffix for their keys: a line may be named twice, as all of it and as 8 % of it (Delhi)."""
    named: list[str] = []
    for base in on:
        times = named.count(base.line)
        named.append(base.line)
        yield base, f"+{times}" if times else ""


def minimum_parts(
    span: ChargeSpan,
    line: ChargeLine,
    price: Iterable[LinePart],
    on: tuple[BaseLine, ...],
    bases: dict[str, RatedLine],
) -> list[LinePart]:
    """Return the parts of a minimum's price less the lines in `on`, in minor units; nothing where they reach it."""
    parts = [*price, *_less(span, line, on, bases)]
    return parts if sum((part.amount for part in parts), ZERO) > 0 else []


def _less(
    span: ChargeSpan, line: ChargeLine, on: tuple[BaseLine, ...], bases: dict[str, RatedLine]
) -> Iterator[LinePart]:
    for base, again in told_apart(on):
        amount = Fraction(bases[base.line].amount_minor)
        if amount:
            # The "@" ends the key: a percentage of this line that is itself named twice adds another "+1", and
            # "less/energy+1" must stay distinct from that.
            key = f"less/{base.line}{again}@" if again else f"less/{base.line}"
            label = f"less {bases[base.line].title}"
            product = (amount, "minor", -base.share)
            yield part_of(span, line, key, label, product, weights=_by_days(span.elapsed))


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
    return [part_of(span, line, "whole", label, product, weights=_by_days(span.elapsed))]


def settlement_parts(span: ChargeSpan, line: ChargeLine, accrual: Settlement) -> list[LinePart]:
    """Return what banked units are paid at their settlement, in minor units below zero."""
    if not span.bill.settled_wh:
        return []
    product = (Fraction(span.bill.settled_wh, 1000), "kWh", -accrual.rate)
    return [part_of(span, line, "settled", "banked units settled", product, weights=_by_days(span.elapsed))]


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
