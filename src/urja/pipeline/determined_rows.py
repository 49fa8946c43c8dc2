"""Rows of determinants that are made for an agreement's day, and what a posting is rated by of them."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Final

from django.db import connection

from urja.apps.billing import rating_basis
from urja.apps.billing.agreement_periods import period_of
from urja.apps.billing.rating_basis import Basis
from urja.apps.contracts.kinds import Agreement
from urja.apps.determinants import operations, queries
from urja.apps.determinants.evaluation import Wanted, evaluate
from urja.apps.determinants.gas_rules import GasSupplies
from urja.apps.determinants.queries import EarlierDemand, NamedRow
from urja.apps.local_zone import local_zone
from urja.apps.readings.queries.columns import Owner
from urja.apps.rulebook.errors import UnknownTariffError
from urja.apps.rulebook.queries import calendars, heat_values, tariffs
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.calendars import UncoveredDayError
from urja.core.rating import Measured, uses_of_rows
from urja.core.rating.priced_quantities import BILLED, adds_up
from urja.quantities.catalogue import BY_ID, Commodity

TOGETHER: Final = 1000
"""Rows that are made together, nearly all from the day before and one day's readings."""


def gas_supplies(agreements: Iterable[Agreement]) -> GasSupplies:
    """Return the heat values of those agreements that are supplied with gas."""
    places = {one.id: one.service_point_id for one in agreements if one.commodity == Commodity.GAS}
    with connection.cursor() as cursor:
        return GasSupplies(cursor, heat_values.all_versions() if places else (), places, local_zone())


def wanted_of(agreement: Agreement, day: date, gas: GasSupplies) -> Wanted:
    """Return what is wanted of a day. Raises UnknownTariffError, UncoveredDayError where its calendar begins later."""
    period = period_of(agreement, day)
    code = agreement.terms_at(midnight(day, local_zone())).tariff_code
    calendar = tariffs.versions_in_force(code, day, day + ONE_DAY)[-1].calendar
    if not calendar and len(agreement.all_terms) > 1:
        # Earlier days of the period may have had a tariff with zones.
        calendar = next(iter(rating_basis.basis_for(agreement, period).calendars), "")
    versions = tuple(calendars.versions_of(calendar)) if calendar else ()
    if calendar and not any(version.valid_from <= period.first for version in versions):
        raise UncoveredDayError(
            f"no version of calendar {calendar!r} is in force on {period.first}: load one"
        )
    rules = gas.rules(agreement.id, Period(period.first, day + ONE_DAY))
    return Wanted(Owner.agreement(agreement.id), period, day, versions, gas=rules)


def store(wanted: Sequence[Wanted], now: datetime) -> int:
    """Calculate and store determinants; return how many rows are new."""
    return sum(
        operations.determine(wanted[n : n + TOGETHER], local_zone(), now)
        for n in range(0, len(wanted), TOGETHER)
    )


def stored_rows(
    charged: Sequence[tuple[Agreement, date]], period: Period, now: datetime
) -> dict[int, NamedRow]:
    """Return the determinants of a period up to a day of each agreement, the last that is charged; store them first.

    An agreement without a calendar, or without a meter, has none. The law `determinants` holds them to the readings.
    """
    by_day: dict[date, list[Agreement]] = {}
    for agreement, as_of in charged:
        by_day.setdefault(as_of, []).append(agreement)
    gas = gas_supplies(agreement for agreement, _ in charged)
    found: dict[int, NamedRow] = {}
    for as_of, group in by_day.items():
        store([one for agreement in group for one in _wanted_if_covered(agreement, as_of, period, gas)], now)
        found |= queries.newest_named([agreement.id for agreement in group], period.first, as_of)
    return found


def billed_value(row: NamedRow) -> int | None:
    """Return what a row has of the quantity that is billed by a register, in Wh or litres."""
    return next((row.values[name] for name in BILLED.values() if name in row.values), None)


def measured_of(
    agreement: Agreement, basis: Basis, through: date, row: NamedRow, earlier: Iterable[EarlierDemand]
) -> Measured:
    """Return the determinants that the tariffs of a period need, split where a price changes, from the row of all its days.

    What days before a change have is calculated from their readings as they are now, by the rules of the row. Once all days
    are charged, it has those of the `earlier` demands that ratchets go by.
    """
    rows = {through - ONE_DAY: basis.needed_of(row.values)}
    if cuts := basis.changes_before(through):
        wanted = wanted_of(agreement, through - ONE_DAY, gas_supplies([agreement]))
        with connection.cursor() as cursor:
            parts = evaluate(cursor, [replace(wanted, as_of=day - ONE_DAY) for day in cuts], local_zone())
        for part in parts:
            names = (BY_ID[number].name for number in part.channels.ids)
            known = basis.needed_of(dict(zip(names, part.values, strict=True)))
            # A meter's own maximum is of the whole period, and may be a step below what intervals prove.
            rows[part.wanted.as_of] = {
                name: value if adds_up(name) else min(value, row.values.get(name, value))
                for name, value in known.items()
            }
    past = basis.past_demands(earlier) if through == basis.billed.end else ()
    return Measured(uses_of_rows(basis.billed.first, rows), past)


def _wanted_if_covered(agreement: Agreement, day: date, period: Period, gas: GasSupplies) -> list[Wanted]:
    try:
        wanted = wanted_of(agreement, day, gas)
    except (UnknownTariffError, UncoveredDayError):
        # The stage `determine` reports it; an agreement whose tariff needs them is held back.
        return []
    return [wanted] if wanted.period == period else []
