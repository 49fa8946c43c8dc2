"""Values of meter types for modules that read no model."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class SleepingTypes:
    """The types whose module sleeps, at one instant: columns of the same length, for SQL."""

    names: tuple[str, ...] = ()
    last_awake_at: tuple[datetime, ...] = ()
    """The last planned wake-up (UTC)."""
    longest_asleep_s: tuple[int, ...] = ()
    """The longest time between two planned wake-ups."""
    asleep_now: tuple[str, ...] = ()
    """Those of them that sleep at the instant by their plan."""


def no_sleeping_types(_now: datetime) -> SleepingTypes:
    """Return that every module is always awake."""
    return SleepingTypes()
