"""The charges of many accounts at once: those that one tariff version rates over the same days, over arrays.

The amounts are those of `engine`, to the last fraction; what arrays cannot rate goes through it. Slab widths, shares of
months and prices are common to a group: they are calculated once, by the functions of the engine.
"""

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

import numpy as np

from urja.core.calendar import Period
from urja.core.rating.accruals import (
    Band,
    BaseLine,
    Measure,
    Minimum,
    Percent,
    PerTime,
    RoundOff,
    Scaling,
    Slab,
    Slabs,
    Zones,
)
from urja.core.rating.bills import ChargeSpan, bills_of
from urja.core.rating.engine import rate_period, reserve_so_far
from urja.core.rating.exact_columns import BeyondBoundsError, Column, Integers, sum_of
from urja.core.rating.inputs_and_results import (
    NOTHING_MEASURED,
    ZERO,
    EnergyUse,
    Measured,
    RatedLine,
    RatedPeriod,
    RatingError,
    RatingTerms,
)
from urja.core.rating.parts import months_of, scaled_bound, times
from urja.core.rating.priced_quantities import BILLED
from urja.core.rating.tariff import ChargeLine, RoundingScope, calculation_order


class NotByArraysError(ValueError):
    """A group that arrays cannot rate; the message names the line and why."""


@dataclass(frozen=True, slots=True)
class RatingInputs:
    """What `rate_period` is given for the period of one account."""

    terms: tuple[RatingTerms, ...]
    uses: tuple[EnergyUse, ...]
    billed: Period
    through: date
    by_day_from: date
    measured: Measured = NOTHING_MEASURED

    @property
    def elapsed(self) -> Period:
        """The billed days that are charged."""
        return Period(self.billed.first, max(self.billed.first, min(self.through, self.billed.end)))

    def rate(self, *, closed: bool | None = None) -> RatedPeriod:
        """Return the charges by the engine, with parts and notes; `closed` and RatingError are as for `rate_period`."""
        return rate_period(
            self.terms,
            self.uses,
            billed=self.billed,
            through=self.through,
            by_day_from=self.by_day_from,
            measured=self.measured,
            closed=closed,
        )

    def reserve(self) -> tuple[RatedLine, ...]:
        """Return what lines that settle at close would add, while the period is open (`reserve_so_far`)."""
        return reserve_so_far(
            self.terms,
            self.uses,
            billed=self.billed,
            through=self.through,
            by_day_from=self.by_day_from,
            measured=self.measured,
            closed=False,
        )

    @property
    def in_common(self) -> Hashable:
        """What accounts of a group have alike; None for an account that arrays cannot rate.

        Arrays rate one tariff version whose energy, and whose determinants, are of all elapsed days together.
        """
        elapsed = self.elapsed
        if len(self.terms) != 1 or len(self.terms[0].versions) != 1 or len(self.uses) != 1:
            return None
        (terms,) = self.terms
        (tariff,) = terms.versions
        pieces = [*(use.days for use in self.uses), *(use.days for use in self.measured.uses)]
        if (
            max(terms.first, tariff.valid_from) > self.billed.first
            or not elapsed.days
            or len(pieces) > 2
            or pieces.count(elapsed) < len(pieces)
            or tariff.net_metering
        ):
            return None
        loads = (terms.load_va is None, terms.contracted_w is None, terms.contracted_va is None)
        known = tuple(sorted(self.measured.uses[0].values)) if self.measured.uses else ()
        return (tariff.sha256, self.billed, self.through, self.by_day_from, loads, known)


@dataclass(frozen=True, slots=True)
class RatedAccounts:
    """Charges of accounts in the order in which they were asked for."""

    results: tuple[RatedPeriod | RatingError, ...]
    """Charges that arrays calculated have no parts and no notes."""
    of_arrays: frozenset[int]
    """The numbers of those that arrays calculated."""

    @property
    def by_arrays(self) -> int:
        """How many of them arrays calculated."""
        return len(self.of_arrays)


