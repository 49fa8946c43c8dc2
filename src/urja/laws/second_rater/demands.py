"""Demand by the second rater: what determinants and earlier periods have of it, as a line or its table `demand` says."""

from datetime import date
from fractions import Fraction

from urja.laws.second_rater.days_together import Bill
from urja.laws.second_rater.numbers import ZERO, Table, rounded_by


def demand_rounded(said: Table, demand: Fraction) -> Fraction:
    """Return a demand in kW or kVA, rounded as it is said."""
    return rounded_by(said["round_demand"], demand) if "round_demand" in said else demand


def names_of(said: Table, document: Table) -> list[str]:
    """Return the names of the recorded maxima that count."""
    name = "max_import_va" if said["unit"] == "kVA" else "max_import_w"
    return [f"{name}_z{document['zones'][zone]}" for zone in said.get("zones", [])] or [name]


def recorded_demand(said: Table, document: Table, bill: Bill, days: list[date]) -> Fraction:
    """Return the recorded demand of some days, rounded, in kW or kVA."""
    names = names_of(said, document)
    counted = dict.fromkeys(names, Fraction(1))
    if "kva_percent" in said:
        share = Fraction(said["kva_percent"]) / 100
        counted |= {known.replace("_w", "_va"): share for known in names}
    highest = ZERO
    for known, share in counted.items():
        for day, power in bill.others.get(known, {}).items():
            if day in days:
                highest = max(highest, power * share / 1000)
    return demand_rounded(said, highest)


def of_the_past(said: Table, document: Table, bill: Bill) -> Fraction:
    """Return the share of the highest demand of the last known periods that a ratchet takes, in kW or kVA."""
    if "ratchet" not in said:
        return ZERO
    names = names_of(said, document)
    known = [(end, power) for end, name, power in bill.past_demands if name in names and end <= bill.days[0]]
    ends = sorted({end for end, _ in known}, reverse=True)[: said["ratchet"]["periods"]]
    highest = max((power for end, power in known if end in ends), default=0)
    return Fraction(highest, 1000) * Fraction(said["ratchet"].get("percent", 100)) / 100
