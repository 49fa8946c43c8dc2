"""What a payment gateway is to Urja: the facts that it tells, in our words, and what the files of its folder have.

A provider is a folder with the same few files: `settings.py` (`Options`, `SECRETS`), `client.py` (`Client`), `words.py`
(its words to ours), `webhook.py` and `page.py`, and a `README.md` that says what is special about it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from urja.apps.payments.kinds import PaymentState, RefundKind


class Method(StrEnum):
    """By what a payer pays."""

    UPI = "upi"
    CARD = "card"
    WALLET = "wallet"
    BANK = "bank"
    OTHER = "other"


class DisputeState(StrEnum):
    """Where a dispute stands."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"
    """Without a decision."""


class WebhookSubject(StrEnum):
    """What a webhook can name."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class OrderFact:
    """What the gateway says of one order. `receipt` is the name that we gave it when we placed it."""

    order_id: str
    receipt: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """What the gateway says of one payment."""

    payment_id: str
    order_id: str | None
    amount_minor: int
    currency: str
    state: PaymentState
    method: Method
    error: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RefundFact:
    """Money that the gateway has sent back, or lost to a payer by a dispute."""

    refund_id: str
    payment_id: str
    amount_minor: int
    created_at: datetime
    kind: RefundKind = RefundKind.REFUND


@dataclass(frozen=True, slots=True)
class DisputeFact:
    """What the gateway says of one dispute: a payer's bank calls a payment into question."""

    dispute_id: str
    payment_id: str
    amount_minor: int
    currency: str
    state: DisputeState
    deducted_minor: int
    """What the gateway has taken for it from what it pays out to us."""
    phase: str
    reason: str
    respond_by: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SettlementFact:
    """One row of the settlement report: what of a payment reached the merchant's bank, or what a refund took from it.

    `fee_minor` is the gateway's whole charge, `tax_minor` the tax that is part of it.
    """

    entity_id: str
    """The payment or refund, or what else the gateway settles."""
    kind: str
    """`payment`, `refund`, `dispute` (what was taken for a lost one), or a word of the gateway's own."""
    payment_id: str
    """The payment that a refund or a dispute belongs to; empty elsewhere."""
    settlement_id: str
    utr: str
    """The bank's reference of the transfer."""
    amount_minor: int
    currency: str
    fee_minor: int
    tax_minor: int
    credit_minor: int
    debit_minor: int
    created_at: datetime
    settled_at: datetime


@dataclass(frozen=True, slots=True)
class Event:
    """What a webhook names. It says nothing that is believed: the gateway is asked about it."""

    name: str
    known: bool
    """Whether this is a kind of event that Urja knows."""
    about: tuple[WebhookSubject, str] | None = None
    """What is asked about, and its name at the gateway; none where there is nothing to ask."""


class Client(Protocol):
    """`client.Client(options, secrets)`: what the pipeline asks of a gateway. Calls raise `GatewayAwayError` or `GatewayRefusedError`.

    They may be made beside each other, in several threads.
    """

    timeout_s: float

    def place_order(self, receipt: str, amount_minor: int, currency: str, *, again: bool) -> str:
        """The gateway's id of an order; `again`: it may have taken this receipt before."""
        ...

    def order(self, provider_order_id: str) -> OrderFact: ...

    def payments_of(self, provider_order_id: str) -> Sequence[PaymentFact]:
        """All payments of an order."""
        ...

    def capture(self, payment: PaymentFact) -> PaymentFact:
        """Take an authorised payment."""
        ...

    def payment(self, payment_id: str) -> PaymentFact: ...

    def payments_since(self, since: datetime) -> Sequence[PaymentFact]:
        """Payments begun at or after an instant, of whichever orders."""
        ...

    def refunds_since(self, since: datetime) -> Sequence[RefundFact]:
        """Refunds made at or after an instant."""
        ...

    def dispute(self, dispute_id: str) -> DisputeFact: ...

    def disputes_since(self, since: datetime) -> Sequence[DisputeFact]:
        """Disputes opened at or after an instant."""
        ...

    def settled_on(self, day: date) -> Sequence[SettlementFact]:
        """What was settled on a local day, in every settlement of it."""
        ...

    def refund(self, refund_id: str) -> RefundFact | None:
        """A refund; none while its money has not gone back."""
        ...


class Webhook(Protocol):
    """`webhook.py`: what comes in. It is recorded by the web as it came and judged by the pipeline."""

    HEADERS: tuple[str, ...]
    """Names of the headers that are kept with a webhook's body, in small letters: what its signature needs."""

    def is_genuine(self, secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> bool:
        """Whether the raw bytes of a webhook carry the gateway's signature."""
        ...

    def read(self, body: bytes) -> Event:
        """A webhook's content; raises ValueError for what cannot be read."""
        ...

    def is_return_genuine(self, secrets: Mapping[str, str], query: str, provider_order_id: str) -> bool:
        """Whether a return from the gateway's page is signed for this order."""
        ...


class Page(Protocol):
    """`page.py`: how a payer gets to the gateway's page and back. The web holds no secret of the gateway's."""

    RETURNED: str
    """Name of the field that the address has when a payer comes back."""

    def origin(self, options: Any) -> str:
        """Scheme, host and port of the page: browsers are told that our forms may lead there."""
        ...

    def address(self, options: Any, provider_order_id: str, callback_url: str, language: str) -> str:
        """Where the payer pays."""
        ...
