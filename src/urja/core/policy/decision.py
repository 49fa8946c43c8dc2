"""The result of a policy decision: intents, the account's standing, and one reason that names the rule.

Everything in `params` is JSON. The end of a name states what a value is: `_minor` an amount in minor units of
`currency` with `decimals`, `_at` an instant (ISO 8601 with the local offset), `_days`, `_percent` and `_hours`
numbers; `commodity` is stated where it is not electricity. `urja.core.policy.sentence` writes them out.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from fractions import Fraction
from typing import Final

from urja.base.untyped_values import JsonMapping

type Params = Mapping[str, int | str]

ELECTRICITY: Final = "electricity"
"""The commodity of a reason that states none."""


class Standing(StrEnum):
    """The standing of an account with respect to its supply."""

    FINE = "fine"
    WARNED = "warned"
    """Credit is low; or it is exhausted and the notices that a disconnection needs are not all delivered."""
    EMERGENCY = "emergency"
    """Credit is exhausted and emergency credit keeps the supply connected."""
    GRACE = "grace"
    """Credit is exhausted and a time to pay is running."""
    PROTECTED = "protected"
    """No disconnection is allowed: because of a flag on the account, the hour or the day."""
    TO_BE_CUT = "to_be_cut"
    """Every condition is met: the disconnection is ordered inside the window, or planned for the next one."""
    CUT = "cut"
    SUSPENDED = "suspended"
    """No disconnection for now: a payment is under way, a service fails, or the readings do not support one."""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why an account stands as it does: the rule in the document, the key of a sentence, and its parameters."""

    rule: str
    """Place of the rule in the document, such as `credit.emergency_days`."""
    key: str
    """Key of the sentence in the tables of `wording`."""
    params: Params = field(default_factory=dict)

    def to_json(self) -> dict[str, object]:
        return {"rule": self.rule, "key": self.key, "params": dict(self.params)}

    def of(self, commodity: str) -> "Reason":
        """Return the reason with the commodity that its sentence speaks of; electricity is not stated."""
        if commodity == ELECTRICITY:
            return self
        return Reason(self.rule, self.key, {**self.params, "commodity": commodity})

    @classmethod
    def from_json(cls, value: JsonMapping) -> "Reason":
        """Return the reason that `to_json` was called on."""
        return cls(value["rule"], value["key"], value["params"])


@dataclass(frozen=True, slots=True)
class Window:
    """A time in which a disconnection may be carried out; half-open, in UTC."""

    not_before: datetime
    not_after: datetime


@dataclass(frozen=True, slots=True)
class Notify:
    """Request a notice. A repeated `dedupe_key` is the same notice: it is sent once."""

    kind: str
    params: Params
    dedupe_key: str


@dataclass(frozen=True, slots=True)
class OrderDisconnection:
    """Order a disconnection.

    It is in a decision only while its window is open: `not_before` has passed, and the command expires at
    `not_after`. A later decision without it withdraws an order that has not been carried out.
    """

    not_before: datetime
    not_after: datetime
    reason: Reason


@dataclass(frozen=True, slots=True)
class ReleaseCreditHold:
    """Release the `credit` hold; the supply is reconnected when no hold is left.

    It is repeated in each decision until the meter confirms, so the caller first looks for a command under way.
    """

    reason: Reason


type Intent = Notify | OrderDisconnection | ReleaseCreditHold


@dataclass(frozen=True, slots=True)
class Decision:
    """The intents of one instant, with one reason for all of them."""

    intents: tuple[Intent, ...]
    standing: Standing
    reason: Reason
    look_again_at: datetime | None
    """When time alone may change the decision; None if only other facts can."""
    planned: Window | None = None
    """When the supply is to be disconnected if only time passes: the source of the list of tomorrow's disconnections.
    """

    def of(self, commodity: str) -> "Decision":
        """Return the decision with every reason of a commodity (`Reason.of`)."""
        if commodity == ELECTRICITY:
            return self
        intents = tuple(
            intent if isinstance(intent, Notify) else replace(intent, reason=intent.reason.of(commodity))
            for intent in self.intents
        )
        return replace(self, intents=intents, reason=self.reason.of(commodity))

    @property
    def cut(self) -> OrderDisconnection | None:
        """The order of a disconnection, if there is one."""
        return next((intent for intent in self.intents if isinstance(intent, OrderDisconnection)), None)

    @property
    def restore(self) -> ReleaseCreditHold | None:
        return next((intent for intent in self.intents if isinstance(intent, ReleaseCreditHold)), None)

    @property
    def notices(self) -> tuple[Notify, ...]:
        return tuple(intent for intent in self.intents if isinstance(intent, Notify))


@dataclass(frozen=True, slots=True)
class PaymentEffect:
    """The effect of paying an amount."""

    to_arrears_minor: int
    to_credit_minor: int
    days: Fraction | None
    """How many days the credit then lasts at the usual daily cost, from now; None where that cost is not known."""
    added_days: Fraction | None
    """How many of those days the payment adds."""
    restores: bool
    """Whether the payment reconnects the supply: it is disconnected, and for credit alone."""
    missing_minor: int
    """How much more reconnects the supply, or where it is connected, lifts the balance above the limit."""
    held_by: frozenset[str] = frozenset()
    """The holds beside credit that keep the supply disconnected: no payment releases them."""
