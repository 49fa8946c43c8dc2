"""The way to Coinbox's payment page and back: a link, and a link."""

from typing import Final
from urllib.parse import quote, urlencode

from tests.providers.coinbox.settings import Options

from urja.apps.payments.port import Checkout, Opening

RETURNED: Final = ("coinbox", "mac")


def opening(options: Options, checkout: Checkout) -> Opening:
    query = urlencode({"back": checkout.callback_url, "hl": checkout.language})
    return Opening(f"{options.base_url}/kiosk/{quote(checkout.provider_order_id, safe='')}?{query}")
