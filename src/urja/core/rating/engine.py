"""The charges of a billing period up to a day: one exact amount for each charge line.

One function serves both the bill of a finished period and the daily accrual of one in progress; a posting is the
difference of two results. Slab widths and prices are scaled to all days of the period, not to the elapsed ones, so
that a slab does not move while the period fills.

A new version inside the period states how the change to it is made (docs/money.md): either the days are split into
bills, each with its own slabs and energy, or the bill continues and a changed line adds to its amount so far. Another
tariff begins a bill. A change of the sanctioned load splits only the lines whose price depends on it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import assert_never

from urja.core.calendar import Period
from urja.core.rating.accruals import (
    Demand,
    LoadFactor,
    Minimum,
    MoneyRebate,
    Percent,
    PerTime,
    PowerFactor,
    RoundOff,
    Settlement,
    Slabs,
    ZonePercents,
    Zones,
    bases_of,
)
from urja.core.rating.bills import Bill, BillVersion, ChargeSpan, bills_of, weights_within, without_duplicates
from urja.core.rating.demand_parts import demand_parts, load_factor_parts, power_factor_parts, size_of_bounds
from urja.core.rating.inputs_and_results import (
    NOTHING_MEASURED,
    ZERO,
    EnergyUse,
    Measured,
    QuantityUse,
    RatedLine,
    RatedPeriod,
    RatingError,
    RatingTerms,
)
from urja.core.rating.parts import (
    minimum_parts,
    money_parts,
    percent_parts,
    round_off_parts,
    settlement_parts,
    slab_parts,
    time_parts,
)
from urja.core.rating.tariff import ChargeLine, calculation_order
from urja.core.rating.unit_bank import with_netted
from urja.core.rating.zone_parts import zone_parts, zone_percent_parts


def rate_period(
    terms: Sequence[RatingTerms],
    uses: Sequence[EnergyUse],
    *,
    billed: Period,
    through: date,
    by_day_from: date | None = None,
    measured: Measured = NOTHING_MEASURED,
    closed: bool | None = None,
) -> RatedPeriod:
    """Return the charges of the days of `billed` before `through`; charges by day count from `by_day_from`, if given.

    `closed` says whether lines that settle at close are charged: unless given, once `through` is the end of `billed`. Where
    the last day has begun and is not closed yet, they are not.

    `terms` are those of the billed days in date order, the first in force on the first day; `uses` are the energy of
    the elapsed days, in Wh, and `measured` all else. Raises RatingError where no terms, or no version of their tariff,
    are in force on the first of their days, where energy lies outside the elapsed days or on one day twice, and where a
    quantity that a line needs is not known.
    """
    closing = through >= billed.end if closed is None else closed
    return _rated(terms, uses, billed, through, by_day_from, measured, closing=closing, estimate=False)


def reserve_so_far(
    terms: Sequence[RatingTerms],
    uses: Sequence[EnergyUse],
    *,
    billed: Period,
    through: date,
    by_day_from: date | None = None,
    measured: Measured = NOTHING_MEASURED,
    closed: bool | None = None,
) -> tuple[RatedLine, ...]:
    """Return an estimate, in minor units, of what the lines that settle at close add once the period is over.

    It has the lines that settle at close, and what they change in the lines that are calculated from them; none once the
    period is over. It rests on what is known so far, with demand for all days of the period. It is no charge: it is never
    posted, and never a ground to disconnect. Arguments are as for `rate_period`, which says what it raises.
    """
    if through >= billed.end if closed is None else closed:
        return ()
    now = _rated(terms, uses, billed, through, by_day_from, measured, closing=False, estimate=False)
    over = _rated(terms, uses, billed, through, by_day_from, measured, closing=True, estimate=True)
    return tuple(
        RatedLine(line.name, line.title, line.amount_minor - now.amount(line.name), line.parts)
        for line in over.lines
        if line.amount_minor != now.amount(line.name)
    )


def _rated(
    terms: Sequence[RatingTerms],
    uses: Sequence[EnergyUse],
    billed: Period,
    through: date,
    by_day_from: date | None,
    measured: Measured,
    *,
    closing: bool,
    estimate: bool,
) -> RatedPeriod:
    elapsed = Period(billed.first, max(billed.first, min(through, billed.end)))
    _check_uses(uses, elapsed)
    _check_measured(measured.uses, elapsed)
    netted, bank = with_netted(measured.uses, terms, measured.bank_wh, billed, ends=measured.ends)
    if bank:
        measured = replace(measured, uses=netted)
    notes: list[str] = []
    sums: dict[str, RatedLine] = {}
    begins = billed.first if by_day_from is None else max(billed.first, min(by_day_from, billed.end))
    bills = list(bills_of(terms, uses, billed, elapsed, begins, notes, measured, estimate=estimate))
    if bank and bills:
        bills[-1] = replace(bills[-1], settled_wh=sum(row.settled_wh for row in bank))
    for bill in bills:
        for name, done in _rate(bill, {}, notes, closing=closing).items():
            before = sums.get(name)
            sums[name] = (
                done
                if before is None
                else RatedLine(
                    name, done.title, before.amount_minor + done.amount_minor, before.parts + done.parts
                )
            )
    rated = without_duplicates(version.tariff for bill in bills for version in bill.versions)
    if not closing:
        bank = tuple(replace(row, settled_wh=0, closing_wh=row.closing_wh + row.settled_wh) for row in bank)
    return RatedPeriod(billed, elapsed.end, tuple(sums.values()), tuple(rated), tuple(notes), bank)


def _check_uses(uses: Sequence[EnergyUse], elapsed: Period) -> None:
    for use in uses:
        if use.energy_wh and elapsed.intersection(use.days) != use.days:
            raise RatingError(
                f"energy of {use.days.first} to {use.days.end} lies outside the rated days "
                f"{elapsed.first} to {elapsed.end}"
            )
        if use.energy_wh and not use.days.days:
            raise RatingError(f"{use.energy_wh} Wh are given for no day ({use.days.first})")
    for before, after in pairwise(sorted(uses, key=lambda use: use.days)):
        if after.days.first < before.days.end:
            raise RatingError(f"two pieces of energy share the day {after.days.first}")


def _check_measured(uses: Sequence[QuantityUse], elapsed: Period) -> None:
    for use in uses:
        if not use.days.days or elapsed.intersection(use.days) != use.days:
            raise RatingError(
                f"determinants of {use.days.first} to {use.days.end} lie outside the rated days "
                f"{elapsed.first} to {elapsed.end}"
            )
    for before, after in pairwise(sorted(uses, key=lambda use: use.days)):
        if after.days.first < before.days.end:
            raise RatingError(f"determinants are given twice for the day {after.days.first}")


def _rate(
    bill: Bill, known: dict[date, dict[str, RatedLine]], notes: list[str], *, closing: bool
) -> dict[str, RatedLine]:
    """Return each charge line of a bill, lines that settle at close only if `closing`; `known` caches the lines of the bill as it was before each day of a change."""
    all_lines = [line for version in bill.versions for line in version.tariff.lines]
    done: dict[str, RatedLine] = {}
    runs: dict[tuple[int, str, str, str], ChargeSpan] = {}
    for name in calculation_order(all_lines)[0]:
        line, number = _last_change(bill.versions, name)
        before: dict[str, RatedLine] = {}
        if number:
            first = bill.versions[number].first
            if first not in known:
                # Its notes are dropped: they are about quantities that the whole bill notes anyway.
                known[first] = _rate(bill.before(first), known, [], closing=closing)
            before = known[first]
        kept = before.get(name)
        if line is not None and line.at_close and not closing:
            done[name] = _added(kept, RatedLine(name, line.title, 0, ()))
        elif line is not None:
            # Two round-offs, each of its own days, do not make the whole bill round: the newest rounds all of it.
            run = 0 if isinstance(line.accrual, RoundOff) else number
            measure = line.measure
            key = (run, measure.quantity, measure.unit, measure.share)
            if key not in runs:
                runs[key] = bill.run(run, measure)
            done[name] = _added(kept, _line(runs[key], line, before, done, notes))
        elif kept is not None:
            done[name] = kept
    # Lines were calculated with bases first; a bill prints them in the order of the document.
    return {name: done[name] for name in dict.fromkeys(line.name for line in all_lines)}


def _last_change(versions: tuple[BillVersion, ...], name: str) -> tuple[ChargeLine | None, int]:
    """Return a line as the newest version defines it, and the number of the version since which it is defined so."""
    definitions = [
        next((line for line in version.tariff.lines if line.name == name), None) for version in versions
    ]
    newest, number = definitions[-1], len(definitions) - 1
    while number and _goes_on_as(definitions[number - 1], newest):
        number -= 1
    return newest, number


def _goes_on_as(old: ChargeLine | None, new: ChargeLine | None) -> bool:
    """Return whether a line that changes into another carries no amount over."""
    if new is not None and isinstance(new.accrual, RoundOff):
        return old is None or isinstance(old.accrual, RoundOff)
    if new is not None and new.at_close:
        # What a period comes to at its close is one calculation, by the version in force then.
        return old is not None and old.at_close
    return old is new if old is None or new is None else old.charges_like(new)


def _added(kept: RatedLine | None, new: RatedLine) -> RatedLine:
    if kept is None:
        return new
    return RatedLine(new.name, new.title, kept.amount_minor + new.amount_minor, kept.parts + new.parts)


def _line(
    span: ChargeSpan,
    line: ChargeLine,
    before: dict[str, RatedLine],
    done: dict[str, RatedLine],
    notes: list[str],
) -> RatedLine:
    """Return the amount of a line in a span, given the amounts of the lines it is calculated from."""
    bases = {
        base.line: _since(span, done[base.line], before.get(base.line)) for base in bases_of(line.accrual)
    }
    match line.accrual:
        case Slabs():
            each = size_of_bounds(span, line, line.accrual, notes)
            parts = list(slab_parts(span, line, line.accrual, notes, each))
        case PerTime():
            parts = list(time_parts(span, line, line.accrual, notes))
        case Percent():
            parts = list(percent_parts(span, line, line.accrual, bases, notes))
        case Minimum():
            price = line.accrual.price
            of_price = (
                demand_parts(span, line, price, notes)
                if isinstance(price, Demand)
                else time_parts(span, line, price, notes)
            )
            parts = minimum_parts(span, line, of_price, line.accrual.on, bases)
        case RoundOff():
            parts = round_off_parts(span, line, line.accrual, bases)
        case Zones():
            parts = list(zone_parts(span, line, line.accrual, notes))
        case ZonePercents():
            parts = list(zone_percent_parts(span, line, line.accrual, bases))
        case Demand():
            parts = list(demand_parts(span, line, line.accrual, notes))
        case MoneyRebate():
            parts = list(money_parts(span, line, line.accrual))
        case Settlement():
            parts = settlement_parts(span, line, line.accrual)
        case PowerFactor():
            parts = list(power_factor_parts(span, line, line.accrual, bases, notes))
        case LoadFactor():
            parts = list(load_factor_parts(span, line, line.accrual, bases, notes))
        case _:
            assert_never(line.accrual)
    amount = line.step.apply(sum((part.amount for part in parts), ZERO))
    return RatedLine(line.name, line.title, int(amount), tuple(parts))


def _since(span: ChargeSpan, now: RatedLine, before: RatedLine | None) -> RatedLine:
    """Return the amount of a line in a span: all of it where the span is the whole bill."""
    if span.charged == span.days:
        return now
    old = {part.key: part for part in before.parts} if before else {}
    grown = [
        (part, part.amount - old.pop(part.key).amount if part.key in old else part.amount)
        for part in now.parts
    ]
    grown += [(part, -part.amount) for part in old.values()]
    parts = (
        replace(part, amount=amount, weights=weights_within(part.weights, span.elapsed))
        for part, amount in grown
        if amount
    )
    return RatedLine(
        now.name, now.title, now.amount_minor - (before.amount_minor if before else 0), tuple(parts)
    )
