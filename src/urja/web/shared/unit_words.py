"""What net metering has banked, in figures and sentences for a person."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from django.utils.translation import gettext as _

from urja.apps.billing.queries import BankedUnits, StoredUnits, banked_units
from urja.apps.contracts.kinds import Agreement
from urja.apps.rulebook.errors import UnknownTariffError
from urja.core.rating.inputs_and_results import BankRow
from urja.web.shared import formats


@dataclass(frozen=True, slots=True)
class UnitsView:
    """The banks of an agreement: of each its zone, if it has one, and its figures; and what becomes of them."""

    banks: list[tuple[str, list[tuple[str, str]]]]
    sentences: list[str]


def units_view(agreement: Agreement | None, day: date) -> UnitsView | None:
    """Return the banks of an agreement by the last close; None where it has none, or its tariff is not loaded."""
    if agreement is None:
        return None
    try:
        found = banked_units(agreement, day)
    except UnknownTariffError:
        return None
    if found is None:
        return None
    newest = found.newest
    counted = {
        "first": formats.day(newest[0].period_start),
        "last": formats.day(max(each.as_of for each in newest)),
    }
    return UnitsView(
        [(found.zones.get(each.row.zone, ""), _figures(each)) for each in newest],
        [_("Billing period from %(first)s, up to the end of %(last)s.") % counted, *_settlement(found)],
    )


def of_charge(units: Sequence[tuple[str, BankRow]]) -> list[str]:
    """Return what each bank had, got and gave in the period up to a charge, as sentences."""
    said = []
    for zone, row in units:
        values = {
            "zone": zone,
            "opening": formats.energy(row.opening_wh),
            "exported": formats.energy(row.exported_wh),
            "used": formats.energy(row.used_wh),
            "settled": formats.energy(row.settled_wh),
            "closing": formats.energy(row.closing_wh),
        }
        said.append(
            _(
                "Bank of units: %(opening)s at the beginning, %(exported)s fed into the grid, %(used)s set off against use, %(settled)s settled in money, %(closing)s left."
            )
            % values
            if not zone
            else _(
                "Bank of units, %(zone)s: %(opening)s at the beginning, %(exported)s fed into the grid, %(used)s set off against use, %(settled)s settled in money, %(closing)s left."
            )
            % values
        )
    return said


def _figures(units: StoredUnits) -> list[tuple[str, str]]:
    row = units.row
    figures = [
        (_("In the bank at the beginning"), row.opening_wh),
        (_("Fed into the grid"), row.exported_wh),
        (_("Set off against use"), row.used_wh),
        (_("Settled in money"), row.settled_wh),
        (_("In the bank now"), row.closing_wh),
    ]
    return [(name, formats.energy(wh)) for name, wh in figures if wh or name != _("Settled in money")]


def _settlement(found: BankedUnits) -> list[str]:
    if found.rate_minor is None:
        return []
    rate = formats.rate(found.rate_minor, found.currency)
    said = []
    if found.settles_on is not None:
        values = {"day": formats.day(found.settles_on), "rate": rate}
        said.append(_("What is in the bank on %(day)s is paid for then: %(rate)s for 1 kWh.") % values)
    if found.settles_at_end:
        said.append(_("When the agreement ends, the bank is paid for: %(rate)s for 1 kWh.") % {"rate": rate})
    else:
        said.append(_("When the agreement ends on another day, the bank is not paid for."))
    return said
