"""The holds of a supply: the reasons for which it may stay disconnected, and which of them respect protection.

`HOLDS` is the one table: what is not in it is no reason. A disputed bill is deliberately absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from urja.core.policy.decision import Window
from urja.core.policy.document import Policy
from urja.core.policy.facts import CREDIT_HOLD, NEVER_CUT, Facts

VACANT: Final = "vacant"
"""The service point has no agreement."""
RELAY_TEST: Final = "relay_test"
"""The relay is opened and closed again, to see that it works."""
ENDED: Final = "ended"
"""The supply has ended."""


@dataclass(frozen=True, slots=True)
class HoldRule:
    """How one reason is ordered, and what it has to respect."""

    bound: bool
    """Whether protected consumers, protected hours and the review of a charge limit a disconnection for this reason."""
    by_hand: bool
    """Whether an operator may place it."""


HOLDS: Final[Mapping[str, HoldRule]] = {
    CREDIT_HOLD: HoldRule(bound=True, by_hand=False),
    "overload": HoldRule(bound=True, by_hand=True),
    "tamper": HoldRule(bound=True, by_hand=True),
    VACANT: HoldRule(bound=True, by_hand=True),
    # Only a meter job places it, for the moments of the test (`urja.apps.meter_jobs.relay_tests`).
    RELAY_TEST: HoldRule(bound=True, by_hand=False),
    # Danger to life: the supply itself is the danger, so that neither protection nor the hour delays it.
    "safety": HoldRule(bound=False, by_hand=True),
    # Protection is for the consumer's benefit: who requests a disconnection waives it.
    "request": HoldRule(bound=False, by_hand=True),
    ENDED: HoldRule(bound=False, by_hand=False),
}


def holds_in_force(facts: Facts) -> frozenset[str]:
    """Return the holds beside credit that may keep the supply off.

    Of a protected account these are only the holds that ignore protection. So they are while a charge is reviewed, but a
    supply that is off already stays off: a review reconnects none.
    """
    spared = bool(facts.flags & NEVER_CUT) or under_review(facts)
    return frozenset(reason for reason in _ordered(facts) if not (spared and HOLDS[reason].bound))


def under_review(facts: Facts) -> bool:
    """Return whether the review of a charge keeps the supply from being disconnected."""
    return facts.review is not None and facts.supply != "off"


def held_back(facts: Facts) -> frozenset[str]:
    """Return the holds that were ordered but have no effect: the account is protected, or a charge is reviewed."""
    return _ordered(facts) - holds_in_force(facts)


def _ordered(facts: Facts) -> frozenset[str]:
    return (facts.holds & HOLDS.keys()) - {CREDIT_HOLD}


def hold_window(policy: Policy, facts: Facts) -> Window | None:
    """Return the window in which the supply may be disconnected for the holds in force; None: at any hour."""
    if any(not HOLDS[reason].bound for reason in holds_in_force(facts)):
        return None
    return policy.cut.open_hours.next_window(facts.now, facts.zone)
