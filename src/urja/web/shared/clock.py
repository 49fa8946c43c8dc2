"""Business time as the web tells it: the business clock of the installation in the zone of the utility."""

from datetime import datetime
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from django.conf import settings

from urja.base.clock import AnchoredClock, Clock, WallClock


@cache
def _clock(anchor: Path | None) -> Clock:
    return WallClock() if anchor is None else AnchoredClock(anchor)


def business_now() -> datetime:
    """Business time in the utility's zone. Sessions and sign-in codes do not ask this: they live in wall time."""
    return _clock(settings.URJA_CLOCK_ANCHOR).now().astimezone(zone())


def zone() -> ZoneInfo:
    """The utility's zone: the one of its days, its tariffs and its screens."""
    return ZoneInfo(settings.URJA_TIMEZONE)
