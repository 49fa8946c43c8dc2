"""Bills of one agreement from its usage: one for each billing period, by the determinants and the engine of the pipeline."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime
from fractions import Fraction
from math import gcd
from typing import Final

import numpy as np

from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.calendars import Calendar, UncoveredDayError
from urja.core.desk.past_demands import PastDemandError, StatedDemand, past_demands, within_reach
from urja.core.desk.usage import OF_DAYS, IntervalRow, ReadRow, Usage, columns, commodity_of
from urja.core.determinants import (
    DeterminantError,
    Determinants,
    Intervals,
    OwnPeriods,
    Question,
    Reads,
    Rules,
    Segments,
    calculate,
)
from urja.core.rating import (
    EnergyUse,
    Measured,
    PastDemand,
    QuantityUse,
    RatedLine,
    RatedPeriod,
    RatingError,
    RatingTerms,
    Tariff,
    period_of,
    rate_period,
    reserve_so_far,
    uses_of_rows,
)
from urja.core.rating.accruals import LoadBasis
from urja.core.rating.priced_quantities import BILLED
from urja.core.units import exact_text
from urja.core.vee import NULL

_SAID_FROM: Final = 1000
"""Wh or litres by which registers and intervals may differ without a note: registers may show whole kWh."""


class BillingError(ValueError):
    """Usage, days, tariffs or calendars from which no bill can be calculated; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Contract:
    """What an agreement states besides its tariff: loads in W and VA, shares of common quantities, transformer ratio."""

    load_w: int | None = None
    load_va: int | None = None
    contracted_w: int | None = None
    contracted_va: int | None = None
    shares: Mapping[str, Fraction] = field(default_factory=dict)
    """By `flat`, `area` and `load`."""
    ratio: tuple[int, int] = (1, 1)
    """Transformer ratio, primary and secondary, that the usage does not have yet."""
    bank_wh: Mapping[int, int] = field(default_factory=dict)
    """Units banked before the first bill, in Wh by the number of the zone; 0 for a bank of all times."""
    past_demands: tuple[StatedDemand, ...] = ()
    """Maximum demands of periods before the first bill."""

    def terms(self, first: date, versions: tuple[Tariff, ...]) -> RatingTerms:
        """Return the terms of a bill that begins on `first`."""
        return RatingTerms(
            first,
            versions,
            self.load_w or 0,
            self.shares,
            self.load_va,
            self.contracted_w,
            self.contracted_va,
        )


@dataclass(frozen=True, slots=True)
class Bill:
    """The bill of one billing period, or of its days so far."""

    result: RatedPeriod
    determinants: Mapping[str, int]
    """Of the billed days, by name: Wh, VAh, varh, W, VA, litres, thousandths; instants in Unix seconds."""
    reserve: tuple[RatedLine, ...]
    """What lines that settle at close are estimated to add; empty once the period is over."""
    notes: tuple[str, ...]
    """Roundings and splits of the engine, and where values come from estimates."""
    past_demands: tuple[PastDemand, ...] = ()
    """Maximum demands of earlier periods that ratchets look back to."""

    @property
    def complete(self) -> bool:
        """Whether the period is over."""
        return self.result.through >= self.result.billed.end


def bills(
    versions: Sequence[Tariff],
    calendars: Sequence[Calendar],
    usage: Usage,
    contract: Contract,
    *,
    first: date | None = None,
    end: date | None = None,
    as_one: bool = False,
    demand_s: int = 1800,
) -> list[Bill]:
    """Return the bills of the local days from `first` up to, and without, `end`; by default of all whole days of the usage.

    `versions` are those of one tariff. Each bill is of a billing period of the tariff, the last one of its days so far; with
    `as_one` all days are one period. Banks of units and maximum demands are carried from bill to bill. `demand_s` is the
    length of the demand period, in seconds. Raises BillingError where the usage does not cover the days or has another
    commodity, where a calendar is missing, and where a line needs what is not known.
    """
    _check_columns(versions[0], usage)
    _check_banks(versions[0], contract)
    if contract.load_w is None and (tariff := next((each for each in versions if each.goes_by_kw), None)):
        raise BillingError(f"{tariff.code} {tariff.version} goes by the sanctioned load in kW: give --load-w")
    calendars = _calendars_of(versions, calendars)
    days = _days(usage, first, end)
    desk = _Desk(tuple(versions), calendars, usage, contract, Rules(demand_s))
    found: list[Bill] = []
    bank = contract.bank_wh
    try:
        past = past_demands(contract.past_demands, versions, days.first)
    except PastDemandError as error:
        raise BillingError(f"--past-demand: {error}") from None
    for billed in [days] if as_one else _periods(days, versions[0]):
        bill = desk.bill(billed, min(days.end, billed.end), Measured((), past, bank))
        found.append(bill)
        bank = {row.zone: row.closing_wh for row in bill.result.bank}
        past += tuple(
            PastDemand(billed, name, value)
            for name, value in bill.determinants.items()
            if name.startswith("max_") and not name.endswith("_at")
        )
    return [*found[:-1], replace(found[-1], notes=(*found[-1].notes, *_left_out(usage, days, first, end)))]


