"""A second rater, written from docs/money.md and docs/tariffs.md alone: slow, plain, without a line in common with `urja.core.rating`.

It reads the same documents, spreads energy over single days and considers each day. `urja verify` and the tests
compare the ledger with it. When the two disagree, one of them has misread the page: check both, and the page.
"""

import tomllib
from calendar import monthrange
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import isqrt

from urja.base.untyped_values import JsonObject

type Table = JsonObject
type ByDay = dict[date, Fraction]
type Facts = dict[str, Fraction]
"""What else an agreement's terms state: `share flat`, `share area`, `share load`; in kW and kVA `contracted kW`,
`contracted kVA`, `sanctioned kVA`.
"""
type Past = tuple[date, str, int]
"""The day after an earlier period, and a maximum demand of it by name, in W or VA."""

ZERO = Fraction(0)
UNITS = {
    "kWh": Fraction(1000),
    "MWh": Fraction(1_000_000),
    "kVAh": Fraction(1000),
    "kvarh": Fraction(1000),
    "m3": Fraction(1000),
    "SCM": Fraction(1000),
    "MJ": Fraction(10**6, 3600),
    "GJ": Fraction(10**9, 3600),
    "MMBtu": Fraction("1055.05585262") * 10**6 / 3600,
}
"""Wh, VAh, varh or litres in one unit."""


@dataclass
class Part:
    """A piece of a line (a slab, a month, a base) with its weights over the days."""

    which: object
    amount: Fraction
    spread: ByDay


@dataclass
class Line:
    """The amount of a line in minor units, with its parts."""

    amount: int = 0
    parts: list[Part] = field(default_factory=list)
    zones: dict[object, str] = field(default_factory=dict)
    """The zone of each part that has one."""


@dataclass
class Units:
    """The units of a bank in a period, in Wh, before anything is settled."""

    zone: int
    opening: int
    exported: int
    used: int

    @property
    def closing(self) -> int:
        return self.opening + self.exported - self.used


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
        for day in days_between(use_first, use_end):
            energy[day] = Fraction(energy_wh, 1000 * len(days_between(use_first, use_end)))
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


# Which days are rated together


def terms_on(terms: list[tuple[date, list[str], int]], day: date) -> tuple[date, list[str], int]:
    return [each for each in terms if each[0] <= day][-1]


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


@cache
def read(text: str) -> Table:
    return tomllib.loads(text, parse_float=str)


def text_in_force(texts: list[str], day: date) -> str:
    """Return the text that began last; of two that began on one day the later in the list."""
    begun = [text for text in texts if as_day(read(text)["valid_from"]) <= day]
    latest = max(as_day(read(text)["valid_from"]) for text in begun)
    return [text for text in begun if as_day(read(text)["valid_from"]) == latest][-1]


def can_go_on(bill: Bill, document: Table) -> bool:
    """Return whether no line depends on itself across the versions."""
    documents = [known for _, known in bill.versions] + [document]
    names = {line["name"] for known in documents for line in known["line"]}
    return len(bases_first(documents)) == len(names)


def bases_first(documents: list[Table]) -> list[str]:
    """Return the names of all lines, each after those it depends on in any version; without those in a cycle."""
    rests_on: dict[str, set[str]] = {}
    for document in documents:
        for line in document["line"]:
            rests_on.setdefault(line["name"], set()).update(name for name, _ in bases_of(line))
    order: list[str] = []
    while ready := [name for name in rests_on if name not in order and rests_on[name] <= set(order)]:
        order += ready
    return order


# Whose energy is whose


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


