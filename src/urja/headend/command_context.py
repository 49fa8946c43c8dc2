"""The context that a command's module is given, and the outcome that it returns."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from urja.base.clock import Clock
from urja.headend.new_keys import KeyGenerator
from urja.headend.profile_pulls import ProfilePuller
from urja.headend.roster import Meter
from urja.headend.session import Session
from urja.stream.orders import Order, TerminalState


@dataclass(frozen=True, slots=True)
class CommandContext:
    """One order to be carried out in an open session."""

    session: Session
    meter: Meter
    order: Order
    clock: Clock
    pulls: ProfilePuller
    key_maker: KeyGenerator
    acknowledged: Callable[[], Awaitable[None]]
    """To be awaited once the meter has accepted the order, before its state is read back."""


@dataclass(frozen=True, slots=True)
class CommandOutcome:
    """How an order ended, and the meter's answer as evidence."""

    state: TerminalState = "confirmed"
    detail: str = ""
    evidence: Mapping[str, object] = field(default_factory=dict)