def unbilled(usage: Usage) -> tuple[str, ...]:
    """Return what the usage has and no bill of all its whole days, as sentences. Raises BillingError without such a day."""
    return tuple(_left_out(usage, _days(usage, None, None), None, None))


def _left_out(usage: Usage, days: Period, first: date | None, end: date | None) -> Iterator[str]:
    """Yield what the usage has and no bill, unless the days that were asked for leave it out."""
    begins_at, ends_at = usage.instants
    if sentence := _read_by_the_other_end(usage):
        yield sentence
    for asked, begins, ends in (
        (first, begins_at, midnight(days.first, usage.zone).timestamp()),
        (end, midnight(days.end, usage.zone).timestamp(), ends_at),
    ):
        if asked is None and begins < ends:
            yield (
                f"not billed: the usage from {_said(int(begins), usage)} to {_said(int(ends), usage)} is of no whole day; "
                "add what is missing of it"
            )
    others = sorted(day for day in usage.days if day not in days)
    if others and first is None and end is None:
        yield f"not billed: values of {len(others)} days outside {days.first} to {days.end}, such as {others[0]}"


def _read_by_the_other_end(usage: Usage) -> str:
    """Return that times seem to be the other ends of their intervals, as a sentence; empty where nothing speaks for it.

    Read as their starts, the ends of whole days begin and end one interval late: each interval would count for the next.
    """
    columns = {row.column for row in usage.intervals}
    if len(columns) != 1:
        return ""
    shift = usage.intervals[0].end_at - usage.intervals[0].start_at
    column, said = ("end", "ends") if columns == {"start"} else ("start", "starts")
    later = shift if column == "end" else -shift
    first, last = usage.intervals[0].start_at, usage.intervals[-1].end_at
    begins, ends = first - later, last - later
    # Intervals of a day are whole days by either name.
    if (
        begins >= ends
        or _is_midnight(first, usage)
        or not all(_is_midnight(at, usage) for at in (begins, ends))
    ):
        return ""
    return (
        f"the times of the intervals may be their {said}: read so, they are the whole days from {_local_day(begins, usage)} to "
        f"{_local_day(ends, usage)}. If they are, name their column {column}"
    )


def _is_midnight(at: int, usage: Usage) -> bool:
    return midnight(_local_day(at, usage), usage.zone).timestamp() == at


def _check_banks(tariff: Tariff, contract: Contract) -> None:
    unknown = sorted(contract.bank_wh.keys() - tariff.banks.keys())
    if not unknown:
        return
    if tariff.net_metering is None:
        why = "it has no net_metering: leave --bank out"
    elif tariff.net_metering.by_zones:
        zones = ", ".join(f"{number} ({name})" for name, number in tariff.zones)
        why = f"its banks are by the number of the zone: give ZONE=WH for {zones}"
    else:
        why = "it has one bank of all times: give --bank WH without a zone"
    of = f"zone {unknown[0]}" if unknown[0] else "all times"
    raise BillingError(f"{tariff.code} {tariff.version} has no bank of {of}; {why}")


def _periods(days: Period, tariff: Tariff) -> Iterator[Period]:
    """Yield the billing periods with any of the days; the first one begins with them."""
    begins = days.first
    while begins < days.end:
        period = period_of(begins, tariff.cycle, tariff.period_starts_on)
        yield Period(begins, period.end)
        begins = period.end


def _check_columns(tariff: Tariff, usage: Usage) -> None:
    other = sorted(name for name in usage.names if commodity_of(name).value != tariff.commodity.value)
    # Money of days is of no commodity.
    if other := [name for name in other if not name.endswith("_minor")]:
        raise BillingError(
            f"the usage has {', '.join(other)}, and {tariff.code} is a tariff of {tariff.commodity}: "
            "leave these columns out, or give the tariff of the other commodity"
        )