def set_off(
    measured: list[tuple[date, date, dict[str, int]]],
    terms: list[tuple[date, list[str], int]],
    bank: dict[int, int],
    billed_end: date,
) -> tuple[list[tuple[date, date, dict[str, int]]], list[Units], Table]:
    """Return determinants with what net metering leaves of import, the units of each bank (Wh), and the rules of the last days."""
    found = []
    imported: dict[int, int] = {}
    exported: dict[int, int] = {}
    newest: Table = {}
    for first, end, values in sorted(measured, key=lambda each: each[0]):
        document = read(text_in_force(terms_on(terms, first)[1], first))
        rules = document.get("net_metering")
        added = dict(values)
        if rules:
            newest = rules
            zones = banks_of(document)
            added["netted_import_wh"] = 0
            for zone, suffix in zones.items():
                left_before = left(bank, zone, imported, exported)
                imported[zone] = imported.get(zone, 0) + values["import_wh" + suffix]
                exported[zone] = exported.get(zone, 0) + values["export_wh" + suffix]
                change = left(bank, zone, imported, exported) - left_before
                added["netted_import_wh"] += change
                if suffix:
                    added["netted_import_wh" + suffix] = change
        found.append((first, end, added))
    if not newest and terms and terms[0][0] < billed_end:
        last = billed_end - timedelta(days=1)
        document = read(text_in_force(terms_on(terms, last)[1], last))
        newest = document.get("net_metering", {})
        imported = dict.fromkeys(banks_of(document) if newest else {}, 0)
        exported = dict(imported)
    units = [
        Units(zone, bank.get(zone, 0), exported[zone], imported[zone] - left(bank, zone, imported, exported))
        for zone in imported
    ]
    return found, units, newest


def banks_of(document: Table) -> dict[int, str]:
    """Return the numbers of a document's banks, with the ends of the names of their determinants."""
    if document["net_metering"]["bank"] == "zones":
        return {number: f"_z{number}" for number in document["zones"].values()}
    return {0: ""}


def settled_by(rules: Table, end: date, *, ends: bool) -> bool:
    """Return whether a period that is billed to `end` settles what remains in its banks."""
    if not rules:
        return False
    in_month = rules.get("settlement_month") == (end - timedelta(days=1)).month
    return in_month or (ends and rules.get("at_end") == "settle")


def left(bank: dict[int, int], zone: int, imported: dict[int, int], exported: dict[int, int]) -> int:
    """Return the import in Wh for which neither the bank nor export has units."""
    units = bank.get(zone, 0) + exported.get(zone, 0)
    return max(imported.get(zone, 0) - units, 0)


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


# What the lines of a bill come to


def rate(
    bill: Bill,
    passed: list[date],
    loads: dict[date, int],
    period_days: int,
    *,
    closes: bool,
    coming: list[date],
) -> dict[str, Line]:
    """Return each line up to the end of the last day of `passed`.

    Lines that settle at close have an amount if it `closes`; demand is then charged for the days `coming`.
    """
    versions = [(first, document) for first, document in bill.versions if first <= passed[-1]]
    newest = versions[-1][1]
    lines: dict[str, Line] = {}
    for name in bases_first([document for _, document in versions]):
        said = said_of(newest, name)
        changed = last_change(versions, name)
        before: dict[str, Line] = {}
        if changed:
            earlier = [day for day in passed if day < changed]
            before = rate(bill, earlier, loads, period_days, closes=closes, coming=earlier)
        kept = before.get(name, Line())
        if said and at_close(said) and not closes:
            lines[name] = kept
        elif said:
            since = [day for day in passed if changed is None or day >= changed]
            mine = {base: grown(lines[base], before.get(base), since) for base, _ in bases_of(said)}
            if said["accrues"] == "round-off":
                since, mine = passed, lines
            calculation = Calculation(
                said,
                bill,
                passed,
                since,
                loads,
                period_days,
                mark=changed,
                minor=10 ** newest.get("decimals", 2),
                bases=mine,
                document=newest,
                coming=[day for day in coming if changed is None or day >= changed],
            )
            added = calculation.line()
            zones = kept.zones | added.zones
            lines[name] = Line(kept.amount + added.amount, kept.parts + added.parts, zones)
        elif name in before:
            lines[name] = kept
    return lines


def said_of(document: Table, name: str) -> Table | None:
    for line in document["line"]:
        if line["name"] == name:
            return dict(line)
    return None


def last_change(versions: list[tuple[date, Table]], name: str) -> date | None:
    """Return the day since which a line says what it says in the newest version; None if it always has."""
    changed = None
    for (_, old), (first, new) in pairwise(versions):
        if meaning(old, name) != meaning(new, name):
            changed = first
    newest = said_of(versions[-1][1], name)
    if newest and at_close(newest):
        # One calculation for all days since it settles at close, whatever else it says.
        changed = None
        for (_, old), (first, new) in pairwise(versions):
            before, after = said_of(old, name), said_of(new, name)
            if after and at_close(after) and not (before and at_close(before)):
                changed = first
    if is_round_off(versions[-1][1], name):
        # It replaces the rounding of older ones; only its amount as another kind of line remains.
        changed = None
        for (_, old), (first, _) in pairwise(versions):
            if said_of(old, name) and not is_round_off(old, name):
                changed = first
    return changed


