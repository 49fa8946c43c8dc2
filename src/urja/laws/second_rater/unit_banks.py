"""Net metering by the second rater: what export and the banks of units take off import, and what remains in each bank."""

from dataclasses import dataclass
from datetime import date, timedelta

from urja.laws.second_rater.documents import read, terms_on, text_in_force
from urja.laws.second_rater.numbers import Table


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
