"""How money, energy and time are written for a person in India, in the language of the request."""

from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction
from functools import cache

from babel import Locale
from babel.numbers import NumberPattern, get_currency_precision, get_currency_symbol, parse_pattern
from django.conf import settings
from django.utils.dates import MONTHS, WEEKDAYS
from django.utils.translation import gettext as _, gettext_lazy, pgettext

from urja.core import calendar
from urja.web.shared.clock import zone

MINUS = "−"
_NO_BREAK_SPACE, _WORD_JOINER = "\u00a0", "\u2060"
LOCALE = Locale("en", "IN")
"""How digits are grouped, and what currencies are called, in both languages."""
SPELT_AGAIN = (
    gettext_lazy("September"),
    gettext_lazy("November"),
    gettext_lazy("December"),
    gettext_lazy("Monday"),
    gettext_lazy("Thursday"),
)
"""Names of months and days that Django's own Hindi spells as no paper does: the catalogue has them, and goes first."""


def number(value: Decimal | int, decimals: str = "") -> str:
    """A number in the Indian grouping: the last three digits, then twos (`12345678` is `1,23,45,678`).

    `decimals` are zeros for those that are always written, then marks (`#`) for those that may be.
    """
    return str(_pattern(decimals).apply(value, LOCALE))


@cache
def _pattern(decimals: str) -> NumberPattern:
    """The pattern of a number, read once a process: a page has some fifty of them."""
    return parse_pattern(f"#,##,##0.{decimals}" if decimals else "#,##,##0")


def money(amount_minor: int, currency: str | None = None, *, signed: bool = False) -> str:
    """`-12345650` paise as `−₹1,23,456.50`, with the currency's own decimals; with `signed`, an addition carries a plus.

    Without a currency it is the utility's.
    """
    decimals = currency_decimals(currency)
    sign = MINUS if amount_minor < 0 else "+" if signed and amount_minor > 0 else ""
    return f"{sign}{_symbol(currency)}{number(Decimal(abs(amount_minor)).scaleb(-decimals), '0' * decimals)}"


def currency_decimals(currency: str | None = None) -> int:
    """How many decimals a currency has: its minor unit is so much smaller."""
    return get_currency_precision(currency or settings.URJA_CURRENCY)


def billed(amount: int, commodity: str) -> str:
    """What bills a commodity, with its unit: `1234` is `1.234 kWh` of electricity (Wh) or `1.234 m³` of gas (litres)."""
    return _("%(value)s %(unit)s") % {
        "value": billed_number(amount, commodity),
        "unit": billed_unit(commodity),
    }


def billed_number(amount: int, commodity: str) -> str:
    """The number of `billed` alone. Cubic metres have three decimals always, as the meter's display has."""
    if commodity != "gas":
        return kilowatt_hours(amount)
    return f"{MINUS if amount < 0 else ''}{number(Decimal(abs(amount)).scaleb(-3), '000')}"


def billed_unit(commodity: str) -> str:
    """The unit of `billed`."""
    return pgettext("unit", "m³") if commodity == "gas" else pgettext("unit", "kWh")


def commodity_name(commodity: str) -> str:
    """What a payment or a receipt is for, as a word of its own."""
    return _("Gas") if commodity == "gas" else _("Electricity")


def energy(wh: int) -> str:
    """Watt-hours as kilowatt-hours, exactly: `1234` is `1.234 kWh`, `1200` is `1.2 kWh`."""
    return billed(wh, "electricity")


def kilowatt_hours(wh: int) -> str:
    """The number of `energy` alone, without trailing zeros."""
    return f"{MINUS if wh < 0 else ''}{number(Decimal(abs(wh)).scaleb(-3), '###')}"


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
    digits = Decimal(abs((value * 10**places).numerator)).scaleb(-places)
    return f"{MINUS if value < 0 else ''}{number(digits, '0' * places)}"


def currency_symbol(currency: str | None = None) -> str:
    """A currency's sign, or its code where it has none."""
    return get_currency_symbol(currency or settings.URJA_CURRENCY, LOCALE)


def _symbol(currency: str | None) -> str:
    """What stands before an amount; a code stands apart from the digits."""
    symbol = currency_symbol(currency)
    return f"{symbol} " if symbol[-1].isalpha() else symbol


def rate(minor_per_unit: Fraction, currency: str | None = None) -> str:
    """An exact price in minor units: `525` is `₹5.25`, `12.5` is `₹0.125`; at least the currency's decimals."""
    decimals = currency_decimals(currency)
    text = ratio(minor_per_unit / 10**decimals)
    sign = MINUS if text.startswith(MINUS) else ""
    digits = text.removeprefix(MINUS)
    if "/" not in digits:
        whole, _point, rest = digits.partition(".")
        digits = ".".join(filter(None, (whole, rest.ljust(decimals, "0"))))
    return f"{sign}{_symbol(currency)}{digits}"


def unbroken(text: str) -> str:
    """A short text inside which no line ends: its spaces do not break, and a minus is not parted from what follows it."""
    return text.replace(" ", _NO_BREAK_SPACE).replace(MINUS, MINUS + _WORD_JOINER)


def day(value: date) -> str:
    """`24 November 2026`, the month in the reader's language."""
    return f"{short_day(value)} {value.year}"


def day_of(at: datetime) -> str:
    """The local day of an instant: `24 November 2026`."""
    return day(at.astimezone(zone()).date())


def short_day(value: date) -> str:
    """`24 November`."""
    return f"{value.day} {MONTHS[value.month]}"


def month(value: date) -> str:
    """`November 2026`."""
    return f"{MONTHS[value.month]} {value.year}"


def billing_period(period: calendar.Period) -> str:
    """`November 2026` of a calendar month, `24 November 2026` of a day, otherwise `16 November to 15 December 2026`."""
    first, last = period.first, period.end - calendar.ONE_DAY
    if period == calendar.month_of(first):
        return month(first)
    if first == last:
        return day(first)
    begins = short_day(first) if first.year == last.year else day(first)
    return _("%(first)s to %(last)s") % {"first": begins, "last": day(last)}


def clock_time(value: datetime) -> str:
    """`09:30`, in the zone the value carries."""
    return f"{value.hour:02d}:{value.minute:02d}"


def clock_second(value: datetime) -> str:
    """`09:30:05`, in the zone the value carries."""
    return f"{value:%H:%M:%S}"


def weekday(value: date) -> str:
    """`Thursday 26 November`."""
    return f"{WEEKDAYS[value.weekday()]} {short_day(value)}"


def weekday_time(value: datetime) -> str:
    """`Thursday 26 November, 10:00`, in the zone the value carries."""
    return _("%(day)s, %(time)s") % {"day": weekday(value), "time": clock_time(value)}


def moment(value: datetime, today: date) -> str:
    """A local instant as briefly as it can be said: the time alone today, with its day otherwise."""
    if value.date() == today:
        return _("today, %(time)s") % {"time": clock_time(value)}
    text = short_day(value.date()) if value.year == today.year else day(value.date())
    return _("%(day)s, %(time)s") % {"day": text, "time": clock_time(value)}
