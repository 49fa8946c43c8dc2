"""What a billing period comes to, to a day: one exact amount for each charge line.

The same function serves the bill of a finished period and the accrual of one in progress; a posting is the
difference of two results. Widths and prices are scaled to the days that the whole period will have, so that a
slab does not move while the period fills.

A new version inside the period says how the change to it is made (docs/money.md): the days are cut into bills, each
with its own slabs and energy, or the bill goes on and a line that has changed adds to what it had come to. Another
tariff begins a bill. A change of the sanctioned load cuts only the lines whose price depends on it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
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
    OnChange,
    Percent,
    PerTime,
    Prorate,
    RoundOff,
    Scaling,
    Slabs,
    Tariff,
    bases_of,
    order_of,
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


def uses_between(first: date, known_wh: Mapping[date, int]) -> tuple[Use, ...]:
    """The energy between midnights, of what was used from `first` to the midnight at which each day begins."""
    days = sorted(known_wh)
    return tuple(
        Use(Period(begin, end), known_wh[end] - known_wh.get(begin, 0))
        for begin, end in pairwise([first, *days])
    )


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
class _Version:
    """A version with the days of a bill from which it holds."""

    name: str
    """Begins the keys of its parts."""
    first: date
    tariff: Tariff


@dataclass(frozen=True, slots=True)
class _Bill:
    """Days whose slabs go on, to a day: with the versions that have begun by then."""

    versions: tuple[_Version, ...]
    days: Period
    """All of them, also those that are to come."""
    elapsed: Period
    period_days: int
    """How many days are billed, in this bill and the others."""
    uses: tuple[tuple[Period, Fraction], ...]
    """Energy of the elapsed days, in kWh."""
    loads: tuple[tuple[Period, Fraction], ...]
    """The sanctioned load of the elapsed days that are charged by day, in kW."""

    def before(self, day: date) -> "_Bill":
        """The bill as it was when a day began, on the energy that is known of it now."""
        elapsed = Period(self.elapsed.first, day)
        return replace(
            self,
            versions=tuple(version for version in self.versions if version.first < day),
            elapsed=elapsed,
            uses=_within(self.uses, elapsed),
            loads=tuple((days.meet(elapsed), load) for days, load in self.loads if days.meet(elapsed).days),
        )

    def run(self, number: int) -> "_Stretch":
        """The days from the beginning of a version on."""
        version = self.versions[number]
        first = version.first if number else self.days.first
        elapsed = Period(first, self.elapsed.end)
        uses = _within(self.uses, elapsed) if number else self.uses
        return _Stretch(
            name=version.name,
            tariff=version.tariff,
            days=self.days,
            charged=Period(first, self.days.end),
            elapsed=elapsed,
            period_days=self.period_days,
            before_kwh=_sum_of(self.uses) - _sum_of(uses) if number else ZERO,
            uses=uses,
            loads=tuple(
                (Period(max(first, days.first), days.end), load)
                for days, load in self.loads
                if not number or days.end > first
            ),
        )


@dataclass(frozen=True, slots=True)
class _Stretch:
    """The days of a bill from which on a line says what it says: from the first, unless it has changed meanwhile."""

    name: str
    """Begins the keys of its parts."""
    tariff: Tariff
    days: Period
    """Those of the whole bill, which widths and bounds are scaled to."""
    charged: Period
    """Those from the change on."""
    elapsed: Period
    """Those of them that have passed."""
    period_days: int
    before_kwh: Fraction
    """Energy of the bill before the change."""
    uses: tuple[tuple[Period, Fraction], ...]
    """Energy since the change, in kWh."""
    loads: tuple[tuple[Period, Fraction], ...]

    @property
    def energy_kwh(self) -> Fraction:
        """All of the bill so far."""
        return self.before_kwh + _sum_of(self.uses)


def _sum_of(uses: tuple[tuple[Period, Fraction], ...]) -> Fraction:
    return sum((kwh for _, kwh in uses), ZERO)


def _within(uses: tuple[tuple[Period, Fraction], ...], days: Period) -> tuple[tuple[Period, Fraction], ...]:
    """What of some energy, or another weight, lies on some days; a piece that reaches beyond counts by days."""
    return tuple(
        (own.meet(days), weight * own.meet(days).days / own.days)
        for own, weight in uses
        if own.meet(days).days
    )


@dataclass(frozen=True, slots=True)
class _Planned:
    """Days that become a bill, with their versions."""

    days: Period
    versions: tuple[_Version, ...]


def cut_days(terms: Sequence[Terms], billed: Period) -> list[date]:
    """The days inside a period on which a price changes: energy known up to each of them is rated exactly.

    A change of the sanctioned load is none of them, as no price of energy depends on it.
    """
    return _cuts(_plan(terms, billed), billed)


def _cuts(plan: list[list[_Planned]], billed: Period) -> list[date]:
    cuts: set[date] = set()
    for shared in plan:
        cuts.add(shared[0].days.first)
        # Bills that share their energy by days ask for no read between them.
        for version in shared[0].versions if len(shared) == 1 else ():
            cuts.add(version.first)
            for line in version.tariff.lines:
                if isinstance(line.accrual, Percent):
                    rates = line.accrual.rates
                    cuts |= {
                        rate.from_day for rate in rates if rate.from_day and rate.from_day in shared[0].days
                    }
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
    bills = list(_bills(terms, uses, billed, elapsed, begins, notes))
    for bill in bills:
        for name, done in _rate(bill, {}, notes).items():
            before = sums.get(name)
            sums[name] = (
                done
                if before is None
                else LineTarget(
                    name, done.title, before.amount_minor + done.amount_minor, before.parts + done.parts
                )
            )
    rated = _without_doubles(version.tariff for bill in bills for version in bill.versions)
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


def _plan(terms: Sequence[Terms], billed: Period) -> list[list[_Planned]]:
    """The billed days as bills: each by itself, or with those that it shares its energy with by days."""
    plan: list[list[_Planned]] = []
    for own, versions in _tariffs(terms, billed):
        if not versions or versions[0].valid_from > own.first:
            raise RatingError(f"no version of the tariff is in force on {own.first}")
        for days in own.cut([tariff.valid_from for tariff in versions]):
            # Of two versions with one date the later in the list wins: it corrects the other.
            tariff = [candidate for candidate in versions if candidate.valid_from <= days.first][-1]
            # A tariff that is rated later in the period may have versions of the same name.
            name = tariff.version if own.first == billed.first else f"{own.first}:{tariff.version}"
            planned = _Planned(days, (_Version(name, days.first, tariff),))
            before = plan[-1][-1] if days.first > own.first else None
            if before is not None and _goes_on(before, tariff):
                joined = Period(before.days.first, days.end)
                plan[-1][-1] = _Planned(joined, before.versions + planned.versions)
            elif before is not None and tariff.on_change is OnChange.BY_DAYS:
                plan[-1].append(planned)
            else:
                plan.append([planned])
    return plan


def _goes_on(bill: _Planned, tariff: Tariff) -> bool:
    """Whether a bill goes on with another version: unless lines would rest on each other in a circle."""
    versions = [*(version.tariff for version in bill.versions), tariff]
    lines = [line for version in versions for line in version.lines]
    return tariff.on_change is OnChange.CONTINUE and not order_of(lines)[1]


def _bills(
    terms: Sequence[Terms],
    uses: Sequence[Use],
    billed: Period,
    elapsed: Period,
    by_day_from: date,
    notes: list[str],
) -> Iterator[_Bill]:
    plan = _plan(terms, billed)
    energy = _cut_uses(uses, _cuts(plan, billed), notes)
    ordered = sorted(terms, key=lambda each: each.first)
    by_day = Period(by_day_from, billed.end)
    for shared in plan:
        begun = [each for each in shared if each.days.first < elapsed.end or each.days.first == billed.first]
        for planned, used in zip(begun, _shares_by_days(begun, elapsed, energy, notes), strict=True):
            passed = planned.days.meet(elapsed)
            yield _Bill(
                tuple(
                    version
                    for n, version in enumerate(planned.versions)
                    if not n or version.first < elapsed.end
                ),
                planned.days,
                passed,
                billed.days or 1,
                used,
                tuple(
                    (piece, Fraction(_in_force(ordered, piece.first).load_w, 1000))
                    for piece in passed.meet(by_day).cut([each.first for each in ordered])
                ),
            )


def _shares_by_days(
    begun: Sequence[_Planned], elapsed: Period, energy: list[tuple[Period, Fraction]], notes: list[str]
) -> Iterator[tuple[tuple[Period, Fraction], ...]]:
    """The energy of each bill: its own, or where there are several what falls to it by days of that of all."""
    if len(begun) == 1:
        yield tuple(
            (piece, kwh) for piece, kwh in energy if piece.meet(begun[0].days) == piece and piece.days
        )
        return
    passed = [planned.days.meet(elapsed) for planned in begun]
    if not passed:
        return
    whole = Period(passed[0].first, passed[-1].end)
    total = sum((kwh for piece, kwh in energy if piece.meet(whole) == piece), ZERO)
    until = []
    for days, following in pairwise([*zip(passed, begun, strict=True)]):
        over = (days[0].end - whole.first).days
        step = following[1].versions[0].tariff.round_units
        what = f"energy of {over} of {whole.days} days"
        share = _rounded(total * over / whole.days, step, what, "kWh", notes)
        until.append(share if abs(share) <= abs(total) else total)
    shares = [end - begin for begin, end in pairwise([ZERO, *until, total])]
    if total:
        each = ", ".join(
            f"{days.days} days {exact(kwh)} kWh" for days, kwh in zip(passed, shares, strict=True)
        )
        notes.append(
            f"{exact(total)} kWh of {whole.first} to {whole.end} split by days, as the tariff says: {each}"
        )
    yield from (((days, kwh),) for days, kwh in zip(passed, shares, strict=True))


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


def _rate(bill: _Bill, known: dict[date, dict[str, LineTarget]], notes: list[str]) -> dict[str, LineTarget]:
    """Each line of a bill; `known` is what the bill had come to before days on which lines have changed."""
    all_lines = [line for version in bill.versions for line in version.tariff.lines]
    done: dict[str, LineTarget] = {}
    runs: dict[int, _Stretch] = {}
    for name in order_of(all_lines)[0]:
        line, number = _last_change(bill.versions, name)
        before: dict[str, LineTarget] = {}
        if number:
            first = bill.versions[number].first
            if first not in known:
                known[first] = _rate(bill.before(first), known, [])
            before = known[first]
        kept = before.get(name)
        if line is not None:
            # What two round-offs made whole in parts is not whole: the newest one is of the whole bill.
            run = 0 if isinstance(line.accrual, RoundOff) else number
            if run not in runs:
                runs[run] = bill.run(run)
            done[name] = _added(kept, _line(runs[run], line, before, done, notes))
        elif kept is not None:
            done[name] = kept
    return {name: done[name] for name in dict.fromkeys(line.name for line in all_lines)}


def _last_change(versions: tuple[_Version, ...], name: str) -> tuple[Line | None, int]:
    """What the newest version says of a line, and the number of the version since which it is said."""
    said = [next((line for line in version.tariff.lines if line.name == name), None) for version in versions]
    newest, number = said[-1], len(said) - 1
    while number and _goes_on_as(said[number - 1], newest):
        number -= 1
    return newest, number


def _goes_on_as(old: Line | None, new: Line | None) -> bool:
    """Whether a line that was one keeps nothing as it becomes the other."""
    if new is not None and isinstance(new.accrual, RoundOff):
        return old is None or isinstance(old.accrual, RoundOff)
    return old is new if old is None or new is None else old.says_the_same_as(new)


def _added(kept: LineTarget | None, new: LineTarget) -> LineTarget:
    if kept is None:
        return new
    return LineTarget(new.name, new.title, kept.amount_minor + new.amount_minor, kept.parts + new.parts)


def _line(
    stretch: _Stretch,
    line: Line,
    before: dict[str, LineTarget],
    done: dict[str, LineTarget],
    notes: list[str],
) -> LineTarget:
    """What a line comes to in a stretch, of what its bases have come to in it."""
    bases = {
        base.line: _since(stretch, done[base.line], before.get(base.line)) for base in bases_of(line.accrual)
    }
    match line.accrual:
        case Slabs():
            parts = list(_slab_parts(stretch, line, line.accrual, notes))
        case PerTime():
            parts = list(_time_parts(stretch, line, line.accrual, notes))
        case Percent():
            parts = list(_percent_parts(stretch, line, line.accrual, bases, notes))
        case Minimum():
            parts = _minimum_parts(stretch, line, line.accrual, bases, notes)
        case RoundOff():
            parts = _round_off_parts(stretch, line, line.accrual, bases)
        case _:
            assert_never(line.accrual)
    amount = line.step.apply(sum((part.amount for part in parts), ZERO))
    return LineTarget(line.name, line.title, int(amount), tuple(parts))


def _since(stretch: _Stretch, now: LineTarget, before: LineTarget | None) -> LineTarget:
    """What a line has come to in a stretch: all of it, where the stretch is the whole bill."""
    if stretch.charged == stretch.days:
        return now
    old = {part.key: part for part in before.parts} if before else {}
    parts = [_grown(part, old.pop(part.key, None)) for part in now.parts]
    parts += [replace(part, quantity=-part.quantity, amount=-part.amount) for part in old.values()]
    amount = now.amount_minor - (before.amount_minor if before else 0)
    return LineTarget(
        now.name,
        now.title,
        amount,
        tuple(replace(part, weights=_within(part.weights, stretch.elapsed)) for part in parts if part.amount),
    )


def _grown(part: Part, old: Part | None) -> Part:
    if old is None:
        return part
    return replace(part, quantity=part.quantity - old.quantity, amount=part.amount - old.amount)


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


def _factor(stretch: _Stretch, days: Period, prorate: Prorate) -> Fraction:
    """How many months some days are."""
    match prorate:
        case Prorate.MONTH_FRACTION:
            return month_fraction(days)
        case Prorate.DAYS_OF_30:
            return Fraction(days.days, 30)
        case Prorate.NONE:
            return Fraction(days.days, stretch.period_days)
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
    """A bound of so many kWh a month, as it stands for the bill."""
    factor = _factor(stretch, stretch.days, scaling.prorate)
    return _rounded(kwh * factor, scaling.round_width, what, "kWh", notes)


def _reached(
    stretch: _Stretch,
    line: Line,
    bounds: Sequence[Fraction | None],
    kwh: Fraction,
    scaling: Scaling,
    notes: list[str],
) -> int:
    """The first of some bounds a month that the energy of the bill so far does not exceed; the last is open."""
    for number, bound in enumerate(bounds):
        what = f"{line.name}: bound {number + 1} of the use"
        if bound is None or kwh <= _scaled(stretch, bound, scaling, what, notes):
            return number
    raise AssertionError("the last bound is open: parse_tariff refuses another document")


def _slab_parts(stretch: _Stretch, line: Line, accrual: Slabs, notes: list[str]) -> Iterator[Part]:
    what = f"{line.name}: energy"
    energy = _rounded(stretch.energy_kwh, accrual.round_energy, what, "kWh", notes)
    before = _rounded(stretch.before_kwh, accrual.round_energy, f"{what} before the change", "kWh", notes)
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
        inside = _inside(energy, number, low, high)
        if before:
            inside -= _inside(before, number, low, high)
        if inside:
            span = f"above {exact(low)} kWh" if high is None else f"{exact(low)} to {exact(high)} kWh"
            label = "all energy" if len(slabs) == 1 else f"slab {number + 1}: {span}"
            product = (inside, "kWh", slab.rate)
            yield _part(stretch, line, f"{prefix}{number}", label, product, weights=stretch.uses)
        if high is None:
            return
        low = high


def _inside(energy: Fraction, number: int, low: Fraction, high: Fraction | None) -> Fraction:
    """What a slab holds of some energy."""
    # A negative advance (a corrected read) is negative energy in the first slab, not in all of them.
    if energy < 0:
        return ZERO if number else energy
    return max(ZERO, (energy if high is None else min(energy, high)) - low)


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
    stretch: _Stretch, line: Line, accrual: Percent, bases: dict[str, LineTarget], notes: list[str]
) -> Iterator[Part]:
    rates, at_most = accrual.rates, accrual.at_most
    if accrual.by_use:
        bounds = [rate.up_to_kwh for rate in accrual.by_use]
        chosen = accrual.by_use[_reached(stretch, line, bounds, stretch.energy_kwh, accrual.scaling, notes)]
        rates = (DatedPercent(None, chosen.fraction),)
        at_most = at_most if chosen.at_most is None else chosen.at_most
    whole = ZERO
    for part in _shares(stretch, line, accrual.on, rates, bases):
        whole += part.amount
        yield part
    if at_most is None:
        return
    limit = at_most * _factor(stretch, stretch.charged, accrual.scaling.prorate)
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
    bases: dict[str, LineTarget],
) -> Iterator[Part]:
    starts = [rate.from_day for rate in rates if rate.from_day]
    for base, again in _told_apart(on):
        for part in _base_parts(stretch, bases[base.line], line.each):
            for days, weight in _weights(part, stretch.elapsed, starts):
                rate = [r for r in rates if r.from_day is None or r.from_day <= days.first][-1]
                quantity = part.amount * base.share * weight
                key = f"{part.key.removeprefix(f'{stretch.name}/')}{again}@{rate.from_day or ''}"
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
    stretch: _Stretch, line: Line, accrual: Minimum, bases: dict[str, LineTarget], notes: list[str]
) -> list[Part]:
    """The minimum of the elapsed days less what the lines come to; nothing where they reach it."""
    parts = [*_time_parts(stretch, line, accrual.price, notes), *_less(stretch, line, accrual.on, bases)]
    return parts if sum((part.amount for part in parts), ZERO) > 0 else []


def _less(
    stretch: _Stretch, line: Line, on: tuple[Base, ...], bases: dict[str, LineTarget]
) -> Iterator[Part]:
    for base, again in _told_apart(on):
        amount = Fraction(bases[base.line].amount_minor)
        if amount:
            # Ended by a sign of its own: a percentage of this line that is named twice adds another "+1".
            key = f"less/{base.line}{again}@" if again else f"less/{base.line}"
            label = f"less {bases[base.line].title}"
            product = (amount, "minor", -base.share)
            yield _part(stretch, line, key, label, product, weights=_by_days(stretch.elapsed))


def _round_off_parts(
    stretch: _Stretch, line: Line, accrual: RoundOff, bases: dict[str, LineTarget]
) -> list[Part]:
    whole = sum((base.share * bases[base.line].amount_minor for base in accrual.on), ZERO)
    left = accrual.to.apply(whole) - whole
    if not left:
        return []
    multiple = major(accrual.to.to, stretch.tariff.exponent)
    label = f"rounded {accrual.to.mode} to a multiple of {multiple} {stretch.tariff.currency}"
    product = (left, ROUNDING, Fraction(1))
    return [_part(stretch, line, "whole", label, product, weights=_by_days(stretch.elapsed))]


def _base_parts(stretch: _Stretch, base: LineTarget, each: Each) -> Iterator[Part]:
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
    key = f"{stretch.name}/{base.name}"
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
