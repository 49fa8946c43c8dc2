"""The stage `decide` over the course of a supply: out of credit, warned, disconnected, paid, reconnected."""

import time
from copy import deepcopy
from datetime import UTC, timedelta
from itertools import pairwise

import pytest
from tests.apps import town
from tests.apps.town import adopt, protect
from tests.pipeline.test_post import load as load_tariff

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
HALF_HOUR = town.HALF_HOUR
START = town.START
"""Monday 2 March, 00:00 in Kolkata."""

POLICY = """
format = 1
code = "story"
version = "{version}"
title = "For stories"
currency = "INR"
valid_from = 2024-04-01
[warnings]
percent_of_last_recharge = [30]
[credit]
cut_below = 0
emergency = {emergency}
[protected]
hours = [{{ from = "18:00", to = "08:00" }}]
weekdays = ["sunday"]
[cut]
from = "10:00"
to = "16:00"
opens_within_days = 3
most_per_transformer = {most}
stagger_s = {stagger}
max_data_age_hours = 24
max_estimated_percent = 20
[notices]
before_cut = ["zero"]
least_delivered = 1
lead_hours = 1
repeat_hours = 6
[payments]
authorised_holds_hours = 24
at_most = 2
arrears_percent = 0
[reconnect]
at_least = 0
stagger_s = 0
"""


def load_policy(version="1", emergency=50, most=20, stagger=20):
    from urja.usecases.policies import load_policy

    text = POLICY.format(version=version, emergency=emergency, most=most, stagger=stagger)
    return load_policy(text, recorded_at=START, actor="test")


