"""Payment gateways behind one small port: what Urja asks of any of them, in its own words.

A provider is a folder here. What comes over its wire is turned into the facts below; nothing else of Urja knows its
names, states or signatures.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

from django.conf import settings

from urja.apps.payments.config import GatewayConfig
from urja.apps.payments.errors import NoGatewayError


@dataclass(frozen=True, slots=True)
class OrderFact:
    """What the gateway says of one order. `receipt` is the name that we gave it when we placed it."""

    order_id: str
    receipt: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """What the gateway says of one payment. `state` as `models.PaymentState`."""

    payment_id: str
    order_id: str | None
    amount_minor: int
    currency: str
    state: str
    method: str
    error: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class RefundFact:
    """Money that the gateway has sent back, or lost to a payer by a dispute (`kind`, as `models.RefundKind`)."""

    refund_id: str
    payment_id: str
    amount_minor: int
    created_at: datetime
    kind: str = "refund"


@dataclass(frozen=True, slots=True)
class DisputeFact:
    """What the gateway says of one dispute: a payer's bank calls a payment into question."""

    dispute_id: str
    payment_id: str
    amount_minor: int
    currency: str
    state: str
    """`open`, `won`, `lost`, or `closed` without a decision."""
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
    """What a webhook names. It says nothing that is believed: the gateway is asked about each of them."""

    name: str
    known: bool
    """Whether this is a kind of event that Urja knows."""
    payments: tuple[str, ...] = ()
    refunds: tuple[str, ...] = ()
    disputes: tuple[str, ...] = ()


class Gateway(Protocol):
    """What every provider does for the pipeline. Calls raise `GatewayAwayError` or `GatewayRefusedError`.

    They may be made beside each other, in several threads.
    """

    name: str
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

    def returned(self, query: str, provider_order_id: str) -> bool:
        """Whether a return from the page is signed for this order."""
        ...

    def genuine(self, body: bytes, signature: str) -> bool:
        """Whether a webhook's raw bytes carry the gateway's signature."""
        ...

    def read_event(self, body: bytes) -> Event:
        """A webhook's content; raises ValueError for what cannot be read."""
        ...


class Door(Protocol):
    """What every provider does for the web, which holds no secret of the gateway's."""

    event_id: str
    """Name of the header with a webhook's own name."""
    signature: str
    """Name of the header with a webhook's signature."""
    returned: str
    """Name of the field that the address has when a payer comes back from the gateway's page."""

    def page(self, config: GatewayConfig, provider_order_id: str, callback_url: str, language: str) -> str:
        """Where the payer pays."""
        ...


def config() -> GatewayConfig | None:
    """The gateway of this installation; none where nobody can pay by one."""
    return getattr(settings, "URJA_PAYMENTS", None)


def gateway() -> Gateway:
    """The configured gateway; raises NoGatewayError."""
    given = config()
    if given is None:
        raise NoGatewayError("no payment gateway is configured: see [payments] in docs/payments.md")
    from urja.apps.payments.providers.razorpay import Razorpay

    return Razorpay(given)


def door() -> Door:
    """How the configured gateway and the web meet."""
    from urja.apps.payments.providers.razorpay import door

    return door
