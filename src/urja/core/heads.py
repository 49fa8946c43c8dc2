"""Heads of the signed log: what a day's close signs, and how a signature is checked.

The key of heads signs nothing else: it goes over a context and the head's JSON, byte by byte as `body` gives it.
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

NO_HEAD: Final = "0" * 64
"""What the first head names as its previous one."""


class Head(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The log as it stood when a day was closed."""

    number: int
    """Periods are numbered from 1 without a hole."""
    day: date
    """The last local day that is closed with it."""
    size: int
    """Leaves in the log."""
    root: str
    """Of the Merkle tree over them, in hex."""
    previous: str
    """SHA-256 of the body of the head before."""
    signed_at: datetime
    key: str
    """The Ed25519 public key, in hex."""

    @property
    def body(self) -> bytes:
        """The JSON that is signed: the fields in this order."""
        return msgspec.json.encode(self)

    @property
    def digest(self) -> str:
        """SHA-256 of the body, by which the next head names this one."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def fingerprint(self) -> str:
        """The key's, as it is published and compared by eye."""
        return fingerprint(bytes.fromhex(self.key))


class SignedHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A head with its signature in hex; a line of a file of heads."""

    head: Head
    signature: str
    consistency: tuple[str, ...] = ()
    """In a file: the hashes, in hex, that show that its log goes on from that of the head before (RFC 9162 2.1.4)."""

    @property
    def genuine(self) -> bool:
        """Whether the signature is that of the key which the head names."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.head.key))
            key.verify(bytes.fromhex(self.signature), _CONTEXT + self.head.body)
        except (InvalidSignature, ValueError):
            return False
        return True


def faults(series: Sequence[SignedHead]) -> Iterator[str]:
    """What is wrong with heads in the order of their numbers: signatures, the chain, a log that does not go on.

    Needs no database: it is for who keeps copies. Of heads that are missing in between nothing is said but that.
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
    return merkle.consistent(old.size, new.size, hashes, *roots)


def sign(head: Head, private_key: bytes) -> SignedHead:
    """The head with its signature; `private_key` belongs to the public key that it names."""
    assert head.key == public_key(private_key), "a head names the key that signs it"
    signature = Ed25519PrivateKey.from_private_bytes(private_key).sign(_CONTEXT + head.body)
    return SignedHead(head=head, signature=signature.hex())


def public_key(private_key: bytes) -> str:
    """The public key of a private one, in hex."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw().hex()


def fingerprint(key: bytes) -> str:
    """SHA-256 of a public key, in base64, as SSH shows keys."""
    return "SHA256:" + b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