class Place:
    """Some houses, and the hands of everybody else: meters, gateway, messenger, head end, operator."""

    pages_look = True
    """Whether pages are held to the facts all the time: not where the stage is broken on purpose."""

    def __init__(self, database, houses, **policy):
        self.database, self.connection = database, database.connect()
        load_tariff()
        load_policy(**policy)
        self.houses = houses
        self.now = START + 9 * HOUR
        self.keys = 0
        self.uses, self.registers = {}, {}
        self.looked_at = None

    @classmethod
    def resumed(cls, database, kept):
        """The place in a copy of its database."""
        place = cls.__new__(cls)
        vars(place).update(deepcopy(kept), database=database, connection=database.connect())
        return place

    def left(self):
        """What the place knows beside its database; its connection is closed."""
        self.connection.close()
        return {name: known for name, known in vars(self).items() if name not in {"database", "connection"}}

    @property
    def wall_ms(self):
        """The database stamps what it is told by the wall: so does everybody here."""
        return time.time_ns() // 1_000_000

    # -- time ------------------------------------------------------------------------------------------------

    def at(self, day, hour, minute=0):
        """A local time on the n-th day, 1 being Monday 2 March."""
        return START + timedelta(days=day - 1, hours=hour, minutes=minute)

    def go(self, now=None, look_every=MINUTE, **more):
        """Post and decide at an instant; pages look over it at most once in so much of the story."""
        from urja.pipeline import decide, post

        if now is not None:
            assert now >= self.now
            self.now = now
        post.run_once(self.now, HOUR)
        report = decide.decide_due(self.now, self.wall_ms, **more)
        if self.pages_look and self._looks(look_every):
            self.a_page_sees_the_same()
        return report

    def _looks(self, every):
        """Once in so much of the story, and whatever happens at the same instant."""
        if self.looked_at is not None and timedelta() < self.now - self.looked_at < every:
            return False
        self.looked_at = self.now
        return True

    def a_page_sees_the_same(self):
        """What a page shows are the facts that decisions rest on."""
        from urja.apps.overviews.queries.accounts import accounts_of
        from urja.apps.supply import queries
        from urja.apps.supply.queries import facts

        health = queries.health()
        for house in self.houses:
            for account in accounts_of(house.user_id, self.now, house.account_id):
                seen = account.agreement and facts.of_agreement(account.agreement, self.now)
                known = facts.of_account(account.account_id, self.now, health)
                assert (seen and (seen.facts, seen.balance)) == (known and (known.facts, known.balance))

    def until(self, end, step=15 * MINUTE):
        """Run again and again up to an instant; the meters go on telling that nothing is used."""
        while self.now + step <= end:
            self.now += step
            for house in range(len(self.houses)):
                self.use(0, house=house)
            self.go(look_every=4 * HOUR)

    # -- what others do --------------------------------------------------------------------------------------

    def use(self, wh, house=0):
        """Blocks up to now: `wh` in the last of them, nothing before; and the register of each midnight."""
        start = self.uses.get(house, START)
        rows, midnights = [], []
        while start + HALF_HOUR <= self.now:
            rows.append((start, 0))
            start += HALF_HOUR
            if (start - START) % timedelta(days=1) == timedelta():
                midnights.append((start, self.registers.get(house, 10_000)))
        self.uses[house] = start
        if rows:
            rows[-1] = (rows[-1][0], wh)
            self.registers[house] = self.registers.get(house, 10_000) + wh
            # The last block ends at this midnight, whose register has it.
            if midnights and midnights[-1][0] == start:
                midnights[-1] = (start, self.registers[house])
            town.store_blocks(self.connection, town.blocks(self.houses[house], *rows), now=self.now)
        if midnights:
            town.store_registers(self.connection, town.registers(self.houses[house], *midnights))

    def read(self, at, wh, house=0):
        """An instantaneous register read."""
        from urja.stream.records import RegisterKind

        town.store_registers(
            self.connection,
            town.registers(self.houses[house], (at, wh), kind=RegisterKind.INSTANTANEOUS),
            now=self.now,
        )

    def deliver(self, *, house=None):
        """Receipts for all notices that wait."""
        from urja.apps.notices.models import Notice

        found = Notice.objects.filter(delivered_at=None)
        if house is not None:
            found = found.filter(account_id=self.houses[house].account_id)
        found.update(state="delivered", sent_at=self.now, delivered_at=self.now)

    def pay(self, rupees, house=0):
        from urja.apps.books.operations import request_credit

        self.keys += 1
        return request_credit(
            account_id=self.houses[house].account_id,
            amount_minor=rupees * 100,
            kind="recharge",
            idempotency_key=f"pay:{self.keys}",
            requested_at=self.now,
        )

    def report(self, state, house=0, at=None, evidence=None):
        """The head end's word on the newest command."""
        from urja.apps.commands import operations
        from urja.stream.orders import Progress

        command = self.command(house)
        operations.record_progress(
            [
                Progress(
                    command_id=command.id,
                    device_id=command.device_id,
                    sequence=command.sequence,
                    state=state,
                    at=at or self.now,
                    wall_ms=self.wall_ms,
                    evidence=evidence or {},
                )
            ]
        )

    def sent(self, house=0):
        """As dispatch does it."""
        from urja.apps.commands.models import Command

        Command.objects.filter(id=self.command(house).id, state="queued").update(
            state="sent", sent_at=self.now, sent_wall_ms=self.wall_ms
        )

    def order(self, action, reason, house=0):
        from urja.apps.supply import operations

        request = operations.request_hold if action == "hold" else operations.request_release
        request(self.houses[house].service_point_id, reason, actor="engineer", requested_at=self.now)

    # -- what is seen ----------------------------------------------------------------------------------------

    def command(self, house=0):
        from urja.apps.commands.models import Command

        return Command.objects.filter(device_id=self.houses[house].device_id).order_by("-sequence").first()

    def commands(self, house=0):
        from urja.apps.commands.models import Command

        found = Command.objects.filter(device_id=self.houses[house].device_id).order_by("sequence")
        return [(c.kind, c.state) for c in found]

    def standing(self, house=0):
        from urja.apps.supply.queries import standing

        return standing(self.houses[house].account_id)

    def where(self, house=0):
        found = self.standing(house)
        return found.standing, found.reason.key

    def notices(self, house=0):
        from urja.apps.notices.models import Notice

        told = Notice.objects.filter(account_id=self.houses[house].account_id)
        return [notice.kind for notice in told.order_by("requested_at", "id")]

    def holds(self, house=0):
        from urja.apps.supply.models import Hold

        return sorted(
            Hold.objects.filter(
                service_point_id=self.houses[house].service_point_id, released_at=None
            ).values_list("reason", flat=True)
        )


def one_house(database):
    return Place(database, [adopt(credit_minor=10_000)]).left()


@pytest.fixture
def house(lived):
    """One house with 100 rupees."""
    with lived(one_house) as (database, kept):
        place = Place.resumed(database, kept)
        yield place
        place.connection.close()


