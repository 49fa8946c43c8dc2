"""Loaded meter types on their way to the head ends, signed by the pipeline.

A type says how bytes become energy. The broker is a carrier, not an authority: whoever has a password of its own can
withhold a type, not make one.
"""

from typing import Final

import msgspec

from urja.stream import messages
from urja.stream.signing import signature_of, verified

_CONTEXT: Final = b"urja meter type 1\0"
"""Goes before the signed bytes, so that no other signature of this key can be taken for a type."""


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
    return SignedType(entry=payload, signature=signature_of(payload, _CONTEXT, private_key))


def verify(signed: SignedType, public_key: bytes) -> TypeEntry:
    """The type, if the key's owner has signed it; raises ForgedError."""
    return verified(signed.entry, signed.signature, TypeEntry, context=_CONTEXT, public_key=public_key)
