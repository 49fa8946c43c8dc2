"""An agreement with its own billing calendar: postings follow it, whatever calendar its tariffs have."""

from contextlib import suppress
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.apps.town import START, adopt, remove
from tests.conftest import copy_of
from tests.pipeline.test_close_terms import HOME, SHOP, agree
from tests.pipeline.test_post import CUT, DAY, Town
from tests.usecases.test_terms import change_category, change_load

OWN = 10


def load_both(shop_starts_on=20):
    """The home's periods begin on the first of a month, the shop's on the twentieth."""
    from urja.apps.rulebook.operations import load_tariff

    load_tariff(HOME, START)
    load_tariff(SHOP.replace("valid_from", f"period_starts_on = {shop_starts_on}\nvalid_from"), START)


class Calendar(Town):
    """Books of an agreement from midnight of 2 March on, with 10 kWh on its register."""

    def by_period(self):
        """What was charged, by the day on which the period begins, and line."""
        rows = self.connection.execute(
            "SELECT period_start, line, -sum(amount_minor)::int FROM books_entry WHERE origin = 'engine' "
            "GROUP BY 1, 2 ORDER BY 1, 2"
        ).fetchall()
        found = {}
        for first, line, amount in rows:
            found.setdefault(f"{first:%d %b}", {})[line] = amount
        return found

    def rated(self):
        """Of each period the billed days."""
        rows = self.connection.execute(
            "SELECT period_start, billed_first, billed_end FROM billing_rated ORDER BY 1"
        ).fetchall()
        return [f"{start:%d %b}: {first:%d %b} to {end:%d %b}" for start, first, end in rows]


@pytest.fixture
def town(database):
    load_both()
    with database.connect() as connection:
        yield Calendar(connection, adopt(billing_day=OWN))


def use(town, known_on=None):
    """8 kWh to 9 March, 14 to the 20th, 26 to 9 April and 5 on the 10th; the home becomes a shop on the 21st."""
    for n in range(1, 41):
        if n == known_on:
            agree(change_category("shop", 20), n)
        kwh = 10 + (n if n <= 8 else 8 + (14 * (n - 8) / 11 if n <= 19 else 14 + 1.3 * (n - 19)))
        town.register(n, round(kwh if n < 40 else 63, 3))
        if n % 4 == 0 or n == known_on:
            town.run(n)


@pytest.mark.parametrize("known_on", [3, 35], ids=["agreed-before", "agreed-when-it-is-past"])
def test_a_bill_over_a_change_to_a_tariff_of_another_calendar_by_hand(town, known_on):
    use(town, known_on)
    assert town.rated() == [
        # The first days, before the agreement's own day, are of the period that began on the day before them.
        "10 Feb: 02 Mar to 10 Mar",
        # No stub at the change, neither by the tariff before nor by the one after.
        "10 Mar: 10 Mar to 10 Apr",
        "10 Apr: 10 Apr to 10 May",
    ]
    assert town.by_period() == {
        # 8 kWh at 3.00; 8 days of 5 kW at 1.00; a tenth of the energy.
        "10 Feb": {"energy": 2_400, "fixed": 4_000, "duty": 240},
        # The home has 11 of the period's 31 days: 30 x 11/31 kWh at 3.00, the remainder of 14 kWh at 5.00, 48.71;
        # the shop's 20 days took 26 kWh at 8.00. 11 days of 5 kW at 1.00 and 20 at 2.00.
        "10 Mar": {"energy": 4_871 + 20_800, "fixed": 5_500 + 20_000, "duty": 487},
        "10 Apr": {"energy": 4_000, "fixed": 1_000},
    }
    assert all(town.laws().values()), town.laws()
    assert town.run(40).entries == 0


def test_slabs_begin_again_with_the_agreements_own_period(town):
    """30 kWh a period at 3.00: on 10 March the slab is open again, on the first of April it goes on."""
    for n, register in ((8, 45), (30, 75), (31, 85), (39, 90)):
        town.register(n, register)
        town.run(n, CUT)
    assert town.by_period()["10 Feb"]["energy"] == 30 * 300 + 5 * 500
    assert town.by_period()["10 Mar"]["energy"] == 30 * 300 + 15 * 500
    assert all(town.laws().values())


def test_late_data_of_the_period_before_are_a_correction_of_it(town):
    town.run(9, CUT)
    town.register(8, 20)
    town.register(10, 22)
    town.run(10)
    corrected = [why for why in town.whys() if any("correction" in note for note in why.notes)]
    assert [(why.entry.line, why.entry.amount_minor, why.notes[0]) for why in corrected] == [
        ("energy", -3_000, "correction of the period from 2026-02-10"),
        ("duty", -300, "correction of the period from 2026-02-10"),
    ]
    assert all(town.laws().values())


def test_a_period_that_is_as_it_was_rated_is_not_rated_again(town, monkeypatch):
    from urja.pipeline import charge_differences

    for n in range(1, 12):
        town.register(n, 10 + n)
        town.run(n)
    rated = []
    real = charge_differences.period_differences

    def rate(members, period, *more, one_bill=False):
        # A statement of account rates its period as one bill besides.
        if not one_bill:
            rated.append(period.first)
        return real(members, period, *more, one_bill=one_bill)

    monkeypatch.setattr(charge_differences, "period_differences", rate)
    town.register(12, 22)
    town.run(12)
    assert rated == [date(2026, 3, 10)]
    town.register(3, 14)
    town.register(13, 23)
    town.run(13)
    assert rated == [date(2026, 3, 10)] * 2
    # What moves from one period to the other is seen in both.
    town.register(8, 18.5)
    town.register(14, 24)
    town.run(14)
    assert set(rated[2:]) == {date(2026, 2, 10), date(2026, 3, 10)}
    assert town.by_period()["10 Feb"]["energy"] == 8.5 * 300
    assert all(town.laws().values())


