"""What the web knows of this provider: its headers, and the address of its page. No secret."""

from typing import Final
from urllib.parse import quote, urlencode

from urja.apps.payments.config import GatewayConfig

event_id: Final = "x-razorpay-event-id"
signature: Final = "x-razorpay-signature"
returned: Final = "razorpay_payment_id"


def page(config: GatewayConfig, provider_order_id: str, callback_url: str, language: str) -> str:
    query = urlencode({"callback_url": callback_url, "lang": language})
    return f"{config.public_url.rstrip('/')}/pay/{quote(provider_order_id, safe='')}?{query}"
