"""How the days of a billing period become bills, each with its own slabs, tariff versions and energy.

A new version inside the period states how the change to it is made (docs/money.md): either the days are split into
bills, or the bill continues. Another tariff always begins a bill. A change of the sanctioned load splits only the
lines whose price depends on it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction
from itertools import pairwise

from urja.core.calendar import Period
from urja.core.rating.accruals import Measure, Percent
from urja.core.rating.inputs_and_results import (
    NOTHING_MEASURED,
    ZERO,
    EnergyUse,
    Measured,
    PastDemand,
    QuantityUse,
    RatingError,
    RatingTerms,
    rounded,
)
from urja.core.rating.priced_quantities import adds_up, share_of
from urja.core.rating.tariff import BILLED_KWH, OnChange, Tariff, calculation_order
from urja.core.units import exact_text

_WH_IN_KWH = 1000


@dataclass(frozen=True, slots=True)
class MeasuredPiece:
    """Determinants of some elapsed days of a bill, with the terms in force on them."""

    days: Period
    values: Mapping[str, Fraction]
    terms: RatingTerms

    def touches(self, days: Period) -> bool:
        """Return whether it has a day among some days."""
        return self.days.intersection(days).days > 0

    def within(self, days: Period) -> "MeasuredPiece":
        """Return the piece on some of its days: sums in proportion to them, maxima as they are."""
        own = self.days.intersection(days)
        if own == self.days:
            return self
        factor = Fraction(own.days, self.days.days)
        values = {name: value * factor if adds_up(name) else value for name, value in self.values.items()}
        return MeasuredPiece(own, values, self.terms)

    def value(self, name: str) -> Fraction:
        """Return the value of a determinant in its unit; raises RatingError where it is not known."""
        value = self.values.get(name)
        if value is None:
            raise RatingError(
                f"{name} of {self.days.first} to {self.days.end} is not known: no meter of the agreement captures it, "
                "or no row of determinants has it; give the agreement a tariff without it"
            )
        return value

    def own(self, name: str, share: str) -> Fraction:
        """Return the agreement's part of a common quantity: as shared by days, or by the share in its terms.

        Raises RatingError where neither is known.
        """
        shared = self.values.get(share_of(name, share))
        if shared is not None:
            return shared
        stated = self.terms.shares.get(share)
        if stated is None:
            raise RatingError(
                f"the agreement has no share by {share} on {self.days.first}: state it in the agreement's terms"
            )
        return self.value(name) * stated


@dataclass(frozen=True, slots=True)
class BillVersion:
    """A tariff version with the first day of a bill on which it applies."""

    name: str
    """Prefix of the keys of its parts."""
    first: date
    tariff: Tariff


@dataclass(frozen=True, slots=True)
class Bill:
    """Days that share one run of slabs, as far as they have elapsed, with the versions that have begun by then."""

    versions: tuple[BillVersion, ...]
    days: Period
    """All days of the bill, also those to come."""
    elapsed: Period
    period_days: int
    """Number of billed days, in this bill and the others."""
    uses: tuple[tuple[Period, Fraction], ...]
    """Energy of the elapsed days, in kWh."""
    loads: tuple[tuple[Period, RatingTerms], ...]
    """The elapsed days that are charged by day, with the terms whose loads they have."""
    measured: tuple[MeasuredPiece, ...] = ()
    """Other quantities of the elapsed days."""
    past_demands: tuple[PastDemand, ...] = ()
    coming: tuple[tuple[Period, RatingTerms], ...] = ()
    """Days to come with their terms, where lines that settle at close are estimated for all days."""
    captured: frozenset[str] | None = None
    """Names of the determinants that some days of the period have; None in an estimate."""
    settled_wh: int = 0
    """Units that banks settle at the period's close, in its last bill."""

    def before(self, day: date) -> "Bill":
        """Return the bill as it was at the beginning of a day, with the energy that is known of that time now."""
        elapsed = Period(self.elapsed.first, day)
        return replace(
            self,
            versions=tuple(version for version in self.versions if version.first < day),
            elapsed=elapsed,
            coming=(),
            settled_wh=0,
            uses=weights_within(self.uses, elapsed),
            measured=tuple(piece.within(elapsed) for piece in self.measured if piece.touches(elapsed)),
            loads=tuple(
                (days.intersection(elapsed), load)
                for days, load in self.loads
                if days.intersection(elapsed).days
            ),
        )

    def used(self, measure: Measure) -> tuple[tuple[Period, Fraction], ...]:
        """Return what the elapsed days have of a quantity, in the unit of its measure.

        Raises RatingError where determinants of some days do not have it, or terms not the share of it.
        """
        if not measure.quantity:
            if measure.size == _WH_IN_KWH:
                return self.uses
            return tuple((days, kwh * _WH_IN_KWH / measure.size) for days, kwh in self.uses)
        name, share = measure.quantity, measure.share
        return tuple(
            (piece.days, (piece.own(name, share) if share else piece.value(name)) / measure.size)
            for piece in self.measured
        )

    def run(self, number: int, measure: Measure = BILLED_KWH) -> "ChargeSpan":
        """Return the days of the bill from the beginning of version `number` on, with their use of a quantity.

        Raises RatingError as `used` does.
        """
        version = self.versions[number]
        first = version.first if number else self.days.first
        elapsed = Period(first, self.elapsed.end)
        used = self.used(measure)
        uses = weights_within(used, elapsed) if number else used
        return ChargeSpan(
            name=version.name,
            tariff=version.tariff,
            days=self.days,
            charged=Period(first, self.days.end),
            elapsed=elapsed,
            period_days=self.period_days,
            before_kwh=_sum_of(used) - _sum_of(uses) if number else ZERO,
            uses=uses,
            loads=tuple(
                (Period(max(first, days.first), days.end), load)
                for days, load in self.loads
                if not number or days.end > first
            ),
            unit=measure.unit,
            bill=self,
            number=number,
        )


