"""How money, energy and time are written for a person in India, in the language of the request."""

from datetime import date, datetime
from fractions import Fraction
from functools import lru_cache

from django.conf import settings
from django.utils import dateformat
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from urja.core import calendar

MINUS = "−"
SYMBOLS = {"INR": "₹"}
"""Currencies with a sign of their own; any other is written by its code."""
MINOR_PER_MAJOR = 100
SPELT_ANEW = (
    gettext_lazy("September"),
    gettext_lazy("November"),
    gettext_lazy("December"),
    gettext_lazy("Monday"),
    gettext_lazy("Thursday"),
)
"""Names of months and days that Django's own Hindi spells as no paper does: the catalogue has them, and goes first."""


def group_indian(digits: str) -> str:
    """Digits in the Indian grouping: the last three, then twos (`12345678` is `1,23,45,678`)."""
    if len(digits) <= 3:
        return digits
    head, tail = digits[:-3], digits[-3:]
    pairs = []
    while head:
        pairs.append(head[-2:])
        head = head[:-2]
    return ",".join([*reversed(pairs), tail])


def money(amount_minor: int, currency: str | None = None, *, signed: bool = False) -> str:
    """`-12345650` paise as `−₹1,23,456.50`; with `signed`, an addition carries a plus.

    Without a currency it is the utility's.
    """
    major, minor = divmod(abs(amount_minor), MINOR_PER_MAJOR)
    sign = MINUS if amount_minor < 0 else "+" if signed and amount_minor > 0 else ""
    return f"{sign}{_symbol(currency)}{group_indian(str(major))}.{minor:02d}"


def energy(wh: int) -> str:
    """Watt-hours as kilowatt-hours, exactly: `1234` is `1.234 kWh`, `1200` is `1.2 kWh`."""
    return _("%(value)s kWh") % {"value": kilowatt_hours(wh)}


def kilowatt_hours(wh: int) -> str:
    """The number of `energy` alone, without trailing zeros."""
    whole, rest = divmod(abs(wh), 1000)
    decimals = f".{rest:03d}".rstrip("0") if rest else ""
    return f"{MINUS if wh < 0 else ''}{group_indian(str(whole))}{decimals}"


def ratio(value: Fraction) -> str:
    """An exact rate or quantity: a decimal where it ends, otherwise a fraction (`1/3`)."""
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest != 1:
        return f"{value.numerator}/{value.denominator}"
    places = 0
    while (value * 10**places).denominator != 1:
        places += 1
    digits = str(abs((value * 10**places).numerator)).rjust(places + 1, "0")
    whole, decimals = (digits[:-places], f".{digits[-places:]}") if places else (digits, "")
    return f"{MINUS if value < 0 else ''}{group_indian(whole)}{decimals}"


def _symbol(currency: str | None) -> str:
    """What stands before an amount."""
    code = settings.URJA_CURRENCY if currency is None else currency
    return SYMBOLS.get(code, f"{code} ")


def rate(minor_per_unit: Fraction, currency: str | None = None) -> str:
    """An exact price in minor units: `525` is `₹5.25`, `12.5` is `₹0.125`; at least two decimals."""
    text = ratio(minor_per_unit / MINOR_PER_MAJOR)
    sign = MINUS if text.startswith(MINUS) else ""
    digits = text.removeprefix(MINUS)
    if "/" not in digits:
        whole, _point, decimals = digits.partition(".")
        digits = f"{whole}.{decimals.ljust(2, '0')}"
    return f"{sign}{_symbol(currency)}{digits}"


def _written(value: date, form: str) -> str:
    """A date by Django's letters; pages write the same few hundred days over and over."""
    return _written_in(get_language(), value.year, value.month, value.day, form)


@lru_cache(maxsize=4096)
def _written_in(_language: str | None, year: int, month: int, day_of_month: int, form: str) -> str:
    return dateformat.format(date(year, month, day_of_month), form)


def day(value: date) -> str:
    """`24 November 2026`, the month in the reader's language."""
    return _written(value, "j F Y")


def short_day(value: date) -> str:
    """`24 November`."""
    return _written(value, "j F")


def month(value: date) -> str:
    """`November 2026`."""
    return _written(value, "F Y")


def billing_period(first: date) -> str:
    """`November 2026`, or `15 November to 14 December 2026` of one that begins in the course of a month."""
    if first.day == 1:
        return month(first)
    last = calendar.billing_period(first, first.day).end - calendar.ONE_DAY
    return _("%(first)s to %(last)s") % {"first": short_day(first), "last": day(last)}


def clock_time(value: datetime) -> str:
    """`09:30`, in the zone the value carries."""
    return f"{value.hour:02d}:{value.minute:02d}"


def clock_second(value: datetime) -> str:
    """`09:30:05`, in the zone the value carries."""
    return f"{value:%H:%M:%S}"


def weekday(value: date) -> str:
    """`Thursday 26 November`."""
    return _written(value, "l j F")


def weekday_time(value: datetime) -> str:
    """`Thursday 26 November, 10:00`, in the zone the value carries."""
    return _("%(day)s, %(time)s") % {"day": weekday(value), "time": clock_time(value)}


def moment(value: datetime, today: date) -> str:
    """A local instant as briefly as it can be said: the time alone today, with its day otherwise."""
    if value.date() == today:
        return _("today, %(time)s") % {"time": clock_time(value)}
    text = short_day(value.date()) if value.year == today.year else day(value.date())
    return _("%(day)s, %(time)s") % {"day": text, "time": clock_time(value)}
