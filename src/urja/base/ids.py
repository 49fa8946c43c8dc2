"""Identifiers: a bucket drawn once per premise is in the upper bits of the key of every row that belongs to it.

A statement on one premise's rows then never crosses shards (docs/architecture.md, "Buckets").
"""

from typing import NewType

BUCKETS = 1024
"""Number of buckets. Fixed for the lifetime of an installation, since keys contain them."""

SHARDS = 16
"""Number of stream subjects, each for a range of buckets."""

_SEQUENCE_BITS = 40
_SEQUENCE_LIMIT = 1 << _SEQUENCE_BITS

Correlation = NewType("Correlation", int)
"""63 bits that follow one push, payment or command from end to end: milliseconds, then entropy."""

_CORRELATION_ENTROPY_BITS = 21
_CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"


def compose_id(bucket: int, sequence: int) -> int:
    """Return the 51-bit key of the `sequence`-th row in a bucket: `bucket << 40 | sequence`.

    Raises ValueError for a bucket outside 0..1023 or a sequence outside 1..2**40 - 1.
    """
    if not 0 <= bucket < BUCKETS:
        raise ValueError(f"bucket {bucket} is outside 0..{BUCKETS - 1}")
    if not 0 < sequence < _SEQUENCE_LIMIT:
        raise ValueError(f"sequence {sequence} is outside 1..{_SEQUENCE_LIMIT - 1}")
    return bucket << _SEQUENCE_BITS | sequence


def bucket_of(identifier: int) -> int:
    """Return the bucket in the upper bits of a composed key."""
    return identifier >> _SEQUENCE_BITS


def number_in_bucket(identifier: int) -> int:
    """Return the sequence in the lower bits of a composed key."""
    return identifier & (_SEQUENCE_LIMIT - 1)


def shard_of(bucket: int) -> int:
    """Return the stream shard (0..15) of a bucket: ranges, so that one machine owns a contiguous part."""
    return bucket * SHARDS // BUCKETS


def new_correlation(unix_ms: int, entropy: int) -> Correlation:
    """Return a correlation id from wall milliseconds and random bits, both given by the caller."""
    # 42 bits of milliseconds last until 2109; 63 bits together fit a signed bigint.
    return Correlation((unix_ms & (1 << 42) - 1) << _CORRELATION_ENTROPY_BITS | entropy & (1 << 21) - 1)


def format_correlation(correlation: int) -> str:
    """Return thirteen characters that can be read out over a telephone (Crockford's base 32, sortable by time)."""
    return "".join(_CROCKFORD[correlation >> shift & 31] for shift in range(60, -1, -5))
