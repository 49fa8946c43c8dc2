"""The prices of a day by the time zones of the tariff."""

from datetime import date
from typing import Annotated

from msgspec import Meta

from urja.apps.contracts import queries as contracts
from urja.apps.rulebook.queries.prices import prices_of_day
from urja.core.calendar import midnight
from urja.core.calendars import UncoveredDayError
from urja.core.calendars.zones import clock_text
from urja.core.units import exact_text
from urja.web.api import resources, tariff_answers
from urja.web.api.routes import Ask, Query
from urja.web.shared.clock import zone


class PricesQuery(Query, frozen=True, kw_only=True):
    day: Annotated[date, Meta(description="a local day")]


def day_prices(ask: Ask) -> tariff_answers.DayPrices:
    """Return the prices of a day by time zones; empty of a tariff without zones, or whose calendar begins later."""
    query: PricesQuery = ask.query
    (agreement,) = contracts.agreements([resources.agreement_in_area(ask).id])
    code = agreement.terms_at(midnight(query.day, zone())).tariff_code
    try:
        found = prices_of_day(code, query.day)
    except UncoveredDayError:
        found = None
    used = found.tariff if found else None
    return tariff_answers.DayPrices(
        agreement_id=agreement.id,
        day=query.day,
        tariff=tariff_answers.TariffUsed(code=used.code, version=used.version, sha256=used.sha256)
        if used
        else None,
        calendar=f"{found.calendar.code} {found.calendar.version}" if found else None,
        currency=used.currency if used else None,
        items=[
            tariff_answers.PriceSpan(
                begins=clock_text(span.from_minute),
                ends=clock_text(span.to_minute),
                zone=span.rate.name,
                title=span.title,
                price_minor=None if span.rate.price is None else exact_text(span.rate.price),
                percent=exact_text(span.rate.percent * 100),
                unit=span.rate.unit,
            )
            for span in (found.spans if found else ())
        ],
    )
