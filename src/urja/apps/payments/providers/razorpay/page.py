"""The way to Razorpay's payment page and back."""

from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from urja.apps.payments.providers.razorpay.settings import Options

RETURNED: Final = "razorpay_payment_id"


def origin(options: Options) -> str:
    parts = urlsplit(options.public_url or options.base_url)
    return f"{parts.scheme}://{parts.netloc}"


def address(options: Options, provider_order_id: str, callback_url: str, language: str) -> str:
    base = (options.public_url or options.base_url).rstrip("/")
    query = urlencode({"callback_url": callback_url, "lang": language})
    return f"{base}/pay/{quote(provider_order_id, safe='')}?{query}"
