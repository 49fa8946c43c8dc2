"""Forecasts for a supply: when credit ends, the earliest possible disconnection, and the effect of a payment."""

from bisect import bisect_left
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Final

from urja.core.policy import disconnection_bars
from urja.core.policy.decision import PaymentEffect
from urja.core.policy.document import Policy
from urja.core.policy.facts import CREDIT_HOLD, NEVER_CUT, Facts, Instalment
from urja.core.policy.holds import holds_in_force
from urja.core.policy.notice_service import exhausted_since, notices_served
from urja.core.policy.payment_allocation import arrears_part_minor, facts_after_payment, percent_to_arrears
from urja.core.policy.reconnection import is_disconnected, reconnection_reason

_ONE_DAY_S: Final = 24 * 60 * 60
_NEVER: Final = datetime.max.replace(tzinfo=UTC)
_FARTHEST: Final = timedelta(days=100 * 365)
"""A longer credit is reported as one that does not end."""


@dataclass(frozen=True, slots=True)
class Outlook:
    """The forecast for a supply, as its consumer is shown it."""

    ends_at: datetime | None
    """See `credit_ends_at`."""
    not_before: datetime | None
    """See `forecast`."""
    arrears_minor: int
    arrears_percent: int
    """Percentage of each payment that pays arrears."""
    instalment: Instalment | None


def outlook(policy: Policy, facts: Facts) -> Outlook:
    """Return the forecast if consumption continues at its usual cost and no other fact changes."""
    cost_minor = facts.daily_cost_minor
    return Outlook(
        ends_at=credit_ends_at(policy, facts, cost_minor),
        not_before=earliest_disconnection_at(policy, facts, cost_minor),
        arrears_minor=facts.arrears_minor,
        arrears_percent=percent_to_arrears(policy, facts),
        instalment=facts.instalment,
    )


def in_good_standing(policy: Policy, facts: Facts) -> bool:
    """Return whether an account is connected, in credit and without an order against it.

    Only its forecast needs to be shown then.
    """
    connected = not is_disconnected(facts) and not holds_in_force(facts)
    return facts.prepaid and connected and not disconnection_bars.exhausted(policy, facts.balance_minor)


def credit_ends_at(policy: Policy, facts: Facts, daily_cost_minor: int | None) -> datetime | None:
    """Return when the credit runs out at this cost a day, in minor units; now where it has run out.

    None where that is not known, more than a hundred years away, or irrelevant because the account is postpaid.
    """
    if not facts.prepaid:
        return None
    return _reaches_at(facts, facts.balance_minor - policy.credit.cut_below_minor, daily_cost_minor)


def _reaches_at(facts: Facts, left_minor: int, daily_cost_minor: int | None) -> datetime | None:
    """Return when so much is used up, by the daily cost and by the next monthly instalment."""
    by_use = _used_up_at(facts, left_minor, daily_cost_minor)
    taken = facts.instalment
    if taken is None or taken.every == "day" or not facts.arrears_minor:
        return by_use
    if by_use is not None and by_use <= taken.due_at:
        return by_use
    rest_minor = left_minor - min(taken.amount_minor, facts.arrears_minor)
    by_both = _used_up_at(facts, rest_minor, daily_cost_minor)
    return None if by_both is None else max(by_both, taken.due_at)


