"""Heads of the signed log: what a day's close signs, and how a signature is checked.

The key of heads signs nothing else: it goes over a context and the head's JSON, byte by byte as `body` gives it.
"""

import hashlib
from base64 import b64encode
from datetime import date, datetime
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

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


class SignedHead(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A head with its signature in hex; a line of a file of heads."""

    head: Head
    signature: str

    @property
    def genuine(self) -> bool:
        """Whether the signature is that of the key which the head names."""
        try:
            key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(self.head.key))
            key.verify(bytes.fromhex(self.signature), _CONTEXT + self.head.body)
        except (InvalidSignature, ValueError):
            return False
        return True


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