def test_a_late_read_of_a_change_of_price_moves_energy_over_it(town):
    """The period's energy is the same; what lies before the change is not."""
    agree(change_category("shop", 20), 1)
    town.register(8, 18)
    town.register(39, 58)
    town.run(39, CUT)
    town.register(40, 60)
    town.run(40)
    before = town.by_period()["10 Mar"]["energy"]
    town.register(19, 32)
    town.register(41, 60)
    town.run(41)
    assert town.by_period()["10 Mar"]["energy"] == 4_871 + 20_800 != before
    assert all(town.laws().values())


def test_what_a_dry_run_says_of_a_change_is_what_is_posted(town):
    from urja.usecases.dry_run import dry_run_effects

    for n in range(1, 21):
        town.register(n, 10 + n)
        town.run(n)
    change = change_category("shop", 12)
    said = dry_run_effects(change, recorded_at=town.midnight(20) + timedelta(hours=9), actor="clerk")
    before = town.by_period()
    agree(change, 21)
    town.register(21, 30)
    town.run(21)
    moved = {
        (first, line): amount - before[first].get(line, 0)
        for first, lines in town.by_period().items()
        for line, amount in lines.items()
    }
    # The day that is closed meanwhile used nothing and costs its fixed charge.
    moved["10 Mar", "fixed"] -= 1_000
    assert {(f"{one.period_start:%d %b}", one.line): -one.amount_minor for one in said.postings} == {
        key: amount for key, amount in moved.items() if amount
    }
    assert {f"{one.period_start:%d %b}" for one in said.postings} == {"10 Mar"}


def test_a_corrected_last_read_is_charged_in_the_last_period_of_who_has_left(town):
    from urja.apps.billing.models import FinalSettlement
    from urja.usecases.operations import CorrectLastRead, MoveOut, perform

    for n in range(1, 13):
        town.register(n, 10 + n)
        town.run(n)
    left_at = town.midnight(12) + timedelta(hours=12)
    remove(1, left_at, register_wh=23_000)
    perform(MoveOut(consumer_number="URJ00000001", at=left_at), recorded_at=left_at, actor="clerk")
    town.run(12, timedelta(hours=13))
    assert town.rated()[-1] == "10 Mar: 10 Mar to 15 Mar"
    assert FinalSettlement.objects.get().settled_at is not None
    right = CorrectLastRead(serial="URJ00000001", register_wh=24_000, reason="laboratory")
    perform(right, recorded_at=left_at + timedelta(hours=2), actor="clerk")
    town.run(13)
    assert town.by_period()["10 Mar"]["energy"] == 6 * 300
    assert all(town.laws().values())


def test_a_law_sees_a_period_that_is_not_by_the_agreements_calendar(town):
    town.register(1, 11)
    town.run(1)
    assert town.laws()["terms"]
    town.connection.execute("UPDATE billing_rated SET period_start = '2026-03-01'")
    assert not town.laws()["terms"]


LOOKS = (2, 5, 8, 12)
"""After so many days the agreement's days are closed; its next period begins within the first five."""
CHANGES = st.lists(
    st.tuples(
        st.integers(0, 3), st.integers(1, 12), st.sampled_from(["load", "shop", "demo"]), st.integers(1, 9)
    ),
    max_size=4,
)


@settings(max_examples=6, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.integers(1, 28),
    st.integers(1, 5),
    st.integers(-6, 6),
    CHANGES,
    st.lists(st.integers(0, 9), min_size=4, max_size=4),
)
def test_by_whatever_day_both_raters_agree_and_the_books_add_up(
    postgres, database_template, own, before, shops_after, changes, kwh
):
    """Terms change on some days, are known at others; of most midnights nothing is read.

    The agreement begins some days before its own day of April, and the shop's calendar has a day near that one.
    """
    from urja.apps.journal.errors import RefusedError

    own_begins = date(2026, 4, own)
    lived = (own_begins - date(2026, 3, 2)).days - before
    with copy_of(postgres, database_template) as database, database.connect() as connection:
        load_both(min((own_begins + shops_after * DAY).day, 28))
        town = Calendar(connection, adopt(billing_day=own, valid_from=START + lived * DAY))
        total = 10
        for look, after in enumerate(LOOKS):
            for known, effective, what, kilowatts in changes:
                if known == look:
                    with suppress(RefusedError):
                        agree(
                            change_load(kilowatts * 1000, lived + effective)
                            if what == "load"
                            else change_category(what, lived + effective, what),
                            lived + after,
                        )
            total += kwh[look]
            town.register(lived + after, total)
            town.run(lived + after, CUT)
            found = town.laws()
            assert all(found.values()), found
        assert {int(line[:2]) for line in town.rated()} == {own}
        assert len(town.rated()) == 2
        assert town.run(lived + LOOKS[-1], CUT + DAY / 4).entries == 0
        closed = [day for (day,) in connection.execute("SELECT closed_through FROM billing_close")]
        assert closed == [date(2026, 3, 2) + (lived + LOOKS[-1] - 1) * DAY]
