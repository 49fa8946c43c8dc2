"""The target of an agreement's period: what it costs by the readings as they are. Entries are differences of targets.

Energy (`apps.readings`), prices (`apps.rulebook`) and the agreement (`apps.contracts`) meet here; the arithmetic is
in `urja.core.rating`.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache, cached_property, lru_cache
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection

from urja.apps.billing import unit_banks
from urja.apps.contracts.kinds import Agreement, Terms
from urja.apps.determinants.queries import EarlierDemand, earlier_demands
from urja.apps.readings.accrual import PeriodEnergy, energies_until, recompute_moved_borders
from urja.apps.rulebook.errors import UnknownTariffError, UnstatedLoadError
from urja.apps.rulebook.queries import tariffs
from urja.core.calendar import ONE_DAY, Period, local_day, midnight, month_of
from urja.core.policy import CORRECTED_MONTHS
from urja.core.rating import (
    Calculation,
    EnergyUse,
    Measured,
    PastDemand,
    QuantityUse,
    RatedLine,
    RatedPeriod,
    RatingError,
    RatingInputs,
    RatingTerms,
    Tariff,
    calculation_of,
    first_shared_day,
    past_from_json,
    period_of as period_by_cycle,
    price_change_days,
    rate_period,
    reserve_so_far,
    uses_between,
)
from urja.core.rating.accruals import MONEY
from urja.core.rating.priced_quantities import COMMON, adds_up, share_of

_NEVER = Period(date.min, date.max)


@cache
def zone() -> ZoneInfo:
    """Return the utility's time zone, in which its days and billing periods begin."""
    return ZoneInfo(settings.URJA_TIMEZONE)


def days_of(agreement: Agreement) -> Period:
    """Return the local days on which an agreement is charged, with the ones it begins and ends on.

    They begin when its supply comes into service or its fixed charges begin (`Agreement.charged_from`).
    """
    begins = agreement.charged_from
    if begins is None:
        first = local_day(agreement.valid_from, zone())
        return Period(first, first)
    return _days_between(begins, agreement.valid_to)


@lru_cache(maxsize=4096)
def _days_between(begins: datetime, ends: datetime | None) -> Period:
    first = local_day(begins, zone())
    return Period(first, _NEVER.end if ends is None else last_day(ends) + ONE_DAY)


def last_day(end: datetime) -> date:
    """Return the local day in which a half-open time ends: at midnight it is the day before."""
    return local_day(end - timedelta(microseconds=1), zone())


def oldest_corrected(day: date, months: int = CORRECTED_MONTHS) -> date:
    """Return the first day of the oldest billing period that the close of a day still corrects.

    `look_back` says how many months a policy gives; older periods are adjusted by a person.
    """
    # 31 days a month: at least so many whole months, whatever their lengths.
    return (day - timedelta(days=31 * months)).replace(day=1)


def period_of(agreement: Agreement, day: date) -> Period:
    """Return the billing period with a day of an agreement: as long as the tariff in force on the day says.

    Periods of months begin on the agreement's own day of the month, where it has one. Other terms have other periods only
    from a day on that begins one of both. Raises UnknownTariffError where no version of the tariff is in force, also for
    an agreement with a day of its own.
    """
    return tariffs.once(_period_of, _code(agreement, day), day, agreement.billing_day)


def _period_of(code: str, day: date, billing_day: int | None) -> Period:
    tariff = tariffs.versions_in_force(code, day, day + ONE_DAY)[-1]
    return period_by_cycle(day, tariff.cycle, billing_day or tariff.period_starts_on)


def current_period(agreement: Agreement, now: datetime) -> Period:
    """Return the billing period of an agreement at an instant (UTC): before it the first one, after it the last.

    Raises UnknownTariffError where no version of its tariff is in force.
    """
    return period_of(agreement, nearest_day(agreement, now))


