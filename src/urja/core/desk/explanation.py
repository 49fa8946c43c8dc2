"""A tariff document in sentences: what each line prices, by what, when it is charged, and how it is rounded."""

from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import assert_never

from urja.core.rating.accruals import (
    Band,
    BaseLine,
    BilledDemand,
    Demand,
    DemandBasis,
    FactorStep,
    LoadFactor,
    Minimum,
    MoneyBase,
    MoneyRebate,
    Percent,
    PerTime,
    PowerFactor,
    Prorate,
    RoundOff,
    Scaling,
    Settlement,
    Slab,
    Slabs,
    SlabTable,
    UsePercent,
    ZonePercents,
    Zones,
    ZonesAndSlabs,
)
from urja.core.rating.priced_quantities import BILLED
from urja.core.rating.tariff import ChargeLine, OnChange, RoundingScope, Settles, Tariff
from urja.core.units import RoundingStep, exact_text

_PRORATE = {
    Prorate.MONTH_FRACTION: "each day counts as one part of its calendar month",
    Prorate.DAYS_OF_30: "each day counts as one thirtieth",
    Prorate.NONE: "however long it is",
}
_LOAD_FACTOR = "% of load factor"
"""The unit of bounds by load factor, which are of no month."""
_SETTLES = {
    Settles.PROGRESSIVE: "It is charged with what the period has so far.",
    Settles.PER_DAY: "It is charged by the elapsed days.",
    Settles.AT_CLOSE: "It is charged once the period is over; until then it is in the reserve.",
}
_ON_CHANGE = {
    OnChange.CONTINUE: "A version that begins inside a period continues the bill: only the lines that it changes have another price.",
    OnChange.BY_DAYS: "A version that begins inside a period divides it into bills, with a share of the energy by days.",
    OnChange.BY_READS: "A version that begins inside a period divides it into bills, with the energy read on their days.",
}


def explain(tariff: Tariff) -> tuple[list[str], dict[str, list[str]]]:
    """Return sentences about a document as a whole, and about each line by its name. Prices are in major units."""
    named = f"{tariff.title}: tariff {tariff.code}, version {tariff.version}, of {tariff.commodity}"
    whole = [
        f"{named}, in {tariff.currency} with {tariff.exponent} decimals, in force from {tariff.valid_from}.",
        f"A billing period is {_cycle(tariff)}.",
        _ON_CHANGE[tariff.on_change] + _rounding("The energy before the change", tariff.round_units),
    ]
    if tariff.modelled_on:
        whole.append(f"It is modelled on: {tariff.modelled_on}.")
    if tariff.calendar:
        zones = ", ".join(f"{name} ({number})" for name, number in tariff.zones)
        whole.append(
            f"Its time zones are those of the calendar {tariff.calendar}: {zones or 'none is priced'}."
        )
    if tariff.net_metering is not None:
        bank = (
            "each zone has a bank of units"
            if tariff.net_metering.by_zones
            else "one bank has the units of all times"
        )
        month = tariff.net_metering.settlement_month
        when = [f"in month {month}"] if month else []
        when += ["when an agreement ends"] if tariff.net_metering.settles_at_end else []
        settled = f"it is settled {' and '.join(when)}" if when else "it is never settled"
        whole.append(f"Export is set off against import: {bank}; {settled}.")
    if tariff.needs:
        whole.append(f"Besides the billed energy it needs: {', '.join(sorted(tariff.needs))}.")
    return whole, {line.name: [*_Line(tariff, line).sentences()] for line in tariff.lines}


def _cycle(tariff: Tariff) -> str:
    cycle, day = tariff.cycle, f"from day {tariff.period_starts_on}"
    if not cycle.months:
        return str(cycle)
    return (
        f"a month {day}" if cycle.months == 1 else f"{cycle.months} months {day} of month {cycle.first_month}"
    )


def _percent(fraction: Fraction) -> str:
    return f"{exact_text(abs(fraction) * 100)} %"


def _rounding(what: str, step: RoundingStep | None, unit: str = "") -> str:
    return f" {what} is rounded {step.mode} to {exact_text(step.to)}{unit and ' ' + unit}." if step else ""


def _time_of(scaling: Scaling) -> str:
    """Return what a bound or cap is of: a month, or a period of any length."""
    return "a period" if scaling.prorate is Prorate.NONE else "a month"


def _use(up_to: Fraction | None, unit: str, scaling: Scaling) -> str:
    """Return the use that a table or percentage is for; the last one has no bound."""
    if up_to is None:
        return "for a larger use"
    time = "" if unit == _LOAD_FACTOR else f" {_time_of(scaling)}"
    return f"for a use of at most {exact_text(up_to)} {unit}{time}"


