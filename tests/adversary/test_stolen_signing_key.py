"""A thief with the key that signs orders and the pipeline's password at the broker cuts no more than the ceilings.

The head end is the real one; the meters are simulated and listen on sockets.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import msgspec
import pytest
from tests.authenticator import Authenticator
from tests.headend import conftest
from tests.headend.conftest import until, value
from tests.headend.ordering import HOUR, SIGNING_KEY, Desk, House, put_device
from tests.headend.test_releases import Office

from urja.base.ports import free_port
from urja.headend import order_execution as carrying
from urja.stream.orders import HELD_BY_CEILING, SignedOrder
from urja.stream.releases import OpenRelease, ReleaseRequest
from urja.stream.subjects import ORDERS, User

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend = conftest.start_headend

DAY = dt.timedelta(days=1)
LOW = {"cuts_per_hour": 3, "cuts_per_day": 5, "cuts_per_area_per_hour": 2, "cuts_per_area_per_day": 4}


@pytest.fixture
def thief(pipeline) -> Desk:
    """Signs what it likes, and sends it as the pipeline does."""
    return Desk(pipeline)


@pytest.fixture
def office(thief, tmp_path, stepped_clock) -> Office:
    """Two people whose passkeys are installed at the installation."""
    office = Office(thief, tmp_path / "approvers.json", stepped_clock)
    office.install(asha=office.asha, ravi=office.ravi)
    return office


class Town:
    """Houses in two sections, all of them powered at first."""

    def __init__(self, houses: list[House]) -> None:
        self.houses = houses

    @property
    def disconnected(self) -> int:
        return sum(not house.switch.closed for house in self.houses)

    async def order(self, desk: Desk, kind: str = "disconnect", **changes: object) -> list:
        orders = [house.order(kind, **changes) for house in self.houses]
        for order in orders:
            await desk.send(order)
        return orders


@pytest.fixture
async def town(pipeline, stepped_clock) -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        houses = [
            House(stepped_clock, number + 1, port=free_port(), area=f"section S{number % 2}")
            for number in range(8)
        ]
        for house in houses:
            await put_device(pipeline, house.entry())
            await stack.enter_async_context(house.listening())
        yield Town(houses)


async def held(headend, count: int) -> None:
    await until(lambda: value(headend, "cuts_held") == count)


async def test_a_cut_of_every_meter_stops_at_the_ceilings(
    start_headend, thief, town, stepped_clock, monkeypatch
):
    monkeypatch.setattr(carrying, "HELD_REDELIVERY_S", 0.2)
    async with start_headend(**LOW) as headend:
        await town.order(thief, expires_at=stepped_clock.now() + 30 * DAY)
        await held(headend, 5)
        assert town.disconnected == 3
        # What is held stays so when its hour is over; more of it is bounded by the day.
        stepped_clock.advance(HOUR + dt.timedelta(minutes=5))
        await town.order(thief, expires_at=stepped_clock.now() + 30 * DAY)
        await held(headend, 6)
        await until(lambda: value(headend, "commands_total", kind="disconnect", result="confirmed") == 5)
        after_two_hours = town.disconnected
        stepped_clock.advance(2 * HOUR)
        more = await town.order(thief, expires_at=stepped_clock.now() + 30 * DAY)
        await held(headend, 8)
        assert value(headend, "commands_total", kind="disconnect", result="confirmed") == 5
        assert town.disconnected == after_two_hours <= 5
        await thief.listen()
        details = [said.detail for said in thief.heard if said.command_id in {one.command_id for one in more}]
        assert details == [f"{HELD_BY_CEILING}: 5 cuts in a business day"] * 8
    # Nor does a head end that is restarted carry out what is held, though it has room again.
    stepped_clock.advance(2 * DAY)
    async with start_headend(**LOW) as headend:
        await held(headend, 8)
        assert town.disconnected == after_two_hours


async def test_one_area_is_bounded_by_itself(start_headend, thief, town, stepped_clock):
    async with start_headend(**LOW | {"cuts_per_hour": 100, "cuts_per_day": 100}) as headend:
        await town.order(thief)
        await held(headend, 4)
        assert [house.area for house in town.houses if not house.switch.closed].count("section S1") == 2
        assert town.disconnected == 4
        await thief.listen()
        assert f"{HELD_BY_CEILING}: 2 cuts in a business hour in section S1" in {
            said.detail for said in thief.heard
        }


async def test_areas_that_the_thief_writes_into_the_projection_lift_no_total(start_headend, thief, town):
    for number, house in enumerate(town.houses):
        house.area = f"section forged {number}"
        await put_device(thief.broker, house.entry())
    async with start_headend(**LOW) as headend:
        await town.order(thief)
        await held(headend, 5)
        assert town.disconnected == 3


async def test_a_load_limit_that_switches_off_counts_as_a_cut(start_headend, thief, town):
    async with start_headend(**LOW) as headend:
        # The head end would take the text for a number.
        for house, watts in zip(town.houses, [1, "1", 499, 1, 1, 1, 1, 1], strict=True):
            await thief.send(house.order("set_load_limit", arguments={"watts": watts}))
        await held(headend, 5)
        generous = town.houses[0].order("set_load_limit", arguments={"watts": 3000})
        await thief.send(generous)
        [end] = await thief.end_of(generous)
        assert end.state == "confirmed"


async def test_many_limits_of_one_meter_shut_it_out_of_nothing(start_headend, thief, town):
    house = town.houses[0]
    async with start_headend(**LOW | {"cuts_per_hour": 1}) as headend:
        first = house.order("set_load_limit", arguments={"watts": 1})
        await thief.send(first)
        await thief.end_of(first)
        for _ in range(40):
            await thief.send(house.order("set_load_limit", arguments={"watts": 1}))
        failed = {"kind": "set_load_limit", "result": "failed"}
        await until(lambda: value(headend, "commands_total", **failed) == 40 - carrying.MAX_HELD_PER_METER)
        back = house.order("connect")
        await thief.send(back)
        [end] = await thief.end_of(back)
        assert end.state == "confirmed"


async def test_reconnections_are_never_held(start_headend, thief, town):
    async with start_headend(**LOW) as headend:
        cuts = await town.order(thief)
        await held(headend, 5)
        connects = await town.order(thief, "connect")
        ends = await thief.end_of(*connects)
        assert {end.state for end in ends} == {"confirmed"}
        assert town.disconnected == 0
        # A held cut is void by the newer order, and comes back by nothing.
        ended = await thief.end_of(*cuts)
        assert sorted(end.state for end in ended) == ["confirmed"] * 3 + ["superseded"] * 5
        await held(headend, 0)


async def test_a_held_cut_expires(start_headend, thief, town, stepped_clock):
    async with start_headend(**LOW) as headend:
        cuts = await town.order(thief)
        await held(headend, 5)
        stepped_clock.advance(HOUR)
        ends = await thief.end_of(*cuts)
        assert sorted(end.state for end in ends) == ["confirmed"] * 3 + ["expired"] * 5
        assert {end.detail for end in ends if end.state == "expired"} <= {
            f"{HELD_BY_CEILING}: 3 cuts in a business hour",
            f"{HELD_BY_CEILING}: 2 cuts in a business hour in section S0",
            f"{HELD_BY_CEILING}: 2 cuts in a business hour in section S1",
        }


class TestReleases:
    """The thief asks for releases as the pipeline does: nothing is believed but passkeys of the installed."""

    async def released(self, headend) -> list[OpenRelease]:
        await headend.releases.process()
        return (await headend.releases._brake.refresh()).releases

    async def test_of_the_thiefs_own_passkeys(self, start_headend, thief, town, office):
        async with start_headend(**LOW) as headend:
            await town.order(thief)
            told = await office.held(5)
            release = office.release(cuts=1000, areas=tuple(told.areas))
            await office.ask(release, told.nonce, Authenticator(), Authenticator())
            assert "not installed" in (await office.outcome(release, "refused")).detail
            assert await self.released(headend) == []
            assert town.disconnected == 3

    async def test_of_answers_to_something_smaller(self, start_headend, thief, town, office):
        async with start_headend(**LOW) as headend:
            await town.order(thief)
            told = await office.held(5)
            small = office.release(cuts=1, areas=("section S0",))
            given = [phone.approve(small.challenge(told.nonce)) for phone in (office.asha, office.ravi)]
            large = msgspec.structs.replace(small, cuts=1000, areas=tuple(told.areas))
            await office.ask_with(ReleaseRequest(release=large, nonce=told.nonce, answers=given))
            assert "approves other content" in (await office.outcome(large, "refused")).detail
            assert await self.released(headend) == []

    async def test_a_true_release_gives_its_number_and_no_more(
        self, start_headend, thief, town, office, stepped_clock
    ):
        async with start_headend(**LOW) as headend:
            await town.order(thief)
            told = await office.held(5)
            stepped_clock.advance(dt.timedelta(seconds=5))
            release = office.release(cuts=1, areas=tuple(told.areas))
            await office.ask(release, told.nonce, office.asha, office.ravi)
            await office.outcome(release, "released")
            await held(headend, 0)
            # None of the thief's held orders is carried out by it; of its next ones, one passes.
            assert town.disconnected == 3
            await town.order(thief)
            await held(headend, 7)
            confirmed = {"kind": "disconnect", "result": "confirmed"}
            await until(lambda: value(headend, "commands_total", **confirmed) == 4)
            assert town.disconnected <= 4
        async with start_headend(**LOW) as headend:
            await town.order(thief)
            await held(headend, 8)
            assert town.disconnected <= 4


class TestTheBrokersAnswers:
    """The server publishes its answers to any subject that a client names: the thief lets it write for it."""

    async def overwrite(self, broker, key: str) -> None:
        """With the acknowledgement of a publish."""
        await broker._client.publish("urja.quarantine.message.poison", b"x", reply=f"$KV.orders.{key}")
        await broker._client.flush()

    @pytest.mark.parametrize("content", [None, b"{}", b""])
    async def test_an_overwritten_count_lets_no_cut_pass(
        self, start_headend, thief, town, stepped_clock, nats_server, content
    ):
        head = await nats_server.connect(User.HEADEND)
        async with start_headend(**LOW) as headend:
            await town.order(thief)
            await held(headend, 5)
            assert town.disconnected == 3
            known = await head.get(ORDERS, "brake")
            if content is None:
                await self.overwrite(thief.broker, "brake")
            else:
                # However it came there.
                await head.put(ORDERS, "brake", content, known[1])
            await until_written(head, "brake", known[1])
        stepped_clock.advance(HOUR + dt.timedelta(minutes=10))
        async with start_headend(**LOW) as headend:
            again = await town.order(thief)
            await held(headend, 8)
            assert town.disconnected == 3
            await thief.listen()
            told = {said.detail for said in thief.heard if said.command_id == again[0].command_id}
            assert [
                detail.startswith(f"{HELD_BY_CEILING}: the count of cuts was lost") for detail in told
            ] == [True]
            stepped_clock.advance(DAY)
            await town.order(thief)
            await until(lambda: value(headend, "commands_total", kind="disconnect", result="confirmed") == 3)
        await head.close()

    async def test_an_overwritten_memory_carries_out_no_copy(
        self, start_headend, thief, town, stepped_clock, nats_server
    ):
        house = town.houses[0]
        kept = house.order("disconnect", expires_at=stepped_clock.now() + DAY)
        head = await nats_server.connect(User.HEADEND)
        async with start_headend():
            await thief.send(kept)
            back = house.order("connect")
            await thief.send(back)
            await thief.end_of(kept, back)
        title = house.identity.title.hex()
        known = await head.get(ORDERS, title)
        await self.overwrite(thief.broker, title)
        await until_written(head, title, known[1])
        stepped_clock.advance(HOUR)
        async with start_headend() as headend:
            copy = msgspec.structs.replace(kept, command_id=kept.command_id + 500)
            await thief.broker.publish_order(copy, SignedOrder.of(kept, SIGNING_KEY), 4)
            void = {"kind": "disconnect", "result": "superseded"}
            await until(lambda: value(headend, "commands_total", **void) == 1)
            assert house.switch.closed
            stepped_clock.advance(dt.timedelta(minutes=1))
            fresh = house.order("disconnect")
            await thief.send(fresh)
            [end] = await thief.end_of(fresh)
            assert end.state == "confirmed"
        await head.close()


async def until_written(broker, key: str, known: int) -> None:
    """Once the value under a key is another than at a revision."""
    async with asyncio.timeout(60):
        while (await broker.get(ORDERS, key))[1] == known:  # noqa: ASYNC110 - the broker reports no event
            await asyncio.sleep(0.01)