def billed_by_month(agreement: Agreement, now: datetime) -> bool:
    """Return whether the current billing period and the one before it are calendar months, as accruals are.

    Raises UnknownTariffError where no version of a tariff is in force.
    """
    current = current_period(agreement, now)
    if not is_month(current):
        return False
    # Versions of one tariff have the same periods.
    one_tariff = len({terms.tariff_code for terms in agreement.all_terms}) == 1
    if one_tariff or current.first <= days_of(agreement).first:
        return True
    return is_month(period_of(agreement, current.first - ONE_DAY))


def is_month(period: Period) -> bool:
    """Return whether a billing period is a calendar month, whose energy is accrued."""
    return period == month_of(period.first)


IS_MONTH: Final = (
    "(extract(day FROM r.period_start) = 1 AND r.period_end = r.period_start + interval '1 month')"
)
"""SQL for `is_month` of the rated period `r`."""


def unratable_reason(agreement: Agreement, at: datetime) -> str:
    """Return why an agreement cannot be rated at an instant (UTC), as a sentence; empty where it can.

    Checked for the billing period with the instant and for the one before it, which may still be open.
    """
    try:
        period = period_of(agreement, nearest_day(agreement, at))
        basis_for(agreement, period)
        if period.first > days_of(agreement).first:
            basis_for(agreement, period_of(agreement, period.first - ONE_DAY))
    except UnknownTariffError as error:
        return held_back(agreement, error)
    return ""


def held_back(agreement: Agreement, error: UnknownTariffError) -> str:
    """Return why an agreement waits that cannot be rated, and what to do, as a sentence."""
    held = f"account {agreement.account_id} is held back: {error}"
    if isinstance(error, UnstatedLoadError):
        return f"{held} (change_load of agreement {agreement.id})"
    return f"{held}; load it (urja tariff load) or correct the terms of agreement {agreement.id}"


def nearest_day(agreement: Agreement, now: datetime) -> date:
    """Return the day of the agreement that is nearest to an instant."""
    days = days_of(agreement)
    # In this order: without a charged day it is the day on which the agreement begins.
    return max(days.first, min(local_day(now, zone()), days.end - ONE_DAY))


