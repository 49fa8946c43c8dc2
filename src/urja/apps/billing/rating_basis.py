"""What a billing period is rated by besides its energy: its billed days, and the tariffs and loads of the agreement's terms."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple

from urja.apps.billing.agreement_periods import days_of, nearest_day, period_of
from urja.apps.contracts.kinds import Agreement, Terms
from urja.apps.determinants.queries import EarlierDemand
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.errors import UnknownTariffError, UnstatedLoadError
from urja.apps.rulebook.queries import tariffs
from urja.core.calendar import ONE_DAY, Period, local_day, midnight
from urja.core.rating import PastDemand, RatingError, RatingTerms, Tariff, first_shared_day, price_change_days
from urja.core.rating.accruals import MONEY
from urja.core.rating.priced_quantities import COMMON, adds_up, share_of


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
        """Those of `needs` that add up over days: each day must have them. A day without a maximum has none."""
        return frozenset(filter(adds_up, self.needs))

    @cached_property
    def versions(self) -> tuple[Tariff, ...]:
        """The versions of all its terms, each as often as terms have it."""
        return tuple(tariff for each in self.terms for tariff in each.versions)

    @cached_property
    def net_metered(self) -> bool:
        """Whether a tariff of some billed days sets export off against import."""
        return any(tariff.net_metering for tariff in self.versions)

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

        The number of a local_zone is another time of day in another calendar: demand in a local_zone is of the tariff's calendar.
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


def basis_for(agreement: Agreement, period: Period) -> Basis:
    """Return the billed days of a period and the terms that rate them, one for each change of tariff or load.

    A day is rated on the terms at its first instant; a day on which the agreement begins later, on its first terms.
    Raises UnknownTariffError where no version of a tariff is in force, or (UnstatedLoadError) where terms lack a load.
    """
    days = days_of(agreement)
    billed = period.intersection(days)
    agreed: list[tuple[date, Terms]] = []
    for first in [billed.first, *_changes(agreement, billed)]:
        terms = agreement.terms_at(midnight(first, local_zone()))
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
    begins = midnight(first, local_zone())
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
    days = (
        local_day(at, local_zone()) + (at > midnight(local_day(at, local_zone()), local_zone())) * ONE_DAY
        for at in begins
    )
    return [day for day in days if billed.first < day < billed.end]
