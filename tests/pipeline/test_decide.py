"""The stage `decide`, read as little stories: a house runs out of credit, is told, is cut, pays, has light again."""

from datetime import UTC, datetime, timedelta

import pytest
from tests.apps import street
from tests.apps.street import adopt
from tests.pipeline.test_post import load as load_tariff

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)
HALF_HOUR = street.HALF_HOUR
START = street.START
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
    from urja.apps.supply.operations import load_policy

    text = POLICY.format(version=version, emergency=emergency, most=most, stagger=stagger)
    return load_policy(text, recorded_at=START, actor="test")


class Place:
    """Some houses, and the hands of everybody else: meters, gateway, messenger, head end, operator."""

    def __init__(self, database, houses, **policy):
        self.database, self.connection = database, database.connect()
        load_tariff()
        load_policy(**policy)
        self.houses = houses
        self.now = START + 9 * HOUR
        self.wall_ms = 1_000_000
        self.keys = 0

    # -- time ------------------------------------------------------------------------------------------------

    def at(self, day, hour, minute=0):
        """A local time on the n-th day, 1 being Monday 2 March."""
        return START + timedelta(days=day - 1, hours=hour, minutes=minute)

    def go(self, now=None, **more):
        """Post and decide at an instant."""
        from urja.pipeline import decide, post

        if now is not None:
            assert now >= self.now
            self.now = now
        self.wall_ms += 10
        post.run_once(self.now, HOUR)
        return decide.run_once(self.now, self.wall_ms, **more)

    def until(self, end, step=15 * MINUTE):
        """Run again and again up to an instant."""
        while self.now + step <= end:
            self.go(self.now + step)

    # -- what others do --------------------------------------------------------------------------------------

    def use(self, wh, hours=1, house=0):
        """Blocks up to now: `wh` in the last of them, nothing before."""
        self.uses = getattr(self, "uses", {})
        start = self.uses.get(house, START)
        rows = []
        while start + HALF_HOUR <= self.now:
            rows.append((start, 0))
            start += HALF_HOUR
        self.uses[house] = start
        if rows:
            rows[-1] = (rows[-1][0], wh)
            street.store_blocks(self.connection, street.blocks(self.houses[house], *rows), now=self.now)

    def read(self, at, wh, house=0):
        """An instantaneous register read."""
        from urja.stream.records import RegisterKind

        street.store_registers(
            self.connection,
            street.registers(self.houses[house], (at, wh), kind=RegisterKind.INSTANTANEOUS),
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
        from urja.apps.ledger.operations import request_credit

        self.keys += 1
        return request_credit(
            account_id=self.houses[house].account_id,
            amount_minor=rupees * 100,
            kind="recharge",
            idempotency_key=f"pay:{self.keys}",
            requested_at=self.now,
            correlation=self.wall_ms << 21,
        )

    def report(self, state, house=0, at=None, evidence=None):
        """The head end's word on the newest command."""
        from urja.apps.commands import operations
        from urja.stream.orders import Progress

        command = self.command(house)
        self.wall_ms += 500
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
        from urja.apps.notices.queries import notices_of

        return [notice.kind for notice in notices_of(self.houses[house].account_id)]

    def holds(self, house=0):
        from urja.apps.supply.models import Hold

        return sorted(
            Hold.objects.filter(
                service_point_id=self.houses[house].service_point_id, released_at=None
            ).values_list("reason", flat=True)
        )


@pytest.fixture
def house(database):
    """One house with 100 rupees."""
    place = Place(database, [adopt(credit_minor=10_000)])
    yield place
    place.connection.close()


def used_up(place, house=0):
    """Monday 09:00: the house has used 30 kWh for far more than 100 rupees, and is told."""
    place.now = place.at(1, 9)
    place.use(30_000, house=house)
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