# Without slots: accounts with the same terms share one, and what follows from it is calculated once.
@dataclass(frozen=True)
class Basis:
    """What a period is rated by, besides its energy."""

    billed: Period
    """The agreement's days in the period."""
    terms: tuple[RatingTerms, ...]
    by_day_from: date
    """The first billed day with charges per day: the second one where another agreement had the first day before."""

    @cached_property
    def needs(self) -> frozenset[str]:
        """Names of the determinants that its tariffs need besides the billed quantity."""
        return self._needs - MONEY - COMMON

    @cached_property
    def money(self) -> frozenset[str]:
        """Names of the account's money of days that its tariffs need (`day_money`)."""
        return self._needs & MONEY

    @cached_property
    def commons(self) -> frozenset[tuple[str, str]]:
        """The common quantities of which its tariffs price a share, each with how it is shared (`common_shares`)."""
        return frozenset[tuple[str, str]]().union(*(tariff.commons for tariff in self.versions))

    def shared_days(self, through: date) -> Period:
        """Return the billed days before `through` of which its tariffs price a share of a common quantity."""
        first = first_shared_day(((each.first, each.versions) for each in self.terms), self.billed)
        return Period(min(first, through), through)

    @property
    def beside_readings(self) -> frozenset[str]:
        """Names of what its tariffs need that no meter of the agreement counts: its money, and its shares."""
        return self.money | {share_of(*common) for common in self.commons}

    @property
    def goes_beyond_billed(self) -> bool:
        """Whether its tariffs need anything besides the billed quantity."""
        return bool(self._needs)

    @cached_property
    def _needs(self) -> frozenset[str]:
        return frozenset[str]().union(*(tariff.determinants for tariff in self.versions))

    @property
    def sums(self) -> frozenset[str]:
        """Those of them that add up over days: each day must have them. A day without a maximum has none."""
        return frozenset(filter(adds_up, self.needs))

    @cached_property
    def versions(self) -> tuple[Tariff, ...]:
        """The versions of all its terms, each as often as terms have it."""
        return tuple(tariff for each in self.terms for tariff in each.versions)

    @cached_property
    def net_metered(self) -> bool:
        """Whether a tariff of some billed days sets export off against import."""
        return any(tariff.net_metering for each in self.terms for tariff in each.versions)

    @property
    def calendars(self) -> tuple[str, ...]:
        """Codes of the calendars by which its tariffs put energy into zones."""
        return tuple(dict.fromkeys(tariff.calendar for tariff in self.versions if tariff.calendar))

    @cached_property
    def settles_at_close(self) -> bool:
        """Whether a line is charged only once the period is over."""
        return any(line.at_close for tariff in self.versions for line in tariff.lines)

    @cached_property
    def ratchets(self) -> Mapping[str, int]:
        """How many earlier periods ratchets go back, by the name of the maximum demand."""
        found: dict[str, int] = {}
        for tariff in self.versions:
            for name, periods in tariff.ratchets.items():
                found[name] = max(found.get(name, 0), periods)
        return found

    def needed_of(self, values: Mapping[str, int]) -> dict[str, int]:
        """Return those of a row's values that its tariffs need."""
        return {name: values[name] for name in sorted(self.needs) if name in values}

    def past_demands(self, earlier: Iterable[EarlierDemand]) -> tuple[PastDemand, ...]:
        """Return those maximum demands of the agreement's earlier periods that its ratchets go by, oldest first.

        The number of a zone is another time of day in another calendar: demand in a zone is of the tariff's calendar.
        """
        known = [
            one.demand
            for one in earlier
            if one.demand.period.end <= self.billed.first and one.calendar in ("", *self.calendars)
        ]
        found: list[PastDemand] = []
        for name, periods in self.ratchets.items():
            found += [past for past in known if past.name == name][-periods:]
        return tuple(sorted(found, key=lambda past: (past.period, past.name)))

    def charged_through(self, through: date) -> date:
        """Return the day after the last billed day that is charged when all days before `through` are."""
        return min(max(through, self.billed.first + ONE_DAY), self.billed.end)

    def changes_before(self, through: date) -> list[date]:
        """Return the billed days before `through` on which a price changes."""
        return [day for day in self.price_changes if day < through]

    @cached_property
    def price_changes(self) -> list[date]:
        """The billed days on which a price changes; raises RatingError where no terms are in force."""
        return price_change_days(self.terms, self.billed)

    @cached_property
    def fingerprint(self) -> str:
        """Text that differs whenever the load, the tariff or the text of a version differs.

        From which day on which tariff and load apply, with the versions and the beginnings of their texts' hashes;
        before a version that begins inside the billed days, how the change to it is made.
        """
        shared = [f"by day from {self.by_day_from}"] if self.by_day_from > self.billed.first else []
        return "; ".join(
            [
                *shared,
                *(
                    " ".join(
                        [
                            each.first.isoformat(),
                            each.versions[0].code,
                            ",".join(
                                [
                                    str(each.load_w),
                                    *(f"{name}={load}" for name, load in each.other_loads.items()),
                                ]
                            ),
                            *(self._named(tariff) for tariff in each.versions),
                        ]
                    )
                    for each in self.terms
                ),
            ]
        )

    def _named(self, tariff: Tariff) -> str:
        name = f"{tariff.version}:{tariff.sha256[:16]}"
        return f"{tariff.on_change} {name}" if tariff.valid_from > self.billed.first else name


@dataclass(frozen=True, slots=True)
class Rating:
    """A target with what it was calculated from."""

    target: RatedPeriod
    basis: Basis
    uses: tuple[EnergyUse, ...]
    measured: Measured

    @property
    def reserve(self) -> tuple[RatedLine, ...]:
        """What lines that settle at close would add, in minor units, if the period ended now: an estimate, and no charge.

        None of a tariff without such lines. The caller knows that the period is not closed.
        """
        if not self.basis.settles_at_close:
            return ()
        basis = self.basis
        return reserve_so_far(
            basis.terms,
            self.uses,
            billed=basis.billed,
            through=self.target.through,
            by_day_from=basis.by_day_from,
            measured=self.measured,
            closed=False,
        )

    def settled_at_close(self) -> dict[str, int]:
        """Return how much of each line is due only because the period is closed, in minor units; what is zero is left out."""
        basis = self.basis
        if not basis.settles_at_close or self.target.through < basis.billed.end:
            return {}
        open_ = rate_period(
            basis.terms,
            self.uses,
            billed=basis.billed,
            through=self.target.through,
            by_day_from=basis.by_day_from,
            measured=self.measured,
            closed=False,
        )
        settled = {line.name: line.amount_minor - open_.amount(line.name) for line in self.target.lines}
        return {name: minor for name, minor in settled.items() if minor}

    @property
    def calculation(self) -> Calculation:
        """The calculation as entries name it."""
        return calculation_of(
            self.basis.terms,
            self.uses,
            billed=self.basis.billed,
            through=self.target.through,
            by_day_from=self.basis.by_day_from,
            measured=self.measured,
        )


