"""What a payment turns into: a share that goes to arrears, the rest credit."""

from dataclasses import replace

from urja.core.arrears import share_of
from urja.core.policy.document import Policy
from urja.core.policy.facts import Facts, PaidSince


def percent_to_arrears(policy: Policy, facts: Facts) -> int:
    """Instalments that were agreed stand in the place of the policy's share."""
    return 0 if facts.instalment else policy.payments.arrears_percent


def to_arrears(policy: Policy, facts: Facts, amount_minor: int) -> int:
    """What of a payment goes to arrears."""
    return share_of(percent_to_arrears(policy, facts), facts.arrears_minor, amount_minor)


def credited(policy: Policy, facts: Facts, amount_minor: int) -> Facts:
    """The account once the payment is credited."""
    arrears = to_arrears(policy, facts, amount_minor)
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
