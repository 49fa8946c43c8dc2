"""Determinants of a period for many agreements: the register bills, the blocks shape."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from math import isqrt
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from urja.core.calendar import Period, utc_offsets_s
from urja.core.calendars import Calendar, zone_numbers
from urja.core.determinants.demand import block_demands, highest
from urja.core.determinants.inputs import (
    Determinants,
    Determined,
    Integers,
    Intervals,
    Origin,
    OwnPeriods,
    Reads,
    Rules,
    Segments,
    column,
)
from urja.core.determinants.shaping import ShapedEnergy, allocate, shape
from urja.core.vee import NULL

_DAY_S: Final = 86_400
_EPOCH: Final = date(1970, 1, 1)

ENERGIES: Final = (
    ("import_wh", ("import_wh",), ("interval_import_wh",)),
    ("import_vah", ("import_vah",), ("interval_import_vah",)),
    ("export_wh", ("export_wh",), ("interval_export_wh",)),
    ("export_vah", ("export_vah",), ("interval_export_vah",)),
    # A meter that counts by quadrants has imported inductive energy in Q1 and capacitive energy in Q4 (IEC 62053-23).
    ("lag_varh", ("lag_varh", "q1_varh"), ("interval_lag_varh", "interval_q1_varh")),
    ("lead_varh", ("lead_varh", "q4_varh"), ("interval_lead_varh", "interval_q4_varh")),
    ("dg_import_wh", ("dg_import_wh",), ("interval_dg_import_wh",)),
    ("dg_import_vah", ("dg_import_vah",), ("interval_dg_import_vah",)),
    ("volume_l", ("volume_l",), ("interval_volume_l",)),
    ("converted_volume_l", ("converted_volume_l",), ("interval_converted_volume_l",)),
)
"""Energies and volumes, each with the registers and increments by which meters may capture it, the first one first."""

DEMANDS: Final = (("max_import_w", "interval_import_wh"), ("max_import_va", "interval_import_vah"))
"""Maximum demands, with the increments from which blocks give them."""

_ZONED: Final = frozenset(
    {"import_wh", "import_vah", "export_wh", "export_vah", "lag_varh", "lead_varh", "dg_import_wh"}
)


def permille[T: (int, Integers)](part: T, whole: T) -> T:
    """Return a ratio in thousandths, rounded half up; `whole` is above zero."""
    return (2000 * part + whole) // (2 * whole)


@dataclass(frozen=True, slots=True)
class Question:
    """The period and the rules of a calculation, shared by its agreements."""

    period: Period
    """Local days, up to the one after the last that is asked for."""
    zone: ZoneInfo
    calendars: Sequence[Calendar] = ()
    """Versions of the tariff's calendar; none where energy is not put into zones."""
    rules: Rules = field(default_factory=Rules)


def calculate(
    agreements: int,
    segments: Segments,
    reads: Reads,
    intervals: Intervals,
    question: Question,
    own: OwnPeriods | None = None,
) -> Determinants:
    """Return the determinants of `agreements` agreements, numbered from 0.

    Quantities that no meter captures are left out; one that some agreement's meters do not capture is `NULL` for it. Energies
    by zone sum to the total exactly, and so do those by day. Raises DeterminantError for a demand period that no meter has,
    UncoveredDayError for days before the calendar.
    """
    intervals = _in_order(intervals)
    it = _Calculation(agreements, segments, question)
    for name, registers, increments in ENERGIES:
        read, counted = _captured(registers, reads), _captured(increments, intervals)
        if (read != NULL).any() or (counted != NULL).any():
            it.energy(name, shape(segments, reads, intervals, read, counted))
    for name, increment in DEMANDS:
        if increment in intervals.values:
            it.demand(name, intervals, increment)
    if own is not None:
        it.own_periods(own)
    it.factors()
    return it.found()


def _captured(names: Sequence[str], rows: Reads | Intervals) -> Integers:
    """Return what each meter captures by the first of the names that it has a value of."""
    first, *others = names
    values = column(rows.values, first, len(rows.segment))
    for name in others:
        if name in rows.values:
            has_none = ~np.isin(rows.segment, rows.segment[values != NULL])
            values = np.where(has_none, rows.values[name], values)
    return values


def _in_order(intervals: Intervals) -> Intervals:
    order = np.lexsort((intervals.start_at, intervals.segment))
    return replace(
        intervals,
        segment=intervals.segment[order],
        start_at=intervals.start_at[order],
        length_s=intervals.length_s[order],
        estimated=intervals.estimated.astype(np.bool_)[order],
        values={name: values[order] for name, values in intervals.values.items()},
    )