def basis_for(agreement: Agreement, period: Period) -> Basis:
    """Return the billed days of a period and the terms that rate them, one for each change of tariff or load.

    A day is rated on the terms at its first instant; a day on which the agreement begins later, on its first terms.
    Raises UnknownTariffError where no version of a tariff is in force, or (UnstatedLoadError) where terms lack a load.
    """
    days = days_of(agreement)
    billed = period.intersection(days)
    agreed: list[tuple[date, Terms]] = []
    for first in [billed.first, *_changes(agreement, billed)]:
        terms = agreement.terms_at(midnight(first, zone()))
        if not agreed or _rated_by(agreed[-1][1]) != _rated_by(terms):
            agreed.append((first, terms))
    ends = [first for first, _ in agreed[1:]] + [billed.end]
    shared = billed.first == days.first and _shares_its_first_day(agreement, days.first)
    return tariffs.once(
        _basis,
        billed,
        billed.first + ONE_DAY if shared and billed.days else billed.first,
        tuple(
            _AgreedTerms(first, end, *_rated_by(terms), terms.carpet_area_dm2 is not None)
            for (first, terms), end in zip(agreed, ends, strict=True)
        ),
    )


class _AgreedTerms(NamedTuple):
    """What terms are rated by from `first` up to, and without, `end`."""

    first: date
    end: date
    tariff_code: str
    load_w: int
    load_va: int | None
    contracted_w: int | None
    contracted_va: int | None
    states_area: bool


def _rated_by(terms: Terms) -> tuple[str, int, int | None, int | None, int | None]:
    """Return the tariff and the loads of terms, in the order of `_AgreedTerms`."""
    loads = (terms.sanctioned_load_va, terms.contracted_load_w, terms.contracted_load_va)
    return (terms.tariff_code, terms.sanctioned_load_w, *loads)


def _basis(billed: Period, by_day_from: date, agreed: Sequence[_AgreedTerms]) -> Basis:
    basis = Basis(
        billed,
        tuple(
            RatingTerms(
                each.first,
                tariffs.versions_in_force(each.tariff_code, each.first, each.end),
                each.load_w,
                load_va=each.load_va,
                contracted_w=each.contracted_w,
                contracted_va=each.contracted_va,
            )
            for each in agreed
        ),
        by_day_from,
    )
    for terms, each in zip(basis.terms, agreed, strict=True):
        for tariff in terms.versions:
            _check_loads(terms, tariff)
            _check_area(tariff, states_area=each.states_area)
    return basis


def _check_loads(terms: RatingTerms, tariff: Tariff) -> None:
    """Raise UnstatedLoadError where an agreement's terms do not state a load that a tariff needs."""
    for load, apparent in sorted(tariff.loads):
        try:
            terms.load(load, apparent=apparent)
        except RatingError as error:
            raise UnstatedLoadError(f"tariff {tariff.code!r} goes by loads, and {error}") from None


def _check_area(tariff: Tariff, *, states_area: bool) -> None:
    """Raise UnstatedLoadError where terms do not state the area by which their tariff shares common areas."""
    if not states_area and any(share == "area" for _, share in tariff.commons):
        raise UnstatedLoadError(
            f"tariff {tariff.code!r} shares common areas by area, and the agreement has no carpet area: state it in its terms"
        )


