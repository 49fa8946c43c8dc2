"""Meter exchanges end to end: reads in, postings out, and charges recalculated from the evidence shown."""

from dataclasses import dataclass
from datetime import timedelta
from fractions import Fraction

import pytest
from tests.apps import town
from tests.apps.town import START, adopt, blocks, exchange, in_stock, registers
from tests.pipeline.test_post import CUT, DAY, load

AT = START + DAY + timedelta(hours=14, minutes=20)


@dataclass(frozen=True)
class Meter:
    service_point_id: int
    device_id: int
    agreement_id: int


class House:
    """A house whose meter is exchanged on 3 March, and the books about it."""

    def __init__(self, connection, register_wh, **changes):
        load()
        self.connection = connection
        self.home = adopt(1, credit_minor=50_000, register_wh=register_wh, **changes)
        in_stock(2)

    def read(self, day, wh, meter=None):
        town.store_registers(self.connection, registers(meter or self.home, (START + day * DAY, wh)))

    def exchange(self, **changes):
        done = exchange(1, 2, AT, **changes)
        return Meter(self.home.service_point_id, done.outcome["device_id"], self.home.agreement_id)

    def close(self, day):
        from urja.pipeline import post

        return post.post_due(START + day * DAY + timedelta(minutes=5), CUT)

    def charged(self, line="energy"):
        """Of each day."""
        return {
            f"{day:%d %b}": int(amount)
            for day, amount in self.connection.execute(
                "SELECT service_date, -sum(amount_minor) FROM books_entry WHERE line = %s"
                " GROUP BY service_date ORDER BY service_date",
                [line],
            )
        }

    def whys(self, line="energy"):
        from urja.apps.billing.queries.ledger_entries import entries, explain_entry

        account = self.home.account_id
        return [explain_entry(account, e.seq) for e in reversed(entries(account, 1000)) if e.line == line]

    def laws(self):
        from urja.laws.verify import laws

        return laws(self.connection, zone=town.ZONE)


@pytest.fixture
def books(database):
    with database.connect() as connection:
        yield connection


def test_the_worked_exchange_is_posted_and_can_be_recomputed_from_what_is_shown(books):
    """10,432.6 to 10,440.1 kWh on the old meter, 0.2 to 3.7 on the new one; the slab ends at 10 kWh."""
    house = House(books, 10_424_600)
    in_stock(3)
    house.read(1, 10_432_600)
    house.close(1)
    checked = town.install(3, START + DAY, place=1, role="check")
    new = house.exchange(old_wh=10_440_100, new_wh=200)
    check = Meter(house.home.service_point_id, checked.outcome["device_id"], 0)
    town.store_blocks(books, blocks(check, (START + DAY, 4_321)))
    house.read(2, 9_876, check)
    house.read(2, 3_700, new)
    house.close(2)
    # 8 kWh on the first day; of the 11 of the second day 2 fill the first slab at 3 rupees, 9 are above it at 5.
    assert house.charged() == {"02 Mar": 2_400, "03 Mar": 600 + 4_500}
    first, second = house.whys()
    assert first.meters == ()
    assert second.advance_wh == 11_000
    shown = [
        (used.serial, used.opening.register_wh, used.closing.register_wh, used.energy_wh)
        for used in second.meters
    ]
    assert shown == [
        ("URJ00000001", 10_424_600, 10_440_100, 15_500),
        ("URJ00000002", 200, 3_700, 3_500),
    ]
    assert [(used.opening.kind, used.closing.kind) for used in second.meters] == [
        ("installation", "removal"),
        ("installation", "daily"),
    ]
    assert second.energy_wh == sum(used.energy_wh for used in second.meters) == 19_000
    assert [(str(row.quantity), str(row.rate), row.amount_minor) for row in second.rows] == [
        ("2", "300", -600),
        ("9", "500", -4_500),
    ]
    # The blocks of the check meter are no part of the house's.
    assert (second.blocks_wh, second.residual_wh) == (0, 19_000)
    assert not second.provisional
    assert all(house.laws().values()), house.laws()


