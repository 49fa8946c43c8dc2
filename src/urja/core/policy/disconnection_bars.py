"""The rules that forbid a disconnection although the credit is exhausted.

Each rule is one function that knows nothing of the others. They are in the order in which they are named to
consumers: a decision gives the first that applies as its reason. A supply may be disconnected when no rule applies
and the window is open. A new rule is one more function in `RULES`, a sentence, and a line in docs/policy.md.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from urja.core.calendar import ONE_DAY, local_day, midnight
from urja.core.policy.decision import Params, Reason, Standing
from urja.core.policy.document import ExtraTime, Policy
from urja.core.policy.facts import NEVER_CUT, AuthorisedPayment, Facts, PaidSince
from urja.core.policy.notice_service import exhausted_since, notices_served


@dataclass(frozen=True, slots=True)
class DisconnectionBar:
    """A rule that forbids the disconnection now."""

    standing: Standing
    reason: Reason
    until: datetime | None = None
    """When time alone ends it."""
    entitles: bool = False
    """Whether it also reconnects a supply that was disconnected for credit: a right of the consumer, whatever the
    balance.
    """
    announces: bool = True
    """Whether the disconnection may be announced while the rule applies; not where it is uncertain."""


def active_bars(policy: Policy, facts: Facts) -> list[DisconnectionBar]:
    """Return the rules that forbid disconnecting this exhausted account now, the one to be named first at the front."""
    return [bar for rule in RULES if (bar := rule(policy, facts)) is not None]


def exhausted(policy: Policy, balance_minor: int) -> bool:
    """Return whether a balance in minor units is below the limit; `Facts.below_cut_since` is since when it is."""
    return balance_minor < policy.credit.cut_below_minor


def counted_balance(facts: Facts) -> int:
    """Return the balance without charges that do not count (yet), in minor units: the only one that may disconnect a supply.

    Those are provisional ones, what settled at close within the days that the policy grants, and a subsidy taken back today.
    """
    return facts.balance_minor + facts.provisional_minor + uncounted_minor(facts)


def uncounted_minor(facts: Facts) -> int:
    """Return the charges that will count once time has passed, in minor units."""
    return _at_close_minor(facts) + facts.clawed_back_minor


def _at_close_minor(facts: Facts) -> int:
    until = facts.at_close_until
    return facts.at_close_minor if until is not None and facts.now < until else 0


def uncounted_until(facts: Facts) -> datetime:
    """Return when the last of these charges begins to count: what is taken back today at the next local midnight."""
    ends = [facts.at_close_until] if _at_close_minor(facts) else []
    if facts.clawed_back_minor:
        ends.append(midnight(local_day(facts.now, facts.zone) + ONE_DAY, facts.zone))
    return max(end for end in ends if end is not None)


def not_counted_reason(policy: Policy, facts: Facts, enough_minor: int) -> Reason:
    """Return the reason for which only charges that do not count are below an amount, in minor units."""
    if facts.balance_minor + facts.provisional_minor >= enough_minor:
        params = money_params(policy, provisional_minor=facts.provisional_minor)
        return Reason("ledger.provisional", "provisional", params)
    key, rule = (
        ("at_close", "credit.grace_days_at_close")
        if _at_close_minor(facts)
        else ("clawed_back", "ledger.clawed_back")
    )
    params = money_params(policy, uncounted_minor=uncounted_minor(facts))
    return Reason(rule, key, {**params, "until_at": local_instant(facts, uncounted_until(facts))})


def money_params(policy: Policy, **amounts_minor: int) -> Params:
    """Return parameters of a reason: amounts in minor units with the currency and decimals to write them."""
    return {**amounts_minor, "currency": policy.currency, "decimals": policy.decimals}


def local_instant(facts: Facts, at: datetime) -> str:
    """Return an instant as a parameter of a reason: local time with its offset, to the second."""
    return at.astimezone(facts.zone).isoformat(timespec="seconds")


def _lasting(
    facts: Facts, standing: Standing, rule: str, key: str, until: datetime, *, entitles: bool = False
) -> DisconnectionBar | None:
    """Return a rule that time ends; None once it has."""
    if facts.now >= until:
        return None
    return DisconnectionBar(
        standing, Reason(rule, key, {"until_at": local_instant(facts, until)}), until, entitles
    )


def _never_cut(_policy: Policy, facts: Facts) -> DisconnectionBar | None:
    flags = facts.flags & NEVER_CUT
    if not flags:
        return None
    key = "never_cut" if "never_cut" in flags else "medical"
    return DisconnectionBar(Standing.PROTECTED, Reason("flags", key), entitles=True, announces=False)


def _becomes_postpaid(_policy: Policy, facts: Facts) -> DisconnectionBar | None:
    if not facts.becomes_postpaid:
        return None
    return DisconnectionBar(Standing.GRACE, Reason("terms.payment_mode", "becomes_postpaid"), announces=False)


def conversion_ends_at(policy: Policy, facts: Facts) -> datetime | None:
    """Return the end (UTC) of the grace after a conversion to prepayment; None where there is no grace."""
    if facts.converted_at is None or not policy.credit.conversion_days:
        return None
    return facts.converted_at + timedelta(days=policy.credit.conversion_days)


def _conversion(policy: Policy, facts: Facts) -> DisconnectionBar | None:
    until = conversion_ends_at(policy, facts)
    if until is None:
        return None
    rule = "credit.grace_days_after_conversion"
    return _lasting(facts, Standing.GRACE, rule, "conversion", until, entitles=True)


def _partial_payment(policy: Policy, facts: Facts) -> DisconnectionBar | None:
    until = rest_due_at(policy, facts.paid) if facts.paid else None
    if until is None:
        return None
    return _lasting(facts, Standing.GRACE, "reconnect.partial", "partial", until, entitles=True)


def rest_due_at(policy: Policy, paid: PaidSince) -> datetime | None:
    """Return until when (UTC) the rest must be paid after a partial payment; None where the payment is too small."""
    reached = [
        part for part in policy.reconnect.partial if paid.paid_minor * 100 >= part.percent * paid.due_minor
    ]
    return paid.first_at + timedelta(days=reached[-1].days) if reached else None


def _emergency_amount(policy: Policy, facts: Facts) -> DisconnectionBar | None:
    if counted_balance(facts) < policy.floor_minor:
        return None
    # The reason names the balance that pages show, charges included that no disconnection may rest on.
    left = facts.balance_minor - policy.floor_minor
    if left < 0:
        reason = not_counted_reason(policy, facts, policy.floor_minor)
        if reason.key == "provisional":
            return DisconnectionBar(Standing.GRACE, reason, announces=False)
        return DisconnectionBar(Standing.GRACE, reason, uncounted_until(facts))
    params = money_params(policy, left_minor=left, emergency_minor=policy.credit.emergency_minor)
    return DisconnectionBar(Standing.EMERGENCY, Reason("credit.emergency", "emergency_amount", params))


def _emergency_days(policy: Policy, facts: Facts) -> DisconnectionBar | None:
    until = exhausted_since(facts) + timedelta(days=policy.credit.emergency_days)
    rule = "credit.emergency_days"
    return _lasting(facts, Standing.EMERGENCY, rule, "emergency_days", until, entitles=True)


def extra_time_for(policy: Policy, facts: Facts) -> ExtraTime | None:
    """Return the longest extra time to pay, in days, for the account's category and load; None where there is none."""
    found = [
        longer
        for longer in policy.credit.longer
        if facts.sanctioned_load_w <= longer.up_to_w
        and (not longer.categories or facts.category in longer.categories)
    ]
    return max(found, key=lambda longer: longer.days, default=None)


