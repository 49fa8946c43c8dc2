"""When a supply is reconnected."""

from dataclasses import replace
from typing import Final

from urja.core.policy.decision import Reason
from urja.core.policy.disconnection_bars import (
    active_bars,
    authorised_minor,
    counted_balance,
    money_params,
    not_counted_reason,
)
from urja.core.policy.document import Policy
from urja.core.policy.facts import CREDIT_HOLD, NEVER_CUT, Facts
from urja.core.policy.holds import held_back, holds_in_force
from urja.core.policy.payment_allocation import facts_after_payment

POSTPAID: Final = Reason("terms.payment_mode", "postpaid")
"""Why no balance decides about a supply that is paid by bills."""


def is_disconnected(facts: Facts) -> bool:
    """Return whether the supply is disconnected, or ordered to be for credit and not known to be connected."""
    return facts.supply == "off" or (CREDIT_HOLD in facts.holds and facts.supply != "on")


def reconnection_reason(policy: Policy, facts: Facts) -> Reason | None:
    """Return why `credit` no longer holds the supply; None where it still does, or never did."""
    if CREDIT_HOLD in facts.holds:
        return _cleared(policy, facts) if facts.prepaid else POSTPAID
    if facts.supply == "off" and not holds_in_force(facts):
        return _unheld(policy, facts)
    return None


def _cleared(policy: Policy, facts: Facts) -> Reason | None:
    if facts.balance_minor >= policy.reconnect.at_least_minor:
        return Reason(
            "reconnect.at_least", "restored", money_params(policy, balance_minor=facts.balance_minor)
        )
    if counted_balance(facts) >= policy.reconnect.at_least_minor:
        return not_counted_reason(policy, facts, policy.reconnect.at_least_minor)
    if facts.supply == "on" and facts.balance_minor >= policy.credit.cut_below_minor:
        # The disconnection was never carried out, and the account would not be disconnected now.
        return Reason("credit.cut_below", "restored", money_params(policy, balance_minor=facts.balance_minor))
    entitled = next((bar.reason for bar in active_bars(policy, facts) if bar.entitles), None)
    return entitled or _under_way(policy, facts)


def _under_way(policy: Policy, facts: Facts) -> Reason | None:
    """Return the reason of an authorised payment, where the document lets it reconnect and it will be enough."""
    amount_minor = authorised_minor(policy, facts)
    if not policy.payments.authorised_restores or not amount_minor:
        return None
    after = facts_after_payment(policy, replace(facts, authorised=()), amount_minor)
    if _cleared(policy, after) is None:
        return None
    params = money_params(policy, amount_minor=amount_minor)
    return Reason("payments.authorised_restores", "authorised_restores", params)


def _unheld(policy: Policy, facts: Facts) -> Reason | None:
    """Return why a supply that is off without a hold is reconnected.

    A command was lost, or the relay opened by itself.
    """
    if back := held_back(facts):
        return held_back_reason(facts, back)
    in_credit = not facts.prepaid or facts.balance_minor >= policy.credit.cut_below_minor
    return Reason("holds", "unheld") if in_credit or active_bars(policy, facts) else None


def held_back_reason(facts: Facts, holds: frozenset[str]) -> Reason:
    """Return why holds that were ordered do not disconnect a supply: it is protected, or a charge is reviewed."""
    params = {"held_holds": ",".join(sorted(holds))}
    if facts.review is None or facts.flags & NEVER_CUT:
        return Reason("flags", "held_back", params)
    return Reason("reviews", "held_back_review", params)
