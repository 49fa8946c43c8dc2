"""Calendars are stored as versions that never change, and refused where meters cannot tell their zones apart."""

from datetime import UTC, datetime
from importlib import resources
from zoneinfo import ZoneInfo

import psycopg
import pytest
from tests.apps.town import START, adopt

NOW = datetime(2026, 4, 1, tzinfo=UTC)
KOLKATA = ZoneInfo("Asia/Kolkata")
TOD = resources.files("urja.core.calendars").joinpath("documents", "demo-tod-2026-04.toml").read_text()


def load(text, **changes):
    from urja.usecases.calendars import load_calendar

    return load_calendar(text, **({"zone": KOLKATA, "recorded_at": NOW, "actor": "test"} | changes))


def later(text, version, day="2026-05-01"):
    return text.replace('version = "2026-04"', f'version = "{version}"').replace("2026-04-01", day)


def test_versions_are_stored_in_their_order_and_never_changed(database):
    from urja.apps.rulebook.errors import CalendarConflictError
    from urja.apps.rulebook.queries.calendars import versions_of

    load(later(TOD, "2026-05"))
    load(TOD)
    load(TOD)
    assert [one.version for one in versions_of("demo-tod")] == ["2026-04", "2026-05"]
    with pytest.raises(CalendarConflictError, match="is stored with another text"):
        load(TOD.replace("Solar hours", "Sun"))
    with pytest.raises(CalendarConflictError, match="zone 2 is 'sun' in it and 'solar' in version"):
        load(later(TOD, "2026-06").replace('"solar"', '"sun"'))
    for statement in (
        "UPDATE rulebook_calendar_version SET text = ''",
        "DELETE FROM rulebook_calendar_version",
    ):
        with (
            database.connect() as owner,
            pytest.raises(psycopg.errors.IntegrityConstraintViolation, match="never changed or deleted"),
        ):
            owner.execute(statement)
    for role in ("urja_web", "urja_pipeline"):
        with database.connect(role) as connection, pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("INSERT INTO rulebook_calendar_version DEFAULT VALUES")


def test_a_change_of_zone_inside_an_installed_meters_interval_is_refused(database):
    from urja.usecases.calendars import UnfitCalendarError

    odd = TOD.replace('"06:00"', '"06:15"')
    load(later(odd, "odd", "2026-04-02"))
    adopt(1, valid_from=START)
    adopt(2, valid_from=START, interval_s=900)
    with pytest.raises(UnfitCalendarError) as refused:
        load(odd)
    assert str(refused.value).startswith(
        "day every-day: the zone changes at 06:15, inside the interval from 06:00 to 06:30: meters with intervals of 30 "
        "minutes (1 installed) cannot tell its zones apart"
    )
    with pytest.raises(UnfitCalendarError, match="intervals of 60 minutes cannot"):
        load(odd, interval_lengths_s=[3600])
    assert load(odd, interval_lengths_s=[900]).version == "2026-04"
    adopt(3, valid_from=START, interval_s=3600, clock_offset_s=18_000)
    with pytest.raises(UnfitCalendarError, match="intervals of 60 minutes"):
        load(later(TOD, "2026-07"))


def test_a_tariff_names_a_calendar_that_is_loaded(database):
    from urja.apps.rulebook.errors import UnknownCalendarError
    from urja.apps.rulebook.operations import load_tariff

    demo = resources.files("urja.apps.rulebook").joinpath("documents", "demo-domestic.toml").read_text()
    tariff = demo.replace("title = ", 'calendar = "demo-tod"\ntitle = ', 1).replace(
        "2024-01-01", "2026-04-01"
    )
    tariff = tariff.replace('code = "demo-domestic"', 'code = "demo-tod"')
    with pytest.raises(UnknownCalendarError, match="load it first"):
        load_tariff(tariff, NOW)
    load(TOD)
    assert load_tariff(tariff, NOW).code