@dataclass(frozen=True, slots=True)
class ChargeSpan:
    """The days of a bill on which a charge line has one definition: from its last change on, or from the first day."""

    name: str
    """Prefix of the keys of its parts."""
    tariff: Tariff
    days: Period
    """Those of the whole bill, to which slab widths and bounds are scaled."""
    charged: Period
    """Those since the change."""
    elapsed: Period
    """Those since the change that have elapsed."""
    period_days: int
    before_kwh: Fraction
    """Energy of the bill before the change; of another quantity in its unit, as are those below."""
    uses: tuple[tuple[Period, Fraction], ...]
    """Energy since the change, in kWh."""
    loads: tuple[tuple[Period, RatingTerms], ...]
    unit: str
    """The unit of the line's quantity, such as kWh or m³."""
    bill: Bill
    number: int
    """Number of the bill's version since which the line has its definition."""

    @property
    def energy_kwh(self) -> Fraction:
        """Energy of the bill so far, in kWh."""
        return self.before_kwh + _sum_of(self.uses)

    def of(self, measure: Measure) -> "ChargeSpan":
        """Return the same days with their use of another quantity; raises RatingError where it is not known."""
        return self.bill.run(self.number, measure)


def _sum_of(uses: tuple[tuple[Period, Fraction], ...]) -> Fraction:
    return sum((kwh for _, kwh in uses), ZERO)


def weights_within(
    uses: tuple[tuple[Period, Fraction], ...], days: Period
) -> tuple[tuple[Period, Fraction], ...]:
    """Return the energy, or other weights, that falls on some days.

    A piece that reaches beyond them counts in proportion to its days inside.
    """
    return tuple(
        (own.intersection(days), weight * own.intersection(days).days / own.days)
        for own, weight in uses
        if own.intersection(days).days
    )


@dataclass(frozen=True, slots=True)
class PlannedBill:
    """Days that become one bill, with their versions."""

    days: Period
    versions: tuple[BillVersion, ...]


def first_shared_day(terms: Iterable[tuple[date, Iterable[Tariff]]], billed: Period) -> date:
    """Return the first billed day of which a tariff prices a share of a common quantity; the end where none does.

    `terms` are the first days of an agreement's terms, each with the versions of its tariff.
    """
    begun = (
        max(first, version.valid_from, billed.first)
        for first, versions in terms
        for version in versions
        if version.commons
    )
    return min(begun, default=billed.end)


def price_change_days(terms: Sequence[RatingTerms], billed: Period) -> list[date]:
    """Return the days inside a period on which a price changes: energy read on each of them is rated exactly.

    A change of a load is not among them: bounds of energy go at most by the mean of the loads. Raises RatingError where no
    terms or no version of their tariff are in force.
    """
    return _cuts(_plan(terms, billed), billed)


def _cuts(plan: list[list[PlannedBill]], billed: Period) -> list[date]:
    cuts: set[date] = set()
    for shared in plan:
        cuts.add(shared[0].days.first)
        # Bills that share their energy by days need no register read between them.
        for version in shared[0].versions if len(shared) == 1 else ():
            cuts.add(version.first)
            for line in version.tariff.lines:
                if isinstance(line.accrual, Percent):
                    rates = line.accrual.rates
                    cuts |= {
                        rate.from_day for rate in rates if rate.from_day and rate.from_day in shared[0].days
                    }
    return sorted(cuts - {billed.first})


