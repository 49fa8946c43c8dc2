"""Maximum demand from blocks: the highest mean power over a demand period that intervals divide, with its instant."""

from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from urja.core.calendar import utc_offsets_s
from urja.core.determinants.inputs import Integers, Intervals, Segments, column
from urja.core.vee import NULL


@dataclass(frozen=True, slots=True)
class Demands:
    """Demand of every whole demand period, in order of segment and time."""

    segment: Integers
    start_at: Integers
    power: Integers
    """W or VA behind the ratio, rounded down."""


def block_demands(
    segments: Segments, intervals: Intervals, name: str, demand_s: int, zone: ZoneInfo
) -> Demands:
    """Return the demand of each demand period of `demand_s` seconds that measured intervals fill without a gap.

    Demand periods count from local midnight. Intervals that do not divide them give none, and neither does a period with an
    estimated or missing interval: what was not measured is no maximum. A sliding window cannot be had from blocks.
    """
    value = column(intervals.values, name, len(intervals.segment))
    length_s, segment, start_at = intervals.length_s, intervals.segment, intervals.start_at
    usable = (
        (value != NULL)
        & ~intervals.estimated
        & (demand_s % np.maximum(length_s, 1) == 0)
        & (start_at >= segments.from_at[segment])
        & (start_at < segments.to_at[segment])
    )
    value, length_s, segment, start_at = value[usable], length_s[usable], segment[usable], start_at[usable]
    # Counted from local midnight, told apart in UTC: the hour that summer time repeats has two of each.
    window = start_at - (start_at + utc_offsets_s(start_at, zone)) % demand_s
    order = np.lexsort((start_at, window, segment))
    value, length_s, segment, window = value[order], length_s[order], segment[order], window[order]
    if len(window) == 0:
        return Demands(segment, window, value)
    begins = np.flatnonzero(
        np.concatenate((np.ones(1, np.bool_), (window[1:] != window[:-1]) | (segment[1:] != segment[:-1])))
    )
    energy, filled = np.add.reduceat(value, begins), np.add.reduceat(length_s, begins)
    whole = filled == demand_s
    owner = segment[begins]
    power = energy * segments.ratio_primary[owner] * 3600 // (segments.ratio_secondary[owner] * demand_s)
    return Demands(owner[whole], window[begins][whole], power[whole])


def highest(power: Integers, at: Integers, group: Integers, groups: int) -> tuple[Integers, Integers]:
    """Return the highest power (W or VA) of each group and its instant (Unix seconds), the earliest of equal ones.

    An empty group has `NULL`.
    """
    most, when = np.full(groups, NULL, np.int64), np.full(groups, NULL, np.int64)
    order = np.lexsort((at, -power, group))
    first = order[np.concatenate((np.ones(min(len(order), 1), np.bool_), np.diff(group[order]) != 0))]
    most[group[first]], when[group[first]] = power[first], at[first]
    return most, when


@dataclass(frozen=True, slots=True)
class RecordedDemand:
    """Maximum demand of a past billing period, for a ratchet."""

    from_at: int
    to_at: int
    """The period, in Unix seconds."""
    power: int
    imported: bool
    """Whether it came from an earlier system's books and not from a meter that Urja has read."""


def usable_for_ratchet(
    history: Iterable[RecordedDemand], first_smart_meter_at: int | None
) -> list[RecordedDemand]:
    """Return the demands that a ratchet may use, in their order; none without a smart meter.

    Demand recorded before the service point's first smart meter (Unix seconds) is never used (India's Electricity (Rights of
    Consumers) Amendment Rules, GSR 437(E), 14 June 2023). The first one stays the first when it is exchanged, so the history
    is kept. Imported history is used only for periods that lie after it as a whole: nothing tells when in a period it was
    recorded.
    """
    if first_smart_meter_at is None:
        return []
    return [
        one for one in history if (one.from_at if one.imported else one.to_at - 1) >= first_smart_meter_at
    ]


def ratchet(
    history: Iterable[RecordedDemand], first_smart_meter_at: int | None, periods: int
) -> RecordedDemand | None:
    """Return the highest usable demand (`usable_for_ratchet`) of the last `periods` billing periods; None without one."""
    newest = sorted(history, key=lambda one: one.to_at, reverse=True)[:periods]
    allowed = usable_for_ratchet(newest, first_smart_meter_at)
    return max(allowed, key=lambda one: (one.power, one.to_at), default=None)