def _shares_its_first_day(agreement: Agreement, first: date) -> bool:
    """Return whether the agreement before it ended on its first day: then that one pays the day's charges per day."""
    begins = midnight(first, zone())
    return (
        agreement.valid_from > begins
        and agreement.follows_at is not None
        and agreement.follows_at > begins
        # Otherwise the agreement before it was not charged at all.
        and agreement.in_service_at is not None
        and agreement.in_service_at < agreement.follows_at
    )


def _changes(agreement: Agreement, billed: Period) -> list[date]:
    """Return the days of `billed`, without the first, on which other terms begin."""
    # The first terms apply from the agreement's beginning on, whatever the time of that day.
    begins = (terms.valid_from for terms in agreement.all_terms[1:])
    days = (local_day(at, zone()) + (at > midnight(local_day(at, zone()), zone())) * ONE_DAY for at in begins)
    return [day for day in days if billed.first < day < billed.end]


def _code(agreement: Agreement, day: date) -> str:
    return agreement.terms_at(midnight(day, zone())).tariff_code


def rate(
    agreement: Agreement,
    period: Period,
    through: date,
    energy_wh: int,
    energy_at: Callable[[date], int],
    *,
    closed: bool | None = None,
) -> Rating:
    """Return the target of a period up to `through` (the day after the last), with `energy_wh` used until then.

    `energy_at` returns the energy in Wh up to the midnight at which a day begins; it is called for the days on which
    a price changes. Determinants are those that the period was last charged by. `closed` says whether lines that settle at
    close are charged; unless given, they are once all billed days are. Raises UnknownTariffError.
    """
    asked = PeriodSoFar(agreement, period, basis_for(agreement, period), through)
    (measured,) = as_charged([asked]) if asked.basis.goes_beyond_billed else (Measured(),)
    return rate_on(asked.basis, through, energy_wh, energy_at, measured, closed=closed)


def rate_on(
    basis: Basis,
    through: date,
    energy_wh: int,
    energy_at: Callable[[date], int],
    measured: Measured,
    *,
    closed: bool | None = None,
) -> Rating:
    """Return the target of a period by its terms and determinants; other arguments are as for `rate`."""
    inputs = rating_inputs(basis, through, energy_wh, energy_at, measured)
    return Rating(inputs.rate(closed=closed), basis, inputs.uses, measured)


def rating_inputs(
    basis: Basis, through: date, energy_wh: int, energy_at: Callable[[date], int], measured: Measured
) -> RatingInputs:
    """Return what the target of a period is calculated from; arguments are as for `rate_on`."""
    through = basis.charged_through(through)
    known_wh = {**{day: energy_at(day) for day in basis.changes_before(through)}, through: energy_wh}
    uses = uses_between(basis.billed.first, known_wh)
    return RatingInputs(basis.terms, uses, basis.billed, through, basis.by_day_from, measured)


@dataclass(frozen=True, slots=True)
class PeriodSoFar:
    """A billing period of an agreement up to the day `through`, exclusive, with what it is rated by."""

    agreement: Agreement
    period: Period
    basis: Basis
    through: date

    @property
    def key(self) -> tuple[int, date, date]:
        """Number of the agreement, first day of the period, and `through`."""
        return self.agreement.id, self.period.first, self.through

    @property
    def charged(self) -> Period:
        """The billed days that are charged when all days before `through` are."""
        return Period(self.basis.billed.first, self.basis.charged_through(self.through))


