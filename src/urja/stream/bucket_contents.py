"""What the bucket of meters holds, in digests of its parts: a head end reads it all, the pipeline compares it.

The pipeline may not read back what it wrote (`urja.stream.server`), and so learns from the head ends what is there.
"""

import zlib
from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Final

import msgspec
from msgspec import Meta

PARTS: Final = 1024
"""Keys fall into so many parts; one that differs is written anew whole."""
DIGEST_BYTES: Final = 16

type Digest = Annotated[bytes, Meta(max_length=DIGEST_BYTES)]
"""Of an entry or of a part; empty for a part without keys."""


class BucketContents(msgspec.Struct, frozen=True, kw_only=True):
    """What a head end has found when it read the bucket."""

    headend: str
    reading: str
    """A name for this reading: of two that found the same, the second one is news."""
    sequence: Annotated[int, Meta(ge=0)]
    """Everything up to this sequence of the bucket's stream is in it; what came after may be."""
    entries: Annotated[int, Meta(ge=0)]
    parts: Annotated[tuple[Digest, ...], Meta(min_length=PARTS, max_length=PARTS)]


def part_of(key: str) -> int:
    """The part that a key falls into."""
    return zlib.crc32(key.encode()) % PARTS


def digest_of(payload: bytes) -> bytes:
    """Of an entry as it lies in the bucket."""
    return sha256(payload).digest()[:DIGEST_BYTES]


def digests_of_parts(entries: Iterable[tuple[str, bytes]]) -> tuple[bytes, ...]:
    """Of keys with the digests of their entries, in any order."""
    parts: list[list[bytes]] = [[] for _ in range(PARTS)]
    for key, digest in entries:
        # No key holds a zero byte, and a digest has a fixed length: different entries never join to the same bytes.
        parts[part_of(key)].append(key.encode() + b"\0" + digest)
    return tuple(digest_of(b"".join(sorted(part))) if part else b"" for part in parts)