def _tariffs(terms: Sequence[RatingTerms], billed: Period) -> list[tuple[Period, tuple[Tariff, ...]]]:
    """Return the billed days in pieces of one tariff, each with its versions in the order in which they apply."""
    ordered = sorted(terms, key=lambda each: each.first)
    if not ordered or ordered[0].first > billed.first:
        raise RatingError(f"no terms are in force on {billed.first}")
    pieces: list[tuple[Period, tuple[Tariff, ...]]] = []
    for days in billed.split_at([each.first for each in ordered]):
        versions = _in_force(ordered, days.first).versions
        # Terms that change only the load stay in one piece: another piece would begin a bill with slabs from zero.
        if pieces and {tariff.code for tariff in versions} == {tariff.code for tariff in pieces[-1][1]}:
            before, known = pieces.pop()
            pieces.append((Period(before.first, days.end), (*known, *versions)))
        else:
            pieces.append((days, versions))
    return [
        (days, tuple(sorted(without_duplicates(versions), key=lambda tariff: tariff.valid_from)))
        for days, versions in pieces
    ]


def without_duplicates(versions: Iterable[Tariff]) -> list[Tariff]:
    # By comparison, not by a set: hashing a whole document costs more than comparing it with the one or two others.
    found: list[Tariff] = []
    for tariff in versions:
        if tariff not in found:
            found.append(tariff)
    return found


def _in_force(terms: Sequence[RatingTerms], day: date) -> RatingTerms:
    return [each for each in terms if each.first <= day][-1]


def _plan(terms: Sequence[RatingTerms], billed: Period) -> list[list[PlannedBill]]:
    """Return the bills of the billed days, in groups that share their energy by days; most groups are one bill."""
    plan: list[list[PlannedBill]] = []
    for own, versions in _tariffs(terms, billed):
        if not versions or versions[0].valid_from > own.first:
            raise RatingError(f"no version of the tariff is in force on {own.first}")
        for days in own.split_at([tariff.valid_from for tariff in versions]):
            # Of two versions with the same date the later in the list applies: it is the correction.
            tariff = [candidate for candidate in versions if candidate.valid_from <= days.first][-1]
            # Keys of parts must differ within a period, and a tariff that follows may name its versions alike.
            name = tariff.version if own.first == billed.first else f"{own.first}:{tariff.version}"
            planned = PlannedBill(days, (BillVersion(name, days.first, tariff),))
            before = plan[-1][-1] if days.first > own.first else None
            if before is not None and _goes_on(before, tariff):
                joined = Period(before.days.first, days.end)
                plan[-1][-1] = PlannedBill(joined, before.versions + planned.versions)
            elif before is not None and tariff.on_change is OnChange.BY_DAYS:
                plan[-1].append(planned)
            else:
                plan.append([planned])
    return plan


def _goes_on(bill: PlannedBill, tariff: Tariff) -> bool:
    """Return whether a bill continues with another version: unless its lines would depend on each other in a cycle."""
    versions = [*(version.tariff for version in bill.versions), tariff]
    lines = [line for version in versions for line in version.lines]
    return tariff.on_change is OnChange.CONTINUE and not calculation_order(lines)[1]


def bills_of(
    terms: Sequence[RatingTerms],
    uses: Sequence[EnergyUse],
    billed: Period,
    elapsed: Period,
    by_day_from: date,
    notes: list[str],
    measured: Measured = NOTHING_MEASURED,
    *,
    estimate: bool = False,
) -> Iterator[Bill]:
    """Yield the bills of a period with their energy (kWh), other quantities and loads (kW), as far as `elapsed`.

    Splits and roundings of quantities are appended to `notes`. Raises RatingError where no version is in force.
    """
    plan = _plan(terms, billed)
    meter_unit = plan[0][0].versions[0].tariff.commodity.meter_unit
    energy = _cut_uses(uses, _cuts(plan, billed), meter_unit, notes)
    ordered = sorted(terms, key=lambda each: each.first)
    pieces = _cut_measured(measured.uses, _cuts(plan, billed), ordered)
    captured = None if estimate else frozenset(name for use in measured.uses for name in use.values)
    by_day = Period(by_day_from, billed.end)
    for shared in plan:
        begun = [each for each in shared if each.days.first < elapsed.end or each.days.first == billed.first]
        given = list(_shares_by_days(begun, elapsed, energy, notes))
        for number, (planned, used) in enumerate(zip(begun, given, strict=True)):
            passed = planned.days.intersection(elapsed)
            yield Bill(
                tuple(
                    version
                    for n, version in enumerate(planned.versions)
                    if not n or version.first < elapsed.end
                ),
                planned.days,
                passed,
                billed.days or 1,
                used,
                _by_terms(passed.intersection(by_day), ordered),
                _measured_of(begun, number, given, pieces, elapsed, ordered),
                measured.past_demands,
                _by_terms(
                    Period(max(passed.end, planned.days.first), planned.days.end).intersection(by_day),
                    ordered,
                )
                if estimate
                else (),
                captured,
            )


