"""The facts about one account at one instant, on which a decision about its supply rests."""

from dataclasses import dataclass, field
from datetime import date, datetime
from fractions import Fraction
from typing import Final, Literal
from zoneinfo import ZoneInfo

from urja.core.policy.decision import ELECTRICITY

type Supply = Literal["on", "off", "unknown"]
"""The last relay state that the meter itself confirmed; unknown before the first."""

CREDIT_HOLD: Final = "credit"
"""The only hold that money releases."""

NEVER_CUT: Final = frozenset({"never_cut", "medical"})
"""Flags that forbid every disconnection for credit, whatever a document says."""

LETTER: Final = "letter"
"""The channel of a notice sent by post."""


@dataclass(frozen=True, slots=True)
class NoticeFact:
    """A notice to this account: when it was requested, sent, and, by a receipt, delivered."""

    kind: str
    """As in `Notify.kind`: `low-30`, `days-3`, `below-100`, `zero`, `cut`; others do not matter here."""
    requested_at: datetime
    delivered_at: datetime | None = None
    sent_at: datetime | None = None
    """When the message service accepted it or the letter was posted: an attempt, whatever its outcome."""
    channel: str = ""
    """`sms` or `letter`; empty where it had no address."""


@dataclass(frozen=True, slots=True)
class AuthorisedPayment:
    """A payment that the gateway has authorised and that is not credited on the ledger."""

    amount_minor: int
    since: datetime
    failed: bool = False
    """It failed: it prevents no disconnection and reconnects nothing, but counts among the few payments that may."""


@dataclass(frozen=True, slots=True)
class PaidSince:
    """The payments since the credit ran out, where a document lets a partial payment reconnect the supply."""

    first_at: datetime
    """The first of these payments. Deadlines for the rest count from it, so that a later payment does not restart
    them.
    """
    paid_minor: int
    due_minor: int
    """How far the balance was below `Policy.credit.cut_below_minor` just before the first of them."""


@dataclass(frozen=True, slots=True)
class RunningReview:
    """The review of an abnormal charge, which no person has decided yet."""

    charge_minor: int
    """The charge of the day that is reviewed, above zero."""
    ends_at: datetime
    """When it ends by itself."""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the services that a fair disconnection depends on are working."""

    collection: bool = True
    """Readings arrive: those of the area in question, else of the whole installation."""
    payments: bool = True
    """Consumers can pay, and payments are credited."""
    messaging: bool = True
    """Notices are sent and receipts arrive."""
    well_areas: frozenset[int] = frozenset()
    """Areas that are judged by themselves and whose readings arrive, by number."""
    ill_areas: frozenset[int] = frozenset()
    """Areas whose readings do not arrive."""

    def within(self, area: int) -> "Health":
        """Return the health that counts in an area that is judged by itself: its own collection, whatever the rest does."""
        return Health(area not in self.ill_areas, self.payments, self.messaging)


@dataclass(frozen=True, slots=True)
class Instalment:
    """The next instalment of a plan by which dues are paid off."""

    every: Literal["day", "month"]
    amount_minor: int
    due_on: date
    """The local day on which it is due."""
    due_at: datetime
    """The end of that day: the instalment is taken from the balance then, or later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """One account at one instant. Instants are timezone-aware; `zone` is the utility's."""

    account_id: int
    now: datetime
    zone: ZoneInfo
    balance_minor: int
    """The balance with the accrued energy (`urja.apps.billing.balances.fresh_balances`)."""
    as_of: datetime | None
    """End of the last reading in the balance; None before the first."""
    estimated_share: Fraction = Fraction(0)
    """Estimated share of the energy behind the balance, 0 to 1."""
    provisional_minor: int = 0
    """Provisional charges in the balance, zero or more: no supply is disconnected because of them."""
    at_close_minor: int = 0
    """What settled at the close of a billing period within the policy's days, zero or more: it does not count yet."""
    at_close_until: datetime | None = None
    """When the last of it begins to count; None where there is none."""
    clawed_back_minor: int = 0
    """Subsidies that are taken back today, zero or more: they count from tomorrow."""
    last_recharge_minor: int | None = None
    last_recharge_at: datetime | None = None
    daily_cost_minor: int | None = None
    """The usual cost of a day with its share of the instalment, above zero; None when it is not known."""
    below_cut_since: datetime | None = None
    """Since when the credit has been exhausted (`exhausted`) without a break; None: only just now."""
    prepaid: bool = True
    """Where it is not, the consumer pays by a bill: no balance disconnects, warns or is waited for."""
    becomes_postpaid: bool = False
    """Whether an order to make it postpaid is due and has not reached it: no balance disconnects it meanwhile."""
    converted_at: datetime | None = None
    """When the account became prepaid; None when it always was."""
    sanctioned_load_w: int = 0
    commodity: str = ELECTRICITY
    """What the supply delivers: reasons speak of a valve where it is gas."""
    category: str = ""
    """The consumer category, as documents name it."""
    arrears_minor: int = 0
    """Old dues beside the balance, zero or more. They never count towards a disconnection."""
    instalment: Instalment | None = None
    """None where no plan applies: then a share of each recharge may pay old dues."""
    flags: frozenset[str] = frozenset()
    supply: Supply = "unknown"
    holds: frozenset[str] = frozenset()
    """The reasons for which the supply is held off. `credit` is among them from the order of a disconnection until
    `ReleaseCreditHold`.
    """
    notices: tuple[NoticeFact, ...] = ()
    """All since the last recharge, or since the credit ran out if that is earlier."""
    authorised: tuple[AuthorisedPayment, ...] = ()
    """All payments authorised since the credit ran out and not credited, failed ones included: the document limits
    their number.
    """
    paid: PaidSince | None = None
    """None where nothing was paid since the credit ran out."""
    review: RunningReview | None = None
    """None where no charge of the account is being reviewed."""
    health: Health = field(default_factory=Health)
