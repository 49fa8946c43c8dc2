"""Webhooks and returns: HMAC-SHA512 in base64."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Annotated, Final
from urllib.parse import parse_qs

import msgspec

from urja.apps.payments.port import Event, WebhookSubject

HEADERS: Final = ("coinbox-mac", "coinbox-time")
_TOPICS: Final = {
    "attempt": WebhookSubject.PAYMENT,
    "return": WebhookSubject.REFUND,
    "claim": WebhookSubject.DISPUTE,
}


class _Webhook(msgspec.Struct):
    topic: str
    number: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]


def mac(key: str, message: bytes) -> str:
    return base64.b64encode(hmac.digest(key.encode(), message, hashlib.sha512)).decode()


def is_genuine(secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> bool:
    message = headers.get("coinbox-time", "").encode() + b"." + body
    return _fits(secrets, message, headers.get("coinbox-mac", ""))


def is_return_genuine(secrets: Mapping[str, str], query: str, provider_order_id: str) -> bool:
    given = parse_qs(query)
    if given.get("coinbox") != [provider_order_id]:
        return False
    return _fits(secrets, provider_order_id.encode(), given.get("mac", [""])[0])


def read(body: bytes) -> Event:
    told = msgspec.json.decode(body, type=_Webhook)
    topic = _TOPICS.get(told.topic)
    return Event(told.topic[:100], topic is not None, topic and (topic, told.number))


def _fits(secrets: Mapping[str, str], message: bytes, given: str) -> bool:
    key = secrets.get("mac_key", "")
    return bool(key) and hmac.compare_digest(mac(key, message).encode(), given.encode())
