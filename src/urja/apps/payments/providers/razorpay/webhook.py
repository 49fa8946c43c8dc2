"""Razorpay's webhooks and returns: HMAC-SHA256 in hex over the raw body, or over the fields of a return."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import parse_qs

import msgspec
from msgspec import Meta, Struct

from urja.apps.payments.port import Event, WebhookSubject

_SIGNATURE: Final = "x-razorpay-signature"
HEADERS: Final = (_SIGNATURE, "x-razorpay-event-id")

KINDS: Final = frozenset(
    {
        "order.paid",
        "payment.authorized",
        "payment.captured",
        "payment.dispute.action_required",
        "payment.dispute.closed",
        "payment.dispute.created",
        "payment.dispute.lost",
        "payment.dispute.under_review",
        "payment.dispute.won",
        "payment.failed",
        "refund.created",
        "refund.failed",
        "refund.processed",
        "refund.speed_changed",
    }
)
"""Known events: what they name is queried."""


class _Named(Struct):
    """An entity of a webhook: only its id is used."""

    id: Annotated[str, Meta(min_length=1, max_length=64)]


class _Of(Struct):
    entity: _Named


class _Payload(Struct):
    payment: _Of | None = None
    refund: _Of | None = None
    dispute: _Of | None = None


class _Webhook(Struct):
    event: str
    payload: _Payload


def is_genuine(secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> bool:
    return _verify(secrets.get("webhook_secret", ""), body, headers.get(_SIGNATURE, ""))


def is_return_genuine(secrets: Mapping[str, str], query: str, provider_order_id: str) -> bool:
    given = {name: values[-1] for name, values in parse_qs(query).items()}
    if given.get("razorpay_order_id") != provider_order_id:
        return False
    message = f"{provider_order_id}|{given.get('razorpay_payment_id', '')}".encode()
    return _verify(secrets.get("key_secret", ""), message, given.get("razorpay_signature", ""))


def read(body: bytes) -> Event:
    """Return what a webhook names. Raises ValueError (msgspec.ValidationError) where the body cannot be parsed."""
    found = msgspec.json.decode(body, type=_Webhook)
    return Event(found.event[:100], found.event in KINDS, _about(found.payload))


def _about(payload: _Payload) -> tuple[WebhookSubject, str] | None:
    """Return what to query. Refunds and disputes come with their payment, so they are looked at first."""
    named = (
        (WebhookSubject.DISPUTE, payload.dispute),
        (WebhookSubject.REFUND, payload.refund),
        (WebhookSubject.PAYMENT, payload.payment),
    )
    return next(((kind, found.entity.id) for kind, found in named if found is not None), None)


def _verify(secret: str, message: bytes, signature: str) -> bool:
    """Return whether a signature is right, in constant time. An empty secret verifies nothing."""
    # compare_digest raises TypeError for text beyond ASCII, which a forged header may have; bytes are always compared.
    expected = hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()
    return bool(secret) and hmac.compare_digest(expected.encode(), signature.encode())
