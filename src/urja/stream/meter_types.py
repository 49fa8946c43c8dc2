"""Loaded meter types on their way to the head ends, signed by the pipeline.

A type says how bytes become energy. The broker is a carrier, not an authority: whoever has a password of its own can
withhold a type, not make one.
"""

from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from urja.stream import messages
from urja.stream.errors import PoisonMessage

_CONTEXT: Final = b"urja meter type 1\0"
"""Goes before the signed bytes, so that no other signature of this key can be taken for a type."""


class ForgedTypeError(Exception):
    """A meter type that is unsigned, signed by another key, or changed after it was signed."""


class TypeEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The versions of a loaded meter type that are in force, each as its files by their names.

    The newest first; there are several where they are for different firmware.
    """

    name: str
    versions: list[dict[str, str]]


class SignedType(msgspec.Struct, frozen=True, kw_only=True):
    """A type as it travels: its JSON, and the signature of exactly these bytes."""

    entry: bytes
    signature: bytes


def sign(entry: TypeEntry, private_key: bytes) -> SignedType:
    """The type under the pipeline's signing key (32 bytes)."""
    payload = messages.encode(entry)
    key = Ed25519PrivateKey.from_private_bytes(private_key)
    return SignedType(entry=payload, signature=key.sign(_CONTEXT + payload))


def verify(signed: SignedType, public_key: bytes) -> TypeEntry:
    """The type, if the key's owner has signed it; raises ForgedTypeError.

    Without a public key (empty) nothing is authentic.
    """
    if not public_key:
        raise ForgedTypeError("this head end was given no key to verify types with")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signed.signature, _CONTEXT + signed.entry)
    except (InvalidSignature, ValueError):
        raise ForgedTypeError("the signature is not the pipeline's") from None
    try:
        return messages.decode(signed.entry, TypeEntry)
    except PoisonMessage as error:
        raise ForgedTypeError(f"signed, and no meter type: {error}") from error