def at_close(line: Table) -> bool:
    by_itself = "at-close" if line["accrues"] in ("demand", "power-factor", "settlement") else "otherwise"
    return bool(line.get("settles", by_itself) == "at-close")


def is_round_off(document: Table, name: str) -> bool:
    line = said_of(document, name)
    return line is not None and bool(line["accrues"] == "round-off")


def meaning(document: Table, name: str) -> object:
    """Return the meaning of a line: defaults filled in, numbers by value, without its title and contra account."""
    line = said_of(document, name)
    if line is None:
        return None
    said = {
        "prorate": "month-fraction",
        "credit": False,
        "per": "connection",
        "load": "sanctioned",
        "settles": "at-close" if at_close(line) else "otherwise",
        **{key: value for key, value in line.items() if key != "settles"},
    }
    said["round"] = {
        "to": Fraction(1, 10 ** document.get("decimals", 2)),
        "mode": "half-up",
        "each": "line",
        **line.get("round", {}),
    }
    for rounding in ("round_width", "round_energy", "round_load"):
        if rounding in said:
            said[rounding] = {"mode": "half-up", **said[rounding]}
    if said["accrues"] in ("slabs", "zones", "zone-percent"):
        said["quantity"], said["unit"] = measure_of(document, line)
    if said["accrues"] == "zones":
        said.setdefault("zones_and_slabs", "none")
    if "rate" in said:
        said["bands"] = [{"rate": said.pop("rate")}]
    if "slabs" in said:
        said["by_use"] = [{"slabs": said.pop("slabs")}]
    if "percent" in said:
        said["rates"] = [{"percent": said.pop("percent")}]
    said["on"] = bases_of(line)
    return by_value({key: value for key, value in said.items() if key not in ("title", "book")})


def by_value(said: object) -> object:
    """Return a definition with numbers and dates in place of their texts, so that 3 and "3.00" are equal."""
    if isinstance(said, dict):
        return {key: by_value(value) for key, value in said.items()}
    if isinstance(said, list):
        return [by_value(value) for value in said]
    if isinstance(said, str):
        with suppress(ValueError):
            return Fraction(said)
        with suppress(ValueError):
            return date.fromisoformat(said)
    return said


def grown(now: Line, before: Line | None, since: list[date]) -> Line:
    """Return the growth of a line on some days: all of it where nothing came before them."""
    if before is None:
        return Line(now.amount, [on_days(part, since) for part in now.parts], now.zones)
    old = {part.which: part for part in before.parts}
    parts = [
        Part(
            part.which,
            part.amount - old[part.which].amount if part.which in old else part.amount,
            part.spread,
        )
        for part in now.parts
    ]
    kept = {part.which for part in now.parts}
    parts += [Part(which, -part.amount, part.spread) for which, part in old.items() if which not in kept]
    grown_parts = [on_days(part, since) for part in parts if part.amount]
    return Line(now.amount - before.amount, grown_parts, before.zones | now.zones)


def on_days(part: Part, days: list[date]) -> Part:
    return Part(part.which, part.amount, {day: part.spread[day] for day in days if day in part.spread})