def _small_consumer(policy: Policy, facts: Facts) -> DisconnectionBar | None:
    longer = extra_time_for(policy, facts)
    if longer is None:
        return None
    until = exhausted_since(facts) + timedelta(days=longer.days)
    return _lasting(facts, Standing.GRACE, "credit.longer", "small_consumer", until, entitles=True)


def authorised_until(policy: Policy, facts: Facts) -> datetime | None:
    """Return until when (UTC) payments under way prevent a disconnection; None where none is under way."""
    ends = [payment.since + policy.payments.authorised_holds for payment in _under_way(policy, facts)]
    return max(ends, default=None)


def authorised_minor(policy: Policy, facts: Facts) -> int:
    """Return the total of the payments under way that still prevent a disconnection, in minor units."""
    return sum(
        payment.amount_minor
        for payment in _under_way(policy, facts)
        if facts.now < payment.since + policy.payments.authorised_holds
    )


def _under_way(policy: Policy, facts: Facts) -> list[AuthorisedPayment]:
    """Return the payments that count: only the first few, failed ones included in their number.

    Otherwise a consumer could prevent disconnection for ever by authorising payments and never completing one.
    """
    first = sorted(facts.authorised, key=lambda payment: payment.since)[: policy.payments.at_most]
    return [payment for payment in first if not payment.failed]


