"""Queries on the stored tariffs, policies, calendars and heat values."""

from django.db import connection


def version() -> str:
    """Return a text that differs once another tariff, calendar or document of heat values is loaded: none is ever changed."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT concat_ws(' ', (SELECT max(id) FROM rulebook_tariff_version),"
            " (SELECT max(id) FROM rulebook_calendar_version), (SELECT max(id) FROM rulebook_heat_values_version))"
        )
        (found,) = cursor.fetchone()
    return str(found)
