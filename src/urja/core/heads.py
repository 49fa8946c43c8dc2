"""Signed heads of the log of postings and reads: what a day's close signs, and how a series of heads is verified.

The key of heads signs nothing else. It signs a context prefix and the head's JSON, byte for byte as `Head.body` gives
it.
"""

import hashlib
from base64 import b64encode
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from itertools import pairwise
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from urja.core import merkle

_CONTEXT: Final = b"urja root 1\0"
"""Signed in front of every head, so that a signature of this key can never be valid for another kind of document."""

NO_HEAD: Final = "0" * 64
"""The `previous` of the first head."""


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The state of the log when a day was closed."""

    number: int
    """Number of the period, counted from 1 without gaps."""
    day: date
    """The last local day that this head closes."""
    size: int
    """Number of leaves in the log."""
    root: str
    """Root of the Merkle tree over the leaves, in hexadecimal."""
    previous: str
    """SHA-256 of the previous head's body, in hexadecimal."""
    signed_at: datetime
    key: str
    """The Ed25519 public key, in hexadecimal."""

    @property
    def body(self) -> bytes:
        """The signed JSON: the fields in this order."""
        return msgspec.json.encode(self)

    @property
    def digest(self) -> str:
        """SHA-256 of the body in hexadecimal, by which the next head names this one."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the key, as it is published and compared by eye."""
        return fingerprint(bytes.fromhex(self.key))


class SignedHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A head with its signature in hexadecimal; one line of a file of heads."""

    head: Head
    signature: str
    consistency: tuple[str, ...] = ()
    """In a file: the hashes, in hexadecimal, that prove that this log continues the one of the head before (RFC 9162
    2.1.4).
    """

    @property
    def genuine(self) -> bool:
        """Whether the signature is valid for the key that the head names."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.head.key))
            key.verify(bytes.fromhex(self.signature), _CONTEXT + self.head.body)
        except (InvalidSignature, ValueError):
            return False
        return True


def faults(series: Sequence[SignedHead]) -> Iterator[str]:
    """Yield every fault of a series of heads in the order of their numbers, as sentences.

    It checks signatures, the chain, and whether a log was rewritten. It needs no database, so that anyone with copies
    of heads can check them. Across a gap only the gap is reported.
    """
    for signed in series:
        if not signed.genuine:
            yield f"the head of {signed.head.day} has a wrong signature"
    for before, signed in pairwise(series):
        old, new = before.head, signed.head
        if new.key != old.key:
            yield f"the head of {new.day} is signed with another key than that of {old.day}: {new.fingerprint}"
        if new.number != old.number + 1:
            yield f"heads between {old.day} and {new.day} are missing, so that neither is known to go on from the other"
            continue
        if new.previous != old.digest:
            yield f"the head of {new.day} does not name that of {old.day} as the one before it"
        if old.size and not _goes_on(old, new, signed.consistency):
            yield f"the log of {new.day} does not go on from that of {old.day}: what is older was rewritten"


def _goes_on(old: Head, new: Head, path: Sequence[str]) -> bool:
    try:
        hashes = [bytes.fromhex(hashed) for hashed in path]
        roots = bytes.fromhex(old.root), bytes.fromhex(new.root)
    except ValueError:
        return False
    return merkle.verify_consistency(old.size, new.size, hashes, *roots)


def sign(head: Head, private_key: bytes) -> SignedHead:
    """Return the head with its signature; `private_key` (32 bytes) must belong to the public key that the head names."""
    assert head.key == public_key(private_key), "a head names the key that signs it"
    signature = Ed25519PrivateKey.from_private_bytes(private_key).sign(_CONTEXT + head.body)
    return SignedHead(head=head, signature=signature.hex())


def public_key(private_key: bytes) -> str:
    """Return the public key of an Ed25519 private key (32 bytes), in hexadecimal."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw().hex()


def fingerprint(key: bytes) -> str:
    """Return the SHA-256 of a public key (32 bytes) in base64, as SSH shows keys."""
    return "SHA256:" + b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
