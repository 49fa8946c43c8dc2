"""The utility's time zone, in which its days and billing periods begin."""

from functools import cache
from zoneinfo import ZoneInfo

from django.conf import settings


@cache
def local_zone() -> ZoneInfo:
    """Return the utility's time zone, in which its days and billing periods begin."""
    return ZoneInfo(settings.URJA_TIMEZONE)
