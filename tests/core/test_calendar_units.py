"""Local days, billing periods and roundings."""

import itertools
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, strategies as st

from urja.core.calendar import (
    Period,
    billing_period,
    local_day,
    midnight,
    month_fraction,
    month_of,
    split_by_month,
)
from urja.core.units import RoundingMode, RoundingStep, exact_text, major_text, parse_exact

KOLKATA, CAIRO = ZoneInfo("Asia/Kolkata"), ZoneInfo("Africa/Cairo")


def test_local_midnight_in_utc():
    assert midnight(date(2026, 4, 1), KOLKATA) == datetime(2026, 3, 31, 18, 30, tzinfo=UTC)
    # Summer time begins at midnight in Egypt: the day's first instant is the change itself.
    first = midnight(date(2024, 4, 26), CAIRO)
    assert first == datetime(2024, 4, 25, 22, tzinfo=UTC)
    assert local_day(first, CAIRO) == date(2024, 4, 26)


@pytest.mark.parametrize(
    ("first", "end", "hours"),
    [
        ("2026-03-29", "2026-03-30", 23),
        ("2026-10-25", "2026-10-26", 25),
        ("2026-03-01", "2026-04-01", 31 * 24 - 1),
        ("2026-10-01", "2026-11-01", 31 * 24 + 1),
        ("2026-10-15", "2026-11-15", 31 * 24 + 1),
    ],
)
def test_days_and_months_of_berlin_over_a_change_of_its_clocks(first, end, hours):
    berlin = ZoneInfo("Europe/Berlin")
    period = Period(date.fromisoformat(first), date.fromisoformat(end))
    begin, over = period.bounds(berlin)
    assert over - begin == timedelta(hours=hours)
    # Every half hour of it, the doubled ones too, is on a day of the period, and each day is one part of its month.
    stamps = [begin + timedelta(minutes=30 * n) for n in range(2 * hours)]
    days = [local_day(stamp, berlin) for stamp in stamps]
    assert sorted(set(days)) == list(period)
    assert days == sorted(days)
    assert local_day(over, berlin) == period.end


def test_days_meet_without_gap_or_overlap():
    march = Period(date(2026, 3, 1), date(2026, 4, 1))
    bounds = [Period(day, day.replace(day=day.day + 1)).bounds(KOLKATA) for day in march if day.day < 31]
    assert all(before[1] == after[0] for before, after in itertools.pairwise(bounds))


@pytest.mark.parametrize(
    ("day", "starts_on", "first", "end"),
    [
        ("2026-04-30", 1, "2026-04-01", "2026-05-01"),
        ("2026-12-31", 1, "2026-12-01", "2027-01-01"),
        ("2026-04-24", 25, "2026-03-25", "2026-04-25"),
        ("2026-04-25", 25, "2026-04-25", "2026-05-25"),
        ("2026-01-05", 25, "2025-12-25", "2026-01-25"),
        ("2026-01-31", 28, "2026-01-28", "2026-02-28"),
    ],
)
def test_billing_periods(day, starts_on, first, end):
    expected = Period(date.fromisoformat(first), date.fromisoformat(end))
    assert billing_period(date.fromisoformat(day), starts_on) == expected


@given(st.dates(date(2000, 1, 1), date(2100, 1, 1)), st.integers(1, 28))
def test_each_day_is_in_one_billing_period(day, starts_on):
    period = billing_period(day, starts_on)
    assert day in period
    assert all(billing_period(other, starts_on) == period for other in period)


@given(st.dates(date(2000, 1, 1), date(2050, 1, 1)), st.integers(0, 400))
def test_month_parts_add_up(first, days):
    end = date.fromordinal(first.toordinal() + days)
    parts = split_by_month(Period(first, end))
    assert sum(part.days for part, _ in parts) == days
    assert all(part.intersection(month_of(part.first)) == part for part, _ in parts)


def test_month_fractions():
    assert month_fraction(Period(date(2022, 6, 25), date(2022, 7, 25))) == Fraction(6, 30) + Fraction(24, 31)
    assert month_fraction(month_of(date(2024, 2, 9))) == 1


@pytest.mark.parametrize(
    ("mode", "results"),
    [
        (RoundingMode.HALF_UP, [3, 2, -3, -2]),
        (RoundingMode.HALF_EVEN, [2, 2, -2, -2]),
        (RoundingMode.UP, [3, 3, -3, -3]),
        (RoundingMode.DOWN, [2, 2, -2, -2]),
    ],
)
def test_roundings(mode, results):
    values = [Fraction(5, 2), Fraction(21, 10), Fraction(-5, 2), Fraction(-21, 10)]
    assert [RoundingStep(Fraction(1), mode).apply(value) for value in values] == results


@given(st.fractions())
def test_exact_text_comes_back(value):
    assert Fraction(exact_text(value)) == value


def test_money_in_words():
    assert [major_text(n, 2) for n in (0, 5, -5, 123456)] == ["0.00", "0.05", "-0.05", "1234.56"]
    assert exact_text(Fraction(1, 8)) == "0.125"
    assert exact_text(Fraction(1, 3)) == "1/3"


def test_numbers_of_a_document():
    nines, behind = "9" * 18, "0." + "0" * 17 + "1"
    assert parse_exact(nines) == 10**18 - 1
    assert parse_exact(Decimal(behind)) == Fraction(1, 10**18)
    assert [parse_exact(text) for text in (nines + "9", behind + "0", "1e18", "nan", "", True, 1.5)] == [
        None
    ] * 7
