"""The use of today by hour and of the month by day, each as a chart with its total in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.translation import gettext as _

from urja.apps.contracts.kinds import Agreement
from urja.apps.readings import queries as readings
from urja.core.calendar import ONE_DAY, Period, billing_period
from urja.web.portal import charts
from urja.web.shared import formats
from urja.web.shared.account_card import AccountCard
from urja.web.shared.clock import zone

ONE_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class UseView:
    """Energy or volume over a day or a month."""

    name: str
    """Makes the chart's ids unique on the page."""
    heading: str
    total: str
    title: str
    """Of the chart."""
    summary: str
    """What a look at the chart tells, in words."""
    interval: str
    """What a bar stands for."""
    chart: charts.Chart


def uses(card: AccountCard, now: datetime) -> list[UseView]:
    """Today, and the billing period where the agreement has a calendar of its own, else the month.

    None of a period that the agreement's end came before.
    """
    agreement = card.agreement
    if agreement is None:
        return []
    today, until = now.date(), (card.ended_at(now) or now).astimezone(zone())
    period = billing_period(today, agreement.billing_day or 1)
    if until.date() < period.first:
        return []
    month = readings.use_of_month(agreement, today, period)
    by_day = _month(month.days, agreement, until)
    return [by_day] if until.date() < today else [_today(month.hours, agreement, until), by_day]


def _today(hours: Sequence[readings.HourUse], agreement: Agreement, now: datetime) -> UseView:
    midnight = hours[0].start_at
    agreed, present = (agreement.valid_from - midnight) // ONE_HOUR, (now - midnight) // ONE_HOUR
    day = formats.short_day(midnight.astimezone(zone()).date())
    return _view(
        "today",
        _("Today"),
        _("Use today, %(day)s, by hour") % {"day": day},
        _("Hour starting"),
        [_hour(hour) for hour in hours],
        agreement.commodity,
        range(max(agreed, 0), present + 1),
    )


def _hour(use: readings.HourUse) -> charts.Use:
    local = use.start_at.astimezone(zone())
    tick = f"{local.hour:02d}" if local.hour % 6 == 0 else ""
    return charts.Use(formats.clock_time(local), use.energy_wh, use.estimated_wh, tick)


def _month(days: Sequence[readings.DayUse], agreement: Agreement, now: datetime) -> UseView:
    first, began = days[0].day, agreement.valid_from.astimezone(zone()).date()
    month = formats.billing_period(Period(first, days[-1].day + ONE_DAY))
    title = _("Use in %(month)s, by day") if first.day == 1 else _("Use from %(month)s, by day")
    return _view(
        "month",
        month,
        title % {"month": month},
        _("Day"),
        [_day(day) for day in days],
        agreement.commodity,
        range(max((began - first).days, 0), (now.date() - first).days + 1),
    )


def _day(use: readings.DayUse) -> charts.Use:
    tick = str(use.day.day) if use.day.day % 7 == 1 else ""
    return charts.Use(formats.short_day(use.day), use.energy_wh, use.estimated_wh, tick)


def _view(
    name: str,
    heading: str,
    title: str,
    interval: str,
    uses: Sequence[charts.Use],
    commodity: str,
    begun: range,
) -> UseView:
    known = [use.amount for use in uses if use.amount is not None]
    total = formats.billed(sum(known), commodity) if known else "–"
    return UseView(
        name=name,
        heading=heading,
        total=total,
        title=title,
        summary=_summary(uses, total, max(known), commodity)
        if known
        else _("No interval has been read yet."),
        interval=interval,
        chart=charts.chart(uses, begun, commodity),
    )


def _summary(uses: Sequence[charts.Use], total: str, highest: int, commodity: str) -> str:
    when = next(use.label for use in uses if use.amount == highest)
    return _("Total: %(total)s. Highest: %(highest)s (%(when)s).") % {
        "total": total,
        "highest": formats.billed(highest, commodity),
        "when": when,
    }
