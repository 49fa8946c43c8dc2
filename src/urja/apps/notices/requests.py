"""Receipts of channels as the web records them; it verifies nothing."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from urja.apps.notices import channels
from urja.apps.notices.models import Receipt
from urja.apps.partial_insert import insert

LARGEST_RECEIPT: Final = 16 * 1024
"""Largest body of a receipt in bytes; usual ones have a few hundred."""
LONGEST_HEADER: Final = 1000
"""Characters of a header that are stored."""


def receipt_headers(channel: str) -> tuple[str, ...] | None:
    """Return the names of the headers that verify a channel's receipts; None for a channel that does not report."""
    given = channels.named(channel)
    return channels.receipts_of(given).HEADERS if given is not None and given.reports else None


def record_receipt(service: str, headers: Mapping[str, str], body: bytes, received_at: datetime) -> bool:
    """Store a receipt for the pipeline, which verifies it; return whether it was stored.

    `body` are the raw bytes, because a signature covers them. Not stored is a receipt that is stored already, and any
    while too many are unverified (a trigger bounds them).
    """
    # PostgreSQL's JSON cannot hold a NUL character, which a header from outside may.
    stored = {name: value.replace("\0", "")[:LONGEST_HEADER] for name, value in sorted(headers.items())}
    digest = hashlib.sha256(json.dumps(stored).encode() + b"\0" + body).digest()
    return bool(
        insert(
            Receipt,
            ignore_conflicts=True,
            provider=service,
            digest=digest,
            body=body,
            headers=stored,
            received_at=received_at,
        )
    )
