"""Billing periods other than a month, from the close to the statement: by hand, with late readings and changes of tariff."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from tests.apps import town as town_rows
from tests.apps.town import START, adopt
from tests.pipeline.test_decide import POLICY
from tests.pipeline.test_laws import slab_that_is_never_left
from tests.pipeline.test_post import CUT, DAY, Town
from tests.pipeline.test_statements import by_number, newest
from tests.usecases.test_terms import change_category, do

from urja.apps.journal.errors import RefusedError

MARCH, MIDDLE, APRIL = date(2026, 3, 1), date(2026, 3, 16), date(2026, 4, 1)
FIRST_HALF, MONTH = 14, 30
"""Days of the town, whose first one is 2 March, at the end of its first half-month and of its first month."""

TARIFF = """
format = 1
code = "{code}"
version = "1"
title = "A tariff"
currency = "INR"
valid_from = 2025-01-01
{period}
[[line]]
name = "energy"
title = "Energy charge"
accrues = "slabs"
slabs = [{{from = 0, up_to = 31, rate = 3}}, {{from = 31, rate = 5}}]
[[line]]
name = "fixed"
title = "Fixed charge"
accrues = "per-month"
rate = 62
{more}"""
"""In March a day has 1 kWh of the first slab, and 2.00 of the fixed charge."""
LEAST = """
[[line]]
name = "least"
title = "Minimum charge"
accrues = "minimum"
settles = "at-close"
rate = 310
on = ["energy"]
"""
HALVES = 'period = "half-month"'


def load(period=HALVES, code="demo", more=""):
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(TARIFF.format(code=code, period=period, more=more), START)


class PlaceOf(Town):
    """A town whose first day is another one."""

    start = START

    def midnight(self, day):
        return self.start + day * DAY


@pytest.fixture
def made(database):
    """Make a meter under a tariff with a period, adopted at midnight of a local day with 10 kWh on its register."""
    with database.connect() as connection:

        def make(period, first=date(2026, 3, 2), more=""):
            load(period, more=more)
            at = datetime.combine(first, datetime.min.time(), ZoneInfo(town_rows.ZONE))
            PlaceOf.start = at.astimezone(START.tzinfo)
            return PlaceOf(connection, adopt(credit_minor=500_000, valid_from=PlaceOf.start))

        yield make


def days(town, first, last, kwh=2):
    for day in range(first, last + 1):
        town.register(day, 10 + kwh * day)
        town.run(day)


def charged(town):
    return {line: town.charged_in(line) for line in ("energy", "fixed")}


def broken(town):
    return {law for law, holds in town.laws().items() if not holds}


def test_half_months_have_their_own_slabs_and_statements(made):
    town = made(HALVES)
    days(town, 1, FIRST_HALF - 1)
    # The last day of the first half has no read yet: it is charged without, and stated after twelve hours.
    assert town.run(FIRST_HALF, CUT).closed.provisional == 1
    assert charged(town) == {"energy": {MARCH: 4200 + 6000}, "fixed": {MARCH: 2800}}
    town.run(FIRST_HALF, timedelta(hours=12))
    (first,) = newest(town)
    assert (first.content.period_from, first.content.period_to) == (MARCH, MIDDLE)
    assert (first.content.total_minor, first.content.bill.provisional) == (13_000, True)
    assert [(row.quantity, row.charged_minor) for row in first.content.bill.lines[0].rows] == [
        ("14", 4200),
        ("12", 6000),
    ]

    # The late read posts its difference in the first half; the second one begins with its own slabs.
    town.register(FIRST_HALF, 10 + 2 * FIRST_HALF)
    days(town, FIRST_HALF + 1, FIRST_HALF + 1)
    assert charged(town) == {
        "energy": {MARCH: 4200 + 7000, MIDDLE: 600},
        "fixed": {MARCH: 2800, MIDDLE: 200},
    }
    late = [why for why in town.whys() if why.cause]
    assert [(why.entry.line, why.entry.amount_minor, why.entry.service_date) for why in late] == [
        ("energy", -1000, MIDDLE)
    ]
    assert late[0].faults == ()
    days(town, FIRST_HALF + 2, MONTH)
    assert charged(town) == {
        "energy": {MARCH: 11_200, MIDDLE: 4800 + 8000},
        "fixed": {MARCH: 2800, MIDDLE: 3200},
    }
    stated = [one.content for one in by_number(town)]
    assert [(one.period_from, one.period_to, one.total_minor) for one in stated] == [
        (MARCH, MIDDLE, 13_000),
        (MARCH, MIDDLE, 14_000),
        (MIDDLE, APRIL, 16_000),
    ]
    assert [one.charged_minor for one in stated[1].late] == [1000]
    assert [one.charged_minor for one in stated[2].corrections] == [1000]
    assert stated[2].opening_minor == stated[0].closing_minor
    assert broken(town) == set()


def test_two_months_have_the_slabs_of_two(made):
    town = made("period = {months = 2, first_month = 1}")
    town.register(10, 10 + 40)
    town.run(MONTH, CUT)
    # Within the period a late read is no correction, and a month's end no end.
    assert (charged(town)["energy"], newest(town)) == ({MARCH: 12_000}, [])
    town.register(MONTH, 10 + 60)
    town.run(MONTH + 29, CUT)
    assert charged(town)["energy"] == {MARCH: 18_000}
    town.register(MONTH + 30, 10 + 90)
    fresh = town.fresh(MONTH + 30, timedelta(minutes=1)).balance_minor
    town.run(MONTH + 30)
    # 31 kWh by 30 of 31 days and a month: 61 kWh at 3.00, 29 at 5.00.
    assert charged(town) == {"energy": {MARCH: 18_300 + 14_500}, "fixed": {MARCH: 6000 + 6200}}
    assert town.fresh(MONTH + 30, timedelta(minutes=10)).ledger_minor == fresh
    (stated,) = newest(town)
    assert (stated.content.period_from, stated.content.period_to) == (MARCH, date(2026, 5, 1))
    assert stated.content.total_minor == 45_000
    assert not any("correction" in note for why in town.whys() for note in why.notes)
    assert broken(town) == set()


def test_twenty_eight_days_over_a_years_end(made):
    town = made("period = {days = 28, from = 2026-12-14}", date(2026, 12, 20), LEAST)
    town.register(10, 10 + 10)
    town.register(21, 10 + 28)
    town.run(21)
    # One day before the end: 22 kWh at 3.00 and 6 at 5.00, of a minimum of 210.00 so far.
    (reserve,) = town.fresh(21, timedelta(minutes=10)).reserves
    assert (reserve.settles_on, reserve.minor) == (date(2027, 1, 10), 21_000 - 6600 - 3000)
    town.register(22, 10 + 30)
    town.run(22)
    first, second = date(2026, 12, 14), date(2027, 1, 11)
    assert charged(town) == {"energy": {first: 6600 + 4000}, "fixed": {first: 4400}}
    assert town.charged_in("least") == {first: 22_000 - 10_600}
    days(town, 23, 23)
    assert charged(town)["energy"] == {first: 10_600, second: 4800}
    (stated,) = newest(town)
    assert (stated.content.period_from, stated.content.period_to) == (first, second)
    assert stated.content.total_minor == 10_600 + 4400 + 11_400
    assert broken(town) == set()


def test_each_day_may_be_a_period_and_all_that_are_not_closed_are_in_the_fresh_balance(made):
    town = made('period = "day"')
    for day in (1, 2, 3):
        town.register(day, 10 + 2 * day)
    # 1 kWh at 3.00, 1 kWh at 5.00 and 2.00 of each day.
    assert town.fresh(3).pending_minor == 3 * 1000
    town.run(1)
    assert town.fresh(3).pending_minor == 2 * 1000
    town.run(3)
    assert charged(town)["energy"] == {date(2026, 3, day): 800 for day in (2, 3, 4)}
    assert [one.content.total_minor for one in newest(town)] == [1000] * 3
    assert broken(town) == set()


def test_the_look_back_limit_counts_a_long_period_by_its_last_month(made):
    from urja.apps.rulebook.operations import load_policy

    town = made("period = {months = 6, first_month = 1}", date(2026, 6, 29))
    text = POLICY.format(version="limited", emergency=0, most=20, stagger=20)
    limit = "\n[look_back]\ncharge_months = 2\ncredit_months = 12\n"
    load_policy(text + limit, recorded_at=START, actor="test")
    january, july = date(2026, 1, 1), date(2026, 7, 1)
    town.register(1, 10 + 1)
    town.run(1)
    # The period began more than two months before, and is charged all the same.
    assert charged(town)["energy"] == {january: 300}
    town.run(3, CUT)
    town.register(2, 10 + 4)
    town.register(4, 10 + 5)
    town.run(4)
    # What comes late is charged for the half-year that is over.
    # 31 kWh by 2 of 30 days at 3.00, the rest of 4 kWh at 5.00.
    assert charged(town)["energy"] == {january: 620 + 967, july: 300}
    assert town.connection.execute("SELECT count(*) FROM billing_refusal").fetchone() == (0,)
    assert broken(town) == set()


def test_a_tariff_with_other_periods_begins_with_one_of_both(made):
    town = made("")
    load(code="halves")
    with pytest.raises(
        RefusedError, match=r"from demo to halves on 2026-03-20 would cut .* begin on 2026-04-01"
    ):
        do(change_category("halves", 19), town.midnight(1))
    load("period_starts_on = 5", code="fifth")
    do(change_category("halves", MONTH + 1), town.midnight(1))
    with pytest.raises(RefusedError, match="no day begins a billing period of both demo and fifth"):
        do(change_category("fifth", MONTH + 1), town.midnight(1))
    for day in (MONTH, MONTH + 15, MONTH + 16):
        town.register(day, 10 + 2 * day)
        town.run(day)
    half = date(2026, 4, 16)
    assert charged(town) == {
        "energy": {MARCH: 9000 + 15_000, APRIL: 4650 + 7250, half: 600},
        "fixed": {MARCH: 6000, APRIL: 3100, half: 207},
    }
    assert [(one.content.period_from, one.content.period_to) for one in by_number(town)] == [
        (MARCH, APRIL),
        (APRIL, half),
    ]
    assert broken(town) == set()
    # Days that were charged stay in their periods.
    with pytest.raises(RefusedError, match="and 2026-04-16 is charged: let the change begin later"):
        do(change_category("demo", MONTH + 1), town.midnight(MONTH + 16))


def test_a_change_of_periods_is_not_undone_once_its_days_are_charged(made):
    from urja.usecases.operations import Undo

    town = made(HALVES)
    load("", code="months")
    done = do(change_category("months", MONTH + 1), town.midnight(1))
    undo = Undo(entry_id=done.id, reason="by mistake")
    town.register(MONTH + 1, 10 + 62)
    town.run(MONTH + 1)
    with pytest.raises(RefusedError, match="is charged up to 2026-04-01 by the billing periods that"):
        do(undo, town.midnight(MONTH + 1))


def by_month(patch):
    from urja.apps.billing import agreement_periods
    from urja.core.calendar import month_of

    patch.setattr(agreement_periods, "period_by_cycle", lambda day, *_: month_of(day))


def one_day_late(patch):
    from urja.apps.billing import agreement_periods

    real = agreement_periods.period_by_cycle

    def late(day, *rest):
        found = real(day - DAY, *rest)
        return type(found)(found.first + DAY, found.end + DAY)

    patch.setattr(agreement_periods, "period_by_cycle", late)


@pytest.mark.parametrize(
    ("mutation", "law"),
    [(by_month, "terms"), (one_day_late, "terms"), (slab_that_is_never_left, "second_rater")],
)
def test_a_period_that_is_not_the_tariffs_breaks_a_law(made, monkeypatch, mutation, law):
    town = made(HALVES)
    mutation(monkeypatch)
    town.register(1, 10 + 20)
    town.post(1)
    assert law in broken(town)
