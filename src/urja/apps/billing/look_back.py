"""How far back consumers are charged: the look-back limit of the policy that governs each account, and what it refuses.

A billing period is settled as a whole, because its slabs are. One that began before the limit is charged nothing more, and
one longer than a month if its last month did; what is refused is recorded with its sum and its reason (docs/money.md).
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db import connection

from urja.apps.billing.kinds import RefusalCause
from urja.apps.contracts.kinds import Agreement
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.errors import UnknownPolicyError
from urja.apps.rulebook.queries.policies import PolicyBook, name_of, policy_book
from urja.core.calendar import ONE_DAY, Period, local_day
from urja.core.policy import CORRECTED_MONTHS, LookBack

_SHORTEST: Final = timedelta(days=59)
"""Days of the shortest two months, January and February."""


@dataclass(frozen=True, slots=True)
class Limit:
    """The look-back limit of one agreement at one instant."""

    rule: LookBack
    policy: str
    """Code and version of the document."""
    charged_from: date
    """A billing period that counts from an earlier local day (`counted_from`) is charged nothing more."""


COUNTED_FROM: Final = "greatest(period_start, (period_end - interval '1 month')::date)"
"""SQL for `counted_from` of a rated period."""


def counted_from(period: Period) -> date:
    """Return the local day by which the limit counts a billing period: its first one, longer than a month that of its last month."""
    before = period.end.replace(day=1) - ONE_DAY
    return max(period.first, before.replace(day=min(period.end.day, before.day)))


def limits(agreements: Iterable[Agreement], now: datetime, period: Period | None = None) -> dict[int, Limit]:
    """Return the limits in force at `now` (UTC) by agreement; those whose policy has none are left out.

    With `period`, only the limits that it lies before.
    """
    today, found = local_day(now, local_zone()), {}
    began = counted_from(period) if period else None
    # The close of the current period asks for no policy: a limit is two months or more.
    if began is not None and today - began < _SHORTEST:
        return {}
    policies = policy_book()
    if not _any_limit(policies):
        return {}
    for agreement in agreements:
        terms = agreement.terms_at(now)
        try:
            policy = policies.governs(terms.policy, terms.category, today)
        except UnknownPolicyError:
            # Without a policy in force there is no limit; `urja status` names the account.
            continue
        if policy.look_back is None:
            continue
        charged_from = policy.look_back.charged_from(today)
        if began is None or began < charged_from:
            found[agreement.id] = Limit(policy.look_back, name_of(policy), charged_from)
    return found


def oldest_compared(day: date) -> date:
    """Return the first day of the oldest billing period of any agreement that the close of a local day corrects."""
    months = (
        policy.look_back.credit_months
        for versions in policy_book().versions.values()
        for policy in versions
        if policy.look_back is not None
    )
    # No policy gives fewer months than agreements without a limit have.
    return _oldest(day, max(months, default=CORRECTED_MONTHS))


def oldest_corrected(day: date, limit: Limit | None = None) -> date:
    """Return the first day of the oldest billing period that the close of a local day corrects under a limit, or without one.

    Older periods are adjusted by a person.
    """
    return _oldest(day, limit.rule.credit_months if limit else CORRECTED_MONTHS)


def _oldest(day: date, months: int) -> date:
    # 31 days a month: at least so many whole months, whatever their lengths.
    return (day - timedelta(days=31 * months)).replace(day=1)


def _any_limit(policies: PolicyBook) -> bool:
    return any(policy.look_back for versions in policies.versions.values() for policy in versions)


@dataclass(frozen=True, slots=True)
class Refusal:
    """The charge that the limit refuses for a period: what it should come to, less what was charged."""

    agreement: Agreement
    period_start: date
    service_date: date
    """The local day whose close would have posted it."""
    limit: Limit
    cause: RefusalCause
    lines: Mapping[str, int]
    """Minor units by line; their sum is above zero. Empty where nothing is refused any more."""

    @property
    def amount_minor(self) -> int:
        return sum(self.lines.values())


def refused_before(agreement_ids: Sequence[int], period_start: date) -> set[int]:
    """Return the agreements that are refused a charge for a period."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id FROM billing.refusal WHERE agreement_id = ANY(%s) AND period_start = %s",
            [list(agreement_ids), period_start],
        )
        return {agreement_id for (agreement_id,) in cursor.fetchall()}


def record(refusals: Iterable[Refusal], recorded_at: datetime) -> None:
    """Store refusals, in the transaction that would have posted them; each replaces the one before of its period."""
    with connection.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO billing_refusal SELECT %(agreement)s, %(period)s, coalesce(max(number), 0) + 1, %(account)s, "
            "%(at)s, %(day)s, %(from)s, %(months)s, %(policy)s, %(cause)s, %(lines)s, %(amount)s "
            "FROM billing_refusal WHERE agreement_id = %(agreement)s AND period_start = %(period)s",
            [
                {
                    "agreement": refusal.agreement.id,
                    "period": refusal.period_start,
                    "account": refusal.agreement.account_id,
                    "at": recorded_at,
                    "day": refusal.service_date,
                    "from": refusal.limit.charged_from,
                    "months": refusal.limit.rule.charge_months,
                    "policy": refusal.limit.policy,
                    "cause": refusal.cause,
                    "lines": json.dumps(dict(refusal.lines)),
                    "amount": refusal.amount_minor,
                }
                for refusal in refusals
            ],
        )