def used_up(place, house=0):
    """Monday 09:00: the house has used 30 kWh for far more than 100 rupees, and is told."""
    place.now = place.at(1, 9)
    place.use(60_000, house=house)
    place.go()
    place.deliver()


def cut(place, house=0):
    """Cut on Monday after ten."""
    used_up(place, house)
    place.go(place.at(1, 10, 1))
    place.sent(house)
    place.report("confirmed", house)
    place.go(place.at(1, 10, 2))


def test_from_warning_to_light(house):
    house.now = house.at(1, 9)
    house.go()
    assert house.where() == ("fine", "fine")
    house.use(18_000)
    house.go()
    assert house.where() == ("warned", "low")
    house.go(house.at(1, 9, 30))
    house.use(5_000)
    house.go()
    assert house.where() == ("emergency", "emergency_amount")
    house.go(house.at(1, 11))
    house.use(20_000)
    house.go()
    assert house.where() == ("warned", "undelivered")
    assert house.notices() == ["low-30", "zero", "cut"]
    house.deliver()
    house.go(house.at(1, 11, 5))
    assert house.where() == ("warned", "lead")
    house.until(house.at(1, 12, 20))
    assert house.commands() == [("disconnect", "queued")]
    assert house.where() == ("to_be_cut", "to_be_cut")
    assert house.holds() == ["credit"]
    house.sent()
    house.report("confirmed")
    house.go(house.now + MINUTE)
    assert house.where() == ("cut", "cut")
    house.go(house.at(1, 20))
    house.pay(500)
    report = house.go()
    assert report.counts["connects"] == 1
    assert house.commands() == [("disconnect", "confirmed"), ("connect", "queued")]
    assert house.holds() == []
    house.sent()
    house.report("confirmed")
    house.go(house.now + SECOND)
    assert house.where() == ("fine", "fine")


def test_no_supply_is_disconnected_in_protected_hours(house):
    house.now = house.at(1, 15)
    house.use(60_000)
    house.go()
    house.deliver()
    house.until(house.at(2, 9), step=HOUR)
    house.until(house.at(2, 9, 55))
    assert house.commands() == []
    assert house.where() == ("to_be_cut", "waits_for_window")
    house.until(house.at(2, 10, 20))
    assert house.commands() == [("disconnect", "queued")]
    assert house.command().issued_at >= house.at(2, 10)


def test_a_credit_that_is_recorded_calls_back_a_queued_cut(house):
    from urja.pipeline import decide

    used_up(house)
    house.go(house.at(1, 10, 1))
    house.pay(5)
    decide.decide_due(house.now + SECOND, house.wall_ms)
    assert house.commands() == [("disconnect", "superseded")]
    assert house.where() == ("suspended", "authorised")
    assert house.holds() == []


def test_a_cut_on_its_way_is_called_back_by_a_connect(house):
    used_up(house)
    house.go(house.at(1, 10, 1))
    house.sent()
    house.pay(500)
    house.go(house.now + SECOND)
    assert house.commands() == [("disconnect", "superseded"), ("connect", "queued")]
    house.sent()
    house.report("confirmed")
    house.go(house.now + SECOND)
    assert house.where() == ("fine", "fine")


def test_a_credit_that_does_not_suffice_makes_the_cut_a_newer_one(house):
    used_up(house)
    house.go(house.at(1, 10, 1))
    first = house.command()
    house.pay(1)
    # Posted before a run looked: still, what was ordered before it must not be carried out.
    house.go(house.now + MINUTE)
    assert house.commands() == [("disconnect", "superseded"), ("disconnect", "queued")]
    assert house.command().issued_at > first.issued_at


def test_a_cut_that_the_head_end_gives_back_is_decided_again(house):
    used_up(house)
    house.go(house.at(1, 10, 1))
    house.sent()
    # The head end held it above its ceilings, and people released it.
    house.report("superseded")
    house.go(house.now + MINUTE)
    assert house.commands() == [("disconnect", "superseded"), ("disconnect", "queued")]
    house.sent()
    house.pay(500)
    house.report("superseded")
    house.go(house.now + MINUTE)
    assert [kind for kind, _ in house.commands()] == ["disconnect", "disconnect", "connect"]


