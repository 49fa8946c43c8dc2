"""Money, energy and time as a person in India reads them."""

from datetime import date, datetime
from fractions import Fraction
from zoneinfo import ZoneInfo

import pytest
from django.utils import translation
from hypothesis import given, strategies as st

from urja.web.shared import formats

pytestmark = pytest.mark.usefixtures("django")


@pytest.mark.parametrize(
    ("minor", "shown"),
    [
        (0, "₹0.00"),
        (5, "₹0.05"),
        (31_240, "₹312.40"),
        (100_000, "₹1,000.00"),
        (12_345_678, "₹1,23,456.78"),
        (123_456_789_012, "₹1,23,45,67,890.12"),
        (-1_758, "−₹17.58"),
    ],
)
def test_money_is_grouped_the_indian_way(minor, shown):
    assert formats.money(minor) == shown


def test_sums_of_no_account_are_in_the_utilitys_currency(monkeypatch):
    from django.conf import settings

    monkeypatch.setattr(settings, "URJA_CURRENCY", "KES")
    assert formats.money(-31_240) == "−KES 312.40"
    assert formats.rate(Fraction(525)) == "KES 5.25"
    assert formats.money(31_240, "INR") == "₹312.40"


def test_an_addition_carries_its_sign_where_asked():
    assert formats.money(50_000, signed=True) == "+₹500.00"
    assert formats.money(0, signed=True) == "₹0.00"


@given(st.integers(-(10**15), 10**15))
def test_money_loses_nothing(minor):
    text = formats.money(minor)
    digits = text.replace(",", "").replace("₹", "").replace(".", "").replace("−", "-")
    assert int(digits) == minor


@pytest.mark.parametrize(
    ("wh", "shown"),
    [(0, "0"), (7, "0.007"), (1_000, "1"), (1_230, "1.23"), (1_288_121, "1,288.121"), (-50, "−0.05")],
)
def test_energy_is_exact(wh, shown):
    assert formats.kilowatt_hours(wh) == shown


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (Fraction(7), "7"),
        (Fraction("7.418"), "7.418"),
        (Fraction(1, 3), "1/3"),
        (Fraction(-5, 4), "−1.25"),
        (Fraction(200000, 31), "200000/31"),
    ],
)
def test_a_quantity_is_a_decimal_where_it_ends(value, shown):
    assert formats.ratio(value) == shown


@pytest.mark.parametrize(
    ("minor", "shown"),
    [
        (Fraction(350), "₹3.50"),
        (Fraction("12.5"), "₹0.125"),
        (Fraction(20000, 31), "₹200/31"),
        (Fraction(-525), "−₹5.25"),
    ],
)
def test_a_rate_has_at_least_two_decimals(minor, shown):
    assert formats.rate(minor) == shown


def test_moments_are_as_brief_as_they_can_be():
    zone = ZoneInfo("Asia/Kolkata")
    today = date(2026, 11, 24)
    assert formats.moment(datetime(2026, 11, 24, 13, 30, tzinfo=zone), today) == "today, 13:30"
    assert formats.moment(datetime(2026, 11, 22, 0, 0, tzinfo=zone), today) == "22 November, 00:00"
    assert formats.moment(datetime(2025, 12, 31, 23, 0, tzinfo=zone), today) == "31 December 2025, 23:00"


def test_months_speak_hindi(in_hindi):
    assert formats.day(date(2026, 11, 24)) == "24 नवंबर 2026"


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (31_240, "JPY", "JP¥31,240"),
        (-1_234_567_890, "KWD", "−KWD 12,34,567.890"),
        (123_456, "CLF", "CLF 12.3456"),
        (31_240, "KES", "KES 312.40"),
    ],
)
def test_a_currency_has_its_own_decimals(minor, currency, shown):
    assert formats.money(minor, currency) == shown


def test_a_rate_has_at_least_the_currencys_decimals():
    assert formats.rate(Fraction(350), "JPY") == "JP¥350"
    assert formats.rate(Fraction(7, 2), "JPY") == "JP¥3.5"
    assert formats.rate(Fraction(5_250), "KWD") == "KWD 5.250"


@pytest.mark.parametrize(
    ("quantity", "unit", "language", "shown"),
    [
        (Fraction(1), "day", "en", "1 day"),
        (Fraction(31), "day", "en", "31 days"),
        (Fraction(1, 2), "day", "en", "0.5 days"),
        (Fraction(31), "day", "hi", "31 दिन"),
        (Fraction(7418, 1000), "kWh", "en", "7.418 kWh"),
    ],
)
def test_a_quantity_has_its_unit_in_the_right_number(quantity, unit, language, shown):
    from urja.web.shared.ledger_words import quantity_with_unit

    with translation.override(language):
        assert quantity_with_unit(quantity, unit) == shown