@dataclass
class Calculation:
    """The calculation of one line, on the days since it has changed."""

    said: Table
    bill: Bill
    passed: list[date]
    """All elapsed days of the bill."""
    since: list[date]
    """The days since the change."""
    loads: dict[date, int]
    period_days: int
    mark: date | None
    """The day of the change; distinguishes the parts from those before it."""
    minor: int
    bases: dict[str, Line]
    """The lines that it depends on, as they have grown since the change."""
    document: Table
    coming: list[date]
    """The days that a demand is charged for."""
    zone_of: dict[object, str] = field(default_factory=dict)

    def line(self) -> Line:
        """Return the amount of the line in minor units, with its parts; raises ValueError for an unknown kind of
        line.
        """
        kind = self.said["accrues"]
        if kind == "slabs":
            parts = self.slabs()
        elif kind in ("per-day", "per-month"):
            parts = self.by_time()
        elif kind in ("percent", "rebate"):
            parts = self.percentage()
        elif kind == "minimum":
            parts = self.by_time() + self.less_the_bases()
        elif kind == "zones":
            parts = self.zones()
        elif kind == "zone-percent":
            parts = self.zone_percentages()
        elif kind == "demand":
            parts = self.demand()
        elif kind in ("recharge-rebate", "balance-rebate"):
            parts = self.of_money()
        elif kind == "settlement":
            price = Fraction(self.said["rate"]) * self.minor
            parts = [Part((self.mark, "settled"), -price * self.bill.settled / 1000, evenly(self.since))]
        elif kind == "power-factor":
            parts = self.power_factor()
        elif kind == "round-off":
            return self.round_off()
        else:
            raise ValueError(f"docs/money.md knows no line that accrues {kind!r}")
        if self.rounds_parts():
            parts = [Part(part.which, self.money(part.amount), part.spread) for part in parts]
        if kind == "minimum" and sum((part.amount for part in parts), ZERO) <= 0:
            parts = []
        return Line(int(self.money(sum((part.amount for part in parts), ZERO))), parts, self.zone_of)

    def money(self, amount: Fraction) -> Fraction:
        """Return an amount in minor units, rounded as the line rounds money."""
        rounding = self.said.get("round", {})
        to = Fraction(rounding.get("to", Fraction(1, self.minor))) * self.minor
        return rounded(amount, to, rounding.get("mode", "half-up"))

    def rounds_parts(self) -> bool:
        return bool(self.said.get("round", {}).get("each", "line") == "part")

    def sign(self) -> int:
        return -1 if self.said.get("credit") else 1

    def months(self, days: list[date]) -> Fraction:
        """Return the length of some days in months, as the line counts them."""
        prorate = self.said.get("prorate", "month-fraction")
        if prorate == "month-fraction":
            return sum((Fraction(1, days_in_month(day)) for day in days), ZERO)
        return Fraction(len(days), 30 if prorate == "days-of-30" else self.period_days)

    def bound(self, kwh_a_month: object) -> Fraction:
        """Return a bound or width in kWh or m³, for all days of the bill."""
        bound = Fraction(str(kwh_a_month)) * self.months(self.bill.days)
        return rounded_by(self.said["round_width"], bound) if "round_width" in self.said else bound

    def used(self, days: list[date]) -> Fraction:
        """Return the energy used on some days, in kWh."""
        return sum((self.bill.energy.get(day, ZERO) for day in days), ZERO)

    def quantity(self, zone: str = "") -> ByDay:
        """Return what each elapsed day of the bill has of the line's quantity, or of it in a zone, in its unit."""
        name, unit = measure_of(self.document, self.said)
        factor = Fraction(1) / UNITS[unit]
        if zone:
            by_day = self.bill.others.get(f"{name}_z{self.document['zones'][zone]}", {})
        elif name == billed_by(self.document):
            by_day, factor = self.bill.energy, factor * 1000
        else:
            by_day = self.bill.others.get(name, {})
        shares = dict.fromkeys(self.passed, Fraction(1))
        own = self.bill.others.get(f"{name}_by_{self.said.get('share')}")
        if own is not None:
            by_day = own
        elif "share" in self.said:
            shares = {day: self.bill.facts[day]["share " + self.said["share"]] for day in self.passed}
        return {day: by_day[day] * shares[day] * factor for day in self.passed if day in by_day}

    def slabs(self) -> list[Part]:
        """Return the charges of a quantity by slabs: one part for each slab with some of it since the change."""
        by_day = self.quantity()
        by_now = sum(by_day.values(), ZERO)
        before = sum((used for day, used in by_day.items() if day not in self.since), ZERO)
        if "round_energy" in self.said:
            by_now = rounded_by(self.said["round_energy"], by_now)
            before = rounded_by(self.said["round_energy"], before)
        tables = self.said.get("by_use", [self.said])
        number, table = next(
            (n, table)
            for n, table in enumerate(tables)
            if "up_to" not in table or by_now <= self.bound(table["up_to"])
        )
        return self.by_slabs(table["slabs"], by_now, before, by_day, number)

    def by_slabs(
        self, slabs: list[Table], by_now: Fraction, before: Fraction, by_day: ByDay, which: object
    ) -> list[Part]:
        """Return the parts of a quantity in slabs, of which `before` was used before the change."""
        held_now = self.fill(slabs, by_now)
        held_before = self.fill(slabs, before)
        parts = []
        for n, slab in enumerate(slabs):
            used = held_now[n] - held_before[n]
            if used:
                amount = used * Fraction(slab["rate"]) * self.minor * self.sign()
                spread = {day: by_day.get(day, ZERO) for day in self.since}
                parts.append(Part((self.mark, which, n), amount, spread))
        return parts

    def zones(self) -> list[Part]:
        """Return the charges of each zone; what is in no zone counts in the zone that the line names for it."""
        parts = []
        for price in self.said["prices"]:
            by_day = self.quantity(price["zone"])
            if price["zone"] == self.said["otherwise"]:
                others = [self.quantity(each["zone"]) for each in self.said["prices"] if each is not price]
                whole = self.quantity()
                by_day = {
                    day: whole.get(day, ZERO) - sum((other.get(day, ZERO) for other in others), ZERO)
                    for day in self.passed
                }
            by_now = sum(by_day.values(), ZERO)
            before = sum((used for day, used in by_day.items() if day not in self.since), ZERO)
            slabs = price.get("slabs") or [{"from": 0, "rate": price["rate"]}]
            found = self.by_slabs(slabs, by_now, before, by_day, price["zone"])
            self.zone_of |= {part.which: price["zone"] for part in found}
            parts += found
        return parts

    def zone_percentages(self) -> list[Part]:
        """Return a percentage by zones: of the average of all of a line, or of what it comes to in the zone."""
        parts = []
        whole = sum((used for day, used in self.quantity().items() if day in self.since), ZERO)
        for place, (name, share) in enumerate(bases_of(self.said)):
            for percent in self.said["percents"]:
                by_day = {
                    day: used for day, used in self.quantity(percent["zone"]).items() if day in self.since
                }
                amount = ZERO
                if self.said["zones_and_slabs"] == "none":
                    amount = sum(
                        (
                            part.amount
                            for part in self.bases[name].parts
                            if self.bases[name].zones.get(part.which) == percent["zone"]
                        ),
                        ZERO,
                    )
                elif whole:
                    amount = self.bases[name].amount * sum(by_day.values(), ZERO) / whole
                fraction = (
                    -Fraction(percent["rebate"]) if "rebate" in percent else Fraction(percent["surcharge"])
                ) / 100
                parts.append(Part((self.mark, place, percent["zone"]), amount * share * fraction, by_day))
        return parts

    def fill(self, slabs: list[Table], energy: Fraction) -> list[Fraction]:
        """Return how much of an energy (kWh) each slab holds."""
        held = []
        left = energy
        for n, slab in enumerate(slabs):
            if energy < 0:
                held.append(energy if n == 0 else ZERO)
            elif "up_to" in slab:
                held.append(min(left, self.bound(Fraction(slab["up_to"]) - Fraction(slab["from"]))))
            else:
                held.append(left)
            left = left - held[-1]
        return held

    def by_time(self) -> list[Part]:
        """Return the charges by day or month: one part for each month and price."""
        parts: list[Part] = []
        alike_before: object = None
        for day in self.since:
            if day not in self.loads:
                continue
            load = ZERO
            if self.said.get("per", "connection") != "connection" or any(
                "up_to_kw" in band for band in self.said.get("bands", [])
            ):
                unit = "kVA" if self.said.get("per") == "kVA" else "kW"
                load = self.load(day, self.said.get("load", "sanctioned"), unit)
            if "round_load" in self.said:
                load = rounded_by(self.said["round_load"], load)
            price = self.price(load)
            alike: tuple[object, ...] = (price,)
            if self.said.get("per") in ("kW", "kVA"):
                alike = (price, load)
                price = price * load
            if self.said["accrues"] != "per-day":
                prorate = self.said.get("prorate", "month-fraction")
                if prorate == "none":
                    price = price / self.period_days
                else:
                    price = price / (30 if prorate == "days-of-30" else days_in_month(day))
                    alike = (*alike, day.year, day.month)
            if alike != alike_before:
                parts.append(Part((self.mark, day), ZERO, {}))
            parts[-1].amount += price
            parts[-1].spread[day] = Fraction(1)
            alike_before = alike
        return parts

    def price(self, load: Fraction) -> Fraction:
        """Return the price of the band for a load in kW and the use so far, in minor units.

        Raises ValueError where no band is open, which a valid document does not allow.
        """
        for band in self.said.get("bands", [self.said]):
            most = band.get("up_to_kw", band.get("up_to_kva"))
            fits_load = most is None or load <= Fraction(most)
            bound = band.get("up_to_kwh", band.get("up_to_m3"))
            fits_use = bound is None or self.used(self.passed) <= self.bound(bound)
            if fits_load and fits_use:
                return Fraction(band["rate"]) * self.minor * self.sign()
        raise ValueError("the last band is open")

    def load(self, day: date, which: str, unit: str) -> Fraction:
        """Return a load of the agreement on a day, in kW or kVA."""
        if (which, unit) == ("sanctioned", "kW"):
            return Fraction(self.loads[day], 1000)
        return self.bill.facts[day][f"{which} {unit}"]

    def demand(self) -> list[Part]:
        """Return the charges for demand: of each month and price the billed demand, and the excess by itself."""
        unit = self.said["unit"]
        name = "max_import_va" if unit == "kVA" else "max_import_w"
        zones = self.said.get("zones", [])
        names = [f"{name}_z{self.document['zones'][zone]}" for zone in zones] or [name]
        counted = dict.fromkeys(names, Fraction(1))
        if "kva_percent" in self.said:
            share = Fraction(self.said["kva_percent"]) / 100
            counted |= {known.replace("_w", "_va"): share for known in names}
        recorded = ZERO
        for known, share in counted.items():
            for day, power in self.bill.others.get(known, {}).items():
                if day in self.since:
                    recorded = max(recorded, power * share / 1000)
        recorded = self.demand_rounded(recorded)
        parts: dict[object, Part] = {}
        run, before = 0, None
        for day in self.coming:
            if day not in self.loads:
                continue
            billed = recorded
            if self.said["billed"] in ("sanctioned", "contracted"):
                billed = self.load(day, self.said["billed"], unit)
            least = self.said.get("at_least")
            if least:
                billed = max(billed, self.load(day, least["of"], unit) * Fraction(least["percent"]) / 100)
            billed = self.demand_rounded(max(billed, self.of_the_past(names)))
            bands = self.said.get("bands", [self.said])
            band = next(each for each in bands if "up_to" not in each or billed <= Fraction(each["up_to"]))
            rate = Fraction(band["rate"]) * self.minor
            over, excess_rate = ZERO, ZERO
            excess = self.said.get("excess")
            if excess:
                free = (
                    self.load(day, excess["above"], unit) * Fraction(excess.get("beyond_percent", 100)) / 100
                )
                over = max(ZERO, recorded - free)
                excess_rate = rate * Fraction(excess.get("percent", 0)) / 100
                if "rate" in excess:
                    excess_rate = Fraction(excess["rate"]) * self.minor
            length = (
                self.months([day]) if self.said.get("prorate") != "none" else Fraction(1, self.period_days)
            )
            month = None if self.said.get("prorate") == "none" else (day.year, day.month)
            if (billed, rate, over, month) != before:
                run, before = run + 1, (billed, rate, over, month)
            amounts = {"excess": over * excess_rate * length}
            if self.said["billed"] != "excess":
                amounts["demand"] = billed * rate * length
            for what, amount in amounts.items():
                part = parts.setdefault((what, run), Part((self.mark, what, day), ZERO, {}))
                part.amount += amount
                part.spread[day] = Fraction(1)
        return list(parts.values())

    def demand_rounded(self, demand: Fraction) -> Fraction:
        """Return a demand in kW or kVA as the line rounds it."""
        return rounded_by(self.said["round_demand"], demand) if "round_demand" in self.said else demand

    def of_the_past(self, names: list[str]) -> Fraction:
        """Return the share of the highest demand of the last known periods that a ratchet takes, in kW or kVA."""
        if "ratchet" not in self.said:
            return ZERO
        known = [
            (end, power)
            for end, name, power in self.bill.past_demands
            if name in names and end <= self.bill.days[0]
        ]
        ends = sorted({end for end, _ in known}, reverse=True)[: self.said["ratchet"]["periods"]]
        highest = max((power for end, power in known if end in ends), default=0)
        return Fraction(highest, 1000) * Fraction(self.said["ratchet"].get("percent", 100)) / 100

    def power_factor(self) -> list[Part]:
        """Return the penalty or incentive by the mean power factor: one part for each line it is taken of."""
        by = {
            "kVAh": ["import_vah"],
            "kvarh-lag": ["lag_varh"],
            "kvarh-lag-lead": ["lag_varh", "lead_varh"],
        }[self.said.get("factor_by", "kVAh")]
        days = [day for day in self.since if day in self.bill.others.get(by[0], {})]
        active = self.used(days) * 1000
        other = sum((self.bill.others[name][day] for name in by for day in days), ZERO)
        if self.said.get("factor_by", "kVAh") != "kVAh":
            other = Fraction(isqrt(int(active) ** 2 + int(other) ** 2))
        if active <= 0 or other <= 0:
            return []
        rounding = self.said.get("round_factor", {"to": "0.001"})
        factor = rounded_by(rounding, min(active / other, Fraction(1)))
        entry = next(
            each for each in self.said["table"] if "up_to" not in each or factor <= Fraction(each["up_to"])
        )
        percent = Fraction(entry.get("penalty", 0)) - Fraction(entry.get("incentive", 0))
        if "per" in entry:
            percent *= abs(factor - Fraction(entry["from"])) / Fraction(entry["per"])
        return [
            Part((self.mark, place), self.bases[name].amount * share * percent / 100, evenly(self.since))
            for place, (name, share) in enumerate(bases_of(self.said))
        ]

    def of_money(self) -> list[Part]:
        """Return a rebate on recharges, or by the month on balances, and the part that caps it."""
        name = "recharge_minor" if self.said["accrues"] == "recharge-rebate" else "balance_minor"
        by_day = {day: money for day, money in self.bill.others.get(name, {}).items() if day in self.since}
        if name == "balance_minor":
            by_day = {day: money * self.months([day]) for day, money in by_day.items()}
        amount = -sum(by_day.values(), ZERO) * Fraction(self.said["percent"]) / 100
        parts = [Part((self.mark, "rebate"), amount, by_day)]
        if "at_most" in self.said:
            most = Fraction(self.said["at_most"]) * self.minor * self.months(self.to_the_bills_end())
            amount = self.money(amount) if self.rounds_parts() else amount
            if -amount > most:
                parts.append(Part((self.mark, "at most"), -most - amount, evenly(self.since)))
        return parts

    def percentage(self) -> list[Part]:
        """Return the percentage of other lines, with a last part where a cap limits it."""
        at_most = self.said.get("at_most")
        rates = self.said.get("rates", [self.said])
        if "by_use" in self.said:
            entry = next(
                entry
                for entry in self.said["by_use"]
                if "up_to" not in entry or self.used(self.passed) <= self.bound(entry["up_to"])
            )
            rates, at_most = [entry], entry.get("at_most", at_most)
        parts = self.of_bases(rates)
        if at_most is not None:
            most = Fraction(at_most) * self.minor * self.months(self.to_the_bills_end())
            whole = sum(
                (self.money(part.amount) if self.rounds_parts() else part.amount for part in parts), ZERO
            )
            if abs(whole) > most:
                parts.append(
                    Part((self.mark, "at most"), (most if whole > 0 else -most) - whole, evenly(self.since))
                )
        return parts

    def to_the_bills_end(self) -> list[date]:
        return [day for day in self.bill.days if self.mark is None or day >= self.mark]

    def of_bases(self, rates: list[Table]) -> list[Part]:
        """Return each percentage of the part of each base that falls on its days."""
        sign = -1 if self.said["accrues"] == "rebate" else 1
        windows: list[tuple[int, list[date], Fraction]] = []
        for n, each in enumerate(rates):
            begins = as_day(each["from"]) if n else date.min
            ends = as_day(rates[n + 1]["from"]) if n + 1 < len(rates) else date.max
            days = [day for day in self.since if begins <= day < ends]
            if days:
                windows.append((n, days, Fraction(each["percent"]) / 100 * sign))
        parts = []
        for place, (name, share) in enumerate(bases_of(self.said)):
            base = self.bases[name]
            pieces = base.parts
            if not self.rounds_parts():
                pieces = [Part("all", Fraction(base.amount), spread_of_all(base.parts))]
            for piece in pieces:
                for n, days, percent in windows:
                    inside = Fraction(1)
                    if len(windows) > 1:
                        inside = share_on(piece.spread, days, self.since)
                    amount = piece.amount * share * inside * percent
                    parts.append(Part((self.mark, place, piece.which, n), amount, evenly(days)))
        return parts

    def less_the_bases(self) -> list[Part]:
        return [
            Part((self.mark, "less", place), -self.bases[name].amount * share, evenly(self.since))
            for place, (name, share) in enumerate(bases_of(self.said))
        ]

    def round_off(self) -> Line:
        whole = sum((self.bases[name].amount * share for name, share in bases_of(self.said)), ZERO)
        to, mode = Fraction(self.said["round"]["to"]) * self.minor, self.said["round"].get("mode", "half-up")
        left = rounded(whole, to, mode) - whole
        return Line(int(rounded(left, Fraction(1), "half-up")), [Part("whole", left, evenly(self.since))])