def _joined(parts: Sequence[str]) -> str:
    return "; ".join(parts) + "."


class _Line:
    """One line of a document, and what its sentences need of the whole."""

    def __init__(self, tariff: Tariff, line: ChargeLine) -> None:
        self._tariff, self._line = tariff, line
        self._scale = 10**tariff.exponent
        self._unit = line.measure.unit

    def sentences(self) -> Iterator[str]:
        line = self._line
        yield from self._accrual()
        yield _SETTLES[line.settles]
        each = "each part" if line.each is RoundingScope.PART else "the amount"
        if not isinstance(line.accrual, RoundOff):
            step = RoundingStep(line.step.to / self._scale, line.step.mode)
            yield _rounding(f"Of money, {each}", step, self._tariff.currency).strip()
        account = f"It is posted to the contra account of {line.book}"
        yield f"{account}; {line.claim_on} owes it." if line.claim_on else f"{account}."

    def _accrual(self) -> Iterator[str]:
        accrual = self._line.accrual
        match accrual:
            case Slabs():
                yield from self._slabs(accrual)
            case PerTime():
                yield f"It is a price for each {self._time(accrual)}"
            case Percent():
                yield from self._percentage(accrual)
            case Minimum():
                below = f"It is the amount by which the sum of {self._bases(accrual.on)} is below a minimum"
                if isinstance(accrual.price, Demand):
                    yield f"{below} by demand. Of the minimum:"
                    yield from self._demand(accrual.price)
                else:
                    yield f"{below} for each {self._time(accrual.price)}"
            case RoundOff():
                step = RoundingStep(accrual.to.to / self._scale, accrual.to.mode)
                yield _rounding(f"The sum of {self._bases(accrual.on)}", step, self._tariff.currency).strip()
            case Zones():
                yield from self._zones(accrual)
            case ZonePercents():
                yield from self._zone_percents(accrual)
            case Demand():
                yield from self._demand(accrual)
            case PowerFactor():
                by = f"the mean power factor, from active energy and {', '.join(accrual.by)}"
                yield from self._factor(accrual, by)
            case LoadFactor():
                unit = "kVA" if accrual.basis.apparent else "kW"
                of = self._billed(accrual.basis)
                yield from self._factor(
                    accrual,
                    f"the load factor, {unit}h in percent of all hours of the days at a demand in {unit}, {of}",
                )
                yield from self._conditions(accrual.basis, "The demand")
            case Settlement():
                yield f"It pays {self._money(accrual.rate)} for each kWh that a bank of units settles."
            case MoneyRebate():
                of = "recharges" if accrual.of is MoneyBase.RECHARGES else "the balance by the month"
                cap = (
                    f", at most {self._money(accrual.at_most)} a month" if accrual.at_most is not None else ""
                )
                yield f"It gives back {_percent(accrual.fraction)} of {of}{cap}."
            case _:
                assert_never(accrual)

    def _money(self, minor: Fraction) -> str:
        return f"{exact_text(abs(minor) / self._scale)} {self._tariff.currency}"

    def _quantity(self) -> str:
        measure = self._line.measure
        name = measure.quantity or BILLED[self._tariff.commodity]
        return f"{name}, by the {measure.unit}" + (
            f", as the agreement's share by {measure.share}" if measure.share else ""
        )

    def _slab(self, slab: Slab) -> str:
        unit = self._of_bounds()
        bounds = (
            f"from {exact_text(slab.from_kwh)} to {exact_text(slab.up_to_kwh)} {unit}"
            if slab.up_to_kwh is not None
            else f"above {exact_text(slab.from_kwh)} {unit}"
        )
        gives = "gives back " if slab.rate < 0 else ""
        return f"{bounds} {gives}{self._money(slab.rate)}"

    def _of_bounds(self) -> str:
        """Return the unit of the bounds of slabs."""
        by_demand = self._line.accrual.by_demand if isinstance(self._line.accrual, Slabs) else None
        if by_demand is None:
            return self._unit
        return _LOAD_FACTOR if by_demand.by_load_factor else "hours"

    def _slab_list(self, slabs: Sequence[Slab], scaling: Scaling) -> str:
        if len(slabs) == 1:
            return f"each {self._unit} {'gives back' if slabs[0].rate < 0 else 'costs'} {self._money(slabs[0].rate)}"
        time = "" if self._of_bounds() == _LOAD_FACTOR else f"of {_time_of(scaling)}, "
        return time + ", ".join(self._slab(slab) for slab in slabs)

    def _slabs(self, accrual: Slabs) -> Iterator[str]:
        yield f"It prices {self._quantity()}: {_joined([self._table(table, accrual) for table in accrual.tables])}"
        if accrual.by_demand is not None:
            basis = accrual.by_demand.basis
            hours = "in percent of all hours of the days" if accrual.by_demand.by_load_factor else "hours"
            yield f"Bounds are {hours} at a demand in {'kVA' if basis.apparent else 'kW'}: {self._billed(basis)}."
            yield from self._conditions(basis, "The demand")
        if self._of_bounds() == _LOAD_FACTOR:
            if accrual.scaling.round_width:
                yield _rounding("A width", accrual.scaling.round_width, self._unit).strip()
        elif len(accrual.tables) > 1 or len(accrual.tables[0].slabs) > 1:
            yield self._scaling("Bounds", accrual.scaling)
        if accrual.priced_by is not None:
            by = accrual.priced_by
            name = by.quantity or BILLED[self._tariff.commodity]
            yield f"Its rates are for each {by.unit} of {name}, of which each {self._unit} has the period's mean."
        if accrual.round_energy:
            yield _rounding("The quantity", accrual.round_energy, self._unit).strip()

    def _table(self, table: SlabTable, accrual: Slabs) -> str:
        use = _use(table.up_to_kwh, self._of_bounds(), accrual.scaling)
        slabs = self._slab_list(table.slabs, accrual.scaling)
        return slabs if len(accrual.tables) == 1 else f"{use}, {slabs}"

    def _scaling(self, what: str, scaling: Scaling) -> str:
        scaled = (
            f"{what} are those of a period, however long."
            if scaling.prorate is Prorate.NONE
            else f"{what} by the month are scaled to the period: {_PRORATE[scaling.prorate]}."
        )
        return scaled + _rounding("A width", scaling.round_width, self._unit)

    def _time(self, price: PerTime) -> str:
        unit = "kVA" if price.apparent else "kW"
        time = _time_of(price.scaling).removeprefix("a ") if price.monthly else "day"
        of = f" and each {unit} of {price.load} load" if price.per_kw else ""
        scaled = f" ({_PRORATE[price.scaling.prorate]})" if price.monthly else ""
        rounded = _rounding("The load", price.round_load, unit)
        return f"{time}{of}{scaled}: {self._bands(price.bands, unit, telescopic=price.telescopic)}.{rounded}"

    def _bands(self, bands: Sequence[Band], unit: str, *, telescopic: bool) -> str:
        last = self._band(bands[-1], unit)
        below = [self._band(band, unit) for band in bands[:-1]]
        each = ", ".join([*below, f"above that {last}"] if below else [last])
        return f"{each}, each for the part in its band" if telescopic else each

    def _band(self, band: Band, unit: str) -> str:
        bound, of = (
            (band.up_to_kw, unit)
            if band.up_to_kw is not None
            else (band.up_to_kwh, self._tariff.commodity.unit)
        )
        return self._money(band.rate) + ("" if bound is None else f" up to {exact_text(bound)} {of}")

    def _bases(self, bases: Sequence[BaseLine]) -> str:
        return ", ".join(
            base.line if base.share == 1 else f"{_percent(base.share)} of {base.line}" for base in bases
        )

    def _percentage(self, accrual: Percent) -> Iterator[str]:
        fractions = [rate.fraction for rate in accrual.rates] + [use.fraction for use in accrual.by_use]
        verb = "gives back" if any(fraction < 0 for fraction in fractions) else "adds"
        of = self._bases(accrual.on)
        dated = [
            _percent(rate.fraction) + (f" from {rate.from_day}" if rate.from_day else "")
            for rate in accrual.rates
        ]
        by_use = [self._use_percent(use, accrual.scaling) for use in accrual.by_use]
        cap = (
            f" It is at most {self._money(accrual.at_most)} {_time_of(accrual.scaling)}."
            if accrual.at_most is not None
            else ""
        )
        if by_use:
            yield f"It {verb}, of {of}: {', '.join(by_use)}."
        else:
            yield f"It {verb} {', '.join(dated)} of {of}.{cap}"

    def _use_percent(self, use: UsePercent, scaling: Scaling) -> str:
        cap = "" if use.at_most is None else f" (at most {self._money(use.at_most)} {_time_of(scaling)})"
        return f"{_percent(use.fraction)}{cap} {_use(use.up_to_kwh, self._tariff.commodity.unit, scaling)}"

    def _zones(self, accrual: Zones) -> Iterator[str]:
        prices = [
            f"in {price.zone}, {self._slab_list(price.slabs, accrual.scaling)}" for price in accrual.prices
        ]
        yield f"It prices {self._quantity()}, by time zones: {_joined(prices)}"
        if accrual.zones_and_slabs is ZonesAndSlabs.WITHIN_ZONES:
            yield "The slabs of a zone are filled by the energy of that zone alone."
            yield self._scaling("Bounds", accrual.scaling)
        yield f"Energy that is in no zone is calculated as {accrual.otherwise}."

    def _zone_percents(self, accrual: ZonePercents) -> Iterator[str]:
        each = [
            f"in {one.zone} {'a rebate' if one.fraction < 0 else 'a surcharge'} of {_percent(one.fraction)}"
            for one in accrual.percents
        ]
        base = (
            "of the period's average price, on the energy of the zone"
            if accrual.zones_and_slabs is ZonesAndSlabs.AVERAGE
            else "of what the lines come to in the zone"
        )
        yield f"It takes, on {self._bases(accrual.on)}: {', '.join(each)}, {base}."

    def _billed(self, basis: DemandBasis) -> str:
        """Return which demand is billed."""
        names = {number: name for name, number in self._tariff.zones}
        inside = f" in {', '.join(names[number] for number in basis.zones)}" if basis.zones else ""
        return {
            BilledDemand.RECORDED: f"the maximum demand{inside}",
            BilledDemand.SANCTIONED: "the sanctioned load",
            BilledDemand.CONTRACTED: "the contracted load",
            BilledDemand.EXCESS: "what is recorded above a load",
        }[basis.billed]

    def _demand(self, accrual: Demand) -> Iterator[str]:
        unit, what = "kVA" if accrual.apparent else "kW", self._billed(accrual)
        if accrual.billed is BilledDemand.EXCESS:
            yield "It is nothing but the excess."
        yield f"{'Its rate is by the' if accrual.billed is BilledDemand.EXCESS else 'It is a price for each'} {_time_of(accrual.scaling).removeprefix('a ')} and each {unit} of {what} ({_PRORATE[accrual.scaling.prorate]}): {self._bands(accrual.bands, unit, telescopic=accrual.telescopic)}."
        yield from self._conditions(accrual, "It")
        if accrual.excess is not None:
            above = accrual.excess.above
            price = (
                f"{_percent(accrual.excess.fraction)} of the price"
                if accrual.excess.rate is None
                else f"{self._money(accrual.excess.rate)} a month"
            )
            free = "" if above.fraction == 1 else f"{_percent(above.fraction)} of "
            besides = "" if accrual.billed is BilledDemand.EXCESS else " besides"
            yield f"Each {unit} recorded above {free}the {above.load} load costs {price}{besides}."

    def _conditions(self, accrual: DemandBasis, what: str) -> Iterator[str]:
        """Yield what a billed demand is at least and at most."""
        unit = "kVA" if accrual.apparent else "kW"
        if accrual.kva_fraction is not None:
            yield f"Demand in kW is at least {_percent(accrual.kva_fraction)} of that in kVA."
        if accrual.at_least is not None:
            yield f"{what} is at least {_percent(accrual.at_least.fraction)} of the {accrual.at_least.load} load."
        if accrual.floor:
            yield f"{what} is at least {exact_text(accrual.floor)} {unit}."
        if accrual.ratchet is not None:
            yield (
                f"{what} is at least {_percent(accrual.ratchet.fraction)} of the highest demand of the last "
                f"{accrual.ratchet.periods} periods."
            )
        if accrual.round_demand:
            yield _rounding("Demand", accrual.round_demand, unit).strip()
        if accrual.at_most is not None:
            yield f"{what} is at most {_percent(accrual.at_most.fraction)} of the {accrual.at_most.load} load."

    def _factor(self, accrual: PowerFactor | LoadFactor, by: str) -> Iterator[str]:
        yield f"It goes by {by}, on {self._bases(accrual.on)}."
        steps = _joined([self._factor_step(step) for step in accrual.steps])
        yield steps[:1].upper() + steps[1:]
        name = "power" if isinstance(accrual, PowerFactor) else "load"
        yield _rounding(f"The {name} factor", accrual.round_factor).strip()

    def _factor_step(self, step: FactorStep) -> str:
        bound = "above that" if step.up_to is None else f"up to {exact_text(step.up_to)}"
        if not step.fraction:
            return f"{bound} nothing"
        kind = "an incentive" if step.fraction < 0 else "a penalty"
        per = f" for each {exact_text(step.per)} from {exact_text(step.counted_from)}" if step.per else ""
        return f"{bound} {kind} of {_percent(step.fraction)}{per}"