def test_an_estimated_last_read_is_shown_as_such_and_put_right_by_a_new_entry(books):
    from urja.usecases.operations import CorrectLastRead, perform

    house = House(books, 10_000)
    house.read(1, 14_800)
    house.close(1)
    new = house.exchange(old_wh=None, new_wh=0)
    house.read(2, 1_000, new)
    house.close(2)
    estimated = 14_800 + 4_800 * (14 * 60 + 20) // (24 * 60)
    (old, _) = house.whys()[-1].meters
    assert (old.closing.register_wh, old.closing.status, old.closing.source) == (
        estimated,
        "estimated",
        "estimate",
    )
    before = house.connection.execute("SELECT seq, amount_minor FROM books_entry ORDER BY seq").fetchall()
    perform(
        CorrectLastRead(serial="URJ00000001", register_wh=17_000, reason="laboratory"),
        recorded_at=START + 2 * DAY,
        actor="test",
    )
    house.read(3, 1_000, new)
    house.close(3)
    after = house.connection.execute("SELECT seq, amount_minor FROM books_entry ORDER BY seq").fetchall()
    assert after[: len(before)] == before
    # 7 kWh through the old meter and 1 through the new one, at 3 rupees.
    assert sum(house.charged().values()) == 2_400
    correction = house.whys()[-1]
    assert correction.advance_wh == 17_000 - estimated
    assert correction.meters[0].closing.status == "measured"
    assert all(house.laws().values())


def test_a_month_that_was_closed_by_an_estimate_is_corrected_in_the_next(books):
    from urja.usecases.operations import CorrectLastRead, perform

    house = House(books, 10_000)
    house.read(1, 14_800)
    new = house.exchange(old_wh=None, new_wh=0)
    house.read(30, 1_000, new)
    house.close(30)
    perform(
        CorrectLastRead(serial="URJ00000001", register_wh=16_000, reason="laboratory"),
        recorded_at=START + 30 * DAY,
        actor="test",
    )
    house.read(31, 1_000, new)
    house.close(31)
    estimated = 14_800 + 4_800 * (14 * 60 + 20) // (24 * 60)
    (correction,) = [why for why in house.whys() if why.entry.service_date.month == 4]
    assert correction.advance_wh == 16_000 - estimated
    assert "correction of the period from 2026-03-01" in correction.notes
    assert all(house.laws().values())


def test_a_ratio_is_in_the_arithmetic(books):
    from urja.usecases.operations import ChangeRatio, perform

    house = House(books, 1_000)
    change = ChangeRatio(
        consumer_number="URJ00000001",
        at=AT,
        primary=200,
        secondary=5,
        register_wh=1_500,
        reason="current transformers",
    )
    perform(change, recorded_at=AT, actor="test")
    town.store_blocks(books, blocks(house.home, (START, 100), (AT + timedelta(minutes=10), 60)))
    house.read(2, 1_700)
    house.close(2)
    why = house.whys()[-1]
    assert [(used.ratio, used.energy_wh) for used in why.meters] == [(1, 500), (40, 8_000)]
    assert (why.energy_wh, why.blocks_wh) == (8_500, 100 + 60 * 40)
    assert sum(house.charged().values()) == 8_500 * 3 // 10
    house.read(3, 1_800)
    house.close(3)
    counted = [used.closing.register_wh - used.opening.register_wh for used in house.whys()[-1].meters]
    assert counted == [500, 300]
    assert house.whys()[-1].energy_wh == 500 + Fraction(200, 5) * 300
    assert all(house.laws().values()), house.laws()


def test_use_by_day_and_hour_goes_over_an_exchange(books):
    from datetime import date

    from urja.apps.contracts.queries import agreement_at
    from urja.apps.readings import queries
    from urja.core.calendar import month_of

    house = House(books, 10_424_600)
    house.read(1, 10_432_600)
    new = house.exchange(old_wh=10_440_100, new_wh=200)
    house.read(2, 3_700, new)
    town.store_blocks(books, blocks(house.home, *((START + DAY + n * town.HALF_HOUR, 10) for n in range(28))))
    town.store_blocks(books, blocks(new, *((START + DAY + n * town.HALF_HOUR, 7) for n in range(29, 48))))
    agreement = agreement_at(house.home.account_id, AT)
    month = queries.use_of_month(agreement, date(2026, 3, 3), month_of(date(2026, 3, 3)))
    assert [day.energy_wh for day in month.days[:4]] == [None, 8_000, 11_000, None]
    assert [hour.energy_wh for hour in month.hours[13:16]] == [20, 7, 14]
