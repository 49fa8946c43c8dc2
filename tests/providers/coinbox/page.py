"""The way to Coinbox's payment page and back."""

from typing import Final
from urllib.parse import quote, urlencode, urlsplit

from tests.providers.coinbox.settings import Options

RETURNED: Final = "coinbox"


def origin(options: Options) -> str:
    parts = urlsplit(options.base_url)
    return f"{parts.scheme}://{parts.netloc}"


def address(options: Options, provider_order_id: str, callback_url: str, language: str) -> str:
    query = urlencode({"back": callback_url, "hl": language})
    return f"{options.base_url}/kiosk/{quote(provider_order_id, safe='')}?{query}"