def test_a_payment_clears_only_its_own_reason(house):
    cut(house)
    house.order("hold", "safety")
    house.go(house.now + MINUTE)
    assert house.holds() == ["credit", "safety"]
    house.pay(500)
    house.go(house.now + MINUTE)
    assert house.holds() == ["safety"]
    assert house.where() == ("cut", "held")
    assert house.commands() == [("disconnect", "confirmed")]
    house.order("release", "safety")
    house.go(house.now + MINUTE)
    assert house.commands() == [("disconnect", "confirmed"), ("connect", "queued")]


def test_cash_at_the_counter_reconnects_with_the_next_run(house):
    from tests.apps.approvals.office import Person
    from tests.apps.counter_cast import opened, take

    cut(house)
    meena = Person("meena", "cashier")
    opened(meena, house.now)
    assert take(meena, 500_00, now=house.now).state == "done"
    house.go(house.now + SECOND)
    assert house.commands() == [("disconnect", "confirmed"), ("connect", "queued")]
    assert house.holds() == []


def test_an_operators_hold_switches_off_at_any_hour(house):
    house.now = house.at(1, 20)
    house.use(10)
    house.go()
    house.order("hold", "safety")
    house.go(house.now + SECOND)
    assert house.commands() == [("disconnect", "queued")]
    house.sent()
    house.report("confirmed")
    house.go(house.now + SECOND)
    assert house.where() == ("cut", "held")
    house.order("release", "safety")
    house.go(house.now + SECOND)
    house.sent()
    house.report("confirmed")
    house.go(house.now + SECOND)
    assert house.commands() == [("disconnect", "confirmed"), ("connect", "confirmed")]
    assert house.where() == ("fine", "fine")


def test_credit_is_nobodys_hold_to_place(house):
    from urja.apps.supply.errors import UnknownHoldError

    with pytest.raises(UnknownHoldError):
        house.order("hold", "credit")


@pytest.fixture
def town_of_five(database):
    """Five houses behind one transformer."""
    from urja.usecases.operations import add_transformer

    add_transformer("DT1", feeder="F1", recorded_at=START, actor="test")
    place = Place(
        database,
        [adopt(number, credit_minor=10_000, transformer="DT1", bucket=number) for number in range(1, 6)],
        most=3,
        stagger=60,
    )
    yield place
    place.connection.close()


def test_cuts_behind_a_transformer_are_staggered_and_capped(town_of_five):
    place = town_of_five
    place.now = place.at(1, 9)
    for house in range(5):
        place.use(60_000, house=house)
    place.go()
    place.deliver()
    place.until(place.at(1, 9, 58), step=29 * MINUTE)
    place.until(place.at(1, 10, 6), step=MINUTE)
    from urja.apps.supply.models import Switching

    ordered = list(Switching.objects.order_by("ordered_at").values_list("ordered_at", flat=True))
    assert len(ordered) == 3
    assert all(later - earlier >= MINUTE for earlier, later in pairwise(ordered))
    assert ordered[-1] <= place.at(1, 10, 4)
    rest = [house for house in range(5) if not place.commands(house)]
    assert {place.standing(house).reason.rule for house in rest} == {"cut.most_per_transformer"}
    place.until(place.at(2, 9, 6), step=3 * HOUR)
    place.now = place.at(2, 9, 58)
    place.until(place.at(2, 10, 6), step=2 * MINUTE)
    assert Switching.objects.filter(account_id__in=[place.houses[h].account_id for h in rest]).count() == 2


def authorise(house, account_id: int) -> None:
    """The payer's bank has agreed; the money has not come."""
    from urja.apps.payments.kinds import OrderState, PaymentState
    from urja.apps.payments.models import Order

    paid = {"account_id": account_id, "amount_minor": 20_000, "currency": "INR", "provider": "test"}
    order = Order.objects.create(
        id=7, user_id=1, state=OrderState.PENDING, correlation=0, created_at=house.now, **paid
    )
    order.payments.create(
        payment_id="pay_7",
        state=PaymentState.AUTHORISED,
        created_at=house.now,
        seen_at=house.now,
        authorised_at=house.now,
        **paid,
    )


def test_a_payment_under_way_holds_off_the_cut_for_a_day(house):
    used_up(house)
    authorise(house, house.houses[0].account_id)
    house.until(house.at(1, 16), step=HOUR)
    assert house.commands() == []
    assert house.where() == ("suspended", "authorised")
    house.until(house.at(2, 9), step=HOUR)
    house.until(house.at(2, 10, 20))
    assert house.commands() == [("disconnect", "queued")]