def billed_by(document: Table) -> str:
    """Return the quantity that a line prices which names none."""
    return "volume_l" if document.get("commodity") == "gas" else "import_wh"


def measure_of(document: Table, line: Table) -> tuple[str, str]:
    """Return the quantity of a line and the unit of its prices: the one it states, or the first of the quantity."""
    name = line.get("quantity", billed_by(document))
    of_name = {"vah": "kVAh", "varh": "kvarh", "wh": "kWh"}.get(name.split("_")[-1])
    first = of_name or ("SCM" if name in ("standard_volume_l", "converted_volume_l") else "m3")
    return name, str(line.get("unit", first))


def bases_of(line: Table) -> list[tuple[str, Fraction]]:
    """Return the lines that a line depends on, and which share of each."""
    found = []
    for base in line.get("on", []):
        if isinstance(base, dict):
            found.append((base["line"], Fraction(base.get("percent", 100)) / 100))
        else:
            found.append((base, Fraction(1)))
    return found


def evenly(days: list[date]) -> ByDay:
    return dict.fromkeys(days, Fraction(1))


def spread_of_all(parts: list[Part]) -> ByDay:
    """Return the weights of a whole line over the days, by the amounts of its parts."""
    spread: ByDay = {}
    for part in parts:
        total = sum(part.spread.values(), ZERO)
        for day, weight in part.spread.items():
            if total:
                spread[day] = spread.get(day, ZERO) + part.amount * weight / total
    return spread


def share_on(spread: ByDay, days: list[date], of_days: list[date]) -> Fraction:
    """Return the share of a weight on some days; by their number where all weights are zero."""
    total = sum(spread.values(), ZERO)
    if total == 0:
        return Fraction(len(days), len(of_days))
    return sum((spread.get(day, ZERO) for day in days), ZERO) / total


# Numbers and days


def rounded_by(rounding: Table, value: Fraction) -> Fraction:
    return rounded(value, Fraction(rounding["to"]), rounding.get("mode", "half-up"))


def rounded(value: Fraction, to: Fraction, mode: str) -> Fraction:
    """Return a multiple of `to`."""
    sign = -1 if value < 0 else 1
    whole, rest = divmod(abs(value), to)
    half = to / 2
    if mode == "half-up":
        up = rest >= half
    elif mode == "half-even":
        up = rest > half or (rest == half and whole % 2 == 1)
    elif mode == "up":
        up = rest > 0
    else:
        up = False
    return sign * to * (whole + (1 if up else 0))


def as_day(value: str | date) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def days_between(first: date, end: date) -> list[date]:
    return [first + timedelta(days=n) for n in range((end - first).days)]


def days_in_month(day: date) -> int:
    return monthrange(day.year, day.month)[1]
