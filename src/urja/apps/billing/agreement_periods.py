"""The local days on which an agreement is charged, and the billing periods that they are in."""

from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

from urja.apps.contracts.kinds import Agreement
from urja.apps.local_zone import local_zone
from urja.apps.rulebook.queries import tariffs
from urja.core.calendar import ONE_DAY, Period, local_day, midnight, month_of
from urja.core.rating import period_of as period_by_cycle

_NEVER = Period(date.min, date.max)


def days_of(agreement: Agreement) -> Period:
    """Return the local days on which an agreement is charged, with the ones it begins and ends on.

    They begin when its supply comes into service or its fixed charges begin (`Agreement.charged_from`).
    """
    begins = agreement.charged_from
    if begins is None:
        first = local_day(agreement.valid_from, local_zone())
        return Period(first, first)
    return _days_between(begins, agreement.valid_to)


@lru_cache(maxsize=4096)
def _days_between(begins: datetime, ends: datetime | None) -> Period:
    first = local_day(begins, local_zone())
    return Period(first, _NEVER.end if ends is None else last_day(ends) + ONE_DAY)


def last_day(end: datetime) -> date:
    """Return the local day in which a half-open time ends: at midnight it is the day before."""
    return local_day(end - timedelta(microseconds=1), local_zone())


def period_of(agreement: Agreement, day: date) -> Period:
    """Return the billing period with a day of an agreement: as long as the tariff in force on the day says.

    Periods of months begin on the agreement's own day of the month, where it has one. Other terms have other periods only
    from a day on that begins one of both. Raises UnknownTariffError where no version of the tariff is in force, also for
    an agreement with a day of its own.
    """
    return tariffs.once(_period_of, tariff_code_on(agreement, day), day, agreement.billing_day)


def _period_of(code: str, day: date, billing_day: int | None) -> Period:
    tariff = tariffs.versions_in_force(code, day, day + ONE_DAY)[-1]
    return period_by_cycle(day, tariff.cycle, billing_day or tariff.period_starts_on)


def current_period(agreement: Agreement, now: datetime) -> Period:
    """Return the billing period of an agreement at an instant (UTC): before it the first one, after it the last.

    Raises UnknownTariffError where no version of its tariff is in force.
    """
    return period_of(agreement, nearest_day(agreement, now))


def billed_by_month(agreement: Agreement, now: datetime) -> bool:
    """Return whether the current billing period and the one before it are calendar months, as accruals are.

    Raises UnknownTariffError where no version of a tariff is in force.
    """
    current = current_period(agreement, now)
    if not is_month(current):
        return False
    # Versions of one tariff have the same periods.
    one_tariff = len({terms.tariff_code for terms in agreement.all_terms}) == 1
    if one_tariff or current.first <= days_of(agreement).first:
        return True
    return is_month(period_of(agreement, current.first - ONE_DAY))


def is_month(period: Period) -> bool:
    """Return whether a billing period is a calendar month, whose energy is accrued."""
    return period == month_of(period.first)


IS_MONTH: Final = (
    "(extract(day FROM r.period_start) = 1 AND r.period_end = r.period_start + interval '1 month')"
)
"""SQL for `is_month` of the rated period `r`."""


def nearest_day(agreement: Agreement, now: datetime) -> date:
    """Return the day of the agreement that is nearest to an instant."""
    days = days_of(agreement)
    # In this order: without a charged day it is the day on which the agreement begins.
    return max(days.first, min(local_day(now, local_zone()), days.end - ONE_DAY))


def tariff_code_on(agreement: Agreement, day: date) -> str:
    """Return the code of the tariff that an agreement has at the first instant of a local day."""
    return agreement.terms_at(midnight(day, local_zone())).tariff_code
