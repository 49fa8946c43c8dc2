"""The stored calendars of time of day."""

from collections.abc import Sequence
from functools import lru_cache

from django.db import connection

from urja.apps.rulebook.models import CalendarVersion
from urja.core.calendars import Calendar, parse_calendar


@lru_cache(maxsize=256)
def _parsed(sha256: str) -> Calendar:
    """Return a stored calendar. Versions never change, so each is read and parsed once per process."""
    return parse_calendar(CalendarVersion.objects.filter(sha256=sha256).values_list("text", flat=True)[0])


def versions_of(code: str) -> Sequence[Calendar]:
    """Return the versions of a calendar in the order in which they come into force; empty where none is stored.

    Of two versions with one date the one loaded later corrects the other and comes last.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT sha256 FROM rulebook_calendar_version WHERE code = %s ORDER BY valid_from, id", [code]
        )
        return [_parsed(sha256) for (sha256,) in cursor.fetchall()]


def all_versions() -> list[Calendar]:
    """Return every stored version, by code and day."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT sha256 FROM rulebook_calendar_version ORDER BY code, valid_from, id")
        return [_parsed(sha256) for (sha256,) in cursor.fetchall()]
