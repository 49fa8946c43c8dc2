"""Whether a supply has power, by the newest evidence: the one type that pages, messages and programs speak by.

A meter without power says nothing, so all evidence is of the past: the instant stands with every answer. That the relay
is open, the meter itself has confirmed; the relay says nothing of the network, and the network nothing of the relay.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

SILENT_INTERVALS: Final = 4
"""A meter of which nothing came in for so many of its own intervals is not heard from."""

LEAST_SILENCE: Final = timedelta(hours=1)
"""And no sooner, however short its intervals are."""

BLOCK_GRACE: Final = timedelta(minutes=15)
"""How long after its end an interval may still be on its way before it is called missing, and its meter overdue."""

LEAST_REPORTS: Final = 2
"""So many meters behind one node report a failure before it is taken for the node's: one alone is a house's own."""


@dataclass(frozen=True, slots=True)
class Heard:
    """The newest message of a meter."""

    at: datetime
    """When it came in, by the head end's clock."""
    last_gasp: bool = False
    """Whether it told that the power fails: a meter sends it with what is left in its capacitor, and nothing after it."""


@dataclass(frozen=True, slots=True)
class Powered:
    """The meter was heard not long ago."""

    heard_at: datetime


@dataclass(frozen=True, slots=True)
class NoPower:
    """The network gives no power at the meter."""

    since: datetime
    told_by: Literal["meter", "neighbours"]
    """Its own last gasp; or it is overdue, and other meters behind its transformer or feeder, of which none is heard,
    gave theirs.
    """


@dataclass(frozen=True, slots=True)
class NotHeardFrom:
    """Whether there is power is not known."""

    since: datetime | None
    """None: nothing has come in yet."""


type AtMeter = Powered | NoPower | NotHeardFrom


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The meter has confirmed that its relay is open."""

    holds: frozenset[str]
    """Why it is held off; empty once nothing holds it and it waits to be reconnected."""
    since: datetime | None
    """When the meter confirmed it; None where a person switched beside the meter."""
    at_meter: AtMeter


type PowerState = AtMeter | Disconnected


def silent_after(interval: timedelta) -> timedelta:
    """How long nothing may come in from a meter before it counts as not heard from."""
    return max(SILENT_INTERVALS * interval, LEAST_SILENCE)


def is_overdue(heard: Heard, interval: timedelta, now: datetime) -> bool:
    """Whether the next message should have come in: then others are asked whether the network has failed."""
    return now - heard.at > interval + BLOCK_GRACE


def outage_since(behind: Collection[Heard]) -> datetime | None:
    """Since when no meter behind a node has power; None where one was heard since, or too few have reported a failure."""
    last_heard = max((heard.at for heard in behind if not heard.last_gasp), default=None)
    reported = [
        heard.at for heard in behind if heard.last_gasp and (last_heard is None or heard.at > last_heard)
    ]
    return min(reported) if len(reported) >= LEAST_REPORTS else None


def at_meter(
    heard: Heard | None, interval: timedelta, now: datetime, outage: datetime | None = None
) -> AtMeter:
    """What is known of the power at a meter; `outage` is since when all behind its transformer or feeder have none."""
    if heard is None:
        return NotHeardFrom(None)
    if heard.last_gasp:
        return NoPower(heard.at, "meter")
    if outage is not None and heard.at < outage and is_overdue(heard, interval, now):
        return NoPower(outage, "neighbours")
    if now - heard.at > silent_after(interval):
        return NotHeardFrom(heard.at)
    # A meter's clock may be ahead, and the end of its last interval with it.
    return Powered(min(heard.at, now))
