"""Overload protection: the meter disconnects above its limit, retries some times, locks out, and begins again.

The numbers are data of the device type (`[overload]` in its companion file). The guard only says when an action is
due; the engine moves the switch. It relies on power that is constant between two observations.
"""

from enum import Enum

from urja.cosem.companion import OverloadBehaviour


class GuardState(Enum):
    """The states of an overload guard."""

    WATCHING = "watching"
    WAITING = "waiting"
    LOCKED_OUT = "locked_out"


class OverloadGuard:
    """The overload guard of one meter. Times are true Unix seconds."""

    def __init__(self, habit: OverloadBehaviour) -> None:
        self.habit = habit
        self.state = GuardState.WATCHING
        self.tripped = False
        """Whether it has disconnected since the load was last within its limit."""
        self._trips = 0
        self._over_since_s: int | None = None
        self._retry_at_s = 0

    @property
    def due_s(self) -> int | None:
        """When an action is due if the load stays as last observed, in Unix seconds; None where none is."""
        if self.state is not GuardState.WATCHING:
            return self._retry_at_s
        return None if self._over_since_s is None else self._over_since_s + self.habit.trip_after_s

    def observe(self, now_s: int, *, over: bool) -> None:
        """Observe whether the load is above the limit from `now_s` on (Unix seconds)."""
        if not over:
            self._over_since_s = None
        elif self._over_since_s is None:
            self._over_since_s = now_s

    def trip(self, now_s: int) -> None:
        """Record that the switch opened at `now_s` (Unix seconds).

        The next attempt is due after the type's pause, or after its lock-out when the retries are used up.
        """
        self.tripped = True
        self._over_since_s = None
        if self._trips < self.habit.retries:
            self._trips += 1
            self.state = GuardState.WAITING
            self._retry_at_s = now_s + self.habit.retry_after_s
        else:
            self._trips = 0
            self.state = GuardState.LOCKED_OUT
            self._retry_at_s = now_s + self.habit.lockout_s

    def resume(self) -> None:
        """Stop waiting: the switch is closed again, or another order has opened it."""
        self.state = GuardState.WATCHING
        self._over_since_s = None

    def reset(self) -> None:
        """Restart the count of attempts: the load is within its limit."""
        self.tripped = False
        self._trips = 0
