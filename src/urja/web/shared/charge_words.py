"""Why a charge moved the balance, in sentences: what was used when, by what it is priced, and who pays a part of it."""

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from typing import Final

from django.utils.translation import gettext as _

from urja.apps.billing.queries import ShareOfPeriod
from urja.apps.billing.queries.ledger_entries import Row
from urja.core.rating.accruals import (
    BilledDemand,
    Demand,
    DemandBounds,
    LoadBasis,
    LoadFactor,
    Measure,
    Minimum,
    MoneyBase,
    MoneyRebate,
    Percent,
    PowerFactor,
    Settlement,
    Slabs,
    ZonePercents,
    Zones,
)
from urja.core.rating.tariff import ChargeLine
from urja.web.shared import formats, ledger_words as wording

_FACTOR: Final = re.compile(r"(power|load) factor (?P<factor>[\d./]+)(?: %)?: ")
_DEMAND: Final = re.compile(r".*, (?P<demand>[\d./]+) (?P<unit>kV?[AW])( above the (?P<load>\w+) load)?")


def sentences(line: ChargeLine, rows: Sequence[Row], currency: str) -> list[str]:
    """Return what an entry on a charge line is for, from its rows; empty for charges whose rows say all.

    Amounts of rows are the effect on the account: a charge is negative.
    """
    rows = [row for row in rows if row.unit != "rounding"]
    return [*_of_accrual(line, rows, currency), *_of_quantity(line, rows), *_of_claim(line, rows)]


def _of_accrual(line: ChargeLine, rows: Sequence[Row], currency: str) -> Iterator[str]:
    match line.accrual:
        case Zones():
            yield from (_zone(row, currency) for row in rows)
        case ZonePercents():
            yield from (_zone_percent(row, currency) for row in rows)
        case Slabs():
            if line.accrual.by_demand is not None and rows:
                yield _of_bounds(line.accrual.by_demand)
            if line.accrual.priced_by is not None:
                yield from _priced_by(line, line.accrual.priced_by, rows)
        case Demand():
            yield from (_demand(line.accrual, row) for row in rows)
        case Minimum(price=Demand() as price):
            yield from (_least_demand(price, row) for row in rows if row.unit == "day")
        case PowerFactor():
            yield from dict.fromkeys(_power_factor(row) for row in rows)
        case LoadFactor():
            yield from dict.fromkeys(_load_factor(row) for row in rows)
        case Settlement():
            yield from (
                _("The %(quantity)s left in your bank of units are paid to you at %(rate)s each.")
                % {"quantity": _quantity(row), "rate": formats.rate(abs(row.rate), currency)}
                for row in rows
            )
        case MoneyRebate(of=of, fraction=fraction):
            said = (
                _("A rebate of %(percent)s %% on what you recharged.")
                if of is MoneyBase.RECHARGES
                else _("A rebate of %(percent)s %% a month on the credit in your account.")
            )
            yield said % {"percent": formats.ratio(fraction * 100)}
        case Percent() if not line.claim_on:
            yield from (
                _("A rebate of %(percent)s %%.") % {"percent": formats.ratio(abs(rate) * 100)}
                for rate in dict.fromkeys(row.rate for row in rows if row.unit == "minor")
                if rate < 0
            )
        case _:
            return


def _of_bounds(by_demand: DemandBounds) -> str:
    if by_demand.by_load_factor:
        return _(
            "The slabs grow with your demand: their limits are shares of what it would use if it never stopped."
        )
    return _("The slabs grow with your demand: their limits are what it uses in a number of hours.")


def _priced_by(line: ChargeLine, by: Measure, rows: Sequence[Row]) -> Iterator[str]:
    total = sum((row.quantity for row in rows), Fraction(0))
    if total <= 0:
        return
    values = {
        "bounds": wording.unit(line.measure.unit),
        "quantity": _said_quantity(total, by.unit),
    }
    if by.quantity == "gas_energy_wh":
        yield (
            _(
                "The slabs are in %(bounds)s. The price is for the energy of the gas in them, its volume times its heat value: %(quantity)s."
            )
            % values
        )
    else:
        yield (
            _("The slabs are in %(bounds)s. The price is for what was counted beside it: %(quantity)s.")
            % values
        )


def _zone(row: Row, currency: str) -> str:
    values = {
        "zone": wording.label(row.label),
        "quantity": _quantity(row),
        "rate": formats.rate(row.rate, currency),
        "amount": formats.money(abs(row.amount_minor), currency),
    }
    if row.quantity < 0:
        return (
            _("%(zone)s: %(quantity)s less than was charged before, at %(rate)s: %(amount)s back.") % values
        )
    return _("%(zone)s: you used %(quantity)s at %(rate)s, which is %(amount)s.") % values


def _zone_percent(row: Row, currency: str) -> str:
    zone, _colon, _rest = row.label.removeprefix("taken back: ").partition(": ")
    values = {
        "zone": wording.title(zone),
        "percent": formats.ratio(abs(row.rate) * 100),
        "base": formats.money(round(abs(row.quantity)), currency),
    }
    if row.rate < 0:
        return (
            _("%(zone)s: what you used then costs %(percent)s %% less, of %(base)s at the usual price.")
            % values
        )
    return (
        _("%(zone)s: what you used then costs %(percent)s %% more, of %(base)s at the usual price.") % values
    )


