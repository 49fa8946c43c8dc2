"""The billing period of a day: N months, half a month or N days, as a tariff says."""

from datetime import date, timedelta

from urja.core.calendar import Period, billing_period, month_of
from urja.core.rating.tariff import BillingCycle


def period_of(day: date, cycle: BillingCycle, starts_on: int = 1) -> Period:
    """Return the billing period with a local day; periods of months begin on day `starts_on` (1 to 28) of a month.

    Half-months are the days 1 to 15 of a calendar month and the rest of it. Raises ValueError for another `starts_on`.
    """
    if cycle.months is None:
        first = day - (day - cycle.counted_from) % timedelta(days=cycle.days)
        return Period(first, first + timedelta(days=cycle.days))
    if cycle.months == 0:
        month = month_of(day)
        middle = month.first.replace(day=16)
        return Period(month.first, middle) if day < middle else Period(middle, month.end)
    first = billing_period(day, starts_on).first
    # Whole years have whole periods: numbers of months that do not divide twelve are refused in documents.
    over = (first.month - cycle.first_month) % cycle.months
    return Period(_months_later(first, -over), _months_later(first, cycle.months - over))


def _months_later(day: date, months: int) -> date:
    number = day.year * 12 + day.month - 1 + months
    return day.replace(year=number // 12, month=number % 12 + 1)
