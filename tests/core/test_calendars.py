"""Calendars: each minute of each day is in one zone, faults name day and time, and zones are right over summer time."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from urja.core.calendar import Period, midnight
from urja.core.calendars import (
    CalendarError,
    UncoveredDayError,
    activity_tables,
    edges_inside_intervals,
    first_difference,
    parse_calendar,
    zone_numbers,
)

DOCUMENTS = Path(__file__).parents[2] / "src/urja/core/calendars/documents"
ONTARIO = (DOCUMENTS / "ontario-tou-2025-11.toml").read_text()
INDIA = (DOCUMENTS / "demo-tod-2026-04.toml").read_text()
TORONTO, KOLKATA = ZoneInfo("America/Toronto"), ZoneInfo("Asia/Kolkata")


def faults(text):
    with pytest.raises(CalendarError) as caught:
        parse_calendar(text)
    return str(caught.value)


def test_the_examples_are_valid():
    assert [zone.name for zone in parse_calendar(ONTARIO).zones] == ["off-peak", "mid-peak", "on-peak"]
    assert parse_calendar(INDIA).code == "demo-tod"


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ('{ from = "00:00", to = "07:00", zone = "off-peak" }', '{ from = "00:00", to = "06:30", zone = "off-peak" }',
         "day winter-weekday.zones: 06:30 to 07:00 is in no zone"),
        ('{ from = "00:00", to = "07:00", zone = "off-peak" }', '{ from = "00:00", to = "07:15", zone = "off-peak" }',
         "day winter-weekday.zones: 07:00 to 07:15 is in two zones, off-peak and on-peak"),
        ('{ from = "19:00", to = "24:00"', '{ from = "19:00", to = "23:00"',
         "day winter-weekday.zones: 23:00 to 24:00 is in no zone"),
        ('{ from = "19:00", to = "24:00"', '{ from = "19:00", to = "07:00"', "write what is after midnight as a span of its own"),
        ('to = "07:00"', 'to = "24:30"', "must be a time of the day such as 07:30, at most 24:00, not '24:30'"),
        ('zone = "mid-peak" }', 'zone = "middle" }', "names the zone 'middle', which is not defined"),
        ('weekdays = "winter-weekday"', 'weekdays = "winter"', "season winter.weekdays: names the day 'winter', which is not defined"),
        ('weekend = "rest"\nholiday = "rest"\n\n[[season]]', 'holiday = "rest"\n\n[[season]]',
         "season winter.saturday: has no kind of day: give saturday or weekend"),
        ('from = "11-01"', 'from = "02-29"', "must be a day of every year"),
        ('from = "11-01"', 'from = "05-01"', "begins on 05-01, as another season does"),
        ("number = 2", "number = 9", "must be a register of the meter, 1 to 8, not 9"),
        ("number = 2", "number = 1", "1 is another zone's already"),
        ("day = 2026-01-01", "day = 2026-02-16", "2026-02-16 is in the list already"),
        ('weekend = "rest"\nholiday = "rest"\n\n[[season]]', 'weekend = "rest"\n\n[[season]]', "season winter.holiday: is missing"),
        ('code = "ontario-tou"', 'colour = "red"', "colour: is not known here"),
        ("format = 1", "format = 2", "this version of Urja reads format 1"),
        ("format = 1", "format = [", "is not TOML"),
    ],
)  # fmt: skip
def test_a_fault_names_day_and_time(old, new, sentence):
    assert old in ONTARIO
    assert sentence in faults(ONTARIO.replace(old, new, 1))


def by_the_clock(calendar, at, zone):
    """The zone of an instant, by the document alone: minute by minute, without arrays."""
    local = datetime.fromtimestamp(int(at), zone)
    switches = calendar.table_of(local.date()).switches
    return [number for minute, number in switches if minute <= local.hour * 60 + local.minute][-1]


@pytest.mark.parametrize("length_s", [900, 1800, 3600])
@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 8), 23), (date(2026, 11, 1), 25)])
def test_ontario_over_both_changes(length_s, day, hours):
    """Sundays in full, with the Friday before and the Monday after, against the wall clock."""
    calendar = parse_calendar(ONTARIO)
    begins, ends = (int(midnight(day + timedelta(days=n), TORONTO).timestamp()) for n in (-2, 2))
    at = np.arange(begins, ends, length_s, dtype=np.int64)
    assert len(at) == (3 * 24 + hours) * 3600 // length_s
    found = zone_numbers([calendar], at, TORONTO)
    assert found.tolist() == [by_the_clock(calendar, instant, TORONTO) for instant in at]
    friday = found[: 24 * 3600 // length_s]
    # 8 hours of on-peak and 4 of mid-peak in summer are the other way round in winter.
    assert np.bincount(friday, minlength=4)[1:].tolist() == [n * 3600 // length_s for n in (12, 6, 6)]
    sunday = found[2 * 24 * 3600 // length_s : -24 * 3600 // length_s]
    assert len(sunday) == hours * 3600 // length_s
    assert set(sunday.tolist()) == {1}


def test_half_hour_offsets_and_holidays():
    calendar = parse_calendar(INDIA)
    begins = int(midnight(date(2026, 4, 1), KOLKATA).timestamp())
    at = np.arange(begins, begins + 86_400, 1800, dtype=np.int64)
    assert zone_numbers([calendar], at, KOLKATA).tolist() == [
        by_the_clock(calendar, one, KOLKATA) for one in at
    ]
    ontario = parse_calendar(ONTARIO)
    # New Year's Day 2026 is a Thursday.
    noon = np.array([int(datetime(2026, 1, day, 17, tzinfo=UTC).timestamp()) for day in (1, 2)], np.int64)
    assert zone_numbers([ontario], noon, TORONTO).tolist() == [1, 2]


@given(st.data())
@settings(max_examples=30)
def test_zones_are_those_of_the_wall_clock_in_any_zone(data):
    zone = ZoneInfo(
        data.draw(
            st.sampled_from(["America/Toronto", "Asia/Kolkata", "Australia/Lord_Howe", "Asia/Kathmandu"])
        )
    )
    calendar = parse_calendar(data.draw(st.sampled_from([ONTARIO, INDIA])))
    at = data.draw(st.lists(st.integers(1_775_100_000, 1_830_000_000), max_size=20))
    found = zone_numbers([calendar], np.array(at, np.int64), zone)
    assert found.tolist() == [by_the_clock(calendar, one, zone) for one in at]


def test_each_day_has_the_version_in_force():
    first = parse_calendar(ONTARIO)
    second = parse_calendar(
        ONTARIO.replace('version = "2025-11"', 'version = "2026-07"')
        .replace("valid_from = 2025-11-01", "valid_from = 2026-07-01")
        .replace(
            '{ from = "00:00", to = "07:00", zone = "off-peak" }',
            '{ from = "00:00", to = "07:00", zone = "mid-peak" }',
        )
    )
    six = np.array(
        [int(datetime(2026, month, day, 10, tzinfo=UTC).timestamp()) for month, day in ((6, 30), (7, 2))],
        np.int64,
    )
    assert zone_numbers([first, second], six, TORONTO).tolist() == [1, 2]
    with pytest.raises(
        UncoveredDayError, match="no version of calendar 'ontario-tou' is in force on 2025-10-01"
    ):
        zone_numbers(
            [first], np.array([int(datetime(2025, 10, 1, 12, tzinfo=UTC).timestamp())], np.int64), TORONTO
        )
    assert second.conflict_with(first) == ""
    renamed = parse_calendar(ONTARIO.replace("number = 2", "number = 4").replace("number = 3", "number = 2"))
    assert "zone 2 is 'on-peak' in it and 'mid-peak' in version 2025-11" in renamed.conflict_with(first)


def test_an_edge_inside_an_interval_is_found():
    quarter = parse_calendar(INDIA.replace('"06:00"', '"06:15"'))
    assert list(edges_inside_intervals(quarter, 900)) == []
    sentences = [str(edge) for edge in edges_inside_intervals(quarter, 1800)]
    assert sentences == ["day every-day: the zone changes at 06:15, inside the interval from 06:00 to 06:30"]
    hourly = parse_calendar(INDIA)
    assert list(edges_inside_intervals(hourly, 3600)) == []
    # A meter on +05:00 by the hour, where local time is +05:30: every edge is inside one of its intervals.
    shifted = list(edges_inside_intervals(hourly, 3600, clock_offset_s=18_000, zone=KOLKATA))
    assert len(shifted) >= len(hourly.days[0].switches) - 1
    assert list(edges_inside_intervals(hourly, 1800, clock_offset_s=18_000, zone=KOLKATA)) == []
    assert (
        list(edges_inside_intervals(parse_calendar(ONTARIO), 3600, clock_offset_s=-18_000, zone=TORONTO))
        == []
    )


def test_a_meter_holds_the_same_calendar():
    calendar = parse_calendar(ONTARIO)
    year = Period(date(2026, 1, 1), date(2027, 1, 1))
    tables = activity_tables(calendar, year)
    assert first_difference([calendar], tables, year) is None
    # Another maker's ids, names and an action that changes nothing mean the same.
    other = replace(
        tables,
        seasons=tuple(replace(one, name="x", week="w" + one.week) for one in reversed(tables.seasons)),
        weeks=tuple(("w" + name, tuple(10 + n for n in days)) for name, days in tables.weeks),
        days=tuple((10 + n, (actions[0], (1, actions[0][1]), *actions[1:])) for n, actions in tables.days),
        special_days=tuple(replace(one, day_id=10 + one.day_id) for one in tables.special_days),
    )
    assert first_difference([calendar], other, year) is None
    # A holiday that the meter does not know, a season that begins a day later, and no table at all.
    assert first_difference([calendar], replace(tables, special_days=()), year) == date(2026, 1, 1)
    late = replace(
        tables, seasons=tuple(replace(one, day=2) if one.month == 5 else one for one in tables.seasons)
    )
    assert first_difference([calendar], late, year) == date(2026, 5, 1)
    assert first_difference([calendar], replace(tables, seasons=()), year) == date(2026, 1, 2)
