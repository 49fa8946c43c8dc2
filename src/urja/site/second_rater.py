"""A second rater: slow, plain, and without a line in common with `urja.core.rating`.

It reads the same documents and works day by day, with a dictionary for everything. `urja verify` and the tests
hold the ledger to it. When the two disagree, one of them has misread the tariff: look at both.
"""

import tomllib
from calendar import monthrange
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

type Table = dict[str, Any]
type Parts = list[tuple[Fraction, dict[date, Fraction]]]
"""Amounts, each with how it weighs on the days."""


def charges(
    terms: list[tuple[date, list[str], int]],
    first: date,
    end: date,
    through: date,
    *,
    uses: list[tuple[date, date, int]],
    by_day_from: date = date.min,
) -> dict[str, int]:
    """What each line comes to in minor units, for the billed days `first`..`end` as far as `through`.

    Charges by day begin with the day `by_day_from`.

    `terms` are (from day, texts of the tariff's documents in the order they apply, sanctioned load in W) in the order
    of their days; `uses` are (from day, to day, Wh), ends not included.
    """
    energy_of_day = {}
    for use_first, use_end, energy_wh in uses:
        days = days_between(use_first, use_end)
        for day in days:
            energy_of_day[day] = Fraction(energy_wh, 1000 * len(days))

    tariffs = {text: tomllib.loads(text, parse_float=str) for _, documents, _ in terms for text in documents}
    days_of_text: list[tuple[str, list[date]]] = []
    load_of_day: dict[date, int] = {}
    for day in days_between(first, end):
        _, documents, load_of_day[day] = [each for each in terms if each[0] <= day][-1]
        text = text_of(documents, tariffs, day)
        if not days_of_text or days_of_text[-1][0] != text:
            days_of_text.append((text, []))
        days_of_text[-1][1].append(day)

    totals: dict[str, int] = {}
    for text, days in days_of_text:
        passed = [day for day in days if day < through]
        if not passed:
            continue
        energy = {day: energy_of_day.get(day, Fraction(0)) for day in passed}
        period_days = len(days_between(first, end))
        for name, amount in one_tariff(
            tariffs[text],
            days,
            passed,
            energy,
            loads={day: load for day, load in load_of_day.items() if day >= by_day_from},
            period_days=period_days,
        ).items():
            totals[name] = totals.get(name, 0) + amount
    return totals


def text_of(documents: list[str], tariffs: dict[str, Table], day: date) -> str:
    """The text in force on a day: the last one that has begun; of two of one day the later in the list."""
    begun = [text for text in documents if as_day(tariffs[text]["valid_from"]) <= day]
    latest = max(as_day(tariffs[text]["valid_from"]) for text in begun)
    return [text for text in begun if as_day(tariffs[text]["valid_from"]) == latest][-1]


def one_tariff(
    tariff: Table,
    days: list[date],
    passed: list[date],
    energy: dict[date, Fraction],
    *,
    loads: dict[date, int],
    period_days: int,
) -> dict[str, int]:
    """Amounts by line for the days of one document."""
    minor = 10 ** tariff.get("decimals", 2)
    lines = {line["name"]: line for line in tariff["line"]}
    parts_of: dict[str, Parts] = {}
    amount_of: dict[str, int] = {}
    while len(amount_of) < len(lines):
        for name, line in lines.items():
            if name in amount_of:
                continue
            if any(base_name(base) not in amount_of for base in line.get("on", [])):
                continue
            span = (days, period_days)
            used = sum(energy.values(), Fraction(0))
            if line["accrues"] in ("percent", "rebate"):
                said = at_use(line, used, span)
                raw = percent_parts(said, passed, parts_of, amount_of)
                raw += beyond_the_most(said, raw, passed, span, minor)
            elif line["accrues"] == "slabs":
                raw = slab_parts(line, energy, span, minor)
            elif line["accrues"] == "minimum":
                raw = time_parts(line, passed, loads, minor, used=used, span=span)
                raw += [
                    (-total_of([base], amount_of), dict.fromkeys(passed, Fraction(1))) for base in line["on"]
                ]
            elif line["accrues"] == "round-off":
                total = total_of(line["on"], amount_of)
                to, mode = Fraction(line["round"]["to"]) * minor, line["round"].get("mode", "half-up")
                parts_of[name] = [(rounded(total, to, mode) - total, dict.fromkeys(passed, Fraction(1)))]
                amount_of[name] = int(rounded(parts_of[name][0][0], Fraction(1), "half-up"))
                continue
            else:
                raw = time_parts(line, passed, loads, minor, used=used, span=span)
            rounding = line.get("round", {})
            to, mode = (
                Fraction(rounding.get("to", Fraction(1, minor))) * minor,
                rounding.get("mode", "half-up"),
            )
            if rounding.get("each", "line") == "part":
                raw = [(rounded(amount, to, mode), weights) for amount, weights in raw]
            if line["accrues"] == "minimum" and sum(amount for amount, _ in raw) <= 0:
                raw = []
            parts_of[name] = raw
            amount_of[name] = int(rounded(sum((amount for amount, _ in raw), Fraction(0)), to, mode))
    return amount_of