def test_no_supply_is_disconnected_while_a_service_is_ill(house, monkeypatch):
    from urja.apps.supply import health

    well = {"collection": True, "payments": True, "messaging": True, "figures": {}}
    used_up(house)
    house.go(house.at(1, 10, 1))
    for hour, service in enumerate(("collection", "payments", "messaging"), 10):
        assert house.commands()[-1] == ("disconnect", "queued")
        monkeypatch.setattr(health, "_judge", lambda *_, ill=service: {**well, ill: False})
        house.go(house.at(1, hour, 20))
        assert house.commands()[-1] == ("disconnect", "superseded")
        assert house.where() == ("suspended", f"{service}_ill")
        monkeypatch.setattr(health, "_judge", lambda *_: well)
        house.until(house.at(1, hour + 1))
    assert house.commands() == [("disconnect", "superseded")] * 3 + [("disconnect", "queued")]


def test_health_is_judged_by_stated_rules(database):
    from urja.apps.notices.models import Notice
    from urja.apps.supply.health import assess
    from urja.apps.supply.models import HealthReport

    place = Place(database, [adopt(number, credit_minor=10_000, bucket=number) for number in range(1, 7)])
    place.now = place.at(1, 9)
    for number in range(6):
        place.use(10, house=number)
    assert assess(place.now)[0].collection
    assert not assess(place.at(1, 13))[0].collection

    def send(house, times, *, delivered):
        for _ in range(times):
            Notice.objects.create(
                account_id=place.houses[house].account_id,
                kind="low-30",
                dedupe_key=f"n{Notice.objects.count()}",
                requested_at=place.now,
                state="sent",
                sent_at=place.now,
                delivered_at=place.now if delivered else None,
            )

    # An account that is never reached is written to again and again: that says nothing about the service.
    send(0, 30, delivered=False)
    for number in (1, 2, 3, 4):
        send(number, 1, delivered=True)
    assert assess(place.at(1, 14))[0].messaging
    Notice.objects.filter(account_id__in=[one.account_id for one in place.houses[2:4]]).update(
        delivered_at=None
    )
    send(5, 1, delivered=False)
    assert not assess(place.at(1, 15))[0].messaging
    figures = HealthReport.objects.order_by("-id").first().figures
    assert (figures["accounts_told"], figures["accounts_reached"]) == (6, 2)
    place.connection.close()


def test_only_delivered_notices_count(house):
    house.now = house.at(1, 9)
    house.use(60_000)
    house.go()
    house.until(house.at(3, 17), step=2 * HOUR)
    assert house.commands() == []
    assert house.where() == ("warned", "undelivered")
    # Asked for again and again, so that a lost message delays a cut and does not prevent it.
    assert house.notices().count("zero") > 5
    house.deliver()
    house.until(house.at(4, 9), step=2 * HOUR)
    house.until(house.at(4, 10, 20))
    assert house.commands() == [("disconnect", "queued")]


def test_stale_data_carry_no_cut(house):
    used_up(house)
    house.go(house.at(3, 10, 1))
    assert house.commands() == []
    assert house.where() == ("suspended", "collection_ill")


def test_who_depends_on_it_is_never_cut(house):
    protect(1)
    used_up(house)
    house.until(house.at(1, 17), step=HOUR)
    assert house.commands() == []
    assert house.where() == ("protected", "medical")


def test_a_credit_at_the_very_moment_of_the_cut_wins(house, monkeypatch):
    from urja.apps.supply import switching

    used_up(house)
    real = switching.order_cut

    def a_moment_later(account_id, *rest):
        house.pay(1)
        return real(account_id, *rest)

    monkeypatch.setattr(switching, "order_cut", a_moment_later)
    house.go(house.at(1, 10, 1))
    assert house.commands() == []


def test_a_meter_that_waits_for_a_person(house):
    from urja.apps.supply import queries

    cut(house)
    house.pay(500)
    house.go(house.now + SECOND)
    house.sent()
    house.report("waiting_for_person")
    house.go(house.now + SECOND)
    house.go(house.now + HOUR)
    assert house.commands() == [("disconnect", "confirmed"), ("connect", "waiting_for_person")]
    assert [dark.command_state for dark in queries.waiting_for_person()] == ["waiting_for_person"]
    assert len(queries.paid_but_disconnected()) == 1
    house.now = house.at(1, 13)
    house.use(500)
    house.go()
    assert queries.waiting_for_person() == queries.paid_but_disconnected() == []
    assert house.where() == ("fine", "fine")