def rate_accounts(asked: Sequence[RatingInputs], *, parts: bool = False) -> RatedAccounts:
    """Return the charges of each account, over arrays where they can; by the engine alone where `parts` are wanted.

    A group of one is rated over arrays too: that takes no more time than the engine.
    """
    groups: dict[Hashable, list[int]] = {}
    for number, one in enumerate(asked):
        groups.setdefault(one.in_common, []).append(number)
    results: dict[int, RatedPeriod | RatingError] = {}
    for common, numbers in groups.items():
        if common is not None and not parts:
            try:
                results |= zip(numbers, AccountGroup([asked[n] for n in numbers]).rate(), strict=True)
            except (NotByArraysError, BeyondBoundsError, RatingError):
                # The engine says of which account, where one lacks something.
                continue
    of_arrays = frozenset(results)
    for number, one in enumerate(asked):
        if number not in results:
            try:
                results[number] = one.rate()
            except RatingError as error:
                results[number] = error
    return RatedAccounts(tuple(results[number] for number in range(len(asked))), of_arrays)


@dataclass(frozen=True, slots=True)
class ColumnLine:
    """One charge line of all accounts of a group, in minor units."""

    amounts: Column
    parts: tuple[Column, ...]
    """As the engine's parts; an account that has not some part has zero in it."""


