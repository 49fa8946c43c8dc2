"""The hash chain of an account's entries, in one place for posting and for proving."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any, Final

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
    return stored_text(value).encode()


def json_text(plain: object) -> str:
    """Return plain JSON as text with sorted keys and no spaces."""
    return _ENCODER.encode(plain)


def plain_json(value: object) -> Any:
    """Return a value as it comes back from a column of JSON."""
    # Written and read again, because a day's close does this with the inputs of each entry: a walk in Python takes longer.
    return _DECODER.decode(_ENCODER.encode(value))


def stored_text(value: object) -> str:
    """Return the `json_text` of a value as it comes back from a column of JSON."""
    text = _ENCODER.encode(value)
    plain = _DECODER.decode(text)
    # Keys that are no text have another order as text.
    return text if plain == value else _ENCODER.encode(plain)


def _spelled(value: object) -> object:
    """Return what JSON has no type for in the types that it has."""
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat(timespec="microseconds")
        case date():
            return value.isoformat()
        case Mapping():
            return dict(value)
        case _:
            raise TypeError(f"JSON has no spelling for {value!r}")


def _no_float(text: str) -> object:
    raise AssertionError(f"money and energy are integers, fractions are text: {text}")


_ENCODER: Final = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=_spelled
)
_DECODER: Final = json.JSONDecoder(parse_float=_no_float, parse_constant=_no_float)


def parse_json(value: Any) -> Any:
    """Return a column of JSON as Python values: Django returns jsonb as text, and json parsed as psycopg does."""
    return json.loads(value) if isinstance(value, str) else value


def entry_hash(previous: bytes, row: Mapping[str, object]) -> bytes:
    """Return the SHA-256 (32 bytes) over the previous entry's hash and the canonical columns of this entry.

    Its `inputs` are text already, as `json_text` or `stored_text` writes them.
    """
    *before, inputs, key = (row[name] for name in HASHED)
    text = f"{json_text(before)[:-1]},{inputs},{json_text(key)}]"
    return hashlib.sha256(previous + text.encode()).digest()


def content_hash(content: Mapping[str, object]) -> bytes:
    """Return the SHA-256 (32 bytes) over the canonical form of a request's content."""
    return hashlib.sha256(canonical(content)).digest()