def _calendars_of(versions: Sequence[Tariff], calendars: Sequence[Calendar]) -> tuple[Calendar, ...]:
    codes = sorted({tariff.calendar for tariff in versions if tariff.calendar})
    unused = sorted({calendar.code for calendar in calendars} - set(codes))
    if unused:
        raise BillingError(
            f"the tariff does not name the calendar {unused[0]}: it names {', '.join(codes) or 'none'}"
        )
    for tariff in versions:
        if not tariff.calendar:
            continue
        of_code = [calendar for calendar in calendars if calendar.code == tariff.calendar]
        if not of_code:
            raise BillingError(
                f"{tariff.code} {tariff.version} has the zones of the calendar {tariff.calendar}: give its "
                "document with --calendar"
            )
        for calendar in of_code:
            numbers = {zone.name: zone.number for zone in calendar.zones}
            of = f"calendar {calendar.code} {calendar.version}"
            if why := tariff.zone_conflict(numbers):
                why = f"{tariff.code} {tariff.version}: {why} in {of}"
            if lacking := [name for name, _ in tariff.zones if name not in numbers]:
                why = f"{of} has no zone {', '.join(lacking)}; its zones are {', '.join(numbers)}"
            if why:
                raise BillingError(why)
    if len(codes) > 1:
        raise BillingError(
            f"versions name the calendars {', '.join(codes)}: give the versions with one calendar in one run"
        )
    return tuple(sorted(calendars, key=lambda calendar: calendar.valid_from))


def _days(usage: Usage, first: date | None, end: date | None) -> Period:
    """Return the days to bill; by default all whole local days that the usage covers."""
    begins_at, ends_at = usage.instants
    if begins_at == ends_at:
        raise BillingError(
            f"the usage has one read alone, of {_said(begins_at, usage)}: a second read is needed, because what was used is "
            "the difference of two; add a row"
        )
    known = Period(_midnight_from(begins_at, usage), _local_day(ends_at, usage))
    days = Period(first or known.first, end or known.end)
    span = f"it is from {_said(begins_at, usage)} to {_said(ends_at, usage)}"
    why = ""
    if not known.days:
        why = f"the usage has no whole day: {span}; add rows"
    elif not days.days:
        why = f"the days from {days.first} to {days.end} are none: --to is the day after the last; of the usage, {span}"
    elif known.intersection(days) != days:
        why = (
            f"the usage does not cover {days.first} to {days.end}: its whole days are {known.first} to {known.end} "
            "(the day after the last); add rows, or give other days"
        )
    if why:
        raise BillingError("; ".join(filter(None, [why, _read_by_the_other_end(usage)])))
    return days


def _local_day(at: int, usage: Usage) -> date:
    return datetime.fromtimestamp(at, UTC).astimezone(usage.zone).date()


def _midnight_from(at: int, usage: Usage) -> date:
    """Return the first day that begins at an instant or after it."""
    day = _local_day(at, usage)
    return day if midnight(day, usage.zone).timestamp() >= at else day + ONE_DAY


def _said(at: int, usage: Usage) -> str:
    return datetime.fromtimestamp(at, UTC).astimezone(usage.zone).isoformat(timespec="minutes")