def total_of(on: list[str | Table], amount_of: dict[str, int]) -> Fraction:
    """What lines, or shares of them, come to."""
    total = Fraction(0)
    for base in on:
        share = Fraction(base.get("percent", 100)) / 100 if isinstance(base, dict) else Fraction(1)
        total += amount_of[base_name(base)] * share
    return total


def scaled(line: Table, amount: Fraction, span: tuple[list[date], int]) -> Fraction:
    """So much a month, for the days of the document in a period of so many days."""
    days, period_days = span
    prorate = line.get("prorate", "month-fraction")
    if prorate == "month-fraction":
        return amount * sum(Fraction(1, days_in_month(day)) for day in days)
    if prorate == "days-of-30":
        return amount * Fraction(len(days), 30)
    return amount * Fraction(len(days), period_days)


def width_of(line: Table, kwh: object, span: tuple[list[date], int]) -> Fraction:
    """A width or bound in kWh a month, for the days of the document."""
    width = scaled(line, Fraction(str(kwh)), span)
    if "round_width" in line:
        step = line["round_width"]
        width = rounded(width, Fraction(step["to"]), step.get("mode", "half-up"))
    return width


def at_use(line: Table, used: Fraction, span: tuple[list[date], int]) -> Table:
    """The line with what its `by_use` says of the energy used."""
    for entry in line.get("by_use", []):
        if "up_to" not in entry or used <= width_of(line, entry["up_to"], span):
            found = {key: value for key, value in entry.items() if key != "up_to"}
            return {**line, **found}
    return line


def beyond_the_most(
    line: Table, parts: Parts, passed: list[date], span: tuple[list[date], int], minor: int
) -> Parts:
    """What a percentage has to give back where it is more than `at_most`."""
    if "at_most" not in line:
        return []
    most = scaled(line, Fraction(line["at_most"]) * minor, span)
    rounding = line.get("round", {})
    to, mode = Fraction(rounding.get("to", Fraction(1, minor))) * minor, rounding.get("mode", "half-up")
    whole = sum((amount for amount, _ in parts), Fraction(0))
    if rounding.get("each") == "part":
        whole = sum((rounded(amount, to, mode) for amount, _ in parts), Fraction(0))
    if whole > most:
        return [(most - whole, dict.fromkeys(passed, Fraction(1)))]
    if whole < -most:
        return [(-most - whole, dict.fromkeys(passed, Fraction(1)))]
    return []


def slab_parts(line: Table, energy: dict[date, Fraction], span: tuple[list[date], int], minor: int) -> Parts:
    """Fill the slabs one after another with the energy."""
    left = sum(energy.values(), Fraction(0))
    if "round_energy" in line:
        left = rounded(
            left, Fraction(line["round_energy"]["to"]), line["round_energy"].get("mode", "half-up")
        )
    line = at_use(line, left, span)
    sign = -1 if line.get("credit") else 1
    parts = []
    for number, slab in enumerate(line["slabs"]):
        take = left
        if "up_to" in slab:
            take = min(left, width_of(line, Fraction(slab["up_to"]) - Fraction(slab["from"]), span))
        if take > 0 or (number == 0 and take < 0):
            parts.append((take * Fraction(slab["rate"]) * minor * sign, dict(energy)))
        left = left - take
        if left <= 0:
            break
    return parts


