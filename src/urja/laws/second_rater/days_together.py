"""Which days the second rater rates together, and whose energy and other quantities are whose."""

from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction

from urja.laws.second_rater.documents import bases_first, read, terms_on, text_in_force
from urja.laws.second_rater.numbers import ZERO, ByDay, Table, days_between, rounded_by

type Facts = dict[str, Fraction]
"""What else an agreement's terms state: `share flat`, `share area`, `share load`; in kW and kVA `contracted kW`,
`contracted kVA`, `sanctioned kVA`.
"""
type Past = tuple[date, str, int]
"""The day after an earlier period, and a maximum demand of it by name, in W or VA."""


@dataclass
class Bill:
    """Days that are rated together, with the documents that apply from some of them on."""

    days: list[date]
    versions: list[tuple[date, Table]]
    by_days: bool
    """Whether it shares the energy of the bill before it, by days."""
    energy: ByDay = field(default_factory=dict)
    others: dict[str, ByDay] = field(default_factory=dict)
    """Other quantities by name, in Wh, VAh, varh or litres."""
    facts: dict[date, Facts] = field(default_factory=dict)
    past_demands: list[Past] = field(default_factory=list)
    settled: int = 0
    """Units that the banks pay at the close, in Wh."""


def bills_of(terms: list[tuple[date, list[str], int]], days: list[date]) -> list[Bill]:
    """Return the billed days split where a change begins a new bill."""
    bills: list[Bill] = []
    text_before = None
    for day in days:
        text = text_in_force(terms_on(terms, day)[1], day)
        document = read(text)
        if text == text_before:
            bills[-1].days.append(day)
        elif text_before is None or read(text_before)["code"] != document["code"]:
            bills.append(Bill([day], [(day, document)], by_days=False))
        elif document.get("on_change", "continue") == "continue" and can_go_on(bills[-1], document):
            bills[-1].days.append(day)
            bills[-1].versions.append((day, document))
        else:
            bills.append(
                Bill([day], [(day, document)], by_days=document.get("on_change", "continue") == "by-days")
            )
        text_before = text
    return bills


def can_go_on(bill: Bill, document: Table) -> bool:
    """Return whether no line depends on itself across the versions."""
    documents = [known for _, known in bill.versions] + [document]
    names = {line["name"] for known in documents for line in known["line"]}
    return len(bases_first(documents)) == len(names)


def give_energy(bills: list[Bill], energy: ByDay, through: date) -> None:
    """Set each bill's energy by day: what was used on its days, or its share by days."""
    for n, bill in enumerate(bills):
        if bill.by_days:
            continue
        together = [bill]
        for following in bills[n + 1 :]:
            if not following.by_days:
                break
            together.append(following)
        begun = [each for each in together if each.days[0] < through]
        if len(begun) < 2:
            bill.energy = {day: energy.get(day, ZERO) for day in bill.days}
        else:
            share_by_days(begun, energy, through)


def share_by_days(bills: list[Bill], energy: ByDay, through: date) -> None:
    """Give each bill its share of the energy of all of them, in proportion to its elapsed days."""
    elapsed = [[day for day in bill.days if day < through] for bill in bills]
    over = sum(len(days) for days in elapsed)
    whole = sum((energy.get(day, ZERO) for days in elapsed for day in days), ZERO)
    until_now = ZERO
    for n, (bill, days) in enumerate(zip(bills, elapsed, strict=True)):
        until_change = whole
        if n + 1 < len(bills):
            over_before = sum(len(each) for each in elapsed[: n + 1])
            until_change = whole * over_before / over
            rounding = bills[n + 1].versions[0][1].get("round_units")
            if rounding:
                until_change = rounded_by(rounding, until_change)
            if abs(until_change) > abs(whole):
                until_change = whole
        for day in days:
            bill.energy[day] = (until_change - until_now) / len(days)
        until_now = until_change


def others_by_day(measured: list[tuple[date, date, dict[str, int]]]) -> dict[str, ByDay]:
    """Return determinants by name and day, sums spread evenly; of a day without one there is no entry."""
    found: dict[str, ByDay] = {}
    for first, end, values in measured:
        days = days_between(first, end)
        for name, value in values.items():
            for day in days:
                found.setdefault(name, {})[day] = Fraction(value, 1 if is_maximum(name) else len(days))
    return found


def is_maximum(name: str) -> bool:
    return name.startswith("max_")


def give_others(bills: list[Bill], bill: Bill, others: dict[str, ByDay], through: date) -> None:
    """Set a bill's other quantities by day: those of its days, or its share as of the energy."""
    bill.others = {
        name: {day: by_day[day] for day in bill.days if day in by_day} for name, by_day in others.items()
    }
    group = [each for each in group_of(bills, bill) if each.days[0] < through]
    passed = [day for day in bill.days if day < through]
    if len(group) < 2 or not passed:
        return
    elapsed = [day for each in group for day in each.days if day < through]
    whole = sum((each.energy.get(day, ZERO) for each in group for day in each.days), ZERO)
    own = sum((bill.energy.get(day, ZERO) for day in bill.days), ZERO)
    share = own / whole if whole else Fraction(len(passed), len(elapsed))
    for name, by_day in others.items():
        if not is_maximum(name):
            total = sum((by_day.get(day, ZERO) for day in elapsed), ZERO)
            bill.others[name] = {day: total * share / len(passed) for day in passed}


def group_of(bills: list[Bill], bill: Bill) -> list[Bill]:
    """Return the bills that share their energy by days with a bill, and it."""
    groups: list[list[Bill]] = []
    for each in bills:
        if each.by_days:
            groups[-1].append(each)
        else:
            groups.append([each])
    return next(group for group in groups if any(each is bill for each in group))
