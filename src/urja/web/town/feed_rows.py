"""Rows of the list of events."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse

from urja.apps.supply.queries import feed
from urja.web.shared import formats
from urja.web.shared.clock import zone
from urja.web.town import wording


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One event in the list of events."""

    time: str
    kind: str
    text: str
    place: str
    href: str


def feed_rows(seen: Iterable[feed.FeedEntry], now: datetime) -> list[FeedRow]:
    """Return rows of events, with the time of day for those of today."""
    return [
        FeedRow(
            time=_when(one.at.astimezone(zone()), now),
            kind=one.kind,
            text=wording.happening(one),
            place=one.place or one.serial,
            href=reverse("town:house", args=[one.serial]) if one.serial else "",
        )
        for one in seen
    ]


def _when(at: datetime, now: datetime) -> str:
    """Return the clock time for today, else day and time."""
    return formats.clock_time(at) if at.date() == now.date() else formats.moment(at, now.date())
