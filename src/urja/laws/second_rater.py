"""A second rater, written from docs/money.md alone: slow, plain, without a line in common with `urja.core.rating`.

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
from typing import Any

type Table = dict[str, Any]
type ByDay = dict[date, Fraction]

ZERO = Fraction(0)


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


@dataclass
class Bill:
    """Days that are rated together, with the documents that apply from some of them on."""

    days: list[date]
    versions: list[tuple[date, Table]]
    by_days: bool
    """Whether it shares the energy of the bill before it, by days."""
    energy: ByDay = field(default_factory=dict)


def charges(
    terms: list[tuple[date, list[str], int]],
    first: date,
    end: date,
    through: date,
    *,
    uses: list[tuple[date, date, int]],
    by_day_from: date = date.min,
) -> dict[str, int]:
    """Return the amount of each line in minor units, for the billed days `first`..`end` as far as `through`.

    `terms` are (first day, texts of the tariff's documents in the order they apply, sanctioned load in W) in date
    order; `uses` are (first day, end day, Wh), ends exclusive. Charges by day begin with `by_day_from`.
    """
    energy: ByDay = {}
    for use_first, use_end, energy_wh in uses:
        for day in days_between(use_first, use_end):
            energy[day] = Fraction(energy_wh, 1000 * len(days_between(use_first, use_end)))
    loads = {day: terms_on(terms, day)[2] for day in days_between(first, end) if day >= by_day_from}
    bills = bills_of(terms, days_between(first, end))
    give_energy(bills, energy, through)
    totals: dict[str, int] = {}
    for bill in bills:
        passed = [day for day in bill.days if day < through]
        if passed:
            period_days = len(days_between(first, end))
            for name, line in rate(bill, passed, loads, period_days).items():
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


# What the lines of a bill come to


def rate(bill: Bill, passed: list[date], loads: dict[date, int], period_days: int) -> dict[str, Line]:
    """Return each line up to the end of the last day of `passed`."""
    versions = [(first, document) for first, document in bill.versions if first <= passed[-1]]
    newest = versions[-1][1]
    lines: dict[str, Line] = {}
    for name in bases_first([document for _, document in versions]):
        said = said_of(newest, name)
        changed = last_change(versions, name)
        before: dict[str, Line] = {}
        if changed:
            before = rate(bill, [day for day in passed if day < changed], loads, period_days)
        kept = before.get(name, Line())
        if said:
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
            )
            added = calculation.line()
            lines[name] = Line(kept.amount + added.amount, kept.parts + added.parts)
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
    if is_round_off(versions[-1][1], name):
        # It replaces the rounding of older ones; only its amount as another kind of line remains.
        changed = None
        for (_, old), (first, _) in pairwise(versions):
            if said_of(old, name) and not is_round_off(old, name):
                changed = first
    return changed


def is_round_off(document: Table, name: str) -> bool:
    line = said_of(document, name)
    return line is not None and bool(line["accrues"] == "round-off")


def meaning(document: Table, name: str) -> object:
    """Return the meaning of a line: defaults filled in, numbers by value, without its title and contra account."""
    line = said_of(document, name)
    if line is None:
        return None
    said = {"prorate": "month-fraction", "credit": False, "per": "connection", **line}
    said["round"] = {
        "to": Fraction(1, 10 ** document.get("decimals", 2)),
        "mode": "half-up",
        "each": "line",
        **line.get("round", {}),
    }
    for rounding in ("round_width", "round_energy", "round_load"):
        if rounding in said:
            said[rounding] = {"mode": "half-up", **said[rounding]}
    if "rate" in said:
        said["bands"] = [{"rate": said.pop("rate")}]
    if "slabs" in said:
        said["by_use"] = [{"slabs": said.pop("slabs")}]
    if "percent" in said:
        said["rates"] = [{"percent": said.pop("percent")}]
    said["on"] = bases_of(line)
    return by_value({key: value for key, value in said.items() if key not in ("title", "book")})


def by_value(said: Any) -> Any:
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
        return Line(now.amount, [on_days(part, since) for part in now.parts])
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
    return Line(now.amount - before.amount, [on_days(part, since) for part in parts if part.amount])


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
        elif kind == "round-off":
            return self.round_off()
        else:
            raise ValueError(f"docs/money.md knows no line that accrues {kind!r}")
        if self.rounds_parts():
            parts = [Part(part.which, self.money(part.amount), part.spread) for part in parts]
        if kind == "minimum" and sum((part.amount for part in parts), ZERO) <= 0:
            parts = []
        return Line(int(self.money(sum((part.amount for part in parts), ZERO))), parts)

    def money(self, amount: Fraction) -> Fraction:
        """Return an amount rounded as the line rounds money."""
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
        """Return a bound or width in kWh, for all days of the bill."""
        bound = Fraction(str(kwh_a_month)) * self.months(self.bill.days)
        return rounded_by(self.said["round_width"], bound) if "round_width" in self.said else bound

    def used(self, days: list[date]) -> Fraction:
        """Return the energy used on some days, in kWh."""
        return sum((self.bill.energy.get(day, ZERO) for day in days), ZERO)

    def slabs(self) -> list[Part]:
        """Return the charges of energy by slabs: one part for each slab with energy since the change."""
        by_now = self.used(self.passed)
        before = self.used([day for day in self.passed if day not in self.since])
        if "round_energy" in self.said:
            by_now = rounded_by(self.said["round_energy"], by_now)
            before = rounded_by(self.said["round_energy"], before)
        tables = self.said.get("by_use", [self.said])
        number, table = next(
            (n, table)
            for n, table in enumerate(tables)
            if "up_to" not in table or by_now <= self.bound(table["up_to"])
        )
        held_now = self.fill(table["slabs"], by_now)
        held_before = self.fill(table["slabs"], before)
        parts = []
        for n, slab in enumerate(table["slabs"]):
            kwh = held_now[n] - held_before[n]
            if kwh:
                amount = kwh * Fraction(slab["rate"]) * self.minor * self.sign()
                spread = {day: self.bill.energy.get(day, ZERO) for day in self.since}
                parts.append(Part((self.mark, number, n), amount, spread))
        return parts

    def fill(self, slabs: list[Table], energy: Fraction) -> list[Fraction]:
        """Return how much of some energy each slab holds."""
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
            load = Fraction(self.loads[day], 1000)
            if "round_load" in self.said:
                load = rounded_by(self.said["round_load"], load)
            price = self.price(load)
            alike: tuple[object, ...] = (price,)
            if self.said.get("per") == "kW":
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
            fits_load = "up_to_kw" not in band or load <= Fraction(band["up_to_kw"])
            fits_use = "up_to_kwh" not in band or self.used(self.passed) <= self.bound(band["up_to_kwh"])
            if fits_load and fits_use:
                return Fraction(band["rate"]) * self.minor * self.sign()
        raise ValueError("the last band is open")

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
