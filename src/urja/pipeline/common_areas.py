"""Days of common areas: stored before the days that are charged by them are closed, and again where readings or the registry
have changed.

A day is shared among all agreements that are in force at its end, whatever their tariff. A vacant flat has no part.
"""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from typing import Final

from django.db import transaction

from urja.apps.billing import look_back
from urja.apps.billing.agreement_periods import days_of, period_of
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants import common_days, common_places
from urja.apps.determinants.common_days import Shared, WantedDay
from urja.apps.local_zone import local_zone
from urja.apps.readings.changes import Change
from urja.apps.rulebook.queries import tariffs
from urja.core.calendar import ONE_DAY, Period, local_day, midnight

AWAITED: Final = timedelta(hours=1)
"""How long after a day's end its last readings are waited for. Then the day is shared as far as it is known; what comes later
makes the next version.
"""


def store_before_closes(due: Sequence[tuple[Agreement, date]], now: datetime) -> None:
    """Share the days that charges of these agreements need, up to yesterday, as far as they are not stored."""
    needed = _needed(due)
    for premise_id, since in needed.items():
        last = local_day(now, local_zone()) - ONE_DAY
        days = Period(min(since.values()), last + ONE_DAY)
        stored = set(common_days.stored_between(premise_id, days)) if days.days > 0 else set()
        missing = [
            (shared, day)
            for shared, first in since.items()
            for n in range((last - first).days + 1)
            if (shared, day := first + n * ONE_DAY) not in stored
        ]
        _store(premise_id, missing, now)


def _needed(due: Sequence[tuple[Agreement, date]]) -> dict[int, dict[Shared, date]]:
    """Return from which day on tariffs of agreements share common areas, by premise; no earlier than corrections go."""
    codes = {terms.tariff_code for agreement, _ in due for terms in agreement.all_terms}
    by_code = {code: known for code in codes if (known := tariffs.commons_of(code))}
    if not by_code:
        return {}
    commons = {
        agreement.id: {
            common: first
            for code in {terms.tariff_code for terms in agreement.all_terms}
            for common, first in by_code.get(code, {}).items()
        }
        for agreement, _ in due
    }
    above = common_places.common_areas_above(
        {agreement.service_point_id for agreement, _ in due if commons[agreement.id]}
    )
    found: dict[int, dict[Shared, date]] = {}
    for agreement, day in due:
        for premise_id in above.get(agreement.service_point_id, ()):
            since = found.setdefault(premise_id, {})
            for (quantity, share), first in commons[agreement.id].items():
                # As far back as corrections go, and at least from the first day of the period.
                oldest = min(look_back.oldest_corrected(day), period_of(agreement, day).first)
                begins = max(first, days_of(agreement).first, oldest)
                shared = Shared(premise_id, quantity, share)
                since[shared] = min(begins, since.get(shared, begins))
    return found


def of_changed_readings(changes: Iterable[Change], since: date, now: datetime) -> int:
    """Share again the stored days from `since` on whose readings have changed; return how many versions are new."""
    changed = list(changes)
    premises = common_places.premises_of({change.service_point_id for change in changed})
    stored = 0
    for premise_id in sorted(set(premises.values())):
        own = [change for change in changed if premises.get(change.service_point_id) == premise_id]
        with transaction.atomic():
            # Before the rows are looked up: a close that has read the meters before they changed, and has not committed its
            # row yet, is waited for.
            common_days.lock(premise_id)
            again = [
                (row.shared, row.day)
                for row in _stored(premise_id, since, now)
                if any(
                    row.rests_on(one.service_point_id, one.at, local_zone(), is_register=one.is_register)
                    for one in own
                )
            ]
            stored += _store(premise_id, again, now)
    return stored


def of_changed_registry(since: date, now: datetime) -> int:
    """Share again the stored days from `since` on whose agreements, areas or loads have changed; return how many versions are new."""
    stored = 0
    for premise_id in common_days.premises_with_days(since):
        with transaction.atomic():
            common_days.lock(premise_id)
            members = _members(premise_id)
            known = (
                (row, weights_on(row.day, members, row.shared.share))
                for row in _stored(premise_id, since, now)
            )
            again = [(row, weights) for row, weights in known if weights and weights != row.weights]
            stored += common_days.share_again(again, now)
    return stored


def _stored(premise_id: int, since: date, now: datetime) -> list[common_days.StoredDay]:
    return common_days.newest_days(premise_id, Period(since, local_day(now, local_zone())))


def _members(premise_id: int) -> list[Agreement]:
    return contracts.agreements(common_places.sharers([premise_id]).get(premise_id, []))


def _store(premise_id: int, days: Sequence[tuple[Shared, date]], now: datetime) -> int:
    if not days:
        return 0
    members = _members(premise_id)
    points = common_places.common_areas_of([premise_id]).get(premise_id, ())
    wanted = [
        WantedDay(shared, day, points, weights, waits=now < midnight(day + ONE_DAY, local_zone()) + AWAITED)
        for shared, day in days
        if (weights := weights_on(day, members, shared.share))
    ]
    return common_days.store(wanted, local_zone(), now)


def weights_on(day: date, members: Iterable[Agreement], share: str) -> dict[int, int]:
    """Return the weight of each agreement that shares a day: 1, its carpet area in dm², or its sanctioned load in W.

    One that states no area has no part of what is shared by area.
    """
    begins_at, ends_at = midnight(day, local_zone()), midnight(day + ONE_DAY, local_zone())
    found = {}
    for agreement in members:
        if day not in days_of(agreement) or (agreement.valid_to or ends_at) < ends_at:
            continue
        terms = agreement.terms_at(begins_at)
        weight = {"flat": 1, "area": terms.carpet_area_dm2, "load": terms.sanctioned_load_w}[share]
        if weight:
            found[agreement.id] = weight
    return found
