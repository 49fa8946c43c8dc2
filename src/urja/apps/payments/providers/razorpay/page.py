"""Razorpay's Hosted Checkout: a form posted to its page, and the form that its page posts back."""

from typing import Final
from urllib.parse import urlsplit

from urja.apps.payments.port import Checkout, Opening
from urja.apps.payments.providers.razorpay.settings import Options

RETURNED: Final = ("razorpay_payment_id", "razorpay_order_id", "razorpay_signature")


def opening(options: Options, checkout: Checkout) -> Opening:
    base = (options.public_url or options.base_url).rstrip("/")
    fields = {
        "key_id": options.key_id,
        "order_id": checkout.provider_order_id,
        "amount": str(checkout.amount_minor),
        "currency": checkout.currency,
        "name": checkout.payee,
        "prefill[email]": checkout.email,
        **({"prefill[contact]": checkout.phone} if checkout.phone else {}),
        "callback_url": checkout.callback_url,
        "cancel_url": checkout.cancel_url,
    }
    parts = urlsplit(base)
    return Opening(
        f"{base}/v1/checkout/embedded", fields, {"form-action": (f"{parts.scheme}://{parts.netloc}",)}
    )
