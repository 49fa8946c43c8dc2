"""What a billing period comes to, to a day: one exact amount for each charge line.

The same function serves the bill of a finished period and the accrual of one in progress; a posting is the
difference of two results. Widths and prices are scaled to the days that the whole period will have, so that a
slab does not move while the period fills.

Where the tariff or its version changes inside the period, each rates its own days: its slabs are scaled to its share
of the period, and its energy is what was used on those days (split by days where the caller does not know better). A
change of the sanctioned load cuts only the lines whose price depends on it: a slab goes on as if nothing had happened.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from itertools import pairwise
from typing import assert_never

from urja.core.calendar import Period, month_fraction, month_parts
from urja.core.rating.tariff import (
    Base,
    DatedPercent,
    Each,
    Line,
    Minimum,
    Percent,
    PerTime,
    Prorate,
    RoundOff,
    Scaling,
    Slabs,
    Tariff,
)
from urja.core.units import Step, exact, major

ZERO = Fraction(0)
ROUNDING = "rounding"
"""The unit of what a rounding leaves: minor units, at a rate of one."""


class RatingError(ValueError):
    """Energy, days or versions that do not fit together."""


@dataclass(frozen=True, slots=True)
class Use:
    """Energy drawn on the days of a period, in Wh."""

    days: Period
    energy_wh: int


@dataclass(frozen=True, slots=True)
class Terms:
    """On which terms days are rated, from `first` on: the versions of one tariff, and the sanctioned load."""

    first: date
    versions: tuple[Tariff, ...]
    load_w: int


@dataclass(frozen=True, slots=True)
class Part:
    """One row of a line's arithmetic: `quantity` times `rate` is `amount`, in minor units, before its rounding.

    `key` says which slab, month or base it is, so that the parts of two results can be told from each other.
    """

    key: str
    label: str
    quantity: Fraction
    unit: str
    rate: Fraction
    amount: Fraction
    """After the part's rounding, where the line rounds its parts; else the exact product."""
    weights: tuple[tuple[Period, Fraction], ...]
    """How the part spreads over days, so that a percentage that changes meanwhile can be taken of it."""


