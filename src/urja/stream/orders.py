"""Commands to meters: signed orders to the head ends, progress back to the pipeline.

An order is signed over the very bytes that carry it, by a key that only the pipeline holds
(`urja.stream.signing`).
"""

from datetime import datetime
from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from urja.base.untyped_values import JsonObject
from urja.stream.signing import Signed

SUPPLY_KINDS: Final = frozenset({"connect", "disconnect"})
"""Commands that move the load switch: of these a newer one supersedes an older one."""

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
"""State of a command as a head end reports it; `trying` changes nothing: another attempt will follow."""


HELD_BY_CEILING: Final = "held by the head end's ceiling on cuts"
"""Beginning of the detail of a `trying` that waits for people and not for the meter."""


class Order(msgspec.Struct, frozen=True, kw_only=True):
    """One command to one meter; `sequence` grows with each command of a device."""

    command_id: int
    device_id: int
    system_title: bytes
    kind: str
    """Name of a module of `urja.headend.commands`."""
    arguments: JsonObject
    sequence: int
    issued_at: datetime
    expires_at: datetime
    """Business time after which it must not be begun."""
    correlation: int

    @property
    def moves_supply(self) -> bool:
        """Whether it moves the load switch."""
        return self.kind in SUPPLY_KINDS


class SignedOrder(Signed[Order], frozen=True, kw_only=True):
    """An order as it is sent: JSON, and the signature of exactly these bytes."""

    kind = Order
    context = b"urja order 1\0"

    # This kind's name on the wire since the first version: queued orders have it.
    payload: bytes = msgspec.field(name="order")


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """A step of a command as the head end reports it.

    `at` is business time, `wall_ms` real time in Unix milliseconds.
    """

    command_id: int
    device_id: int
    sequence: int
    state: ProgressState
    at: datetime
    wall_ms: int
    detail: str = ""
    """Why it failed, or what happened to the last attempt."""
    attempts: Annotated[int, Meta(ge=0, lt=1 << 31)] = 0
    again_at: datetime | None = None
    """When the next attempt is due, unless the meter connects before."""
    evidence: JsonObject = {}
    """Values read from the meter: control state, load, register, the object that was read."""
    correlation: int = 0
