"""What will be: when credit ends, before when nothing can be cut, and what a payment would do."""

from datetime import datetime

from urja.core.policy.decision import PaymentEffect
from urja.core.policy.document import Policy
from urja.core.policy.facts import Facts


def credit_ends_at(policy: Policy, facts: Facts, daily_cost_minor: int | None) -> datetime | None:
    """When the credit runs out at this cost a day; now where it has. None: not as far as is known."""
    raise NotImplementedError


def forecast(policy: Policy, facts: Facts, daily_cost_minor: int | None) -> datetime | None:
    """Before when nothing can be cut, if use goes on at this cost a day. None: never, as far as is known."""
    raise NotImplementedError


def effect_of_payment(policy: Policy, facts: Facts, amount_minor: int) -> PaymentEffect:
    """What paying an amount now would do."""
    raise NotImplementedError