def _authorised(policy: Policy, facts: Facts) -> DisconnectionBar | None:
    until = authorised_until(policy, facts)
    if until is None or facts.now >= until:
        return None
    amount = authorised_minor(policy, facts)
    params = {"until_at": local_instant(facts, until), **money_params(policy, amount_minor=amount)}
    reason = Reason("payments.authorised_holds_hours", "authorised", params)
    return DisconnectionBar(Standing.SUSPENDED, reason, until, announces=False)


def _review(policy: Policy, facts: Facts) -> DisconnectionBar | None:
    review = facts.review
    if review is None:
        return None
    # Once its time is over, the stage `post` ends it; until then it goes on.
    until = review.ends_at if facts.now < review.ends_at else None
    key, params = "review_ends", money_params(policy, amount_minor=review.charge_minor)
    if until is not None:
        key, params = "review", {**params, "until_at": local_instant(facts, until)}
    # A supply that the reviewed charge alone keeps off is reconnected.
    without_minor = counted_balance(facts) + review.charge_minor
    return DisconnectionBar(
        Standing.SUSPENDED,
        Reason("reviews", key, params),
        until,
        entitles=without_minor >= policy.reconnect.at_least_minor,
        announces=False,
    )


def _ill(service: str, healthy: Callable[[Facts], bool]) -> "Rule":
    def rule(_policy: Policy, facts: Facts) -> DisconnectionBar | None:
        if healthy(facts):
            return None
        return DisconnectionBar(
            Standing.SUSPENDED, Reason(f"health.{service}", f"{service}_ill"), announces=False
        )

    return rule


def _stale(policy: Policy, facts: Facts) -> DisconnectionBar | None:
    until = stale_at(policy, facts)
    if until is not None and facts.now < until:
        return None
    rule = "cut.max_data_age_hours"
    if facts.as_of is None:
        return DisconnectionBar(Standing.SUSPENDED, Reason(rule, "no_data"), announces=False)
    hours = policy.cut.max_data_age // timedelta(hours=1)
    params: Params = {"as_of_at": local_instant(facts, facts.as_of), "age_hours": hours}
    return DisconnectionBar(Standing.SUSPENDED, Reason(rule, "stale", params), announces=False)


def stale_at(policy: Policy, facts: Facts) -> datetime | None:
    """Return from when on (UTC) the readings are too old to disconnect by (`cut.max_data_age_hours`); None before the
    first.
    """
    return None if facts.as_of is None else facts.as_of + policy.cut.max_data_age


def too_much_estimated(policy: Policy, facts: Facts) -> bool:
    """Return whether more of the energy is estimated than the policy's percentage allows for a disconnection."""
    return facts.estimated_share > policy.cut.max_estimated


def _estimated(policy: Policy, facts: Facts) -> DisconnectionBar | None:
    if not too_much_estimated(policy, facts):
        return None
    params: Params = {
        "share_percent": round(facts.estimated_share * 100),
        "most_percent": int(policy.cut.max_estimated * 100),
    }
    reason = Reason("cut.max_estimated_percent", "estimated", params)
    # While collection fails, every account is estimated: an entitlement would then reconnect all supplies that were
    # disconnected on good readings.
    return DisconnectionBar(Standing.SUSPENDED, reason, entitles=facts.health.collection, announces=False)


def _notices(policy: Policy, facts: Facts) -> DisconnectionBar | None:
    state = notices_served(policy, facts)
    if not state.complete:
        until = None if state.ready_at is None else state.ready_at + policy.notices.lead
        requested = [notice.requested_at for notice in facts.notices if notice.requested_at <= facts.now]
        params: Params = {"missing_count": max(state.missing_count, len(state.missing))}
        if requested:
            params = {**params, "asked_at": local_instant(facts, max(requested))}
        key = "undelivered" if requested else "unannounced"
        return DisconnectionBar(Standing.WARNED, Reason("notices.before_cut", key, params), until)
    if state.ready_at is None:
        return None
    until = state.ready_at + policy.notices.lead
    return _lasting(facts, Standing.WARNED, "notices.lead_hours", "lead", until)


type Rule = Callable[[Policy, Facts], DisconnectionBar | None]

RULES: Final[tuple[Rule, ...]] = (
    _never_cut,
    _becomes_postpaid,
    _conversion,
    _partial_payment,
    _emergency_amount,
    _emergency_days,
    _small_consumer,
    _authorised,
    _review,
    _ill("collection", lambda facts: facts.health.collection),
    _ill("payments", lambda facts: facts.health.payments),
    _ill("messaging", lambda facts: facts.health.messaging),
    _stale,
    _estimated,
    _notices,
)