def test_a_connect_that_fails_is_given_again(house):
    cut(house)
    house.pay(500)
    house.go(house.now + SECOND)
    house.sent()
    house.report("failed")
    house.go(house.now + MINUTE)
    assert len(house.commands()) == 2
    house.go(house.now + 10 * MINUTE)
    assert house.commands()[1:] == [("connect", "failed"), ("connect", "queued")]


def test_a_register_that_runs_on_after_a_cut_is_a_work_order(house):
    from urja.apps.overviews.queries.work_orders import everywhere

    cut(house)
    house.read(house.at(1, 10, 30), 40_000)
    house.now = house.at(1, 11)
    house.use(0)
    house.go()
    assert not everywhere(9)
    house.read(house.at(1, 11, 30), 40_200)
    house.now = house.at(1, 12)
    house.use(0)
    house.go()
    (order,) = everywhere(9)
    assert (order.kind, order.asked["advance_wh"]) == ("weld_or_bypass", 200)
    house.now = house.at(1, 12, 30)
    house.use(0)
    house.go()
    assert len(everywhere(9)) == 1


def test_who_has_been_to_a_weld_is_not_sent_again_for_what_was_read_before(house):
    from urja.apps.overviews.queries.work_orders import everywhere
    from urja.apps.work.operations import close

    cut(house)
    house.now = house.at(1, 12)
    house.use(0)
    house.read(house.at(1, 10, 30), 40_000)
    house.read(house.at(1, 11, 30), 40_200)
    house.go()
    (order,) = everywhere(9)
    assert close(order.id, house.at(1, 12, 10))
    for minute, wh in ((20, 40_250), (50, 40_250)):
        house.now = house.at(1, 12, minute)
        house.use(0)
        house.read(house.now, wh)
        house.go()
        assert not everywhere(9)
    house.read(house.at(1, 13, 20), 40_300)
    house.now = house.at(1, 13, 30)
    house.use(0)
    house.go()
    assert everywhere(9)[0].asked["advance_wh"] == 50


def test_the_chain_from_paid_to_powered(house):
    from urja.apps.supply import queries

    cut(house)
    account_id = house.houses[0].account_id
    assert queries.newest_reconnection(account_id) is None
    before_ms = house.wall_ms
    house.pay(500)
    house.go(house.at(1, 20))
    chain = queries.newest_reconnection(account_id)
    assert before_ms <= chain.paid.wall_ms <= chain.credited.wall_ms == chain.ordered.wall_ms
    assert chain.outcome == ""
    assert [dark.account_id for dark in queries.paid_but_disconnected()] == [account_id]
    house.sent()
    house.report("acknowledged")
    house.report("confirmed")
    house.go(house.now + SECOND)
    chain = queries.newest_reconnection(account_id)
    assert (
        chain.sent.wall_ms
        <= chain.acknowledged.wall_ms
        <= chain.confirmed.wall_ms
        == chain.reconnected.wall_ms
    )
    assert (chain.outcome, chain.amount_minor) == ("reconnected", 50_000)
    assert queries.paid_to_reconnected_wall_ms(START) == [chain.reconnected.wall_ms - chain.paid.wall_ms]
    assert queries.paid_but_disconnected() == []


def test_a_payment_that_is_too_small_is_told_as_such(house):
    from urja.apps.supply import queries

    cut(house)
    house.pay(1)
    house.go(house.now + SECOND)
    assert queries.newest_reconnection(house.houses[0].account_id).outcome == "not_enough"
    assert house.where() == ("cut", "cut")


def test_lists_and_stories(house):
    from urja.apps.supply import queries

    used_up(house)
    house.go(house.at(1, 9, 59))
    (planned,) = queries.planned_cuts(START.astimezone(UTC).date() + timedelta(days=1))
    assert planned.not_before_at == house.at(1, 10)
    assert planned.balance_minor < 0
    house.go(house.at(1, 10, 1))
    house.sent()
    house.report("confirmed")
    house.now = house.at(1, 11)
    house.pay(500)
    house.go()
    today = queries.today(house.now)
    assert [(c.cause, c.state) for c in today.cuts] == [("credit", "confirmed")]
    assert [(c.cause, c.state) for c in today.reconnections] == [("credit", "queued")]
    told = [(line.kind, line.what) for line in reversed(queries.history(house.houses[0].account_id))]
    assert [what for kind, what in told if kind in {"recharge", "command"}] == [
        "opening-credit",
        "disconnect",
        "disconnect confirmed",
        "recharge",
        "connect",
    ]
    assert ("notice", "zero") in told
    for language in ("en", "hi"):
        assert house.standing().sentence(house.now, language)