def time_parts(
    line: Table,
    passed: list[date],
    loads: dict[date, int],
    minor: int,
    *,
    used: Fraction,
    span: tuple[list[date], int],
) -> Parts:
    """So much for each day with a load; monthly prices make one part for each month, and each price one of its own."""
    shares: list[tuple[object, Fraction, list[date]]] = []
    for day in passed:
        if day not in loads:
            continue
        load = Fraction(loads[day], 1000)
        if "round_load" in line:
            step = line["round_load"]
            load = rounded(load, Fraction(step["to"]), step.get("mode", "half-up"))
        rate = Fraction(0)
        for band in line.get("bands", [{"rate": line.get("rate")}]):
            small = "up_to_kw" not in band or load <= Fraction(band["up_to_kw"])
            if small and ("up_to_kwh" not in band or used <= width_of(line, band["up_to_kwh"], span)):
                rate = Fraction(band["rate"]) * minor * (-1 if line.get("credit") else 1)
                break
        alike: tuple[object, ...] = (rate,)
        if line.get("per") == "kW":
            rate = rate * load
            alike = (rate, load)
        if line["accrues"] in ("per-month", "minimum"):
            prorate = line.get("prorate", "month-fraction")
            rate = rate / {"month-fraction": days_in_month(day), "days-of-30": 30, "none": span[1]}[prorate]
            if prorate != "none":
                alike = (*alike, day.year, day.month)
        if not shares or shares[-1][0] != alike:
            shares.append((alike, rate, []))
        shares[-1][2].append(day)
    return [(rate * len(days), dict.fromkeys(days, Fraction(1))) for _, rate, days in shares]


def percent_parts(
    line: Table, passed: list[date], parts_of: dict[str, Parts], amount_of: dict[str, int]
) -> Parts:
    """A percentage of each base; where it changes with time, of what the base spreads on the days of each."""
    rates = line.get("rates", [{"percent": line.get("percent")}])
    sign = -1 if line["accrues"] == "rebate" else 1
    windows = []
    for n, rate in enumerate(rates):
        begin = as_day(rate["from"]) if n else date.min
        until = as_day(rates[n + 1]["from"]) if n + 1 < len(rates) else date.max
        days = [day for day in passed if begin <= day < until]
        if days:
            windows.append((days, Fraction(rate["percent"]) / 100 * sign))
    parts = []
    for base in line["on"]:
        name = base_name(base)
        share = Fraction(base.get("percent", 100)) / 100 if isinstance(base, dict) else Fraction(1)
        if line.get("round", {}).get("each", "line") == "part":
            bases = parts_of[name]
        else:
            bases = [(Fraction(amount_of[name]), spread(parts_of[name]))]
        for amount, weights in bases:
            total = sum(weights.values(), Fraction(0))
            for days, percent in windows:
                if len(windows) == 1:
                    inside = Fraction(1)
                elif total == 0:
                    inside = Fraction(len(days), len(passed))
                else:
                    inside = sum((weights.get(day, Fraction(0)) for day in days), Fraction(0)) / total
                parts.append((amount * share * inside * percent, dict.fromkeys(days, Fraction(1))))
    return parts


def spread(parts: Parts) -> dict[date, Fraction]:
    """How a line as a whole spreads over the days, by the amounts of its parts."""
    by_day: dict[date, Fraction] = {}
    for amount, weights in parts:
        total = sum(weights.values(), Fraction(0))
        for day, weight in weights.items():
            if total:
                by_day[day] = by_day.get(day, Fraction(0)) + amount * weight / total
    return by_day


def rounded(value: Fraction, to: Fraction, mode: str) -> Fraction:
    """A multiple of `to`."""
    sign = -1 if value < 0 else 1
    whole, rest = divmod(abs(Fraction(value)), Fraction(to))
    half = Fraction(to) / 2
    if mode == "half-up":
        up = rest >= half
    elif mode == "half-even":
        up = rest > half or (rest == half and whole % 2 == 1)
    elif mode == "up":
        up = rest > 0
    else:
        up = False
    return sign * Fraction(to) * (whole + (1 if up else 0))


def base_name(base: str | Table) -> str:
    return base["line"] if isinstance(base, dict) else base


def as_day(value: str | date) -> date:
    return date.fromisoformat(value) if isinstance(value, str) else value


def days_between(first: date, end: date) -> list[date]:
    days = []
    while first < end:
        days.append(first)
        first = first + timedelta(days=1)
    return days


def days_in_month(day: date) -> int:
    return monthrange(day.year, day.month)[1]
