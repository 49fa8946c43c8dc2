"""Overlapping statements: each entry once, identical genuine ones as often as the bank has them."""

from datetime import date, timedelta
from itertools import accumulate

import pytest
from hypothesis import given, strategies as st

from urja.core.statements import (
    BankStatement,
    Covered,
    Gap,
    StatementEntry,
    StatementError,
    gaps,
    new_entries,
)

FIRST = date(2026, 3, 1)


def day(number):
    return FIRST + timedelta(days=number)


def statement(opening, *rows, first=None, last=None):
    entries = tuple(StatementEntry(day(on), day(on), minor, text) for on, minor, text in rows)
    days = [on for on, _minor, _text in rows]
    return BankStatement(
        "csv",
        "",
        "",
        day(min(days) if first is None else first),
        day(max(days) if last is None else last),
        opening,
        opening + sum(entry.amount_minor for entry in entries),
        entries,
    )


class StandInAdministration:
    """What is stored of an account."""

    def __init__(self):
        self.known, self.stored = [], {}

    def load(self, one):
        fresh = new_entries(one, self.known, self.stored)
        for entry, nth in fresh:
            assert nth == self.stored.get(entry.key, 0) + 1
            self.stored[entry.key] = nth
        self.known.append(Covered(one.from_on, one.through_on, one.opening_minor, one.closing_minor))
        return [(entry.booked_on.day, entry.amount_minor) for entry, _nth in fresh]


def test_a_statement_again_has_nothing_new():
    installation, one = (
        StandInAdministration(),
        statement(0, (1, 500, "CASH"), (1, 500, "CASH"), (2, 700, "UPI")),
    )
    assert len(installation.load(one)) == 3
    assert installation.load(one) == []


def test_two_alike_on_a_day_stay_two_across_an_overlap():
    installation = StandInAdministration()
    installation.load(statement(0, (1, 100, "A"), (2, 500, "CASH")))
    # The first file was exported before the second deposit of that day.
    assert installation.load(statement(100, (2, 500, "CASH"), (2, 500, "CASH"), (3, 5, "B"))) == [
        (3, 500),
        (4, 5),
    ]


def test_a_statement_that_begins_where_another_ends_within_a_day_adds_what_is_alike():
    installation = StandInAdministration()
    installation.load(statement(0, (1, 100, "A"), (2, 500, "CASH")))
    assert installation.load(statement(600, (2, 500, "CASH"), (3, 5, "B"))) == [(3, 500), (4, 5)]


def test_an_identical_deposit_in_a_later_file_of_the_same_day_is_new():
    installation = StandInAdministration()
    installation.load(statement(0, (2, 500, "CASH")))
    assert installation.load(statement(500, (2, 500, "CASH"))) == [(3, 500)]
    assert installation.load(statement(500, (2, 500, "CASH"))) == []


def test_an_export_of_before_the_last_entries_of_a_day_has_nothing_new():
    installation = StandInAdministration()
    installation.load(statement(0, (1, 100, "A"), (2, 500, "CASH"), (2, 500, "CASH")))
    assert installation.load(statement(0, (1, 100, "A"), (2, 500, "CASH"))) == []


def test_an_identical_deposit_after_a_missing_file_is_refused_not_dropped():
    installation = StandInAdministration()
    installation.load(statement(0, (2, 500, "CASH")))
    with pytest.raises(StatementError, match="contradicts statements"):
        installation.load(statement(1_000, (2, 500, "CASH")))


def test_a_contradiction_is_refused_with_its_difference():
    installation = StandInAdministration()
    installation.load(statement(0, (1, 100, "UPI one"), (2, 500, "UPI two")))
    with pytest.raises(StatementError, match=r"contradicts statements .* by -1\.00"):
        installation.load(statement(0, (1, 100, "the same in other words"), (2, 500, "UPI two")))


def test_a_missing_statement_is_a_gap_until_it_is_loaded():
    def covered(first, last, opening, closing):
        return Covered(day(first), day(last), opening, closing)

    january, march = covered(0, 3, 0, 100), covered(7, 9, 250, 300)
    assert gaps([march, january]) == [Gap(day(3), day(7), 150)]
    assert gaps([march, january, covered(4, 6, 100, 250)]) == []
    # A weekend without an entry is no gap, nor a statement within another one.
    assert gaps([january, covered(1, 2, 20, 50), covered(5, 5, 100, 90)]) == []


ROWS = st.lists(
    st.tuples(st.integers(0, 6), st.sampled_from([100, 100, 250, -100]), st.sampled_from("AB")),
    min_size=1,
    max_size=14,
).map(sorted)


@given(ROWS, st.data())
def test_any_overlapping_exports_of_whole_days_store_each_entry_once(rows, data):
    """Whatever periods are exported in whatever order: what is stored is what the bank has of those days."""
    balances = [0, *accumulate(minor for _on, minor, _text in rows)]
    installation, covered = StandInAdministration(), set()
    for _ in range(data.draw(st.integers(1, 4))):
        first = data.draw(st.integers(0, 6))
        last = data.draw(st.integers(first, 6))
        begin = sum(on < first for on, _minor, _text in rows)
        end = sum(on <= last for on, _minor, _text in rows)
        installation.load(statement(balances[begin], *rows[begin:end], first=first, last=last))
        covered |= set(range(first, last + 1))
    expected = {}
    for on, minor, text in rows:
        if on in covered:
            key = StatementEntry(day(on), day(on), minor, text).key
            expected[key] = expected.get(key, 0) + 1
    assert installation.stored == expected
