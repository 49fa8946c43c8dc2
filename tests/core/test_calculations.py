"""Entries of the past, calculated again: a frozen corpus of both kinds of evidence.

`whole-arithmetic.json` was posted by the code of before, which stored all rows; `calculations.json` has the same readings and
tariffs, posted since entries name their calculation. Both have slabs that are crossed, days that were closed provisionally, a
late month, and a tariff for past days. A change of arithmetic without a new version of the rules fails here.
"""

import json
from datetime import date
from pathlib import Path

import pytest

from urja.core.calendar import Period
from urja.core.rating import (
    Calculation,
    EnergyUse,
    NamedTerms,
    UnknownRulesError,
    parse_tariff,
    rated_state,
    recalculate,
    rows_between,
)

CORPUS = Path(__file__).parents[1] / "vectors" / "evidence"


def corpus(name):
    found = json.loads((CORPUS / f"{name}.json").read_text("utf-8"))
    tariffs = {sha256: parse_tariff(text) for sha256, text in found["tariffs"].items()}
    assert all(tariff.sha256 == sha256 for sha256, tariff in tariffs.items())
    return found["entries"], tariffs.__getitem__


def charges(entries):
    """Each entry with what its line was charged by it and before it, in its period."""
    charged = {}
    for entry in entries:
        key = entry["line"], entry["period_start"]
        charged[key] = charged.get(key, 0) - entry["amount_minor"]
        yield entry, charged[key]


def test_entries_that_have_their_whole_arithmetic():
    entries, tariff_of = corpus("whole-arithmetic")
    states, again = {}, 0
    for entry, charged in charges(entries):
        inputs, key = entry["inputs"], (entry["line"], entry["period_start"])
        assert sum(row["amount_minor"] for row in inputs["rows"]) == entry["amount_minor"]
        assert inputs["target_minor"] == charged
        before, states[key] = states.get(key, {}), inputs["standing"]
        if len(inputs["tariffs"]) > 1:
            # Its parts of energy were not stored with it.
            continue
        calculation = of_before(inputs)
        rated = recalculate(calculation, tariff_of)
        line = next(line for line in rated.lines if line.name == entry["line"])
        rows = rows_between(before, line, -entry["amount_minor"])
        assert (line.amount_minor, rated_state(line)) == (charged, inputs["standing"])
        assert [row.to_json() for row in rows] == inputs["rows"]
        again += 1
    assert again >= 12


def of_before(inputs):
    billed, through = (
        Period(*map(date.fromisoformat, inputs["billed"])),
        date.fromisoformat(inputs["through"]),
    )
    use = EnergyUse(Period(billed.first, through), inputs["energy_wh"])
    versions = tuple(tariff["sha256"] for tariff in inputs["tariffs"])
    terms = NamedTerms(billed.first, inputs["load_w"], versions)
    return Calculation(billed, through, billed.first, (terms,), (use,))


def test_entries_that_name_their_calculation():
    entries, tariff_of = corpus("calculations")
    by_seq = {entry["seq"]: entry for entry in entries}
    for entry, charged in charges(entries):
        back = entry["inputs"].get("calculated_with", 0)
        calculation = Calculation.from_json(by_seq[entry["seq"] - back]["inputs"]["calculation"])
        assert recalculate(calculation, tariff_of).amount(entry["line"]) == charged
        # Postings add determinants, reads and whether the day was provisional.
        written = json.loads(json.dumps(calculation.to_json(), default=str))
        assert written.items() <= by_seq[entry["seq"] - back]["inputs"]["calculation"].items()


def test_both_kinds_came_to_the_same_amounts():
    whole, named = (
        [(entry["seq"], entry["line"], entry["amount_minor"]) for entry in corpus(name)[0]]
        for name in ("whole-arithmetic", "calculations")
    )
    assert whole == named


def test_rules_of_another_program_are_not_guessed():
    entries, tariff_of = corpus("calculations")
    stored = entries[0]["inputs"]["calculation"] | {"rules": "rating 0"}
    with pytest.raises(UnknownRulesError, match="names rules 'rating 0'; this program has rating 1"):
        recalculate(Calculation.from_json(stored), tariff_of)
