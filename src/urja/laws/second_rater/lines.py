"""What the lines of a bill come to by the second rater: each day by itself, each line after those it depends on."""

from calendar import monthrange
from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from fractions import Fraction
from math import isqrt

from urja.laws.second_rater.days_together import Bill
from urja.laws.second_rater.demands import demand_rounded, of_the_past, recorded_demand
from urja.laws.second_rater.documents import (
    at_close,
    bases_first,
    bases_of,
    billed_by,
    last_change,
    measure_of,
    said_of,
)
from urja.laws.second_rater.numbers import (
    UNITS,
    ZERO,
    ByDay,
    Table,
    as_day,
    days_in_month,
    rounded,
    rounded_by,
)
from urja.laws.second_rater.parts import Line, Part, evenly, grown, share_on, spread_of_all


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
    bounds: dict[str, Fraction] = field(default_factory=dict)
    """Those that were asked for, by what the document says."""

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
        elif kind == "minimum-demand":
            parts = self.demand() + self.less_the_bases()
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
        elif kind == "load-factor":
            parts = self.load_factor()
        elif kind == "round-off":
            return self.round_off()
        else:
            raise ValueError(f"docs/money.md knows no line that accrues {kind!r}")
        if self.rounds_parts():
            parts = [Part(part.which, self.money(part.amount), part.spread) for part in parts]
        if kind in ("minimum", "minimum-demand") and sum((part.amount for part in parts), ZERO) <= 0:
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
            by_month = Counter((day.year, day.month) for day in days)
            return sum((Fraction(n, monthrange(*month)[1]) for month, n in by_month.items()), ZERO)
        return Fraction(len(days), 30 if prorate == "days-of-30" else self.period_days)

    def bound(self, kwh_a_month: object) -> Fraction:
        """Return a bound or width in kWh or m³, for all days of the bill; of a line with a demand in its unit, for hours or a load factor."""
        said = str(kwh_a_month)
        if said not in self.bounds:
            bound = Fraction(said) * self.months(self.bill.days)
            if "demand" in self.said:
                hours = self.months(self.bill.days)
                if self.said["demand"].get("bounds") == "load-factor":
                    hours = Fraction(24 * len(self.bill.days), 100)
                watt_hours = Fraction(said) * hours * self.mean_demand(self.said["demand"]) * 1000
                bound = watt_hours / UNITS[measure_of(self.document, self.said)[1]]
            self.bounds[said] = (
                rounded_by(self.said["round_width"], bound) if "round_width" in self.said else bound
            )
        return self.bounds[said]

    def used(self, days: list[date]) -> Fraction:
        """Return the energy used on some days, in kWh."""
        return sum((self.bill.energy.get(day, ZERO) for day in days), ZERO)

    def quantity(self, zone: str = "", of: Table | None = None) -> ByDay:
        """Return what each elapsed day of the bill has of the line's quantity, or of it in a zone, in its unit.

        `of` names another quantity and unit than the line's.
        """
        name, unit = measure_of(self.document, of or self.said)
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
        parts = self.by_slabs(table["slabs"], by_now, before, by_day, number)
        if "priced_by" in self.said:
            # Each unit since has the mean of what is priced.
            priced = self.quantity(of=self.said["priced_by"])
            used, of_it = (
                sum((each.get(day, ZERO) for day in self.since), ZERO) for each in (by_day, priced)
            )
            for part in parts:
                part.amount *= of_it / used if used else ZERO
        return parts

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
        prices: dict[Fraction, Fraction] = {}
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
            if load not in prices:
                prices[load] = self.price(load)
            price = prices[load]
            alike: tuple[object, ...] = (price,)
            if self.said.get("per") in ("kW", "kVA"):
                alike = (price, load)
                price = price if self.said.get("telescopic") else price * load
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
        """Return the price of the band for a load in kW and the use so far, in minor units; of all the load where bands price its parts.

        Raises ValueError where no band is open, which a valid document does not allow.
        """
        if self.said.get("telescopic"):
            return self.part_by_part(load) * self.sign()
        for band in self.said.get("bands", [self.said]):
            most = band.get("up_to_kw", band.get("up_to_kva"))
            fits_load = most is None or load <= Fraction(most)
            bound = band.get("up_to_kwh", band.get("up_to_m3"))
            fits_use = bound is None or self.used(self.passed) <= self.bound(bound)
            if fits_load and fits_use:
                return Fraction(band["rate"]) * self.minor * self.sign()
        raise ValueError("the last band is open")

    def part_by_part(self, load: Fraction) -> Fraction:
        """Return the price of a load or demand of which each kW or kVA has the rate of the band it is in, in minor units."""
        price, reached = ZERO, ZERO
        for band in self.said["bands"]:
            bound = next(
                (Fraction(band[key]) for key in ("up_to", "up_to_kw", "up_to_kva") if key in band), load
            )
            if load > reached:
                price += (min(bound, load) - reached) * Fraction(band["rate"]) * self.minor
            reached = bound
        return price

    def load(self, day: date, which: str, unit: str) -> Fraction:
        """Return a load of the agreement on a day, in kW or kVA."""
        if (which, unit) == ("sanctioned", "kW"):
            return Fraction(self.loads[day], 1000)
        return self.bill.facts[day][f"{which} {unit}"]

    def demand(self) -> list[Part]:
        """Return the charges for demand: of each month and price the billed demand, and the excess by itself."""
        unit = self.said["unit"]
        recorded = recorded_demand(self.said, self.document, self.bill, self.since)
        parts: dict[object, Part] = {}
        run, before = 0, None
        for day in self.coming:
            if day not in self.loads:
                continue
            billed = self.billed_on(day, self.said, recorded)
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
                price = self.part_by_part(billed) if self.said.get("telescopic") else billed * rate
                amounts["demand"] = price * length
            for what, amount in amounts.items():
                part = parts.setdefault((what, run), Part((self.mark, what, day), ZERO, {}))
                part.amount += amount
                part.spread[day] = Fraction(1)
        return list(parts.values())

    def billed_on(self, day: date, said: Table, recorded: Fraction) -> Fraction:
        """Return the billed demand of a day, in kW or kVA."""
        unit = said["unit"]
        billed = recorded
        if said["billed"] in ("sanctioned", "contracted"):
            billed = self.load(day, said["billed"], unit)
        least = said.get("at_least")
        if least:
            billed = max(billed, self.load(day, least["of"], unit) * Fraction(least["percent"]) / 100)
        billed = max(billed, of_the_past(said, self.document, self.bill), Fraction(said.get("floor", 0)))
        billed = demand_rounded(said, billed)
        most = said.get("at_most")
        if most:
            billed = min(billed, self.load(day, most["of"], unit) * Fraction(most["percent"]) / 100)
        return billed

    def mean_demand(self, said: Table) -> Fraction:
        """Return the mean of the billed demand over the days that are charged by day, in kW or kVA."""
        recorded = recorded_demand(said, self.document, self.bill, self.since)
        each = [self.billed_on(day, said, recorded) for day in self.coming if day in self.loads]
        return sum(each, ZERO) / (len(each) or 1)

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
        return self.by_factor(min(active / other, Fraction(1)), "0.001")

    def load_factor(self) -> list[Part]:
        """Return the penalty or incentive by the load factor since the change: one part for each line it is taken of."""
        days, used = self.since, self.used(self.since)
        if self.said["demand"]["unit"] == "kVA":
            by_day = self.bill.others.get("import_vah", {})
            days = [day for day in self.since if day in by_day]
            used = sum((by_day[day] for day in days), ZERO) / 1000
        possible = self.mean_demand(self.said["demand"]) * 24 * len(days)
        if used <= 0 or possible <= 0:
            return []
        return self.by_factor(100 * used / possible, "0.01")

    def by_factor(self, exactly: Fraction, to: str) -> list[Part]:
        """Return what the table has for a factor, rounded to `to` unless the line says otherwise: one part for each base."""
        factor = rounded_by(self.said.get("round_factor", {"to": to}), exactly)
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
                # Where it falls matters only to a share that changes.
                spread = spread_of_all(base.parts) if len(windows) > 1 else {}
                pieces = [Part("all", Fraction(base.amount), spread)]
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
