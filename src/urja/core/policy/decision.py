"""What comes out of a policy: intents, where the account stands, and one reason that names the rule.

Everything in `params` can be kept as JSON. The end of a name says what a value is: `_minor` an amount in minor
units of `currency` with `decimals`, `_at` an instant (ISO 8601 with the local offset), `_days`, `_percent` and
`_hours` numbers. `urja.core.policy.sentence` writes them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Any

type Params = Mapping[str, int | str]


class Standing(StrEnum):
    """Where an account stands with its supply."""

    FINE = "fine"
    WARNED = "warned"
    """Credit is low; or it is exhausted and the notices that a cut needs are not all delivered."""
    EMERGENCY = "emergency"
    """The credit is exhausted and emergency credit keeps the light on."""
    GRACE = "grace"
    """The credit is exhausted and a time to pay is running."""
    PROTECTED = "protected"
    """Nobody may cut: a flag on the account, or the hours or the day."""
    TO_BE_CUT = "to_be_cut"
    """Every condition is met: the cut is ordered in the window, or waits for it."""
    CUT = "cut"
    SUSPENDED = "suspended"
    """No cut for now: a payment is on its way, a service is ill, or the data do not carry one."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: the rule's place in the document (`credit.emergency_days`), a sentence's key and what it names."""

    rule: str
    key: str
    params: Params = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        return {"rule": self.rule, "key": self.key, "params": dict(self.params)}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Reason":
        """The inverse of `to_json`."""
        return cls(value["rule"], value["key"], value["params"])


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in which a cut may be carried out; half-open, in UTC."""

    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Notify:
    """Ask for a notice. The same `dedupe_key` asks for the same notice: it is sent once."""

    kind: str
    params: Params
    dedupe_key: str


@dataclass(frozen=True, slots=True)
class Cut:
    """Order a cut. It is in a decision only while its window is open: `not_before` has passed, and the command
    expires at `not_after`. A later decision without a Cut withdraws a cut that has not been carried out.
    """

    not_before: datetime
    not_after: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class Restore:
    """Take `credit` out of the holds; supply returns when the set is empty.

    It is repeated in each decision until the meter confirms: whoever acts on it looks for a command under way.
    """

    reason: Reason


type Intent = Notify | Cut | Restore


@dataclass(frozen=True, slots=True)
class Decision:
    """The intents of one instant, with one reason for all of them."""

    intents: tuple[Intent, ...]
    standing: Standing
    reason: Reason
    look_again_at: datetime | None
    """When time alone may change the decision; none if only other facts can."""
    planned: Window | None = None
    """When the account is to be cut if nothing but time changes: what a list of tomorrow's cuts is made of."""

    @property
    def cut(self) -> Cut | None:
        """The order of a cut, if there is one."""
        return next((intent for intent in self.intents if isinstance(intent, Cut)), None)

    @property
    def restore(self) -> Restore | None:
        return next((intent for intent in self.intents if isinstance(intent, Restore)), None)

    @property
    def notices(self) -> tuple[Notify, ...]:
        return tuple(intent for intent in self.intents if isinstance(intent, Notify))


@dataclass(frozen=True, slots=True)
class PaymentEffect:
    """What paying an amount would do."""

    to_arrears_minor: int
    to_credit_minor: int
    days: Fraction | None
    """How long the credit then lasts at the usual cost, from now; none where the cost is not known."""
    added_days: Fraction | None
    """How much of that the payment adds."""
    restores: bool
    """Whether the light returns: it is off, and off for nothing but credit."""
    missing_minor: int
    """How much more it takes to bring the light back, or where it is on, to lift the balance over the limit."""
    held_by: frozenset[str] = frozenset()
    """What holds the supply off beside credit: no payment clears it."""
