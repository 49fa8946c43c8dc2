"""Commands on their way to a meter: signed orders out, progress back.

An order is signed over the very bytes that carry it, by a key that only the pipeline holds (Ed25519). The broker
is a carrier, not an authority: whoever has a password of its own can repeat or withhold an order, not make one.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from msgspec import Meta

from urja.stream import messages
from urja.stream.signing import signature_of, verified

SUPPLY_KINDS: Final = frozenset({"connect", "disconnect"})
"""Commands that move the load switch: of these a newer one makes an older one void."""

_CONTEXT: Final = b"urja order 1\0"
"""Goes before the signed bytes, so that no other signature of this key can be taken for an order."""

TerminalState = Literal[
    "confirmed", "connected_load_unproven", "waiting_for_person", "expired", "superseded", "failed"
]
ProgressState = Literal[
    "trying",
    "acknowledged",
    "confirmed",
    "connected_load_unproven",
    "waiting_for_person",
    "expired",
    "superseded",
    "failed",
]
"""What a head end says of a command. `trying` moves nothing: an attempt failed and another will follow."""


HELD: Final = "held by the head end's ceiling on cuts"
"""How the detail of a `trying` begins that waits for people, not for the meter."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One command to one meter. `sequence` grows with each command of a device."""

    command_id: int
    device_id: int
    system_title: bytes
    kind: str
    """A module of `urja.headend.commands`."""
    arguments: dict[str, Any]
    sequence: int
    issued_at: datetime
    expires_at: datetime
    """Business time after which it must not be begun."""
    correlation: int

    @property
    def moves_supply(self) -> bool:
        """Whether it is about the load switch."""
        return self.kind in SUPPLY_KINDS


class SignedOrder(msgspec.Struct, frozen=True, kw_only=True):
    """An order as it travels: its JSON, and the signature of exactly these bytes."""

    order: bytes
    signature: bytes


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a command's life, as the head end saw it at `at` (business) and `wall_ms` (Unix milliseconds)."""

    command_id: int
    device_id: int
    sequence: int
    state: ProgressState
    at: datetime
    wall_ms: int
    detail: str = ""
    """Why it failed, or what the last attempt met."""
    attempts: Annotated[int, Meta(ge=0, lt=1 << 31)] = 0
    again_at: datetime | None = None
    """When the next attempt is due, if the meter does not show up before."""
    evidence: dict[str, Any] = {}
    """What the meter said: control state, load, register, the object that was read."""
    correlation: int = 0


def sign(order: Order, private_key: bytes) -> SignedOrder:
    """The order under the pipeline's signing key (32 bytes)."""
    payload = messages.encode(order)
    return SignedOrder(order=payload, signature=signature_of(payload, _CONTEXT, private_key))


def verify(signed: SignedOrder, public_key: bytes) -> Order:
    """The order, if the key's owner has signed it; raises ForgedError."""
    return verified(signed.order, signed.signature, Order, context=_CONTEXT, public_key=public_key)


def public_key(private_key: bytes) -> bytes:
    """What a head end verifies with (32 bytes)."""
    return Ed25519PrivateKey.from_private_bytes(private_key).public_key().public_bytes_raw()
