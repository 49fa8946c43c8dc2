"""The orders that a head end has in work, a queue for each meter."""

from dataclasses import dataclass, field
from datetime import datetime

from urja.headend.failures import FailureKind
from urja.headend.round_trips import RoundTrips
from urja.stream.consumer import Delivery
from urja.stream.orders import Order, SignedOrder


@dataclass(slots=True)
class PendingOrder:
    """An order in a meter's queue. `delivery` is None while the broker has it back."""

    order: Order
    shard: int
    delivery: Delivery[SignedOrder] | None
    attempts: int = 0
    failures: dict[FailureKind, int] = field(default_factory=dict)
    reported: str = ""
    """The cause of delay last reported to the pipeline."""
    not_before_s: float = 0.0
    """Earliest next attempt on the monotonic clock, where this order alone has to wait."""
    counted: bool = False
    """Whether the disconnection limits have counted it."""
    round_trips: int = 0
    """Round trips to the meter in all attempts; those of the association count for the order it was opened for."""
    held_at: datetime | None = None
    """Since when a ceiling holds it: then it can only end, and is not carried out."""


@dataclass(slots=True)
class MeterQueue:
    """The orders of one meter by sequence."""

    title: bytes
    pending: dict[int, PendingOrder] = field(default_factory=dict)
    running: bool = False
    absent: bool = False
    """Whether the meter was unreachable at the last attempt."""
    round_trips_of_session: RoundTrips = field(default_factory=RoundTrips)
    """Round trips of the present session."""
    attributed: int = 0
    """How many of them were added to an order."""

    def attribute(self, pending: PendingOrder) -> None:
        """Add the round trips since the session's last order to this one."""
        pending.round_trips += self.round_trips_of_session.total() - self.attributed
        self.attributed = self.round_trips_of_session.total()

    def in_order(self) -> list[PendingOrder]:
        """The orders by sequence, those to the load switch first: a reconnection does not wait for a display."""
        return sorted(
            self.pending.values(),
            key=lambda pending: (not pending.order.moves_supply, pending.order.sequence),
        )

    def ends_by(self, now: datetime) -> bool:
        return any(pending.order.expires_at <= now for pending in self.pending.values())

    @property
    def newest_supply(self) -> int:
        return max(
            (pending.order.sequence for pending in self.pending.values() if pending.order.moves_supply),
            default=0,
        )