class AccountGroup:
    """Accounts that have alike what `RatingInputs.in_common` says, with a column for each quantity and load."""

    def __init__(self, accounts: Sequence[RatingInputs]) -> None:
        first = accounts[0]
        self._accounts = accounts
        self._tariff = first.terms[0].versions[0]
        self._begins = max(first.billed.first, min(first.by_day_from, first.billed.end))
        self._elapsed = first.elapsed
        (bill,) = bills_of(
            first.terms, first.uses, first.billed, self._elapsed, self._begins, [], first.measured
        )
        # Its days and terms are those of all; no quantity of the first account is taken from it.
        self._span: ChargeSpan = bill.run(0)
        self._quantities: dict[str, Column] = {}

    def rate(self) -> list[RatedPeriod]:
        """Return the charges of each account, without parts and notes; raises NotByArraysError, BeyondBoundsError."""
        lines = self.lines()
        amounts = [(line, lines[line.name].amounts.numerators.tolist()) for line in self._tariff.lines]
        return [
            RatedPeriod(
                one.billed,
                self._elapsed.end,
                tuple(RatedLine(line.name, line.title, minor[number], ()) for line, minor in amounts),
                (self._tariff,),
                (),
            )
            for number, one in enumerate(self._accounts)
        ]

    def lines(self) -> dict[str, ColumnLine]:
        """Return each charge line by name; raises NotByArraysError, BeyondBoundsError."""
        closing = self._elapsed.end == self._span.days.end
        done: dict[str, ColumnLine] = {}
        for name in calculation_order(self._tariff.lines)[0]:
            line = self._tariff.line(name)
            parts = () if line.at_close and not closing else tuple(self._parts(line, done))
            amounts = sum_of(parts, len(self._accounts)).rounded(line.step)
            assert amounts.denominator == 1, "steps of money are multiples of the minor unit"
            done[name] = ColumnLine(amounts, parts)
        return done

    def _parts(self, line: ChargeLine, done: dict[str, ColumnLine]) -> Iterator[Column]:
        """Yield the parts of a line, each rounded where the line rounds its parts."""
        match line.accrual:
            case Slabs():
                products = self._slabs(line, line.accrual)
            case Zones():
                products = self._zones(line, line.accrual)
            case PerTime():
                products = self._times(line, line.accrual)
            case Percent():
                yield from self._percents(line, line.accrual, done)
                return
            case Minimum(price=PerTime() as price, on=on):
                yield from self._minimum(line, price, on, done)
                return
            case RoundOff():
                whole = self._sum([done[base.line].amounts.times(base.share) for base in line.accrual.on])
                products = iter([whole.rounded(line.accrual.to).minus(whole)])
            case _:
                raise NotByArraysError(f"line {line.name} accrues by {type(line.accrual).__name__}")
        yield from (_rounded(line, product) for product in products)

    def _slabs(self, line: ChargeLine, accrual: Slabs) -> Iterator[Column]:
        if accrual.priced_by is not None:
            raise NotByArraysError(f"line {line.name} is priced by another quantity than that of its slabs")
        if accrual.by_demand is not None:
            raise NotByArraysError(f"line {line.name} has bounds for each kW or kVA of a demand")
        energy = self._used(line.measure)
        energy = energy.rounded(accrual.round_energy) if accrual.round_energy else energy
        reached = self._reached([table.up_to_kwh for table in accrual.tables], energy, accrual.scaling)
        for number, table in enumerate(accrual.tables):
            for part in self._filled(table.slabs, energy, accrual.scaling):
                yield part.where(reached == number)

    def _filled(self, slabs: Sequence[Slab], energy: Column, scaling: Scaling) -> Iterator[Column]:
        low = ZERO
        for number, slab in enumerate(slabs):
            inside, high = energy, low
            if slab.up_to_kwh is not None:
                high += scaled_bound(self._span, slab.up_to_kwh - slab.from_kwh, scaling, "", [])
                inside = energy.at_most(high)
            if number:
                # Energy below zero is all in the first slab.
                inside = inside.at_least(low).plus(self._all(-low))
            yield inside.times(slab.rate)
            low = high

    def _zones(self, line: ChargeLine, accrual: Zones) -> Iterator[Column]:
        quantity = line.measure.quantity or BILLED[self._tariff.commodity]
        inside = {
            price.zone: self._quantity(f"{quantity}_z{price.number}", line.measure)
            for price in accrual.prices
        }
        # With what determinants have in no zone.
        others = self._sum([column for zone, column in inside.items() if zone != accrual.otherwise])
        inside[accrual.otherwise] = self._used(line.measure).minus(others)
        for price in accrual.prices:
            yield from self._filled(price.slabs, inside[price.zone], accrual.scaling)

    def _times(self, line: ChargeLine, accrual: PerTime) -> Iterator[Column]:
        price = self._price(line, accrual)
        for days, _ in self._span.loads:
            for *_, run, of in times(self._span, days, accrual.scaling.prorate if accrual.monthly else None):
                yield price.times(Fraction(run.days, of))

    def _price(self, line: ChargeLine, accrual: PerTime) -> Column:
        """Return the price of each account for a day or a month."""
        bands = accrual.bands
        by_load = [band.up_to_kw for band in bands]
        load = self._load(accrual) if accrual.goes_by_load else self._all(ZERO)
        by_use = [band.up_to_kwh for band in bands]
        if any(bound is not None for bound in by_use):
            band_of = self._reached(by_use, self._used(line.measure), accrual.scaling)
        else:
            band_of = _first_that_holds(by_load, load)
        if accrual.telescopic:
            return self._by_parts(bands, load)
        prices = [load.times(band.rate) if accrual.per_kw else self._all(band.rate) for band in bands]
        return self._sum([price.where(band_of == number) for number, price in enumerate(prices)])

    def _by_parts(self, bands: Sequence[Band], load: Column) -> Column:
        """Return the price of each account's load, each part of it by the band that it is in."""
        prices, low = [], ZERO
        for band in bands:
            inside = load if band.up_to_kw is None else load.at_most(band.up_to_kw)
            prices.append(inside.at_least(low).plus(self._all(-low)).times(band.rate))
            low = low if band.up_to_kw is None else band.up_to_kw
        return self._sum(prices)

    def _percents(self, line: ChargeLine, accrual: Percent, done: dict[str, ColumnLine]) -> Iterator[Column]:
        if accrual.by_use:
            bounds = [each.up_to_kwh for each in accrual.by_use]
            chosen = self._reached(bounds, self._used(line.measure), accrual.scaling)
            shares = [(each.fraction, each.at_most) for each in accrual.by_use]
        else:
            days = [rate.from_day for rate in accrual.rates if rate.from_day]
            if any(self._elapsed.first < day < self._elapsed.end for day in days):
                raise NotByArraysError(f"line {line.name} has another percentage during the days")
            begun = [
                rate for rate in accrual.rates if not rate.from_day or rate.from_day <= self._elapsed.first
            ]
            chosen = np.zeros(len(self._accounts), np.int64)
            shares = [(begun[-1].fraction, None)]
        of_parts = line.each is RoundingScope.PART
        for number, (fraction, own_cap) in enumerate(shares):
            parts = [
                _rounded(line, of.times(base.share * fraction)).where(chosen == number)
                for base in accrual.on
                for of in (done[base.line].parts if of_parts else (done[base.line].amounts,))
            ]
            yield from parts
            cap = accrual.at_most if own_cap is None else own_cap
            if cap is not None:
                whole = self._sum(parts)
                limit = cap * months_of(self._span, self._span.charged, accrual.scaling.prorate)
                yield _rounded(line, whole.at_most(limit).at_least(-limit).minus(whole))

    def _minimum(
        self, line: ChargeLine, price: PerTime, on: tuple[BaseLine, ...], done: dict[str, ColumnLine]
    ) -> Iterator[Column]:
        products = [
            *self._times(line, price),
            *(done[base.line].amounts.times(-base.share) for base in on),
        ]
        parts = [_rounded(line, product) for product in products]
        due = self._sum(parts).exceeds(ZERO)
        yield from (part.where(due) for part in parts)

    def _reached(self, bounds: Sequence[Fraction | None], energy: Column, scaling: Scaling) -> Integers:
        """Return the number of the first monthly bound that each account's energy does not exceed."""
        scaled = [
            None if bound is None else scaled_bound(self._span, bound, scaling, "", []) for bound in bounds
        ]
        return _first_that_holds(scaled, energy)

    def _used(self, measure: Measure) -> Column:
        """Return what each account has of the quantity of a line, in the unit of its measure."""
        if measure.share:
            raise NotByArraysError(f"a share by {measure.share} of {measure.quantity}")
        return self._quantity(measure.quantity, measure)

    def _quantity(self, name: str, measure: Measure) -> Column:
        if name not in self._quantities:
            if name and not all(one.measured.uses for one in self._accounts):
                raise NotByArraysError(f"{name} is not known")
            try:
                values = [
                    one.measured.uses[0].values[name] if name else one.uses[0].energy_wh
                    for one in self._accounts
                ]
            except KeyError:
                # The engine says of which account.
                raise NotByArraysError(f"{name} is not known") from None
            self._quantities[name] = Column.of(values)
        return self._quantities[name].times(1 / measure.size)

    def _load(self, accrual: PerTime) -> Column:
        """Return the load of each account in kW or kVA, rounded as the line says; raises RatingError where terms do not state it."""
        loads = [one.terms[0].stated(accrual.load, apparent=accrual.apparent) for one in self._accounts]
        column = Column.of(loads, 1000)
        return column.rounded(accrual.round_load) if accrual.round_load else column

    def _all(self, value: Fraction) -> Column:
        return Column.constant(value, len(self._accounts))

    def _sum(self, columns: Sequence[Column]) -> Column:
        return sum_of(columns, len(self._accounts))


def _rounded(line: ChargeLine, product: Column) -> Column:
    return product.rounded(line.step) if line.each is RoundingScope.PART else product


def _first_that_holds(bounds: Sequence[Fraction | None], column: Column) -> Integers:
    """Return for each number the position of the first bound that it does not exceed; the last bound is open."""
    found = np.full(len(column.numerators), len(bounds) - 1, np.int64)
    for number in reversed(range(len(bounds) - 1)):
        bound = bounds[number]
        assert bound is not None, "only the last bound is open: parse_tariff refuses another document"
        found = np.where(column.exceeds(bound), found, number)
    return found
