"""Messages that the pipeline signs for the head ends (Ed25519): JSON under the context of its kind.

The broker is a carrier, not an authority: a stolen broker password can withhold or repeat a signed message,
not make one (ADR 9).
"""

from functools import cache
from typing import ClassVar, Self

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from urja.stream import messages
from urja.stream.errors import PoisonMessageError


class ForgedError(Exception):
    """Bytes that are unsigned, signed by another key or for another kind, or changed after signing."""


class Signed[T: msgspec.Struct](msgspec.Struct, frozen=True, kw_only=True):
    """A message as it is sent: its JSON, and the signature of exactly these bytes; one subclass a kind."""

    kind: ClassVar[type[msgspec.Struct]]
    """The class T, which type parameters do not give at run time."""
    context: ClassVar[bytes]
    """Precedes the signed bytes, so that the signature of one kind is none for another."""

    payload: bytes = msgspec.field(name="entry")
    signature: bytes

    @classmethod
    def of(cls, message: T, private_key: bytes) -> Self:
        """Return the message signed by the pipeline's key (32 bytes); the same message gives the same bytes."""
        payload = messages.encode(message)
        return cls(payload=payload, signature=_private(private_key).sign(cls.context + payload))

    def verified(self, public_key: bytes) -> T:
        """Return the message, if the owner of the key has signed it; raises ForgedError.

        Without a public key (empty) no message is authentic.
        """
        if not public_key:
            raise ForgedError("this head end was given no key to verify signatures with")
        try:
            # Verified before it is parsed: the JSON decoder sees only bytes that the pipeline wrote.
            _public(public_key).verify(self.signature, self.context + self.payload)
        except (InvalidSignature, ValueError):
            raise ForgedError("the signature is not the pipeline's") from None
        try:
            message: T = messages.decode(self.payload, self.kind)  # type: ignore[assignment]  # `kind` is T - `kind` is T
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
    """Return the key that a head end verifies with (32 bytes)."""
    return _private(private_key).public_key().public_bytes_raw()