def test_a_second_run_does_nothing_and_an_idle_one_is_cheap(town_of_five, django_statements):
    place = town_of_five
    place.now = place.at(1, 9)
    for house in range(5):
        place.use(100, house=house)
    assert place.go().accounts == 5
    assert place.go().accounts == 0
    from urja.pipeline import decide

    with django_statements() as statements:
        decide.decide_due(place.now, 1)
    assert len(statements) <= 12, statements
    assert sum("readings.accrual" in sql for sql in statements) == 1


@pytest.fixture
def django_statements():
    """What Django's connection is asked while a block lasts."""
    from contextlib import contextmanager

    @contextmanager
    def collect():
        from django.db import connection

        found = []

        def note(execute, sql, params, many, context):
            found.append(sql)
            return execute(sql, params, many, context)

        with connection.execute_wrapper(note):
            yield found

    return collect


def test_a_new_version_is_looked_at_on_its_day(house):
    house.now = house.at(1, 9)
    house.use(20_000)
    house.go()
    assert house.standing().policy == "story 1"
    from urja.usecases.policies import load_policy as store

    text = POLICY.format(version="2", emergency=0, most=20, stagger=20).replace("2024-04-01", "2026-03-04")
    store(text, recorded_at=house.now, actor="clerk")
    house.go()
    assert house.standing().look_again_at == house.at(3, 0)
    house.go(house.at(3, 0, 1))
    assert house.standing().policy == "story 2"


def test_balances_of_many_are_those_of_each(town_of_five):
    from urja.apps.billing.balances import fresh_balances
    from urja.apps.billing.queries import fresh_balance
    from urja.apps.contracts.queries import agreements

    place = town_of_five
    for house in range(5):
        place.now = place.at(1, 9)
        place.use(1_000 * house, house=house)
    place.go()
    for house in range(3):
        town.store_registers(place.connection, town.registers(place.houses[house], (place.at(2, 0), 19_000)))
    place.go(place.at(2, 2))
    many = fresh_balances(agreements(house.agreement_id for house in place.houses), place.now)
    for account_id, found in many.items():
        one = fresh_balance(account_id, place.now)
        assert (found.balance_minor, found.ledger_minor, found.last_seq, found.as_of) == (
            one.balance_minor,
            one.ledger_minor,
            one.last_seq,
            one.as_of,
        )
        if one.days_left is not None:
            assert abs(found.daily_cost_minor - one.balance_minor / one.days_left) <= 1


def test_the_pipelines_role_may_do_all_of_it(house):
    from django.db import connections

    used_up(house)
    connections.close_all()
    connections["default"].settings_dict["USER"] = "urja_pipeline"
    try:
        house.go(house.at(1, 10, 1))
        assert house.commands() == [("disconnect", "queued")]
        house.go(house.at(1, 10, 2))
    finally:
        connections.close_all()
        connections["default"].settings_dict["USER"] = "urja_owner"


def test_the_webs_role_reads_and_orders_nothing(house):
    from django.db import ProgrammingError, connections

    from urja.apps.supply import queries
    from urja.apps.supply.queries import facts

    cut(house)
    house.pay(500)
    house.go(house.now + SECOND)
    connections.close_all()
    connections["default"].settings_dict["USER"] = "urja_web"
    try:
        account_id = house.houses[0].account_id
        assert facts.of_account(account_id, house.now, queries.health()).facts.supply == "off"
        assert queries.standing(account_id).sentence(house.now)
        assert queries.history(account_id)
        assert queries.newest_reconnection(account_id).command_state == "queued"
        assert queries.today(house.now).cuts
        with pytest.raises(ProgrammingError, match="permission denied"):
            house.order("hold", "safety")
    finally:
        connections.close_all()
        connections["default"].settings_dict["USER"] = "urja_owner"
