"""Receipts of the sandbox's message service, signed with HMAC-SHA256 (hex) over the raw body."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final, Literal

import msgspec

from urja.apps.notices.port import DeliveryReport, Outcome, UnreadableReceiptError

_SIGNATURE: Final = "x-sandbox-signature"
HEADERS: Final = (_SIGNATURE,)


class _Receipt(msgspec.Struct):
    ref: str
    status: Literal["delivered", "failed"]
    at: int


def is_genuine(secrets: Mapping[str, str], headers: Mapping[str, str], body: bytes) -> bool:
    """Return whether the body is signed with our secret; False without a secret."""
    secret, signature = secrets.get("webhook_secret", ""), headers.get(_SIGNATURE, "")
    if not secret:
        return False
    expected = hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(expected.encode(), signature.encode())


def read(body: bytes) -> DeliveryReport:
    """Return the content of a receipt; raises UnreadableReceiptError."""
    try:
        receipt = msgspec.json.decode(body, type=_Receipt)
        at = datetime.fromtimestamp(receipt.at, UTC)
    except (msgspec.MsgspecError, OverflowError, OSError, ValueError) as error:
        raise UnreadableReceiptError(str(error)) from error
    return DeliveryReport(receipt.ref, Outcome(receipt.status), at)
