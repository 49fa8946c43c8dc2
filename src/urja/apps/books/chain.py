"""The hash chain of an account's entries, in one place for posting and for proving."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

HASHED = (
    "bucket",
    "account_id",
    "seq",
    "contra_id",
    "amount_minor",
    "balance_after_minor",
    "origin",
    "line",
    "agreement_id",
    "period_start",
    "service_date",
    "posted_at",
    "accounting_month",
    "batch",
    "inputs",
    "idempotency_key",
)
"""The columns that an entry's hash covers, in this order."""


def canonical(value: object) -> bytes:
    """Return a value as JSON with sorted keys and no spaces; days and instants as ISO 8601 in UTC.

    A float is refused: it has no one spelling that two programs agree on.
    """
    return _text(_plain(value))


def _text(value: object) -> bytes:
    return json.dumps(
        value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_plain
    ).encode()


def _plain(value: object) -> object:
    # The usual types first: a day's close takes every value of every entry through here.
    if value is None or isinstance(value, str | int):
        return value
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    assert not isinstance(value, float), "money and energy are integers, fractions are text"
    return value


def plain_json(value: object) -> object:
    """Return a value as it comes back from a jsonb column."""
    return _plain(value)


def parse_json(value: Any) -> Any:
    """Return a jsonb column as Python values: Django's cursors return text, psycopg's own parse it."""
    return json.loads(value) if isinstance(value, str) else value


def entry_hash(previous: bytes, row: Mapping[str, object]) -> bytes:
    """Return the SHA-256 (32 bytes) over the previous entry's hash and the canonical columns of this entry."""
    # Its inputs are plain, as they are stored: only days and instants of its columns are not.
    return hashlib.sha256(previous + _text([row[name] for name in HASHED])).digest()


def content_hash(content: Mapping[str, object]) -> bytes:
    """Return the SHA-256 (32 bytes) over the canonical form of a request's content."""
    return hashlib.sha256(canonical(content)).digest()