class _Calculation:
    """Determinants as they are found, quantity by quantity."""

    def __init__(self, agreements: int, segments: Segments, question: Question) -> None:
        self._count, self._segments, self._question = agreements, segments, question
        self._of_period: dict[str, Determined] = {}
        self._of_days: dict[str, Integers] = {}
        self._residual: dict[str, Integers] = {}
        self._known_to = np.full(agreements, NULL, np.int64)
        self._notes: list[tuple[int, str]] = []
        self._volumes = np.zeros((0, 0), np.int64)
        self._zones = max(
            (zone.number for version in question.calendars for zone in version.zones), default=0
        )

    def found(self) -> Determinants:
        return Determinants(
            self._of_period,
            self._of_days,
            self._known_to,
            self._residual,
            self._volumes,
            tuple(sorted(self._notes)),
        )

    def energy(self, name: str, shaped: ShapedEnergy) -> None:
        """Add an energy or a volume: its total, its zones, its days."""
        owner = self._segments.agreement
        captured = self._any(owner[shaped.captured])
        total = self._sum(owner, shaped.total)
        by_register = self._every(owner, shaped.by_register)
        origin = np.where(by_register, Origin.REGISTER, Origin.BLOCKS)
        self._add(name, total, origin, self._sum(owner, shaped.total_estimated), captured)
        self._residual[name] = self._sum(owner, shaped.residual)
        row_owner = owner[shaped.segment]
        if not len(self._of_days):
            self._known_to = self._known(shaped)
        days = self._question.period.days
        column_of = np.clip(self._days(shaped.start_at), 0, max(days - 1, 0))
        by_day = np.zeros((self._count, days), np.int64)
        np.add.at(by_day, (row_owner, column_of), shaped.energy)
        self._of_days[name] = by_day
        if name == "volume_l":
            # Two meters of one agreement may count at different conditions.
            self._volumes = np.zeros((len(owner), days), np.int64)
            np.add.at(self._volumes, (shaped.segment, column_of), shaped.energy)
        if not self._zones or name not in _ZONED:
            return
        zones = zone_numbers(self._question.calendars, shaped.start_at, self._question.zone)
        for number in range(1, self._zones + 1):
            inside = zones == number
            estimated = inside & shaped.estimated
            self._add(
                f"{name}_z{number}",
                self._sum(row_owner[inside], shaped.energy[inside]),
                np.where(by_register, Origin.SHAPED, Origin.BLOCKS),
                self._sum(row_owner[estimated], shaped.energy[estimated]),
                captured,
            )

    def demand(self, name: str, intervals: Intervals, increment: str) -> None:
        """Add a maximum demand with its instant, of all time and by zone; the instant is the end of its demand period."""
        rules = self._question.rules
        found = block_demands(self._segments, intervals, increment, rules.demand_s, self._question.zone)
        owner = self._segments.agreement[found.segment]
        groups = [(name, np.ones(len(owner), np.bool_))]
        if self._zones:
            zones = zone_numbers(self._question.calendars, found.start_at, self._question.zone)
            groups += [(f"{name}_z{number}", zones == number) for number in range(1, self._zones + 1)]
        for each, inside in groups:
            power, at = highest(found.power[inside], found.start_at[inside], owner[inside], self._count)
            captured = power != NULL
            self._add(each, power, np.full(self._count, Origin.BLOCKS), None, captured)
            ends = np.where(captured, at + rules.demand_s, NULL)
            self._add(f"{each}_at", ends, np.full(self._count, Origin.BLOCKS), None, captured)
        by_day = np.full((self._count, self._question.period.days), NULL, np.int64)
        days = self._days(found.start_at)
        inside = (days >= 0) & (days < by_day.shape[1])
        np.maximum.at(by_day, (owner[inside], days[inside]), found.power[inside])
        self._of_days[name] = by_day

    def own_periods(self, own: OwnPeriods) -> None:
        """Take zones and maxima from meters that ended a period of their own at the period's ends.

        Zones only of a meter that had the tariff's calendar, and maxima only of one that has the tariff's demand period.
        """
        owner = self._segments.agreement
        alone = np.bincount(owner, minlength=self._count) == 1
        begins, ends = (int(at.timestamp()) for at in self._question.period.bounds(self._question.zone))
        for row, segment in enumerate(own.segment):
            agreement = int(owner[segment])
            reason = ""
            if not alone[agreement]:
                reason = "several meters or ratios served the period"
            elif (self._segments.from_at[segment], self._segments.to_at[segment]) != (begins, ends):
                # The meter's maximum may be another consumer's, of the rest of the period.
                reason = "the meter served the agreement for a part of the period only"
            elif (own.opened_at[row], own.closed_at[row]) != (begins, ends):
                reason = "the meter was reset at other instants than the period's ends"
            if reason:
                self._notes.append((agreement, f"the meter's own totals are not used: {reason}"))
                continue
            if self._zones and not own.same_calendar[row]:
                said = "the meter's own zones are not used: its calendar was not the tariff's throughout"
                self._notes.append((agreement, said))
            elif self._zones:
                self._own_energy(own, row, agreement, int(segment))
            self._own_demands(own, row, agreement, int(segment))

    def _own_energy(self, own: OwnPeriods, row: int, agreement: int, segment: int) -> None:
        for name, *_ in ENERGIES:
            total = self._of_period.get(name)
            zones = list(self._own_zones(own, row, name, segment))
            if total is None or not zones or total.values[agreement] == NULL:
                continue
            residual = int(total.values[agreement]) - sum(energy for _, energy in zones)
            step = self._scaled(int(own.resolution[row]), segment)
            backwards = [f"zone {zone} advanced by {energy}" for zone, energy in zones if energy < 0]
            reason = ", ".join(backwards)
            if total.origin[agreement] != Origin.REGISTER or abs(residual) > (len(zones) + 1) * max(step, 1):
                reason = reason or f"zones differ from the total by {residual}"
            if reason:
                self._notes.append((agreement, f"{name} by zone is not the meter's own: its {reason}"))
                continue
            weights = np.array([energy for _, energy in zones], np.int64)
            shares = allocate(total.values[[agreement]], weights, np.zeros(len(zones), np.int64))
            for (zone, _), share in zip(zones, shares, strict=True):
                self._set(f"{name}_z{zone}", agreement, int(share))

    def _own_demands(self, own: OwnPeriods, row: int, agreement: int, segment: int) -> None:
        zones = range(1, self._zones + 1) if own.same_calendar[row] else ()
        for name, _ in DEMANDS:
            power, at = self._own_demand(own, row, name, segment)
            if power is None or at is None:
                continue
            if contradiction := self._contradiction(own, row, agreement, name, power, at):
                self._notes.append((agreement, f"{name} is not the meter's own: {contradiction}"))
                continue
            for each in (name, *(f"{name}_z{number}" for number in zones)):
                power, at = self._own_demand(own, row, each, segment)
                if power is not None and at is not None:
                    self._set(each, agreement, power)
                    self._set(f"{each}_at", agreement, at)

    def _own_demand(
        self, own: OwnPeriods, row: int, name: str, segment: int
    ) -> tuple[int | None, int | None]:
        power, at = (self._own_value(own.closing, one, row) for one in (name, f"{name}_at"))
        return None if power is None else self._scaled(power, segment), at

    def _contradiction(
        self, own: OwnPeriods, row: int, agreement: int, name: str, power: int, at: int
    ) -> str:
        """Return why a meter's own maximum cannot be the period's, as half a sentence; empty where it can.

        That of a zone is not compared: a demand period over a change of zone is the meter's to place.
        """
        wanted_s = self._question.rules.demand_s
        if own.demand_s[row] != wanted_s:
            return f"its demand period has {own.demand_s[row]} s, and the tariff's has {wanted_s} s"
        if not own.opened_at[row] < at <= own.closed_at[row]:
            return "it occurred outside the period"
        known = self._of_period.get(name)
        step = max(self._scaled(int(own.demand_resolution[row]), int(own.segment[row])), 1)
        if known is not None and power + step <= known.values[agreement]:
            return f"its register has {power}, and its intervals prove {known.values[agreement]}"
        return ""

    def _own_zones(self, own: OwnPeriods, row: int, name: str, segment: int) -> Iterator[tuple[int, int]]:
        for number in range(1, self._zones + 1):
            register = f"{name}_z{number}"
            before, after = (self._own_value(values, register, row) for values in (own.opening, own.closing))
            if before is None or after is None:
                return
            yield number, self._scaled(after, segment) - self._scaled(before, segment)

    def _own_value(self, values: object, name: str, row: int) -> int | None:
        assert isinstance(values, dict)
        value = values[name][row] if name in values else NULL
        return None if value == NULL else int(value)

    def _scaled(self, counted: int, segment: int) -> int:
        return (
            counted
            * int(self._segments.ratio_primary[segment])
            // int(self._segments.ratio_secondary[segment])
        )

    def _set(self, name: str, agreement: int, value: int) -> None:
        known = self._of_period.get(name)
        if known is None:
            nothing = np.zeros(self._count, np.int64)
            known = Determined(np.full(self._count, NULL, np.int64), nothing.astype(np.int8), nothing)
        values, origin, estimated = known.values.copy(), known.origin.copy(), known.estimated.copy()
        values[agreement], origin[agreement], estimated[agreement] = value, Origin.METER, 0
        self._of_period[name] = Determined(values, origin, estimated)

    def factors(self) -> None:
        """Add power factor and load factor, in thousandths, rounded half up."""
        if "import_wh" not in self._of_period:
            return
        energy = self._of_period["import_wh"].values
        apparent = self._apparent()
        known = (energy != NULL) & (apparent > 0)
        factor = permille(energy, np.maximum(apparent, 1))
        # Registers are truncated apart from each other, so that the quotient of small ones may exceed one.
        self._add(
            "mean_power_factor_permille",
            np.minimum(factor, 1000),
            np.full(self._count, Origin.DERIVED),
            None,
            known,
        )
        highest_w = self._of_period.get("max_import_w")
        if highest_w is None:
            return
        seconds = self._seconds()
        possible = highest_w.values * seconds
        known = (energy != NULL) & (highest_w.values > 0) & (seconds > 0)
        factor = permille(3600 * energy, np.maximum(possible, 1))
        self._add("load_factor_permille", factor, np.full(self._count, Origin.DERIVED), None, known)

    def _apparent(self) -> Integers:
        """Return the apparent energy by agreement: the register's, else from active and reactive energy; 0 for none."""
        apparent = np.zeros(self._count, np.int64)
        wh = self._of_period["import_wh"].values
        lag, lead = (
            self._of_period[name].values if name in self._of_period else None
            for name in ("lag_varh", "lead_varh")
        )
        if lag is not None:
            reactive = np.where(lag == NULL, 0, lag)
            if self._question.rules.reactive == "lag+lead" and lead is not None:
                reactive = reactive + np.where(lead == NULL, 0, lead)
            apparent = np.array(
                [
                    isqrt(int(active) ** 2 + int(other) ** 2) if NULL not in (active, known) else 0
                    for active, other, known in zip(wh, reactive, lag, strict=True)
                ],
                np.int64,
            )
        if "import_vah" in self._of_period:
            vah = self._of_period["import_vah"].values
            apparent = np.where(vah == NULL, apparent, vah)
        return apparent

    def _seconds(self) -> Integers:
        """Return for how long the agreements' energy is known, in seconds."""
        begins = np.full(self._count, 2**62, np.int64)
        np.minimum.at(begins, self._segments.agreement, self._segments.from_at)
        return np.where(self._known_to == NULL, 0, np.maximum(self._known_to - begins, 0))

    def _known(self, shaped: ShapedEnergy) -> Integers:
        """Return the end of what is known: the first segment with a gap bounds it, whatever later meters have sent."""
        ends = np.full(self._count, -(2**62), np.int64)
        np.maximum.at(ends, self._segments.agreement, shaped.known_to)
        behind = shaped.known_to < self._segments.to_at
        holes = np.full(self._count, 2**62, np.int64)
        np.minimum.at(holes, self._segments.agreement[behind], shaped.known_to[behind])
        known = np.minimum(ends, holes)
        return np.where(ends == -(2**62), NULL, known)

    def _add(
        self,
        name: str,
        values: Integers,
        origin: NDArray[np.int64],
        estimated: Integers | None,
        known: NDArray[np.bool_],
    ) -> None:
        part = np.zeros(self._count, np.int64) if estimated is None else estimated
        self._of_period[name] = Determined(
            np.where(known, values, NULL),
            np.where(known, origin, Origin.NONE).astype(np.int8),
            np.where(known, part, 0),
        )

    def _sum(self, owner: Integers, values: Integers) -> Integers:
        sums = np.zeros(self._count, np.int64)
        np.add.at(sums, owner, values)
        return sums

    def _any(self, owner: Integers) -> NDArray[np.bool_]:
        found = np.zeros(self._count, np.bool_)
        found[owner] = True
        return found

    def _every(self, owner: Integers, holds: NDArray[np.bool_]) -> NDArray[np.bool_]:
        found = np.ones(self._count, np.bool_)
        found[owner[~holds]] = False
        return found

    def _days(self, at: Integers) -> Integers:
        """Return the number of each instant's local day in the period, from 0."""
        local = (at + utc_offsets_s(at, self._question.zone)) // _DAY_S
        return local - (self._question.period.first - _EPOCH).days