def _by_terms(days: Period, terms: Sequence[RatingTerms]) -> tuple[tuple[Period, RatingTerms], ...]:
    pieces = days.split_at([each.first for each in terms])
    return tuple((piece, _in_force(terms, piece.first)) for piece in pieces)


def _shares_by_days(
    begun: Sequence[PlannedBill], elapsed: Period, energy: list[tuple[Period, Fraction]], notes: list[str]
) -> Iterator[tuple[tuple[Period, Fraction], ...]]:
    """Yield the energy of each bill: its own, or its share, by days, of the energy of all bills in the group."""
    if len(begun) == 1:
        yield tuple(
            (piece, kwh) for piece, kwh in energy if piece.intersection(begun[0].days) == piece and piece.days
        )
        return
    passed = [planned.days.intersection(elapsed) for planned in begun]
    if not passed:
        return
    whole = Period(passed[0].first, passed[-1].end)
    total = sum((kwh for piece, kwh in energy if piece.intersection(whole) == piece), ZERO)
    unit = begun[0].versions[0].tariff.commodity.unit
    until = []
    for days, following in pairwise([*zip(passed, begun, strict=True)]):
        over = (days[0].end - whole.first).days
        step = following[1].versions[0].tariff.round_units
        what = f"energy of {over} of {whole.days} days"
        share = rounded(total * over / whole.days, step, what, unit, notes)
        # A rounding to whole units may exceed a small total; a bill after it would then have negative energy.
        until.append(share if abs(share) <= abs(total) else total)
    # Differences of running totals, the last of which is the total itself: the shares sum to it whatever was rounded.
    shares = [end - begin for begin, end in pairwise([ZERO, *until, total])]
    if total:
        each = ", ".join(
            f"{days.days} days {exact_text(kwh)} {unit}" for days, kwh in zip(passed, shares, strict=True)
        )
        notes.append(
            f"{exact_text(total)} {unit} of {whole.first} to {whole.end} split by days, as the tariff says: {each}"
        )
    yield from (((days, kwh),) for days, kwh in zip(passed, shares, strict=True))


def _cut_uses(
    uses: Sequence[EnergyUse], cuts: list[date], unit: str, notes: list[str]
) -> list[tuple[Period, Fraction]]:
    """Return the energy in pieces that no price change crosses; a longer piece is split in proportion to its days."""
    pieces: list[tuple[Period, Fraction]] = []
    for use in uses:
        parts = use.days.split_at(cuts)
        if len(parts) > 1 and use.energy_wh:
            notes.append(
                f"{use.energy_wh} {unit} of {use.days.first} to {use.days.end} split by days at a change of price: "
                + ", ".join(f"{part.days} days" for part in parts)
            )
        pieces += [(part, Fraction(use.energy_wh * part.days, 1000 * (use.days.days or 1))) for part in parts]
    return pieces


def _cut_measured(
    uses: Sequence[QuantityUse], cuts: list[date], terms: Sequence[RatingTerms]
) -> list[MeasuredPiece]:
    """Return other quantities in pieces that no price change and no change of terms crosses."""
    pieces: list[MeasuredPiece] = []
    for use in sorted(uses, key=lambda one: one.days):
        values = {name: Fraction(value) for name, value in use.values.items()}
        whole = MeasuredPiece(use.days, values, _in_force(terms, use.days.first))
        pieces += [
            replace(whole.within(days), terms=_in_force(terms, days.first))
            for days in use.days.split_at([*cuts, *(each.first for each in terms)])
        ]
    return pieces


def _measured_of(
    begun: Sequence[PlannedBill],
    number: int,
    given: Sequence[tuple[tuple[Period, Fraction], ...]],
    pieces: Sequence[MeasuredPiece],
    elapsed: Period,
    terms: Sequence[RatingTerms],
) -> tuple[MeasuredPiece, ...]:
    """Return the other quantities of a bill; bills that share energy by days share them in the same proportion."""
    own = begun[number].days.intersection(elapsed)
    inside = tuple(piece.within(own) for piece in pieces if piece.touches(own))
    together = Period(begun[0].days.first, min(begun[-1].days.end, elapsed.end))
    group = [piece.within(together) for piece in pieces if piece.touches(together)]
    if len(begun) == 1 or not group or not own.days:
        return inside
    total = sum((_sum_of(used) for used in given), ZERO)
    factor = _sum_of(given[number]) / total if total else Fraction(own.days, together.days)
    names = [name for name in group[0].values if all(name in piece.values for piece in group)]
    values = {
        name: sum((piece.values[name] for piece in group), ZERO) * factor for name in names if adds_up(name)
    }
    for piece in inside:
        for name, value in piece.values.items():
            if not adds_up(name):
                values[name] = max(value, values.get(name, value))
    return (MeasuredPiece(own, values, _in_force(terms, own.first)),)
