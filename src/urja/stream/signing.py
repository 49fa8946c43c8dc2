"""What the pipeline signs for the head ends (Ed25519): JSON under the context of its kind.

The broker is a carrier, not an authority: a stolen broker password can withhold or repeat what is signed, not make it.
"""

from functools import cache
from typing import ClassVar, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from urja.stream import messages
from urja.stream.errors import PoisonMessageError


class ForgedError(Exception):
    """Bytes that are unsigned, signed by another key or for another kind, or changed after they were signed."""


class Signed[T: msgspec.Struct](msgspec.Struct, frozen=True, kw_only=True):
    """A message as it travels: its JSON, and the signature of exactly these bytes. One subclass a kind of message."""

    kind: ClassVar[type[msgspec.Struct]]
    """T again, which is not known when the program runs."""
    context: ClassVar[bytes]
    """Goes before the signed bytes, so that the signature of one kind cannot be taken for that of another."""

    payload: bytes = msgspec.field(name="entry")
    signature: bytes

    @classmethod
    def of(cls, message: T, private_key: bytes) -> Self:
        """The message under the pipeline's signing key (32 bytes). The same message gives the same bytes."""
        payload = messages.encode(message)
        return cls(payload=payload, signature=_private(private_key).sign(cls.context + payload))

    def verified(self, public_key: bytes) -> T:
        """The message, if the key's owner has signed it; raises ForgedError.

        Without a public key (empty) nothing is authentic.
        """
        if not public_key:
            raise ForgedError("this head end was given no key to verify signatures with")
        try:
            _public(public_key).verify(self.signature, self.context + self.payload)
        except (InvalidSignature, ValueError):
            raise ForgedError("the signature is not the pipeline's") from None
        try:
            message: T = messages.decode(self.payload, self.kind)  # type: ignore[assignment]
        except PoisonMessageError as error:
            raise ForgedError(f"signed, and no {self.kind.__name__}: {error}") from error
        return message


@cache
def _private(key: bytes) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(key)


@cache
def _public(key: bytes) -> Ed25519PublicKey:
    return Ed25519PublicKey.from_public_bytes(key)


def public_key(private_key: bytes) -> bytes:
    """What a head end verifies with (32 bytes)."""
    return _private(private_key).public_key().public_bytes_raw()
