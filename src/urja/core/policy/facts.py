"""What a decision about one account's supply rests on, as it was known at one instant."""

from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Final, Literal
from zoneinfo import ZoneInfo

type Supply = Literal["on", "off", "unknown"]
"""The last state that the meter itself confirmed; unknown before the first."""

CREDIT_HOLD: Final = "credit"
"""The one reason in the set of holds that money clears."""

NEVER_CUT: Final = frozenset({"never_cut", "medical"})
"""Flags that forbid every cut for credit, whatever a document says."""

LETTER: Final = "letter"
"""The channel of a notice that was posted."""


@dataclass(frozen=True, slots=True)
class NoticeFact:
    """A notice to this account: when it was asked for, sent, and, by a receipt, delivered."""

    kind: str
    """As in `Notify.kind`: `low-30`, `days-3`, `below-100`, `zero`, `cut`; others do not matter here."""
    requested_at: datetime
    delivered_at: datetime | None = None
    sent_at: datetime | None = None
    """When the service took it to send, or the letter was posted: an attempt, whatever became of it."""
    channel: str = ""
    """Over which: `sms`, `letter`; empty where it was never addressed."""


@dataclass(frozen=True, slots=True)
class AuthorisedPayment:
    """Money that the gateway has authorised and the ledger has not been credited with."""

    amount_minor: int
    since: datetime
    failed: bool = False
    """It came to nothing: it holds off no cut and brings no light back, and counts among the few that may."""


@dataclass(frozen=True, slots=True)
class PaidSince:
    """What was paid since the credit ran out: where a document lets a part of the due bring the light back."""

    first_at: datetime
    """The first of these payments. Deadlines for the rest count from it, so that later ones restart nothing."""
    paid_minor: int
    due_minor: int
    """How far the balance was below `Policy.credit.cut_below_minor` just before the first of them."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the services that a fair cut depends on work: True is healthy."""

    collection: bool = True
    """Readings come in."""
    payments: bool = True
    """People can pay and payments are credited."""
    messaging: bool = True
    """Notices go out and receipts come back."""


@dataclass(frozen=True, slots=True)
class Instalment:
    """By what old dues are paid off while a plan of instalments holds."""

    every: Literal["day", "month"]
    amount_minor: int
    due_on: date
    """The local day of the next one."""
    due_at: datetime
    """Its end: the next one is taken from the balance then, or later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One account at one instant. Instants are aware; `zone` is the utility's."""

    account_id: int
    now: datetime
    zone: ZoneInfo
    balance_minor: int
    """The fresh balance (`ledger.queries.fresh_balance`)."""
    as_of: datetime | None
    """End of the last reading in the balance; none before the first."""
    estimated_share: Fraction = Fraction(0)
    """Of the energy behind the balance: 0 to 1."""
    provisional_minor: int = 0
    """How much of what the balance was charged stands on provisional lines, zero or more: nobody is cut for it."""
    last_recharge_minor: int | None = None
    last_recharge_at: datetime | None = None
    daily_cost_minor: int | None = None
    """The usual cost of a day with the instalment of each, above zero; none when it is not known."""
    below_cut_since: datetime | None = None
    """Since when the credit has been exhausted (`exhausted`) without a break; none means only just."""
    prepaid: bool = True
    """Where it is not, people pay by a bill: no balance cuts, warns or is waited for."""
    converted_at: datetime | None = None
    """When the account became prepaid; none when it always was."""
    sanctioned_load_w: int = 0
    category: str = ""
    """The consumer category, as documents name it."""
    arrears_minor: int = 0
    """Old dues beside the balance, zero or more. They never count towards a cut."""
    instalment: Instalment | None = None
    """None where no plan holds: then a share of each recharge may go to old dues."""
    flags: frozenset[str] = frozenset()
    supply: Supply = "unknown"
    holds: frozenset[str] = frozenset()
    """Why supply is held off. `credit` is in it from the order of a cut until `Restore`."""
    notices: tuple[NoticeFact, ...] = ()
    """All since the last recharge or since the credit ran out, whichever is earlier."""
    authorised: tuple[AuthorisedPayment, ...] = ()
    """All authorised since the credit ran out and not credited, also those that came to nothing: the document
    bounds their number."""
    paid: PaidSince | None = None
    """None where nothing was paid since the credit ran out."""
    health: Health = field(default_factory=Health)