def as_charged(asked: Sequence[PeriodSoFar]) -> list[Measured]:
    """Return what each period was last charged by besides its energy; days without determinants that are needed have none yet."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT r.agreement_id, r.period_start, r.measured FROM unnest(%s::bigint[], %s::date[])"
            " AS asked (agreement_id, period_start) JOIN billing_rated r USING (agreement_id, period_start)"
            " WHERE r.measured IS NOT NULL",
            [[one.agreement.id for one in asked], [one.period.first for one in asked]],
        )
        stored = {
            (agreement_id, first): measured_from_json(measured)
            for agreement_id, first, measured in cursor.fetchall()
        }
    with_ratchets = [one.agreement.id for one in asked if one.basis.ratchets]
    earlier = earlier_demands(with_ratchets, zone()) if with_ratchets else {}
    netted: dict[date, list[int]] = {}
    for one in asked:
        if one.basis.net_metered:
            netted.setdefault(one.period.first, []).append(one.agreement.id)
    # By the period before: of a period that begins today no row is stored yet.
    banks = {first: unit_banks.UnitBanks.of(ids, first) for first, ids in netted.items()}
    found = []
    for one in asked:
        key, basis = (one.agreement.id, one.period.first), one.basis
        needed = basis.sums | basis.beside_readings
        found.append(
            Measured(
                tuple(
                    use
                    for use in stored.get(key, ())
                    if one.charged.intersection(use.days) == use.days and needed <= use.values.keys()
                ),
                basis.past_demands(earlier.get(one.agreement.id, ())),
                bank_wh=banks[one.period.first].opening_wh(*key) if basis.net_metered else {},
                ends=basis.net_metered and basis.billed.end == days_of(one.agreement).end,
            )
        )
    return found


def measured_from_json(stored: str) -> tuple[QuantityUse, ...]:
    """Return the determinants of parts of a period as `billing_rated` stores them."""
    return tuple(
        QuantityUse(Period(date.fromisoformat(first), date.fromisoformat(end)), values)
        for first, end, values in json.loads(stored)
    )


def past_demands_from_json(stored: str) -> tuple[PastDemand, ...]:
    """Return earlier demands as `billing_rated` stores them."""
    return tuple(past_from_json(past) for past in json.loads(stored))


def load_w(agreement: Agreement, day: date) -> int:
    """Return the sanctioned load on a local day, in W."""
    return agreement.terms_at(midnight(day, zone())).sanctioned_load_w


def energies(agreement_ids: Sequence[int], period: Period, until: date) -> dict[int, PeriodEnergy]:
    """Return the energy (Wh) of a period up to the midnight at which `until` begins, or its end, by agreement."""
    until_at = midnight(min(until, period.end), zone())
    with connection.cursor() as cursor:
        found = energies_until(cursor, agreement_ids, period.first, until_at, settings.URJA_TIMEZONE)
    return {energy.agreement_id: energy for energy in found}


def align_period_borders(known: dict[int, PeriodEnergy]) -> None:
    """Let earlier periods end on the register reads that these begin on, before the earlier ones are looked at."""
    with connection.cursor() as cursor:
        recompute_moved_borders(cursor, known.values(), settings.URJA_TIMEZONE)


def energy_at(agreement_id: int, period: Period) -> Callable[[date], int]:
    """Return a function for `rate`: the energy in Wh of one agreement up to the midnight of a day, from the readings."""

    def at(day: date) -> int:
        found = energies([agreement_id], period, day).get(agreement_id)
        return found.billed_value if found else 0

    return at


def energies_at_changes(
    asked: Iterable[tuple[int, Period, Iterable[date]]],
) -> dict[tuple[int, date], dict[date, int]]:
    """Return the energy in Wh of agreements in a period up to the midnights of some of its days, from the rows.

    They are asked for by agreement, period and days, and found by agreement, first day of the period and day.
    """
    together: dict[tuple[Period, date], list[int]] = {}
    for agreement_id, period, days in asked:
        for day in days:
            together.setdefault((period, day), []).append(agreement_id)
    found: dict[tuple[int, date], dict[date, int]] = {}
    for (period, day), ids in together.items():
        known = energies(ids, period, day)
        for id_ in ids:
            found.setdefault((id_, period.first), {})[day] = known[id_].billed_value if id_ in known else 0
    return found


def accrued_wh(agreement_ids: Sequence[int]) -> dict[tuple[int, date], int]:
    """Return the accrued energy in Wh by agreement and calendar month.

    A cheap query for what has changed since it was rated.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, period, billed_value FROM readings.accrual WHERE agreement_id = ANY(%s)",
            [list(agreement_ids)],
        )
        return {(agreement_id, period): energy for agreement_id, period, energy in cursor.fetchall()}
