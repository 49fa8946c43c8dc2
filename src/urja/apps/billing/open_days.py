"""The determinants of days that are not charged yet, from their readings so far: what a fresh balance has of zones, export,
a generator and converted gas before the close of a day stores the row.
"""

from dataclasses import replace
from datetime import date

from django.db import connection

from urja.apps.billing import usage
from urja.apps.billing.usage import Basis
from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants.evaluation import Wanted, evaluate
from urja.apps.determinants.gas_rules import GasSupplies
from urja.apps.rulebook.queries import calendars, heat_values
from urja.core.calendar import ONE_DAY, Period
from urja.core.calendars import UncoveredDayError
from urja.core.rating import Measured, QuantityUse
from urja.quantities.catalogue import BY_ID, Commodity


def measured_so_far(agreement: Agreement, period: Period, basis: Basis, through: date) -> Measured:
    """Return the determinants of a period's days before `through`: as charged, then of the open days as read so far.

    Open days whose readings do not have all that the tariff needs are left out, as are all of an account that is held back
    for its calendars. Nothing is stored, and the close of a day calculates its own.
    """
    charged = usage.as_charged(agreement, period, basis, through)
    days = Period(basis.billed.first, basis.charged_through(through))
    if charged.uses:
        days = Period(max(use.days.end for use in charged.uses), days.end)
    if not basis.needs or not days.days or len(basis.calendars) > 1:
        return charged
    try:
        found = read_so_far(agreement, days, next(iter(basis.calendars), ""))
    except UncoveredDayError:
        return charged
    values = {name: found[name] for name in basis.needs if name in found}
    if not basis.sums <= values.keys():
        return charged
    # Recharges, balances and shares of common areas count once their day is over: none yet.
    values |= dict.fromkeys(basis.beside_readings, 0)
    return replace(charged, uses=(*charged.uses, QuantityUse(days, values)))


def read_so_far(agreement: Agreement, days: Period, calendar: str = "") -> dict[str, int]:
    """Return the values of some days by the names of determinants, in their units, from the readings as they are.

    With the code of a calendar also by zone; raises UncoveredDayError for days before it.
    """
    if not days.days:
        return {}
    versions = tuple(calendars.versions_of(calendar)) if calendar else ()
    with connection.cursor() as cursor:
        gas = None
        if agreement.commodity == Commodity.GAS:
            supplies = {agreement.id: agreement.service_point_id}
            gas = GasSupplies(cursor, heat_values.all_versions(), supplies, usage.zone()).rules(
                agreement.id, days
            )
        wanted = Wanted(agreement.id, days, days.end - ONE_DAY, versions, gas=gas)
        for row in evaluate(cursor, [wanted], usage.zone()):
            names = (BY_ID[number].name for number in row.channels.ids)
            return dict(zip(names, row.values, strict=True))
    return {}
