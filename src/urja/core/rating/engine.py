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

from urja.core.calendar import Period, month_fraction, month_parts
from urja.core.rating.document import Each, Line, Percent, PerTime, Prorate, Slabs, Tariff
from urja.core.units import Step, exact

ZERO = Fraction(0)


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
    share: Fraction
    """Of the billed days, for widths that are not scaled otherwise."""
    uses: tuple[tuple[Period, Fraction], ...]
    """Energy of the elapsed days, in kWh."""
    loads: tuple[tuple[Period, Fraction], ...]
    """The sanctioned load of the elapsed days that are charged by day, in kW."""


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
                    Fraction(days.days, billed.days or 1),
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
                parts = list(_time_parts(stretch, line, line.accrual))
            case Percent():
                parts = list(_percent_parts(stretch, line, line.accrual, done))
        amount = line.step.apply(sum((part.amount for part in parts), ZERO))
        done[line.name] = LineTarget(line.name, line.title, int(amount), tuple(parts))
    return {line.name: done[line.name] for line in stretch.tariff.lines}


type _Product = tuple[Fraction, str, Fraction]
"""Quantity, its unit, and the rate in minor units."""


def _part(
    stretch: _Stretch,
    line: Line,
    key: str,
    label: str,
    product: _Product,
    *,
    weights: tuple[tuple[Period, Fraction], ...],
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
            return stretch.share


def _rounded(value: Fraction, step: Step | None, what: str, unit: str, notes: list[str]) -> Fraction:
    if step is None:
        return value
    rounded = step.apply(value)
    if rounded != value:
        notes.append(f"{what} of {exact(value)} {unit} rounded {step.mode} to {exact(rounded)} {unit}")
    return rounded


def _slab_parts(stretch: _Stretch, line: Line, accrual: Slabs, notes: list[str]) -> Iterator[Part]:
    total = sum((kwh for _, kwh in stretch.uses), ZERO)
    energy = _rounded(total, accrual.round_energy, f"{line.name}: energy", "kWh", notes)
    factor = _factor(stretch, accrual.prorate)
    low = ZERO
    for number, slab in enumerate(accrual.slabs):
        width = None
        if slab.up_to_kwh is not None:
            full = (slab.up_to_kwh - slab.from_kwh) * factor
            width = _rounded(
                full, accrual.round_width, f"{line.name}: width of slab {number + 1}", "kWh", notes
            )
        high = None if width is None else low + width
        inside = energy - low if high is None else min(energy, high) - low
        # A negative advance (a corrected read) is negative energy in the first slab, not in all of them.
        if inside > 0 or (number == 0 and energy < 0):
            bounds = f"above {exact(low)} kWh" if high is None else f"{exact(low)} to {exact(high)} kWh"
            label = "all energy" if len(accrual.slabs) == 1 else f"slab {number + 1}: {bounds}"
            yield _part(stretch, line, str(number), label, (inside, "kWh", slab.rate), weights=stretch.uses)
        if high is None:
            return
        low = high


def _band(accrual: PerTime, load_kw: Fraction) -> Fraction:
    for band in accrual.bands:
        if band.up_to_kw is None or load_kw <= band.up_to_kw:
            return band.rate
    raise AssertionError("the last band is open: parse_tariff refuses another document")


type _Priced = tuple[Period, Fraction | None, Fraction]
"""Days, the load that their price is multiplied by, and that price."""


def _priced(accrual: PerTime, loads: Iterable[tuple[Period, Fraction]]) -> list[_Priced]:
    """The days in runs of one price: a change of load that leaves it as it is cuts nothing."""
    runs: list[_Priced] = []
    for days, load_kw in loads:
        load = accrual.round_load.apply(load_kw) if accrual.round_load else load_kw
        price = _band(accrual, load) * (load if accrual.per_kw else 1)
        priced = (load if accrual.per_kw else None, price)
        first = runs.pop()[0].first if runs and runs[-1][1:] == priced else days.first
        runs.append((Period(first, days.end), *priced))
    return runs


def _time_parts(stretch: _Stretch, line: Line, accrual: PerTime) -> Iterator[Part]:
    begun: set[str] = set()
    for days, load, price in _priced(accrual, stretch.loads):
        suffix = f", {exact(load)} kW" if load is not None else ""
        for key, label, run, of in _times(accrual, days):
            # The first run keeps its name: a load that changes later does not rename what was posted.
            name = f"{key}@{run.first}" if key in begun else key
            begun.add(key)
            product = (Fraction(run.days), "day", price / of)
            weights = ((run, Fraction(run.days)),)
            yield _part(stretch, line, name, label + suffix, product, weights=weights)


def _times(accrual: PerTime, days: Period) -> Iterator[tuple[str, str, Period, int]]:
    """The days as the line counts them: a key, a label, and what the price is for, in days."""
    if not accrual.monthly:
        if days.days:
            yield "days", "by day", days, 1
        return
    for month, length in month_parts(days):
        of = 30 if accrual.prorate is Prorate.DAYS_OF_30 else length
        yield f"{month.first:%Y-%m}", f"{month.first:%Y-%m}, {month.days} of {of} days", month, of


def _percent_parts(
    stretch: _Stretch, line: Line, accrual: Percent, done: dict[str, LineTarget]
) -> Iterator[Part]:
    starts = [rate.from_day for rate in accrual.rates if rate.from_day]
    for base in accrual.on:
        for part in _base_parts(done[base.line], line.each):
            for days, weight in _weights(part, stretch.elapsed, starts):
                rate = [r for r in accrual.rates if r.from_day is None or r.from_day <= days.first][-1]
                quantity = part.amount * base.share * weight
                key = f"{part.key.partition('/')[2]}@{rate.from_day or ''}"
                share = "" if base.share == 1 else f"{exact(base.share * 100)} % of "
                label = f"{exact(rate.fraction * 100)} % of {share}{part.label}"
                weights = ((days, Fraction(days.days)),)
                if quantity:
                    yield _part(
                        stretch, line, key, label, (quantity, "minor", rate.fraction), weights=weights
                    )


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