def _used_up_at(facts: Facts, left_minor: int, daily_cost_minor: int | None) -> datetime | None:
    if left_minor < 0:
        return facts.now
    if daily_cost_minor is None or daily_cost_minor <= 0:
        return None
    lasts = timedelta(
        seconds=min(left_minor * _ONE_DAY_S // daily_cost_minor, _FARTHEST // timedelta(seconds=1))
    )
    return None if lasts >= _FARTHEST else facts.now + lasts


def earliest_disconnection_at(policy: Policy, facts: Facts, daily_cost_minor: int | None) -> datetime | None:
    """Return the earliest instant of a disconnection, at this cost a day and if no other fact changes.

    Where the cost is not known, the credit is taken to end now: the answer is still an instant before which no
    disconnection can be. None where none is to come: the account is postpaid or protected by a flag, or disconnected
    already.
    """
    if not facts.prepaid or facts.flags & NEVER_CUT or is_disconnected(facts):
        return None
    spent = None if daily_cost_minor is None or daily_cost_minor <= 0 else daily_cost_minor
    out_at, floor_at = facts.now, facts.now
    if spent is not None:
        floor_left = disconnection_bars.counted_balance(facts) - policy.floor_minor
        reaches = _reaches_at(facts, floor_left, spent)
        if later := disconnection_bars.uncounted_minor(facts):
            # What does not count yet does so soon.
            sooner = _reaches_at(facts, floor_left - later, spent)
            counts = disconnection_bars.uncounted_until(facts)
            reaches = min(max(sooner, counts), reaches or _NEVER) if sooner else reaches
        ends = credit_ends_at(policy, facts, spent)
        if reaches is None or ends is None:
            return None
        out_at, floor_at = ends, reaches
    ready = max(floor_at, *_earliest(policy, _exhausting(policy, facts, out_at), out_at))
    return max(policy.cut.open_hours.next_window(ready, facts.zone).not_before, ready)


def _exhausting(policy: Policy, facts: Facts, out_at: datetime) -> Facts:
    """Return the facts of the account as from when its credit runs out."""
    if disconnection_bars.exhausted(policy, facts.balance_minor):
        return facts
    return replace(facts, below_cut_since=out_at, paid=None)


def _earliest(policy: Policy, facts: Facts, out_at: datetime) -> list[datetime]:
    """Return the ends of everything that prevents a disconnection for a time."""
    since = exhausted_since(facts)
    longer = disconnection_bars.extra_time_for(policy, facts)
    ends = [
        facts.now,
        out_at,
        since + timedelta(days=policy.credit.emergency_days),
        since + timedelta(days=longer.days if longer else 0),
        disconnection_bars.conversion_ends_at(policy, facts),
        disconnection_bars.rest_due_at(policy, facts.paid) if facts.paid else None,
        disconnection_bars.authorised_until(policy, facts),
        _notices_ready_at(policy, facts, out_at),
    ]
    return [end for end in ends if end is not None]


def _notices_ready_at(policy: Policy, facts: Facts, out_at: datetime) -> datetime | None:
    state = notices_served(policy, facts)
    if not state.complete:
        return max(facts.now, out_at) + policy.notices.lead
    return None if state.ready_at is None else state.ready_at + policy.notices.lead


def effect_of_payment(policy: Policy, facts: Facts, amount_minor: int) -> PaymentEffect:
    """Return the effect of paying an amount now, in minor units. A larger payment never has a smaller effect.

    Raises ValueError for a negative amount.
    """
    if amount_minor < 0:
        raise ValueError(f"a payment must be zero or more, not {amount_minor}")
    arrears = arrears_part_minor(policy, facts, amount_minor)
    after = facts_after_payment(policy, facts, amount_minor)
    before_days, after_days = _days(policy, facts), _days(policy, after)
    return PaymentEffect(
        to_arrears_minor=arrears,
        to_credit_minor=amount_minor - arrears,
        days=after_days,
        added_days=None if after_days is None or before_days is None else after_days - before_days,
        restores=is_disconnected(facts) and not holds_in_force(facts) and _enough(policy, after),
        missing_minor=_missing(policy, facts, amount_minor),
        held_by=holds_in_force(facts),
    )


def _days(policy: Policy, facts: Facts) -> Fraction | None:
    if not facts.prepaid or facts.daily_cost_minor is None or facts.daily_cost_minor <= 0:
        return None
    return max(
        Fraction(facts.balance_minor - policy.credit.cut_below_minor, facts.daily_cost_minor), Fraction(0)
    )


def _enough(policy: Policy, after: Facts) -> bool:
    """Return whether money no longer keeps the supply disconnected, or will not soon."""
    if not is_disconnected(after):
        return not after.prepaid or after.balance_minor >= policy.credit.cut_below_minor
    return CREDIT_HOLD not in after.holds or reconnection_reason(policy, after) is not None


def _missing(policy: Policy, facts: Facts, amount_minor: int) -> int:
    """Return the least payment that is enough, less this one; 0 where the balance does not decide."""
    if not facts.prepaid:
        return 0
    lacking = max(policy.reconnect.at_least_minor, policy.credit.cut_below_minor) - facts.balance_minor
    # `parse_policy` limits the share of arrears to 99 %, so a hundred times the lacking amount is always enough; the
    # effect grows with the payment, so bisection finds the least.
    amounts = range(max(lacking, 0) * 100 + 1)
    least = bisect_left(
        amounts, True, key=lambda amount: _enough(policy, facts_after_payment(policy, facts, amount))
    )
    return max(least - amount_minor, 0)
