"""Facts to intents."""

from urja.core.policy.decision import Decision
from urja.core.policy.document import Policy
from urja.core.policy.facts import Facts


def exhausted(policy: Policy, balance_minor: int) -> bool:
    """Whether the credit has run out: what `Facts.below_cut_since` is kept by."""
    return balance_minor < policy.credit.cut_below_minor


def decide(policy: Policy, facts: Facts) -> Decision:
    """What is to be done about one account's supply, and why."""
    raise NotImplementedError
