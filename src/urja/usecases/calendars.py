"""Calendars of time of day are loaded, unless a meter's intervals cannot tell their zones apart."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

from urja.apps.assets.queries import MeterClocks, installed_clocks
from urja.apps.journal.errors import RegistryError
from urja.apps.rulebook import operations as rulebook
from urja.core.calendars import Calendar, edges_inside_intervals, parse_calendar

ELECTRICITY = "electricity"
_SHOWN = 3


class UnfitCalendarError(RegistryError):
    """A calendar with a change of zone inside an interval of installed meters."""


def load_calendar(
    text: str, *, zone: ZoneInfo, interval_lengths_s: Sequence[int] = (), recorded_at: datetime, actor: str
) -> Calendar:
    """Store a document as a version of its calendar.

    It is checked against the intervals of the installed electricity meters, or of those with `interval_lengths_s` alone
    (seconds). Raises UnfitCalendarError where a zone changes inside one, and as `rulebook.operations.load_calendar`.
    """
    calendar = parse_calendar(text)
    for clocks in installed_clocks(ELECTRICITY):
        if not interval_lengths_s or clocks.interval_s in interval_lengths_s:
            _check(calendar, clocks, zone)
    for length_s in interval_lengths_s:
        _check(calendar, MeterClocks(length_s, None, 0), zone)
    return rulebook.load_calendar(text, recorded_at=recorded_at, actor=actor)


def _check(calendar: Calendar, clocks: MeterClocks, zone: ZoneInfo) -> None:
    edges = list(
        edges_inside_intervals(calendar, clocks.interval_s, clock_offset_s=clocks.clock_offset_s, zone=zone)
    )
    if edges:
        more = f"; and {len(edges) - _SHOWN} more" if len(edges) > _SHOWN else ""
        raise UnfitCalendarError(
            f"{'; '.join(map(str, edges[:_SHOWN]))}{more}: meters with intervals of {clocks.interval_s // 60} minutes"
            f"{f' ({clocks.meters} installed)' if clocks.meters else ''} cannot tell its zones apart. Move the change, or "
            "name the lengths of the meters that will be billed by it (--interval-min)"
        )
