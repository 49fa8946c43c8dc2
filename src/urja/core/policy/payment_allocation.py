"""How a payment is allocated: a part pays arrears, the rest becomes credit."""

from dataclasses import replace

from urja.core.arrears import arrears_share
from urja.core.policy.document import Policy
from urja.core.policy.facts import Facts, PaidSince


def percent_to_arrears(policy: Policy, facts: Facts) -> int:
    """Return the percentage of a payment that pays arrears; 0 where agreed instalments replace the policy's share."""
    return 0 if facts.instalment else policy.payments.arrears_percent


def arrears_part_minor(policy: Policy, facts: Facts, amount_minor: int) -> int:
    """Return the part of a payment that pays arrears, in minor units."""
    return arrears_share(percent_to_arrears(policy, facts), facts.arrears_minor, amount_minor)


def facts_after_payment(policy: Policy, facts: Facts, amount_minor: int) -> Facts:
    """Return the facts of the account after a payment, in minor units, has been credited."""
    arrears = arrears_part_minor(policy, facts, amount_minor)
    credit = amount_minor - arrears
    due = policy.credit.cut_below_minor - facts.balance_minor
    paid = facts.paid
    if credit and due > 0:
        known = paid or PaidSince(facts.now, 0, due)
        paid = replace(known, paid_minor=known.paid_minor + credit)
    return replace(
        facts,
        balance_minor=facts.balance_minor + credit,
        arrears_minor=facts.arrears_minor - arrears,
        paid=paid,
    )
