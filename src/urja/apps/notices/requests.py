"""What the web records of notices: receipts of channels as they came. It verifies nothing."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Final

from urja.apps.notices import channels
from urja.apps.notices.models import Receipt
from urja.apps.partial_insert import insert

LARGEST_RECEIPT: Final = 16 * 1024
"""Bytes of a receipt; one has a few hundred."""
LONGEST_HEADER: Final = 1000
"""Characters of a header that is kept."""


def receipt_headers(channel: str) -> tuple[str, ...] | None:
    """The headers of a receipt that its channel is verified by; None where no channel that reports has this name."""
    given = channels.named(channel)
    return channels.receipts_of(given).HEADERS if given is not None and given.reports else None


def record_receipt(service: str, headers: Mapping[str, str], body: bytes, received_at: datetime) -> bool:
    """Keep a receipt for the pipeline, which verifies it; one that is there already is not kept twice.

    False where it was not kept: it is there, or too many wait.
    """
    # As the database takes it: a header may hold what no JSON of PostgreSQL does.
    kept = {name: value.replace("\0", "")[:LONGEST_HEADER] for name, value in sorted(headers.items())}
    digest = hashlib.sha256(json.dumps(kept).encode() + b"\0" + body).digest()
    return bool(
        insert(
            Receipt,
            ignore_conflicts=True,
            provider=service,
            digest=digest,
            body=body,
            headers=kept,
            received_at=received_at,
        )
    )
