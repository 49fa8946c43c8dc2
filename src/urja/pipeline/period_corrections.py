"""Corrections of earlier periods: the differences of periods whose energy, prices, terms, days or opening bank have changed
since they were rated.

`charge_differences` calculates each of them again; the daily close (`close`) and the correction of ended agreements
(`ended_agreements`) post them.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime
from itertools import accumulate

from django.db import connection

from urja.apps.billing import common_shares, look_back, posting as billing, rating_basis, targets, usage
from urja.apps.billing.agreement_periods import is_month, period_of
from urja.apps.billing.kinds import RefusalCause
from urja.apps.billing.rating_basis import Basis
from urja.apps.billing.unit_banks import UnitBanks
from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants.queries import EarlierDemand, earlier_demands, newest_named
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.errors import UnknownTariffError
from urja.core.calendar import ONE_DAY, Period
from urja.pipeline import charge_differences
from urja.pipeline.charge_differences import ChargeDifferences


def corrections(
    members: Sequence[Agreement], day: date, now: datetime, banks: UnitBanks
) -> ChargeDifferences:
    """Differences of periods before that of `day` whose inputs have changed since they were rated."""
    by_id = {agreement.id: agreement for agreement in members}
    earlier = [
        (by_id[rated.agreement_id], rated) for rated in _rated(by_id, day, now) if rated.through <= day
    ]
    return _changed_period_differences(earlier, day, now, banks, before_its_period=True)


def corrections_after_the_end(
    members: Sequence[Agreement], day: date, now: datetime, key_suffix: str
) -> ChargeDifferences:
    """Differences of all periods of ended agreements, including days that are no longer theirs."""
    by_id = {agreement.id: agreement for agreement in members}
    return _changed_period_differences(
        [(by_id[rated.agreement_id], rated) for rated in _rated(by_id, day, now)],
        day,
        now,
        charge_differences.banks_of(members, day),
        key_suffix,
    )


def _changed_period_differences(
    known: Sequence[tuple[Agreement, billing.Rated]],
    day: date,
    now: datetime,
    banks: UnitBanks,
    key_suffix: str = "",
    *,
    before_its_period: bool = False,
) -> ChargeDifferences:
    """Settle again the periods whose energy, prices, terms, days or opening bank have changed since they were rated.

    With `before_its_period` not the period of `day`. An agreement with a period that is held, or cannot be rated, has no
    differences in any: what a period leaves in the bank, the next one takes on.
    """
    settled = ChargeDifferences()
    asked: dict[Period, list[tuple[Agreement, bool]]] = {}
    causes: dict[tuple[Period, int], RefusalCause] = {}
    found: list[tuple[Agreement, billing.Rated, Period, Basis]] = []
    for agreement, rated in known:
        try:
            period = period_of(agreement, rated.period_start)
            if not (before_its_period and day in period):
                found.append((agreement, rated, period, rating_basis.basis_for(agreement, period)))
        except UnknownTariffError as error:
            # Of days long past: an account's other days, and other accounts, do not wait for them.
            settled.held.setdefault(agreement.id, rating_basis.held_back(agreement, error))
    found = [one for one in found if one[0].id not in settled.held]
    ids, periods = [agreement.id for agreement, *_ in found], [period for *_, period, _ in found]
    energies_wh = _energies_wh(ids, periods)
    cuts_wh = usage.energies_at_changes(
        (id_, period, basis.price_changes if basis.billed.days else ())
        for id_, period, (*_, basis) in zip(ids, periods, found, strict=True)
    )
    demands = earlier_demands(
        [agreement.id for agreement, *_, basis in found if basis.ratchets], local_zone()
    )
    shared = _shared_otherwise(found)
    for agreement, rated, period, basis in found:
        energy_wh = energies_wh.get(
            (agreement.id, period.first), rated.billed_value if basis.billed.days else 0
        )
        as_rated = (rated.billed_value, rated.versions, rated.billed)
        as_known = (energy_wh, basis.fingerprint, (basis.billed.first, basis.billed.end))
        # The part of the same energy that lies before a change of price may have changed.
        before_wh = accumulate(use_wh for _, _, use_wh in rated.uses)
        cut = {day: wh for (_, day, _), wh in zip(rated.uses, before_wh, strict=True) if day < rated.through}
        # Compared with the stored inputs, not with the amounts: an unchanged period is not rated again at all.
        changed = (
            as_rated != as_known
            or cut != cuts_wh.get((agreement.id, period.first), {})
            or _measured_otherwise(basis, rated, demands.get(agreement.id, ()))
            or (agreement.id, rated.period_start) in shared
        )
        asked.setdefault(period, []).append((agreement, changed))
        causes[period, agreement.id] = _cause(as_rated, as_known)
    for period, members in sorted(asked.items()):
        # Whether its bank opens otherwise is known once the periods before it are settled.
        group = [one for one, changed in members if changed or not banks.follows(one.id, period.first)]
        if group:
            energies = usage.energies([agreement.id for agreement in group], period, period.end)
            why = {agreement.id: causes[period, agreement.id] for agreement in group}
            settled += charge_differences.period_differences(
                group, period, day, energies, now, banks, key_suffix, why
            )
    banks.take_back(settled.held)
    return settled.without(settled.held)


type _Inputs = tuple[int, str, tuple[date, date]]
"""What a period is rated from: its energy, the fingerprint of its terms, its billed days."""


def _cause(as_rated: _Inputs, as_known: _Inputs) -> RefusalCause:
    """Return what has changed of a period; where several inputs have, the days come first, then the prices."""
    if as_rated[2] != as_known[2]:
        return RefusalCause.DAYS
    return RefusalCause.PRICES if as_rated[1] != as_known[1] else RefusalCause.READINGS


def _measured_otherwise(basis: Basis, rated: billing.Rated, earlier: Iterable[EarlierDemand]) -> bool:
    """Return whether the newest determinants of a period's charged days are not those that it was rated by.

    Nor are those of earlier periods, where ratchets go by them.
    """
    if not basis.needs:
        return False
    rows = newest_named([rated.agreement_id], rated.period_start, rated.through - ONE_DAY)
    row = rows.get(rated.agreement_id)
    return row is not None and (
        any(rated.measured_totals.get(name) != row.values.get(name) for name in basis.needs)
        or (rated.through == rated.billed[1] and rated.past_demands != basis.past_demands(earlier))
    )


def _shared_otherwise(
    known: Sequence[tuple[Agreement, billing.Rated, Period, Basis]],
) -> set[tuple[int, date]]:
    """Return the agreements and periods whose newest shares of common areas are not those that charged days were rated by."""
    sharing = [(agreement, rated, basis) for agreement, rated, _, basis in known if basis.commons]
    if not sharing:
        return set()
    sums = common_shares.sums_of(
        [(agreement, basis.commons, basis.shared_days(rated.through)) for agreement, rated, basis in sharing]
    )
    return {
        (agreement.id, rated.period_start)
        for (agreement, rated, _), own in zip(sharing, sums, strict=True)
        if own is not None and any(rated.measured_totals.get(name) != wh for name, wh in own.items())
    }


def _energies_wh(agreement_ids: Sequence[int], periods: Sequence[Period]) -> dict[tuple[int, date], int]:
    """Energy in Wh of each agreement in its period as known now: calendar months as accrued, other periods from the
    rows.
    """
    found = usage.accrued_wh(agreement_ids)
    others: dict[Period, list[int]] = {}
    for agreement_id, period in zip(agreement_ids, periods, strict=True):
        if not is_month(period):
            others.setdefault(period, []).append(agreement_id)
    for period, ids in others.items():
        known = usage.energies(ids, period, period.end)
        found |= {(id_, period.first): known[id_].billed_value if id_ in known else 0 for id_ in ids}
    return found


def _rated(members: Mapping[int, Agreement], day: date, now: datetime) -> list[billing.Rated]:
    """The inputs from which periods were rated, as far back as the corrections of each agreement go."""
    everybody = look_back.oldest_corrected(day)
    rated = _rated_since(list(members), look_back.oldest_compared(day))
    other = {each.agreement_id for each in rated if each.counted_from < everybody}
    limits = look_back.limits([members[id_] for id_ in other], now)
    return [
        each
        for each in rated
        if each.counted_from >= look_back.oldest_corrected(day, limits.get(each.agreement_id))
    ]


def _rated_since(agreement_ids: list[int], oldest: date) -> list[billing.Rated]:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, period_start, period_end, billed_first, billed_end, through, uses, versions, measured, "  # noqa: S608 - a constant
            f"past_demands FROM billing.rated WHERE agreement_id = ANY(%s) AND {look_back.COUNTED_FROM} >= %s "
            "ORDER BY period_start",
            [agreement_ids, oldest],
        )
        return [
            billing.Rated(
                agreement_id,
                start,
                period_end,
                (first, end),
                through,
                tuple(
                    (date.fromisoformat(begin), date.fromisoformat(until), wh)
                    for begin, until, wh in json.loads(uses)
                ),
                versions,
                tuple(
                    (use.days.first, use.days.end, use.values)
                    for use in (targets.measured_from_json(measured) if measured else ())
                ),
                targets.past_demands_from_json(past) if past else (),
            )
            for agreement_id, start, period_end, first, end, through, uses, versions, measured, past in cursor.fetchall()
        ]
