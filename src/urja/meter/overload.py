"""The meter cuts by itself when too much is drawn: trip, try again some times, lock out, and again.

Numbers are data of the device type (`[overload]` in its companion file). The guard only tells when something is
due; the engine moves the switch. It works on power that is constant between two looks.
"""

from enum import Enum

from urja.cosem.companion import OverloadHabit


class GuardState(Enum):
    """What the guard does now."""

    WATCHING = "watching"
    WAITING = "waiting"
    LOCKED_OUT = "locked_out"


class OverloadGuard:
    """One meter's guard. Times are true Unix seconds."""

    def __init__(self, habit: OverloadHabit) -> None:
        self.habit = habit
        self.state = GuardState.WATCHING
        self.tripped = False
        """Whether it has cut since the load was last seen within its limit."""
        self._trips = 0
        self._over_since_s: int | None = None
        self._retry_at_s = 0

    @property
    def due_s(self) -> int | None:
        """When something is due if the load stays as it was at the last look; None if nothing is."""
        if self.state is not GuardState.WATCHING:
            return self._retry_at_s
        return None if self._over_since_s is None else self._over_since_s + self.habit.trip_after_s

    def look(self, now_s: int, *, over: bool) -> None:
        """Note whether the load is over the limit from `now_s` on."""
        if not over:
            self._over_since_s = None
        elif self._over_since_s is None:
            self._over_since_s = now_s

    def trip(self, now_s: int) -> None:
        """The switch has opened; the next attempt is due after a pause, or after the lock-out."""
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

    def watch(self) -> None:
        """The switch is closed again, or somebody else has opened it: there is nothing to wait for."""
        self.state = GuardState.WATCHING
        self._over_since_s = None

    def calm(self) -> None:
        """The load is within its limit: attempts are counted anew."""
        self.tripped = False
        self._trips = 0
