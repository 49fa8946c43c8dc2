"""Digests of the bucket of meters, in parts: a head end reads the bucket, the pipeline compares.

The pipeline may not read back what it wrote (`urja.stream.server`), so it learns from the head ends what the
bucket holds.
"""

import zlib
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta

PARTS: Final = 1024
"""Number of parts that keys are divided into; a part that differs is written again as a whole."""
DIGEST_BYTES: Final = 16
"""Bytes of a digest: 128 bits of SHA-256."""

type Digest = Annotated[bytes, Meta(max_length=DIGEST_BYTES)]
"""Digest of an entry or of a part; empty for a part without keys."""


class BucketContents(msgspec.Struct, frozen=True, kw_only=True):
    """The contents of the bucket as one head end has read them."""

    headend: str
    reading: str
    """A name of this reading: of two readings with the same contents the second one is news, too."""
    sequence: Annotated[int, Meta(ge=0)]
    """Everything up to this sequence of the bucket's stream is included; later changes may be."""
    entries: Annotated[int, Meta(ge=0)]
    """Number of keys with an entry."""
    parts: Annotated[tuple[Digest, ...], Meta(min_length=PARTS, max_length=PARTS)]


def part_of(key: str) -> int:
    """Return the part that a key belongs to."""
    # Head ends and pipeline must agree, across versions too: Python's `hash` differs from process to process.
    return zlib.crc32(key.encode()) % PARTS


def digest_of(payload: bytes) -> bytes:
    """Return the digest of an entry as it is in the bucket."""
    return sha256(payload).digest()[:DIGEST_BYTES]


def digests_of_parts(entries: Iterable[tuple[str, bytes]]) -> tuple[bytes, ...]:
    """Return the digest of each part, from keys and the digests of their entries in any order."""
    parts: list[list[bytes]] = [[] for _ in range(PARTS)]
    for key, digest in entries:
        # No key has a zero byte, and a digest has a fixed length: different entries never join to the same bytes.
        parts[part_of(key)].append(key.encode() + b"\0" + digest)
    return tuple(digest_of(b"".join(sorted(part))) if part else b"" for part in parts)