@dataclass(frozen=True, slots=True)
class LineTarget:
    """What one line comes to, in minor units, and how."""

    name: str
    title: str
    amount_minor: int
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Target:
    """What the billed days up to `through` (without it) come to."""

    billed: Period
    through: date
    lines: tuple[LineTarget, ...]
    versions: tuple[Tariff, ...]
    """Those that the billed days were rated by, in their order."""
    notes: tuple[str, ...]
    """The roundings and splits of quantities, in words."""

    @property
    def total_minor(self) -> int:
        """The sum of all lines."""
        return sum(line.amount_minor for line in self.lines)

    def amount(self, name: str) -> int:
        """What a line comes to; zero where the tariff has no such line."""
        return sum(line.amount_minor for line in self.lines if line.name == name)


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Days rated by one version: all of them, and those that have passed."""

    name: str
    """Begins the keys of its parts."""
    tariff: Tariff
    days: Period
    elapsed: Period
    period_days: int
    """How many days are billed, in this stretch and the others."""
    uses: tuple[tuple[Period, Fraction], ...]
    """Energy of the elapsed days, in kWh."""
    loads: tuple[tuple[Period, Fraction], ...]
    """The sanctioned load of the elapsed days that are charged by day, in kW."""

    @property
    def energy_kwh(self) -> Fraction:
        """All of the elapsed days."""
        return sum((kwh for _, kwh in self.uses), ZERO)


def cut_days(terms: Sequence[Terms], billed: Period) -> list[date]:
    """The days inside a period on which a price changes: energy known up to each of them is rated exactly.

    A change of the sanctioned load is none of them, as no price of energy depends on it.
    """
    cuts: set[date] = set()
    for days, versions in _tariffs(terms, billed):
        changes = {tariff.valid_from for tariff in versions}
        for tariff in versions:
            for line in tariff.lines:
                if isinstance(line.accrual, Percent):
                    changes |= {rate.from_day for rate in line.accrual.rates if rate.from_day}
        cuts |= {days.first, *(day for day in changes if day in days)}
    return sorted(cuts - {billed.first})


def target(
    terms: Sequence[Terms],
    uses: Sequence[Use],
    *,
    billed: Period,
    through: date,
    by_day_from: date | None = None,
) -> Target:
    """What the days of `billed` before `through` come to; charges by day from `by_day_from` on, if it is given.

    `terms` are those of the billed days in their order, the first of them in force on the first day; `uses` are the
    energy of the elapsed days. Raises RatingError where no terms, or no version of their tariff, are in force on the
    first day of theirs, or where energy lies outside the elapsed days.
    """
    elapsed = Period(billed.first, max(billed.first, min(through, billed.end)))
    _check_uses(uses, elapsed)
    notes: list[str] = []
    sums: dict[str, LineTarget] = {}
    begins = billed.first if by_day_from is None else max(billed.first, min(by_day_from, billed.end))
    stretches = list(_stretches(terms, uses, billed, elapsed, begins, notes))
    for stretch in stretches:
        for name, done in _rate(stretch, notes).items():
            before = sums.get(name)
            sums[name] = (
                done
                if before is None
                else LineTarget(
                    name, done.title, before.amount_minor + done.amount_minor, before.parts + done.parts
                )
            )
    rated = _without_doubles(stretch.tariff for stretch in stretches)
    return Target(billed, elapsed.end, tuple(sums.values()), tuple(rated), tuple(notes))


def _check_uses(uses: Sequence[Use], elapsed: Period) -> None:
    for use in uses:
        if use.energy_wh and elapsed.meet(use.days) != use.days:
            raise RatingError(
                f"energy of {use.days.first} to {use.days.end} lies outside the rated days "
                f"{elapsed.first} to {elapsed.end}"
            )
        if use.energy_wh and not use.days.days:
            raise RatingError(f"{use.energy_wh} Wh are given for no day ({use.days.first})")
    for before, after in pairwise(sorted(uses, key=lambda use: use.days)):
        if after.days.first < before.days.end:
            raise RatingError(f"two pieces of energy share the day {after.days.first}")


def _tariffs(terms: Sequence[Terms], billed: Period) -> list[tuple[Period, tuple[Tariff, ...]]]:
    """The billed days in pieces of one tariff, each with its versions in the order they apply."""
    ordered = sorted(terms, key=lambda each: each.first)
    if not ordered or ordered[0].first > billed.first:
        raise RatingError(f"no terms are in force on {billed.first}")
    pieces: list[tuple[Period, tuple[Tariff, ...]]] = []
    for days in billed.cut([each.first for each in ordered]):
        versions = _in_force(ordered, days.first).versions
        if pieces and {tariff.code for tariff in versions} == {tariff.code for tariff in pieces[-1][1]}:
            before, known = pieces.pop()
            pieces.append((Period(before.first, days.end), (*known, *versions)))
        else:
            pieces.append((days, versions))
    return [
        (days, tuple(sorted(_without_doubles(versions), key=lambda tariff: tariff.valid_from)))
        for days, versions in pieces
    ]


def _without_doubles(versions: Iterable[Tariff]) -> list[Tariff]:
    # A document is a large thing to hash, and mostly there is one.
    found: list[Tariff] = []
    for tariff in versions:
        if tariff not in found:
            found.append(tariff)
    return found


def _in_force(terms: Sequence[Terms], day: date) -> Terms:
    return [each for each in terms if each.first <= day][-1]


def _stretches(
    terms: Sequence[Terms],
    uses: Sequence[Use],
    billed: Period,
    elapsed: Period,
    by_day_from: date,
    notes: list[str],
) -> Iterator[_Stretch]:
    energy = _cut_uses(uses, cut_days(terms, billed), notes)
    ordered = sorted(terms, key=lambda each: each.first)
    by_day = Period(by_day_from, billed.end)
    for own, versions in _tariffs(terms, billed):
        if not versions or versions[0].valid_from > own.first:
            raise RatingError(f"no version of the tariff is in force on {own.first}")
        for days in own.cut([tariff.valid_from for tariff in versions]):
            # Of two versions with one date the later in the list wins: it corrects the other.
            tariff = [candidate for candidate in versions if candidate.valid_from <= days.first][-1]
            passed = days.meet(elapsed)
            if days.first < elapsed.end or days.first == billed.first:
                yield _Stretch(
                    # A tariff that is rated later in the period may have versions of the same name.
                    tariff.version if own.first == billed.first else f"{own.first}:{tariff.version}",
                    tariff,
                    days,
                    passed,
                    billed.days or 1,
                    tuple((piece, kwh) for piece, kwh in energy if piece.meet(days) == piece and piece.days),
                    tuple(
                        (piece, Fraction(_in_force(ordered, piece.first).load_w, 1000))
                        for piece in passed.meet(by_day).cut([each.first for each in ordered])
                    ),
                )


def _cut_uses(uses: Sequence[Use], cuts: list[date], notes: list[str]) -> list[tuple[Period, Fraction]]:
    """Energy in pieces that no price change crosses; a longer one is split in proportion to days."""
    pieces: list[tuple[Period, Fraction]] = []
    for use in uses:
        parts = use.days.cut(cuts)
        if len(parts) > 1 and use.energy_wh:
            notes.append(
                f"{use.energy_wh} Wh of {use.days.first} to {use.days.end} split by days at a change of price: "
                + ", ".join(f"{part.days} days" for part in parts)
            )
        pieces += [(part, Fraction(use.energy_wh * part.days, 1000 * (use.days.days or 1))) for part in parts]
    return pieces


def _rate(stretch: _Stretch, notes: list[str]) -> dict[str, LineTarget]:
    done: dict[str, LineTarget] = {}
    for line in stretch.tariff.in_order():
        match line.accrual:
            case Slabs():
                parts = list(_slab_parts(stretch, line, line.accrual, notes))
            case PerTime():
                parts = list(_time_parts(stretch, line, line.accrual, notes))
            case Percent():
                parts = list(_percent_parts(stretch, line, line.accrual, done, notes))
            case Minimum():
                parts = _minimum_parts(stretch, line, line.accrual, done, notes)
            case RoundOff():
                parts = _round_off_parts(stretch, line, line.accrual, done)
            case _:
                assert_never(line.accrual)
        amount = line.step.apply(sum((part.amount for part in parts), ZERO))
        done[line.name] = LineTarget(line.name, line.title, int(amount), tuple(parts))
    return {line.name: done[line.name] for line in stretch.tariff.lines}


type _Weights = tuple[tuple[Period, Fraction], ...]


def _by_days(days: Period) -> _Weights:
    """Of what is spread evenly over some days."""
    return ((days, Fraction(days.days)),)


type _Product = tuple[Fraction, str, Fraction]
"""Quantity, its unit, and the rate in minor units."""


def _part(
    stretch: _Stretch,
    line: Line,
    key: str,
    label: str,
    product: _Product,
    *,
    weights: _Weights,
) -> Part:
    quantity, unit, rate = product
    exactly = quantity * rate
    amount = line.step.apply(exactly) if line.each is Each.PART else exactly
    return Part(f"{stretch.name}/{line.name}/{key}", label, quantity, unit, rate, amount, weights)


def _factor(stretch: _Stretch, prorate: Prorate) -> Fraction:
    match prorate:
        case Prorate.MONTH_FRACTION:
            return month_fraction(stretch.days)
        case Prorate.DAYS_OF_30:
            return Fraction(stretch.days.days, 30)
        case Prorate.NONE:
            return Fraction(stretch.days.days, stretch.period_days)
        case _:
            assert_never(prorate)


def _rounded(value: Fraction, step: Step | None, what: str, unit: str, notes: list[str]) -> Fraction:
    if step is None:
        return value
    rounded = step.apply(value)
    if rounded != value:
        notes.append(f"{what} of {exact(value)} {unit} rounded {step.mode} to {exact(rounded)} {unit}")
    return rounded


def _scaled(stretch: _Stretch, kwh: Fraction, scaling: Scaling, what: str, notes: list[str]) -> Fraction:
    """A bound of so many kWh a month, as it stands for the stretch."""
    return _rounded(kwh * _factor(stretch, scaling.prorate), scaling.round_width, what, "kWh", notes)


def _reached(
    stretch: _Stretch,
    line: Line,
    bounds: Sequence[Fraction | None],
    kwh: Fraction,
    scaling: Scaling,
    notes: list[str],
) -> int:
    """The first of some bounds a month that the energy of the stretch so far does not exceed; the last is open."""
    for number, bound in enumerate(bounds):
        what = f"{line.name}: bound {number + 1} of the use"
        if bound is None or kwh <= _scaled(stretch, bound, scaling, what, notes):
            return number
    raise AssertionError("the last bound is open: parse_tariff refuses another document")


def _slab_parts(stretch: _Stretch, line: Line, accrual: Slabs, notes: list[str]) -> Iterator[Part]:
    energy = _rounded(stretch.energy_kwh, accrual.round_energy, f"{line.name}: energy", "kWh", notes)
    bounds = [table.up_to_kwh for table in accrual.tables]
    chosen = _reached(stretch, line, bounds, energy, accrual.scaling, notes)
    slabs = accrual.tables[chosen].slabs
    # Of two tables a slab of the same number is another one: what was posted by the first is taken back.
    prefix = f"{chosen}." if chosen else ""
    low = ZERO
    for number, slab in enumerate(slabs):
        width = None
        if slab.up_to_kwh is not None:
            full = slab.up_to_kwh - slab.from_kwh
            width = _scaled(stretch, full, accrual.scaling, f"{line.name}: width of slab {number + 1}", notes)
        high = None if width is None else low + width
        inside = energy - low if high is None else min(energy, high) - low
        # A negative advance (a corrected read) is negative energy in the first slab, not in all of them.
        if inside > 0 or (number == 0 and energy < 0):
            span = f"above {exact(low)} kWh" if high is None else f"{exact(low)} to {exact(high)} kWh"
            label = "all energy" if len(slabs) == 1 else f"slab {number + 1}: {span}"
            product = (inside, "kWh", slab.rate)
            yield _part(stretch, line, f"{prefix}{number}", label, product, weights=stretch.uses)
        if high is None:
            return
        low = high


def _band(accrual: PerTime, load_kw: Fraction) -> Fraction:
    for band in accrual.bands:
        if band.up_to_kw is None or load_kw <= band.up_to_kw:
            return band.rate
    raise AssertionError("the last band is open: parse_tariff refuses another document")


def _rate_of_use(stretch: _Stretch, line: Line, accrual: PerTime, notes: list[str]) -> Fraction | None:
    """The rate of the band that the use has reached; none where bands go by load."""
    bounds = [band.up_to_kwh for band in accrual.bands]
    if all(bound is None for bound in bounds):
        return None
    return accrual.bands[_reached(stretch, line, bounds, stretch.energy_kwh, accrual.scaling, notes)].rate


type _Priced = tuple[Period, Fraction | None, Fraction]
"""Days, the load that their price is multiplied by, and that price."""


def _priced(stretch: _Stretch, line: Line, accrual: PerTime, notes: list[str]) -> list[_Priced]:
    """The days in runs of one price: a change of load that leaves it as it is cuts nothing."""
    runs: list[_Priced] = []
    of_use = _rate_of_use(stretch, line, accrual, notes)
    for days, load_kw in stretch.loads:
        load = accrual.round_load.apply(load_kw) if accrual.round_load else load_kw
        rate = _band(accrual, load) if of_use is None else of_use
        price = rate * (load if accrual.per_kw else 1)
        priced = (load if accrual.per_kw else None, price)
        first = runs.pop()[0].first if runs and runs[-1][1:] == priced else days.first
        runs.append((Period(first, days.end), *priced))
    return runs


def _time_parts(stretch: _Stretch, line: Line, accrual: PerTime, notes: list[str]) -> Iterator[Part]:
    begun: set[str] = set()
    for days, load, price in _priced(stretch, line, accrual, notes):
        suffix = f", {exact(load)} kW" if load is not None else ""
        for key, label, run, of in _times(stretch, accrual, days):
            # The first run keeps its name: a load that changes later does not rename what was posted.
            name = f"{key}@{run.first}" if key in begun else key
            begun.add(key)
            product = (Fraction(run.days), "day", price / of)
            yield _part(stretch, line, name, label + suffix, product, weights=_by_days(run))


def _times(stretch: _Stretch, accrual: PerTime, days: Period) -> Iterator[tuple[str, str, Period, int]]:
    """The days as the line counts them: a key, a label, and what the price is for, in days."""
    if not accrual.monthly:
        if days.days:
            yield "days", "by day", days, 1
        return
    if accrual.scaling.prorate is Prorate.NONE:
        if days.days:
            label = f"{days.days} of the period's {stretch.period_days} days"
            yield "period", label, days, stretch.period_days
        return
    for month, length in month_parts(days):
        of = 30 if accrual.scaling.prorate is Prorate.DAYS_OF_30 else length
        yield f"{month.first:%Y-%m}", f"{month.first:%Y-%m}, {month.days} of {of} days", month, of


def _percent_parts(
    stretch: _Stretch, line: Line, accrual: Percent, done: dict[str, LineTarget], notes: list[str]
) -> Iterator[Part]:
    rates, at_most = accrual.rates, accrual.at_most
    if accrual.by_use:
        bounds = [rate.up_to_kwh for rate in accrual.by_use]
        chosen = accrual.by_use[_reached(stretch, line, bounds, stretch.energy_kwh, accrual.scaling, notes)]
        rates = (DatedPercent(None, chosen.fraction),)
        at_most = at_most if chosen.at_most is None else chosen.at_most
    whole = ZERO
    for part in _shares(stretch, line, accrual.on, rates, done):
        whole += part.amount
        yield part
    if at_most is None:
        return
    limit = at_most * _factor(stretch, accrual.scaling.prorate)
    if abs(whole) > limit:
        over = (limit if whole > 0 else -limit) - whole
        label = "what is beyond the most it may come to"
        product = (over, "minor", Fraction(1))
        yield _part(stretch, line, "at-most", label, product, weights=_by_days(stretch.elapsed))


def _shares(
    stretch: _Stretch,
    line: Line,
    on: tuple[Base, ...],
    rates: tuple[DatedPercent, ...],
    done: dict[str, LineTarget],
) -> Iterator[Part]:
    starts = [rate.from_day for rate in rates if rate.from_day]
    for base, again in _told_apart(on):
        for part in _base_parts(done[base.line], line.each):
            for days, weight in _weights(part, stretch.elapsed, starts):
                rate = [r for r in rates if r.from_day is None or r.from_day <= days.first][-1]
                quantity = part.amount * base.share * weight
                key = f"{part.key.partition('/')[2]}{again}@{rate.from_day or ''}"
                share = "" if base.share == 1 else f"{exact(base.share * 100)} % of "
                label = f"{exact(rate.fraction * 100)} % of {share}{part.label}"
                if quantity:
                    product = (quantity, "minor", rate.fraction)
                    yield _part(stretch, line, key, label, product, weights=_by_days(days))


def _told_apart(on: tuple[Base, ...]) -> Iterator[tuple[Base, str]]:
    """Bases with what tells the keys of a line that is named twice apart: all of the energy, and 8 % of it (Delhi)."""
    named: list[str] = []
    for base in on:
        times = named.count(base.line)
        named.append(base.line)
        yield base, f"+{times}" if times else ""


def _minimum_parts(
    stretch: _Stretch, line: Line, accrual: Minimum, done: dict[str, LineTarget], notes: list[str]
) -> list[Part]:
    """The minimum of the elapsed days less what the lines come to; nothing where they reach it."""
    parts = [*_time_parts(stretch, line, accrual.price, notes), *_less(stretch, line, accrual.on, done)]
    return parts if sum((part.amount for part in parts), ZERO) > 0 else []


def _less(stretch: _Stretch, line: Line, on: tuple[Base, ...], done: dict[str, LineTarget]) -> Iterator[Part]:
    for base, again in _told_apart(on):
        amount = Fraction(done[base.line].amount_minor)
        if amount:
            key, label = f"less/{base.line}{again}", f"less {done[base.line].title}"
            product = (amount, "minor", -base.share)
            yield _part(stretch, line, key, label, product, weights=_by_days(stretch.elapsed))


def _round_off_parts(
    stretch: _Stretch, line: Line, accrual: RoundOff, done: dict[str, LineTarget]
) -> list[Part]:
    whole = sum((base.share * done[base.line].amount_minor for base in accrual.on), ZERO)
    left = accrual.to.apply(whole) - whole
    if not left:
        return []
    multiple = major(accrual.to.to, stretch.tariff.exponent)
    label = f"rounded {accrual.to.mode} to a multiple of {multiple} {stretch.tariff.currency}"
    product = (left, ROUNDING, Fraction(1))
    return [_part(stretch, line, "whole", label, product, weights=_by_days(stretch.elapsed))]


def _base_parts(base: LineTarget, each: Each) -> Iterator[Part]:
    """What a percentage is taken of: each part of the base line, or its amount as a whole."""
    if each is Each.PART:
        yield from (
            Part(p.key, f"{base.title}, {p.label}", p.quantity, p.unit, p.rate, p.amount, p.weights)
            for p in base.parts
        )
        return
    weights = tuple(
        (days, part.amount * weight / sum((w for _, w in part.weights), ZERO))
        for part in base.parts
        for days, weight in part.weights
        if sum((w for _, w in part.weights), ZERO)
    )
    key = f"-/{base.name}"
    amount = Fraction(base.amount_minor)
    yield Part(key, base.title, Fraction(1), "line", amount, amount, weights)


def _weights(part: Part, elapsed: Period, starts: list[date]) -> list[tuple[Period, Fraction]]:
    """The stretches of the elapsed days with one percentage, and the share of a part in each."""
    stretches = elapsed.cut(starts)
    if len(stretches) == 1:
        return [(elapsed, Fraction(1))]
    total = sum((weight for _, weight in part.weights), ZERO)
    if not total:
        return [(days, Fraction(days.days, elapsed.days)) for days in stretches]
    shares = []
    for days in stretches:
        inside = sum(
            (weight * days.meet(own).days / own.days for own, weight in part.weights if own.days), ZERO
        )
        shares.append((days, inside / total))
    return shares
