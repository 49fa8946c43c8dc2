"""The interface between Urja and a payment gateway: facts in Urja's terms, and the modules of a provider's package.

A provider is a package with the same few files: `settings.py` (`Settings`), `client.py` (`Client`),
`words.py` (translation of its terms), `webhook.py`, `page.py`, and a `README.md` about its peculiarities.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from enum import StrEnum
from typing import Any, Protocol

from urja.apps.payments.kinds import PaymentState, RefundKind


class Method(StrEnum):
    """Payment methods."""

    UPI = "upi"
    CARD = "card"
    WALLET = "wallet"
    BANK = "bank"
    OTHER = "other"


class DisputeState(StrEnum):
    """States of a dispute."""

    OPEN = "open"
    WON = "won"
    LOST = "lost"
    CLOSED = "closed"
    """Ended without a decision."""


class WebhookSubject(StrEnum):
    """What a webhook can name."""

    PAYMENT = "payment"
    REFUND = "refund"
    DISPUTE = "dispute"


@dataclass(frozen=True, slots=True)
class OrderFact:
    """An order as the gateway reports it. `receipt` is the name that we gave it when placing it."""

    order_id: str
    receipt: str
    amount_minor: int
    currency: str


@dataclass(frozen=True, slots=True)
class PaymentFact:
    """A payment as the gateway reports it."""

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
    """Money that the gateway has sent back, or lost to a payer in a dispute."""

    refund_id: str
    payment_id: str
    amount_minor: int
    created_at: datetime
    kind: RefundKind = RefundKind.REFUND


@dataclass(frozen=True, slots=True)
class DisputeFact:
    """A dispute as the gateway reports it: a payer's bank contests a payment."""

    dispute_id: str
    payment_id: str
    amount_minor: int
    currency: str
    state: DisputeState
    deducted_minor: int
    """The amount that the gateway has deducted for it from settlements."""
    phase: str
    reason: str
    respond_by: datetime | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class SettlementFact:
    """A row of the settlement report: how much of a payment was paid out, or what a refund took from it.

    `fee_minor` is the gateway's whole charge, `tax_minor` the tax included in it.
    """

    entity_id: str
    """The payment, the refund, or another item that the gateway settles."""
    kind: str
    """`payment`, `refund`, `dispute` (a deduction for a lost one), or a term of the gateway's own."""
    payment_id: str
    """The payment of a refund or a dispute; empty for others."""
    settlement_id: str
    utr: str
    """The bank's reference of the transfer (unique transaction reference)."""
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
    """What a webhook names. Its content is not trusted: the gateway is queried about it."""

    name: str
    known: bool
    """Whether Urja knows this kind of event."""
    about: tuple[WebhookSubject, str] | None = None
    """What to query, and its id at the gateway; None where nothing has to be queried."""


class Client(Protocol):
    """The pipeline's calls to a gateway: `client.Client(options, secrets)`.

    Amounts are in minor units, instants in UTC. Every call raises GatewayAwayError where the gateway does not answer
    usefully, GatewayRefusedError where it refuses. Calls may be made concurrently from several threads.
    """

    timeout_s: float
    """Longest duration of a call, in seconds."""

    def place_order(self, receipt: str, amount_minor: int, currency: str, *, again: bool) -> str:
        """Return the gateway's id of an order over an amount in minor units.

        `again` says that it may have taken this receipt before.
        """
        ...

    def order(self, provider_order_id: str) -> OrderFact:
        """Return an order by its id at the gateway."""
        ...

    def payments_of(self, provider_order_id: str) -> Sequence[PaymentFact]:
        """Return all payments of an order."""
        ...

    def capture(self, payment: PaymentFact) -> PaymentFact:
        """Capture an authorised payment and return it."""
        ...

    def payment(self, payment_id: str) -> PaymentFact:
        """Return a payment by its id at the gateway."""
        ...

    def payments_since(self, since: datetime) -> Sequence[PaymentFact]:
        """Return the payments that began at or after an instant (UTC), of any order."""
        ...

    def refunds_since(self, since: datetime) -> Sequence[RefundFact]:
        """Return the refunds made at or after an instant (UTC)."""
        ...

    def dispute(self, dispute_id: str) -> DisputeFact:
        """Return a dispute by its id at the gateway."""
        ...

    def disputes_since(self, since: datetime) -> Sequence[DisputeFact]:
        """Return the disputes opened at or after an instant (UTC)."""
        ...

    def settled_on(self, day: date) -> Sequence[SettlementFact]:
        """Return the settlement rows of a local day, over all its settlements."""
        ...

    def refund(self, refund_id: str) -> RefundFact | None:
        """Return a refund; None while its money has not gone back."""
        ...


class Webhook(Protocol):
    """`webhook.py`: incoming messages, stored by the web as they are and verified by the pipeline."""

    HEADERS: tuple[str, ...]
    """Names (lower case) of the headers stored with a webhook's body, for its signature."""

    def is_genuine(self, secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> bool:
        """Return whether a webhook's raw body carries the gateway's signature."""
        ...

    def read(self, body: bytes) -> Event:
        """Return a webhook's content. Raises ValueError where the body cannot be parsed."""
        ...

    def is_return_genuine(self, secrets: Mapping[str, str], query: str, provider_order_id: str) -> bool:
        """Return whether a return from the payment page is signed for this order."""
        ...


@dataclass(frozen=True, slots=True)
class Checkout:
    """An order that a payer is about to pay, as the payment page may be told of it."""

    provider_order_id: str
    amount_minor: int
    currency: str
    payee: str
    """The utility's name."""
    email: str
    """The address that the payer signs in with."""
    phone: str
    """The payer's telephone number in the form of E.164; empty where none is known."""
    callback_url: str
    """Takes the payer's return by GET or by a form, from another site as well."""
    cancel_url: str
    """Where a payer goes who has not paid."""
    language: str


@dataclass(frozen=True, slots=True)
class Opening:
    """The request by which a payer's browser opens a payment page."""

    address: str
    fields: Mapping[str, str] | None = None
    """Fields of a form that is posted to the address; None where the address is only followed."""
    policy: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Directives of the content security policy with the origins to add to them, on the page that leads there alone.

    A form needs `form-action`: browsers hold the form's address and every redirect of its answer against it. A link
    needs none.
    """


class Page(Protocol):
    """`page.py`: the way to the gateway's payment page and back. The web has no secret of the gateway."""

    RETURNED: tuple[str, ...]
    """Names of the fields by which a payer returns who has paid; the first marks such a return."""

    def opening(self, options: Any, checkout: Checkout) -> Opening:
        """Return how a browser opens the payment page of an order."""
        ...


class Settings(Protocol):
    """`settings.py`: the options and secrets of an account at the gateway."""

    Options: type[Any]
    SECRETS: tuple[str, ...]
    PROVEN: str
    """What this provider was run against, as `urja doctor` says it."""

    def why_no_money_moves(self, options: Any) -> str:
        """Return why payments over this account move no money (test keys, a stand-in); empty for a live account."""
        ...
