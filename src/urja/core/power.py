"""Whether a service point has power, by the newest evidence: the one type that pages, messages and the API use.

A meter without power sends nothing, so all evidence is of the past and every answer carries its instant. That the
relay is open, the meter itself has confirmed; the relay does not show whether the network has power, nor the other
way round.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

MISSED_INTERVALS: Final = 4
"""A meter is not communicating when nothing has arrived for this many of its own intervals."""

MIN_WITHOUT_MESSAGE: Final = timedelta(hours=1)
"""The shortest such time, however short the meter's intervals are."""

LATE_AFTER_WAKE_UP: Final = timedelta(days=1)
"""How long after its longest sleep a meter that sleeps by a plan is not communicating."""

ALWAYS_AWAKE: Final = timedelta()
"""The longest sleep of a meter that never sleeps."""

BLOCK_GRACE: Final = timedelta(minutes=15)
"""How long after its end an interval may still be under way before it counts as missing and its meter as overdue."""

MIN_OUTAGE_REPORTS: Final = 2
"""So many meters behind one node must report a failure before it is taken for the node's: a single one is a fault in
one premise.
"""


@dataclass(frozen=True, slots=True)
class LastMessage:
    """The newest message of a meter."""

    at: datetime
    """When it arrived, by the head end's clock."""
    last_gasp: bool = False
    """Whether it reported that the power fails: a meter sends this on the charge of its capacitor, and nothing after
    it.
    """


@dataclass(frozen=True, slots=True)
class Powered:
    """The meter has communicated recently."""

    heard_at: datetime


@dataclass(frozen=True, slots=True)
class NoPower:
    """The network does not supply the meter."""

    since: datetime
    evidence: Literal["meter", "neighbours"]
    """The evidence: the meter's own last gasp, or its neighbours'. The neighbours count where the meter is overdue
    and every meter behind its transformer or feeder has stopped communicating, some with a last gasp.
    """


@dataclass(frozen=True, slots=True)
class NotCommunicating:
    """Whether the meter has power is not known: it does not communicate."""

    since: datetime | None
    """None: nothing has arrived from this meter yet."""


type PowerAtMeter = Powered | NoPower | NotCommunicating
"""The state of the network at the meter, whatever its relay does."""


@dataclass(frozen=True, slots=True)
class Disconnected:
    """The meter has confirmed that its relay is open."""

    holds: frozenset[str]
    """The holds that keep the supply disconnected; empty once all are released and the reconnection is pending."""
    since: datetime | None
    """When the meter confirmed it; None where a person operated the switch at the meter."""
    at_meter: PowerAtMeter


type PowerState = PowerAtMeter | Disconnected


def not_communicating_after(interval: timedelta, asleep: timedelta = ALWAYS_AWAKE) -> timedelta:
    """Return how long nothing may arrive from a meter before it is not communicating: four intervals, at least an
    hour; of a meter that sleeps for `asleep` at the longest by its plan, a day more than that.
    """
    return LATE_AFTER_WAKE_UP + asleep if asleep else max(MISSED_INTERVALS * interval, MIN_WITHOUT_MESSAGE)


def is_overdue(
    heard: LastMessage, interval: timedelta, now: datetime, asleep: timedelta = ALWAYS_AWAKE
) -> bool:
    """Return whether the next message should have arrived: an interval, or the longest sleep, and 15 minutes have
    passed since the last.
    """
    return now - heard.at > (asleep or interval) + BLOCK_GRACE


def outage_since(behind: Collection[LastMessage]) -> datetime | None:
    """Return since when (UTC) no meter behind a node has power.

    None where one has communicated since, or fewer than two have reported a failure.
    """
    last_heard = max((heard.at for heard in behind if not heard.last_gasp), default=None)
    reported = [
        heard.at for heard in behind if heard.last_gasp and (last_heard is None or heard.at > last_heard)
    ]
    return min(reported) if len(reported) >= MIN_OUTAGE_REPORTS else None


def power_at_meter(
    heard: LastMessage | None,
    interval: timedelta,
    now: datetime,
    outage: datetime | None = None,
    asleep: timedelta = ALWAYS_AWAKE,
) -> PowerAtMeter:
    """Return what is known of the power at a meter at `now` (UTC).

    `outage` is since when no meter behind its transformer or feeder has power; `asleep` is the longest sleep of its plan. All instants are timezone-aware.
    """
    if heard is None:
        return NotCommunicating(None)
    if heard.last_gasp:
        return NoPower(heard.at, "meter")
    if outage is not None and heard.at < outage and is_overdue(heard, interval, now, asleep):
        return NoPower(outage, "neighbours")
    if now - heard.at > not_communicating_after(interval, asleep):
        return NotCommunicating(heard.at)
    # A meter's clock may run ahead, and the end of its last interval with it: the answer must not lie in the future.
    return Powered(min(heard.at, now))
