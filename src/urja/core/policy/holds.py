"""What a supply may be held off for, and which of these reasons protected people and protected hours bind.

`HOLDS` is the one table: what is not in it is no reason. A disputed bill never was one.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from urja.core.policy.decision import Window
from urja.core.policy.document import Policy
from urja.core.policy.facts import CREDIT_HOLD, NEVER_CUT, Facts

VACANT: Final = "vacant"
"""Nobody has an agreement for the supply."""
RELAY_TEST: Final = "relay_test"
"""The switch is opened and closed again, to see that it can be."""
ENDED: Final = "ended"
"""The connection has ended."""


@dataclass(frozen=True, slots=True)
class HoldRule:
    """How one reason is ordered, and what it has to respect."""

    bound: bool
    """Whether protected people and protected hours bind a disconnection for it."""
    by_hand: bool
    """Whether an operator may give it."""


HOLDS: Final[Mapping[str, HoldRule]] = {
    CREDIT_HOLD: HoldRule(bound=True, by_hand=False),
    "overload": HoldRule(bound=True, by_hand=True),
    "tamper": HoldRule(bound=True, by_hand=True),
    VACANT: HoldRule(bound=True, by_hand=True),
    # For a moment, by a job of meters alone (`urja.apps.meter_jobs.relay_tests`).
    RELAY_TEST: HoldRule(bound=True, by_hand=False),
    # Danger to life waits for no hour and spares nobody: the supply itself is the danger.
    "safety": HoldRule(bound=False, by_hand=True),
    # The protection is there for the consumer, who gives it up by asking.
    "request": HoldRule(bound=False, by_hand=True),
    ENDED: HoldRule(bound=False, by_hand=False),
}


def in_force(facts: Facts) -> frozenset[str]:
    """The reasons beside credit that may keep the supply off: for a protected account those that nothing binds."""
    protected = bool(facts.flags & NEVER_CUT)
    return frozenset(reason for reason in _ordered(facts) if not (protected and HOLDS[reason].bound))


def held_back(facts: Facts) -> frozenset[str]:
    """The reasons that were ordered and keep nothing off, because the account is protected."""
    return _ordered(facts) - in_force(facts)


def _ordered(facts: Facts) -> frozenset[str]:
    return (facts.holds & HOLDS.keys()) - {CREDIT_HOLD}


def hold_window(policy: Policy, facts: Facts) -> Window | None:
    """The opening in which the supply may be switched off for what is in force; none where any hour will do."""
    if any(not HOLDS[reason].bound for reason in in_force(facts)):
        return None
    return policy.cut.open_hours.next_window(facts.now, facts.zone)
