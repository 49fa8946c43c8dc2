"""The amounts of a billing period by the second rater."""

from datetime import date
from fractions import Fraction

from urja.laws.second_rater.days_together import (
    Facts,
    Past,
    bills_of,
    give_energy,
    give_others,
    others_by_day,
)
from urja.laws.second_rater.documents import terms_on
from urja.laws.second_rater.lines import rate
from urja.laws.second_rater.numbers import ByDay, days_between
from urja.laws.second_rater.unit_banks import set_off, settled_by


def charges(
    terms: list[tuple[date, list[str], int]],
    first: date,
    end: date,
    through: date,
    *,
    uses: list[tuple[date, date, int]],
    by_day_from: date = date.min,
    measured: list[tuple[date, date, dict[str, int]]] | None = None,
    facts: list[tuple[date, Facts]] | None = None,
    past_demands: list[Past] | None = None,
    closing: bool | None = None,
    bank: dict[int, int] | None = None,
    ends: bool = False,
) -> dict[str, int]:
    """Return the amount of each line in minor units, for the billed days `first`..`end` as far as `through`.

    `terms` are (first day, texts of the tariff's documents in the order they apply, sanctioned load in W) in date
    order; `uses` are (first day, end day, Wh), ends exclusive. Charges by day begin with `by_day_from`. `measured` are
    (first day, end day, determinants by name) and `facts` (first day, what else the terms state). `closing` estimates
    lines that settle at close before the period is over; the reserve is the difference. `bank` has the units banked
    before the period, in Wh by zone (0: of all times); `ends` says that the agreement ends with the billed days.
    """
    energy: ByDay = {}
    for use_first, use_end, energy_wh in uses:
        days = days_between(use_first, use_end)
        energy |= dict.fromkeys(days, Fraction(energy_wh, 1000 * (len(days) or 1)))
    loads = {day: terms_on(terms, day)[2] for day in days_between(first, end) if day >= by_day_from}
    bills = bills_of(terms, days_between(first, end))
    give_energy(bills, energy, through)
    netted, units, rules = set_off(measured or [], terms, bank or {}, end)
    others = others_by_day(netted)
    if bills and settled_by(rules, end, ends=ends):
        remains = sum(row.closing for row in units)
        begun = [bill for bill in bills if bill.days[0] < through] or bills[:1]
        begun[-1].settled = remains
    for bill in bills:
        give_others(bills, bill, others, through)
        for day in bill.days:
            bill.facts[day] = ([each for begins, each in facts or [] if begins <= day] or [{}])[-1]
        bill.past_demands = past_demands or []
    totals: dict[str, int] = {}
    for bill in bills:
        passed = [day for day in bill.days if day < through]
        if passed:
            period_days = len(days_between(first, end))
            coming = bill.days if closing else passed
            closes = through >= end if closing is None else closing
            for name, line in rate(bill, passed, loads, period_days, closes=closes, coming=coming).items():
                totals[name] = totals.get(name, 0) + line.amount
    return totals