@dataclass(frozen=True, slots=True)
class _Desk:
    """Everything that the bills of one run share."""

    versions: tuple[Tariff, ...]
    calendars: tuple[Calendar, ...]
    usage: Usage
    contract: Contract
    rules: Rules

    def bill(self, billed: Period, through: date, before: Measured) -> Bill:
        """Return the bill of a period up to a day, with what earlier periods leave in `before`."""
        elapsed = Period(billed.first, through)
        rows = self._rows(elapsed)
        uses = [
            self._with_days(use)
            for use in uses_of_rows(elapsed.first, {d: row for d, (row, _) in rows.items()})
        ]
        billed_name = BILLED[self.versions[0].commodity]
        for use in uses:
            if billed_name not in use.values:
                raise BillingError(
                    f"the usage has no {billed_name} of {use.days.first} to {use.days.end}: add the column "
                    f"interval_{billed_name} to the intervals, or {billed_name} to the register reads"
                )
        values, determinants = rows[max(rows)]
        energies = [EnergyUse(use.days, use.values[billed_name]) for use in uses]
        past, lacking = within_reach(before.past_demands, self.versions, billed)
        measured = Measured(tuple(uses), past, before.bank_wh)
        terms = [self.contract.terms(billed.first, self.versions)]
        try:
            result = rate_period(terms, energies, billed=billed, through=through, measured=measured)
            reserve = reserve_so_far(terms, energies, billed=billed, through=through, measured=measured)
        except RatingError as error:
            what = "; ".join([str(error), *self._what_to_add(elapsed, values)])
            raise BillingError(
                f"the bill of {billed.first} to {billed.end} cannot be calculated: {what}"
            ) from None
        notes = (
            *result.notes,
            *lacking,
            *_estimates(determinants),
            *self._differs(elapsed, billed_name, values[billed_name]),
        )
        return Bill(result, values, reserve, notes, past)

    def _differs(self, elapsed: Period, name: str, billed: int) -> Iterator[str]:
        """Yield how far the intervals of the days are from what is billed by registers, where that is a kWh or more."""
        begins, ends = (int(at.timestamp()) for at in elapsed.bounds(self.usage.zone))
        column = f"interval_{name}"
        counted = [
            row.values[column]
            for row in self.usage.intervals
            if begins <= row.start_at < ends and column in row.values
        ]
        primary, secondary = self.contract.ratio
        behind = sum(counted) * primary // secondary
        if counted and abs(behind - billed) >= _SAID_FROM:
            yield f"{name}: the registers have {billed} and the intervals {behind}: the registers are billed"

    def _what_to_add(self, elapsed: Period, known: Mapping[str, int]) -> Iterator[str]:
        """Yield what the tariff needs and neither usage nor options have, with where to give it.

        `known` has the determinants of the bill: a maximum follows from intervals too.
        """
        names = self.usage.names
        for name in sorted({name for tariff in self.versions for name in tariff.determinants}):
            register = re.sub(r"_z\d+$", "", name)
            lacking = [day for day in elapsed if name not in self.usage.days.get(day, {})]
            if name in OF_DAYS and lacking:
                yield f"give {name} of {lacking[0]} in a CSV of days ({len(lacking)} of {elapsed.days} days lack it)"
            elif register.startswith("max_"):
                if name not in known:
                    yield self._what_demand_lacks(register)
            elif name not in OF_DAYS and names.isdisjoint({name, register, f"interval_{register}"}):
                yield f"give {register} in register reads, or interval_{register} in intervals"
        for load, apparent in sorted({load for tariff in self.versions for load in tariff.loads}):
            prefix = "load" if load is LoadBasis.SANCTIONED else "contracted"
            option = f"{prefix}_{'va' if apparent else 'w'}"
            if getattr(self.contract, option) is None:
                yield f"give --{option.replace('_', '-')}"

    def _what_demand_lacks(self, register: str) -> str:
        energy = "interval_import_vah" if register.endswith("_va") else "interval_import_wh"
        lengths = {row.end_at - row.start_at for row in self.usage.intervals if energy in row.values}
        if lengths and all(self.rules.demand_s % length for length in lengths):
            longest = ", ".join(str(length // 60) for length in sorted(lengths))
            return (
                f"intervals of {longest} minutes do not divide the demand period of {self.rules.demand_s // 60} minutes: give "
                f"--demand-min, shorter intervals, or {register} in register reads"
            )
        return f"give {register} in register reads at both ends of the period, or {energy} in intervals"

    def _rows(self, elapsed: Period) -> dict[date, tuple[dict[str, int], Determinants]]:
        """Return the determinants from the first day to each day whose end is known, as the close of that day has them.

        Between two reads without intervals nothing says which day has how much: their days stay together.
        """
        found: dict[date, tuple[dict[str, int], Determinants]] = {}
        for day in elapsed:
            if self._known(midnight(day + ONE_DAY, self.usage.zone)):
                determinants = self._determinants(Period(elapsed.first, day + ONE_DAY))
                values = {
                    name: int(one.values[0])
                    for name, one in determinants.of_period.items()
                    if one.values[0] != NULL
                }
                found[day] = (values, determinants)
        for name, instant in (("begins", elapsed.first), ("ends", elapsed.end)):
            if not self._known(midnight(instant, self.usage.zone)):
                raise BillingError(
                    f"nothing is known of the midnight at which the period {name}, {instant}: give a register read of "
                    f"{instant} (in the column at, the day alone is its midnight), intervals, or other days"
                )
        return found

    def _known(self, instant: datetime) -> bool:
        at = int(instant.timestamp())
        intervals = self.usage.intervals
        inside = bool(intervals) and intervals[0].start_at <= at <= intervals[-1].end_at
        return inside or any(row.read_at == at for row in self.usage.reads)

    def _determinants(self, period: Period) -> Determinants:
        begins, ends = (int(at.timestamp()) for at in period.bounds(self.usage.zone))
        reads = _around(self.usage.reads, begins, ends)
        since = min(reads[0].read_at, begins) if reads else begins
        intervals = [row for row in self.usage.intervals if since <= row.start_at < ends]
        nothing = np.zeros(1, np.int64)
        segments = Segments(
            nothing,
            np.array([begins], np.int64),
            np.array([ends], np.int64),
            *(np.array([part], np.int64) for part in self.contract.ratio),
        )
        question = Question(period, self.usage.zone, self.calendars, self.rules)
        try:
            return calculate(
                1,
                segments,
                _reads(reads),
                _intervals(intervals),
                question,
                _own(reads, begins, ends, self.rules),
            )
        except UncoveredDayError as error:
            what, _, _ = str(error).partition(":")
            raise BillingError(f"{what}: give the version that was in force then with --calendar") from None
        except DeterminantError as error:
            raise BillingError(str(error)) from None

    def _with_days(self, use: QuantityUse) -> QuantityUse:
        """Return a use with what the CSV has by days, where it has all of the days."""
        of_days = [self.usage.days.get(day, {}) for day in use.days]
        names = set.intersection(*(set(values) for values in of_days)) if of_days else set()
        sums = {name: sum(values[name] for values in of_days) for name in names}
        return QuantityUse(use.days, {**use.values, **sums})


def _around(reads: Sequence[ReadRow], begins: int, ends: int) -> list[ReadRow]:
    """Return the last read before a time, those in it, and the first one after it."""
    before = [row for row in reads if row.read_at <= begins][-1:]
    inside = [row for row in reads if begins < row.read_at < ends]
    return before + inside + [row for row in reads if row.read_at >= ends][:1]


def _reads(rows: Sequence[ReadRow]) -> Reads:
    return Reads(
        np.zeros(len(rows), np.int64), np.array([row.read_at for row in rows], np.int64), columns(rows)
    )


def _intervals(rows: Sequence[IntervalRow]) -> Intervals:
    return Intervals(
        np.zeros(len(rows), np.int64),
        np.array([row.start_at for row in rows], np.int64),
        np.array([row.end_at - row.start_at for row in rows], np.int64),
        np.array([row.estimated for row in rows], np.bool_),
        columns(rows),
    )


def _own(rows: Sequence[ReadRow], begins: int, ends: int, rules: Rules) -> OwnPeriods | None:
    """Return the meter's own billing period, where registers were read at both ends and have zones or maxima."""
    opening, closing = (
        next((row.values for row in rows if row.read_at == at), None) for at in (begins, ends)
    )
    if opening is None or closing is None or not any("_z" in name or "max_" in name for name in closing):
        return None
    # A maximum whose instant is not stated counts at the end of the period: no line goes by the instant.
    instants = {
        f"{name}_at": ends for name in closing if name.startswith("max_") and not name.endswith("_at")
    }

    def arrays(values: Mapping[str, int]) -> dict[str, np.ndarray[tuple[int], np.dtype[np.int64]]]:
        return {name: np.array([value], np.int64) for name, value in values.items()}

    # Registers that show whole kWh: of zones and total each has lost less than one.
    shown = [value for row in (opening, closing) for name, value in row.items() if "max_" not in name]
    one = np.ones(1, np.int64)
    return OwnPeriods(
        segment=0 * one,
        opened_at=begins * one,
        closed_at=ends * one,
        same_calendar=one == 1,
        opening=arrays(opening),
        closing=arrays({**instants, **closing}),
        resolution=max(step for step in (1, 10, 100, 1000) if gcd(*shown) % step == 0) * one,
        # What the intervals prove is billed where a maximum is below it: zeros at its end do not say how it was cut off.
        demand_resolution=one,
        demand_s=rules.demand_s * one,
    )


def _estimates(determinants: Determinants) -> Iterator[str]:
    """Yield where values rest on estimates, and why the meter's own totals are not used."""
    for _, note in determinants.notes:
        yield note
    for name, one in determinants.of_period.items():
        if one.estimated[0] and "_z" not in name:
            yield f"{name}: {exact_text(Fraction(int(one.estimated[0])))} of {int(one.values[0])} are estimated"
    zoned = [name for name, one in determinants.of_period.items() if one.estimated[0] and "_z" in name]
    if zoned:
        yield f"{', '.join(zoned)}: in part by time alone, as intervals are estimated or missing"
