"""What the pipeline signs for the head ends (Ed25519): JSON under the context of its kind.

The broker is a carrier, not an authority: a stolen broker password can withhold or repeat what is signed, not make it.
"""

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from urja.stream import messages
from urja.stream.errors import PoisonMessage


class ForgedError(Exception):
    """Bytes that are unsigned, signed by another key or for another kind, or changed after they were signed."""


def signature_of(payload: bytes, context: bytes, private_key: bytes) -> bytes:
    """The signature (64 bytes) of a payload by a private key (32 bytes).

    `context` goes before the signed bytes, so that the signature of one kind cannot be taken for that of another.
    """
    return Ed25519PrivateKey.from_private_bytes(private_key).sign(context + payload)


def verified[T: msgspec.Struct](
    payload: bytes, signature: bytes, kind: type[T], *, context: bytes, public_key: bytes
) -> T:
    """The message of a payload that the key's owner has signed in a context; raises ForgedError.

    Without a public key (empty) nothing is authentic.
    """
    if not public_key:
        raise ForgedError("this head end was given no key to verify signatures with")
    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, context + payload)
    except (InvalidSignature, ValueError):
        raise ForgedError("the signature is not the pipeline's") from None
    try:
        return messages.decode(payload, kind)
    except PoisonMessage as error:
        raise ForgedError(f"signed, and no {kind.__name__}: {error}") from error