def _demand(accrual: Demand, row: Row) -> str:
    found = _DEMAND.fullmatch(row.label)
    if found is None:
        return _("A charge for demand.")
    values = {"demand": formats.ratio(Fraction(found["demand"])), "unit": found["unit"]}
    if found["load"] == LoadBasis.CONTRACTED:
        return _("Your highest demand was %(demand)s %(unit)s above your contracted load.") % values
    if found["load"]:
        return _("Your highest demand was %(demand)s %(unit)s above your sanctioned load.") % values
    if accrual.billed is BilledDemand.RECORDED and accrual.is_limited:
        return (
            _(
                "It is for %(demand)s %(unit)s: your highest demand, within the least and the most of your tariff."
            )
            % values
        )
    if accrual.billed is BilledDemand.RECORDED:
        return _("It is for your highest demand of the billing period: %(demand)s %(unit)s.") % values
    return _("It is for the load that is kept ready for you: %(demand)s %(unit)s.") % values


def _least_demand(price: Demand, row: Row) -> str:
    found = _DEMAND.fullmatch(row.label.removeprefix("taken back: "))
    if found is None:
        return _("A minimum that goes by demand.")
    values = {"demand": formats.ratio(Fraction(found["demand"])), "unit": found["unit"]}
    if price.ratchet is None:
        return _("The bill is at least what a demand of %(demand)s %(unit)s costs.") % values
    return (
        _(
            "The bill is at least what a demand of %(demand)s %(unit)s costs. Your demand in earlier billing periods counts for it too."
        )
        % values
    )


def _values_of_factor(row: Row) -> dict[str, str]:
    found = _FACTOR.match(row.label.removeprefix("taken back: "))
    return {
        "factor": found["factor"] if found else "",
        "percent": formats.ratio(abs(row.rate) * 100),
    }


def _load_factor(row: Row) -> str:
    values = _values_of_factor(row)
    if row.rate < 0:
        return _("Your load factor was %(factor)s %%: an incentive of %(percent)s %%.") % values
    return _("Your load factor was %(factor)s %%: a penalty of %(percent)s %%.") % values


def _power_factor(row: Row) -> str:
    values = _values_of_factor(row)
    if row.rate < 0:
        return _("Your power factor was %(factor)s: an incentive of %(percent)s %%.") % values
    return _("Your power factor was %(factor)s: a penalty of %(percent)s %%.") % values


def _of_quantity(line: ChargeLine, rows: Sequence[Row]) -> Iterator[str]:
    used = [row for row in rows if row.unit == line.measure.unit]
    said = {
        "dg_import_wh": _("The generator supplied %(quantity)s while the grid had failed."),
        "export_wh": _("You fed %(quantity)s into the grid."),
        "standard_volume_l": _(
            "The price is for the volume at base conditions: %(quantity)s, not what the register shows."
        ),
        "gas_energy_wh": _(
            "The price is for the energy of the gas, its volume times its heat value: %(quantity)s."
        ),
        "netted_import_wh": _(
            "It is what you drew beyond what you fed in and had in your bank of units: %(quantity)s."
        ),
        "common_import_wh": _("It is your share of the building's common areas: %(quantity)s."),
        "common_dg_import_wh": _(
            "It is your share of what the generator supplied to the building's common areas: %(quantity)s."
        ),
    }.get(line.measure.quantity)
    total = sum((row.quantity for row in used), Fraction(0))
    if said and used and total > 0:
        yield said % {"quantity": _said_quantity(total, line.measure.unit)}


def of_shares(shares: Sequence[ShareOfPeriod]) -> list[str]:
    """Return what part of the common areas' energy a consumer bears in the billing period so far, as sentences."""
    said = []
    for one in shares:
        values = {"own": formats.energy(one.own_wh), "all": formats.energy(one.energy_wh)}
        if one.fraction is None:
            said.append(
                _("Your share in this billing period so far: %(own)s of the %(all)s of the common areas.")
                % values
            )
        else:
            values["share"] = f"{one.fraction.numerator}/{one.fraction.denominator}"
            said.append(
                _(
                    "Your share in this billing period so far: %(share)s of the %(all)s of the common areas, which is %(own)s."
                )
                % values
            )
    return said


def _of_claim(line: ChargeLine, rows: Sequence[Row]) -> Iterator[str]:
    if not line.claim_on:
        return
    amount = sum(row.amount_minor for row in rows)
    if amount > 0:
        yield _("A subsidy: %(body)s pays this part of your bill.") % {"body": wording.title(line.claim_on)}
    elif amount < 0:
        yield _(
            "Your use has passed the limit of a subsidy. What was given for this billing period before is taken back."
        )


def _quantity(row: Row) -> str:
    return _said_quantity(abs(row.quantity), row.unit)


def _said_quantity(quantity: Fraction, unit: str) -> str:
    return wording.quantity_with_unit(quantity, unit)
