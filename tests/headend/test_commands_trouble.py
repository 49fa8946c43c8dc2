"""Orders that are late, superseded, forged, replayed or too many, unreachable meters, and a head end that dies."""

import asyncio
import datetime as dt
import os
import signal
import sys
from pathlib import Path

import msgspec
import pytest
from tests.headend.conftest import until, value
from tests.headend.ordering import HOUR, SIGNING_KEY, TERMINAL, Desk, House, put_device
from tests.logs import logged
from tests.stream.servers import PASSWORDS

from urja.base.clock import SteppedClock
from urja.base.ports import free_port
from urja.headend import meter_identification, retries
from urja.headend.order_execution import OrderExecutor
from urja.headend.order_history import MAX_ENDED_ORDERS
from urja.stream.broker import Broker, connect
from urja.stream.errors import NotPermittedError
from urja.stream.orders import Progress, SignedOrder
from urja.stream.subjects import User

MINUTE = dt.timedelta(minutes=1)


@pytest.fixture
def desk(pipeline) -> Desk:
    return Desk(pipeline)


@pytest.fixture
async def house(stepped_clock, pipeline) -> House:
    house = House(stepped_clock, port=free_port())
    await put_device(pipeline, house.entry())
    return house


def refusals(logs) -> list[tuple[str, str]]:
    """What the head end has written of orders that it did not carry out."""
    told = ("order refused", "order replayed")
    return [(line["event"], line.get("why", "")) for line in logs if line["event"] in told]


async def quarantined(admin) -> list[str]:
    return [one.item.detail async for one in admin.quarantined() if one.item.source == "orders"]


class TestInTime:
    async def test_what_has_expired_is_not_begun(self, start_headend, desk, house):
        order = house.order(
            "disconnect", issued_at=house.clock.now() - 2 * HOUR, expires_at=house.clock.now()
        )
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert (end.state, end.attempts) == ("expired", 1)
        assert house.switch.closed

    async def test_unreachable_until_its_end(self, start_headend, desk, house, stepped_clock):
        order = house.order("disconnect")
        async with start_headend() as headend:
            await desk.send(order)
            await until(lambda: value(headend, "commands_total", kind="disconnect", result="again") >= 1)
            stepped_clock.advance(HOUR)
            [end] = await desk.end_of(order)
            async with house.listening():
                await asyncio.sleep(0.5)
        assert end.state == "expired"
        assert end.detail.startswith("unreachable")
        assert house.switch.closed
        assert [state for state in desk.states(order) if state in TERMINAL] == ["expired"]

    async def test_a_meter_that_dials_in_later_is_told_at_once(
        self, start_headend, desk, pipeline, stepped_clock, monkeypatch
    ):
        # The broker would give the order out again after a minute only.
        monkeypatch.setitem(retries.RETRIES, retries.FailureKind.UNREACHABLE, retries.Retry(60.0, 60.0))
        house = House(stepped_clock)
        await put_device(pipeline, house.entry())
        order = house.order("disconnect")
        async with start_headend() as headend:
            await desk.send(order)
            await until(lambda: value(headend, "commands_total", kind="disconnect", result="again") >= 1)
            await desk.until_heard(order)
            [trying] = desk.heard
            async with house.dialled_in(headend.wrapper_port.port):
                stepped_clock.advance(dt.timedelta(minutes=30))
                house.station.catch_up()
                [end] = await desk.end_of(order, within_s=60)
        assert (trying.state, trying.attempts) == ("trying", 1)
        assert "not dialled in" in trying.detail
        assert end.state == "confirmed"
        assert not house.switch.closed

    async def test_times_that_no_order_has_are_refused(self, start_headend, desk, house):
        now = house.clock.now()
        future = house.order("disconnect", issued_at=now + 2 * HOUR, expires_at=now + 3 * HOUR)
        endless = house.order("disconnect", expires_at=now + dt.timedelta(days=400))
        async with start_headend(), house.listening():
            await desk.send(future)
            await desk.end_of(future)
            await desk.send(endless)
            ends = await desk.end_of(future, endless)
        assert [end.state for end in ends] == ["failed", "failed"]
        assert house.switch.closed


class TestInOrder:
    async def test_no_cut_after_a_newer_connect(self, start_headend, desk, house):
        cut, back = house.order("disconnect"), house.order("connect")
        async with start_headend(), house.listening():
            await desk.send(back)
            await desk.end_of(back)
            await desk.send(cut)
            [end] = await desk.end_of(cut)
        assert end.state == "superseded"
        assert house.switch.closed

    async def test_a_waiting_cut_gives_way_to_a_connect(self, start_headend, desk, house):
        cut, back = house.order("disconnect"), house.order("connect")
        async with start_headend() as headend:
            await desk.send(cut)
            await until(lambda: value(headend, "commands_total", kind="disconnect", result="again") >= 1)
            await desk.send(back)
            [end] = await desk.end_of(cut)
            async with house.listening():
                [other] = await desk.end_of(back)
        assert (end.state, other.state) == ("superseded", "confirmed")
        assert house.switch.closed

    async def test_what_waits_goes_in_one_session_in_its_order_after_the_switch(
        self, start_headend, desk, house
    ):
        orders = [
            house.order("disconnect"),
            house.order("set_payment_mode", arguments={"mode": "prepaid"}),
            house.order("read_object", arguments={"obis": "0.0.96.3.10.255", "attribute": 3}),
        ]
        async with start_headend() as headend:
            for order in reversed(orders):
                await desk.send(order)

            def waiting() -> int:
                return sum(len(queue.pending) for queue in headend.orders._queues.values())

            await until(lambda: waiting() == len(orders))
            async with house.listening():
                ends = await desk.end_of(*orders)
        assert [end.state for end in ends] == ["confirmed"] * 3
        assert ends[2].evidence["value"] == 0
        assert house.station.counts.connections == 1
        # What has ended is said again when the broker gives its order out again.
        confirmed = list(dict.fromkeys(said.sequence for said in desk.heard if said.state == "confirmed"))
        assert confirmed == sorted(confirmed)


class TestStrangers:
    """A meter that has dialled in and has nothing to push is asked who it is at once when an order waits for it."""

    @pytest.fixture(autouse=True)
    def unhurried(self, monkeypatch):
        """Without an order no meter would be asked in the time of a test."""
        monkeypatch.setattr(meter_identification, "FIRST_QUERY_DELAY_S", (600.0, 600.0))

    async def test_a_meter_without_an_answer_is_reported(self, start_headend, desk, pipeline, stepped_clock):
        house = House(stepped_clock)
        await put_device(pipeline, house.entry())
        order, again = house.order("disconnect"), house.order("connect")
        async with start_headend() as headend, house.dialled_in(headend.wrapper_port.port):
            assert headend.wrapper_port.by_slot == {}
            await desk.send(order)
            [end] = await desk.end_of(order, within_s=60)
            # It has proven itself, and is known from then on.
            await until(lambda: list(headend.wrapper_port.by_slot) == [0])
            await desk.send(again)
            [later] = await desk.end_of(again)
        assert (end.state, later.state) == ("confirmed", "confirmed")
        assert house.station.counts.connections == 1

    async def test_after_a_head_ends_restart_too(self, start_headend, desk, pipeline, stepped_clock):
        house = House(stepped_clock)
        await put_device(pipeline, house.entry())
        order, port = house.order("disconnect"), free_port()
        async with start_headend(port=port), house.dialled_in(port):
            pass
        async with start_headend(port=port), house.dialled_in(port):
            await desk.send(order)
            [end] = await desk.end_of(order, within_s=60)
        assert end.state == "confirmed"

    async def test_who_only_claims_to_be_the_meter_is_told_nothing(
        self, start_headend, desk, pipeline, stepped_clock, monkeypatch
    ):
        monkeypatch.setitem(retries.RETRIES, retries.FailureKind.UNREACHABLE, retries.Retry(0.2, 0.5))
        house = House(stepped_clock)
        impostor = House(stepped_clock)
        impostor.pretend(guek=bytes(16).hex())
        await put_device(pipeline, house.entry())
        order = house.order("disconnect")
        async with start_headend() as headend, impostor.dialled_in(headend.wrapper_port.port):
            await desk.send(order)
            async with asyncio.timeout(60):
                while not any("claims to be" in said.detail for said in desk.heard):
                    await desk.listen()
            assert headend.wrapper_port.by_slot == {}
            async with house.dialled_in(headend.wrapper_port.port):
                [end] = await desk.end_of(order)
        assert end.state == "confirmed"
        assert not house.switch.closed
        assert impostor.switch.closed


class TestStolenPassword:
    """A thief has the pipeline's password at the broker, but not its signing key."""

    async def test_unsigned_forged_and_changed_orders_are_refused(
        self, start_headend, desk, house, admin, nats_server
    ):
        thief = await connect(nats_server.url, User.PIPELINE, PASSWORDS[User.PIPELINE], "thief")
        true = SignedOrder.of(house.order("connect"), SIGNING_KEY)
        unsigned = SignedOrder(payload=msgspec.json.encode(house.order("disconnect")), signature=b"")
        forged = SignedOrder.of(house.order("disconnect"), bytes(32))
        changed = SignedOrder(
            payload=true.payload.replace(b'"connect"', b'"disconnect"'), signature=true.signature
        )
        with logged() as logs:
            async with start_headend() as headend, house.listening():
                for signed in (unsigned, forged, changed):
                    await thief.publish_order(house.order("disconnect"), signed, 4)
                await until(lambda: value(headend, "orders_refused_total", why="forged") == 3)
                await desk.listen()
        assert refusals(logs) == [("order refused", "forged")] * 3
        assert desk.heard == []
        assert house.switch.closed
        assert house.station.counts.connections == 0
        details = await quarantined(admin)
        assert len(details) == 3
        assert all("signature" in detail for detail in details)
        await thief.close()

    async def test_a_kept_order_does_not_work_twice(self, start_headend, desk, house):
        cut, back = house.order("disconnect"), house.order("connect")
        kept = SignedOrder.of(cut, SIGNING_KEY)
        async with start_headend() as headend, house.listening():
            await desk.send(cut)
            await desk.end_of(cut)
            await desk.send(back)
            await desk.end_of(back)
            replay = house.order("disconnect")
            with logged() as logs:
                await desk.broker.publish_order(replay, kept, 4)
                await until(lambda: value(headend, "orders_refused_total", why="replayed") == 1)
            assert refusals(logs) == [("order replayed", "")]
            assert house.switch.closed
        # Nor at a head end that was started since.
        async with start_headend() as headend, house.listening():
            await desk.broker.publish_order(house.order("disconnect"), kept, 4)
            await until(lambda: value(headend, "orders_refused_total", why="replayed") == 1)
        assert house.switch.closed

    async def test_an_order_long_past_is_refused(self, start_headend, desk, house, admin):
        old = SignedOrder.of(house.order("disconnect", expires_at=house.clock.now() + 20 * HOUR), SIGNING_KEY)
        reads = [
            house.order("read_object", arguments={"obis": "0.0.96.1.0.255"})
            for _ in range(MAX_ENDED_ORDERS + 1)
        ]
        async with start_headend() as headend, house.listening():
            for order in reads:
                await desk.send(order)
            await desk.end_of(*reads)
            # It was never carried out; it is older than anything that is remembered.
            with logged() as logs:
                await desk.broker.publish_order(house.order("disconnect"), old, 4)
                await until(lambda: value(headend, "orders_refused_total", why="replayed") == 1)
        assert refusals(logs) == [("order refused", "replayed")]
        assert house.switch.closed
        [detail] = await quarantined(admin)
        assert "long past" in detail

    async def test_without_a_key_nothing_is_carried_out(self, start_headend, desk, house, monkeypatch):
        order = house.order("disconnect")
        async with start_headend() as headend, house.listening():
            monkeypatch.setattr(headend.orders._admission, "_key", b"")
            await desk.send(order)
            await until(lambda: value(headend, "orders_refused_total", why="forged") == 1)
        assert house.switch.closed

    async def test_the_head_ends_password_orders_nothing(self, nats_server, admin, house):
        thief = await connect(nats_server.url, User.HEADEND, PASSWORDS[User.HEADEND], "thief")
        order = house.order("disconnect")
        with logged() as logs, pytest.raises(NotPermittedError):
            await thief.publish_order(order, SignedOrder.of(order, bytes(32)), 4)
        [refused] = [line for line in logs if line["event"] == "broker refuses a subject"]
        assert (refused["user"], refused["subject"].startswith("urja.commands.")) == ("headend", True)
        await thief.close()


class TestCaps:
    async def town(self, pipeline, clock, *transformers) -> list[House]:
        houses = [
            House(clock, number + 1, port=free_port(), transformer=transformer)
            for number, transformer in enumerate(transformers)
        ]
        for house in houses:
            await put_device(pipeline, house.entry())
        return houses

    async def run(self, desk, houses, headend, stepped_clock, first):
        orders = [house.order("disconnect") for house in houses]
        for order in orders:
            await desk.send(order)

        def cut() -> int:
            return sum(not house.switch.closed for house in houses)

        await until(lambda: cut() == first)
        await until(lambda: value(headend, "cuts_held_back_total") >= len(houses) - first)
        assert cut() == first
        stepped_clock.advance(MINUTE)
        ends = await desk.end_of(*orders)
        assert [end.state for end in ends] == ["confirmed"] * len(houses)

    async def listening(self, stack, houses):
        for house in houses:
            await stack.enter_async_context(house.listening())

    async def test_so_many_a_minute(self, start_headend, desk, pipeline, stepped_clock):
        from contextlib import AsyncExitStack

        houses = await self.town(pipeline, stepped_clock, None, None, None)
        async with AsyncExitStack() as stack:
            headend = await stack.enter_async_context(start_headend(cuts_per_minute=2))
            await self.listening(stack, houses)
            await self.run(desk, houses, headend, stepped_clock, 2)

    async def test_so_many_behind_a_transformer(self, start_headend, desk, pipeline, stepped_clock):
        from contextlib import AsyncExitStack

        houses = await self.town(pipeline, stepped_clock, "T1", "T1", "T2")
        async with AsyncExitStack() as stack:
            headend = await stack.enter_async_context(start_headend(cuts_per_transformer_per_minute=1))
            await self.listening(stack, houses)
            await self.run(desk, houses, headend, stepped_clock, 2)

    async def test_a_restart_begins_no_new_minute(self, start_headend, desk, pipeline, stepped_clock):
        first, second = await self.town(pipeline, stepped_clock, None, None)
        one, two = first.order("disconnect"), second.order("disconnect")
        async with start_headend(cuts_per_minute=1), first.listening():
            await desk.send(one)
            await desk.end_of(one)
        async with start_headend(cuts_per_minute=1) as headend, second.listening():
            await desk.send(two)
            await until(lambda: value(headend, "cuts_held_back_total") >= 1)
            assert second.switch.closed

    async def test_reconnections_are_not_held_back(self, start_headend, desk, pipeline, stepped_clock):
        from contextlib import AsyncExitStack

        houses = await self.town(pipeline, stepped_clock, "T1", "T1", "T1")
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(start_headend(cuts_per_minute=1))
            await self.listening(stack, houses)
            orders = [house.order("connect") for house in houses]
            for order in orders:
                await desk.send(order)
            ends = await desk.end_of(*orders)
        assert [end.state for end in ends] == ["confirmed"] * 3


class TestLease:
    async def test_one_head_end_holds_a_meters_session(self, start_headend, desk, house, nats_server):
        order = house.order("disconnect")
        other = await nats_server.connect(User.HEADEND)
        revision = await other.take_lease(house.entry().key, "other")
        assert revision is not None
        async with start_headend() as headend, house.listening():
            await desk.send(order)
            await until(lambda: value(headend, "commands_total", kind="disconnect", result="again") >= 1)
            assert house.switch.closed
            await desk.until_heard(order)
            assert "another head end" in desk.heard[0].detail
            await other.free_lease(house.entry().key, revision)
            [end] = await desk.end_of(order)
        assert end.state == "confirmed"
        # It was given back.
        taken = await other.take_lease(house.entry().key, "other")
        await other.close()
        assert taken is not None

    async def test_a_head_end_that_stops_gives_back_what_it_is_giving_back(
        self, start_headend, desk, house, nats_server, monkeypatch
    ):
        order = house.order("disconnect")
        giving, stopping = asyncio.Event(), asyncio.Event()
        free = Broker.free_lease

        async def slowly(broker, key, revision):
            giving.set()
            await stopping.wait()
            await free(broker, key, revision)

        monkeypatch.setattr(Broker, "free_lease", slowly)
        stop = OrderExecutor.stop

        async def stopped(orders):
            ending = asyncio.ensure_future(stop(orders))
            await asyncio.sleep(0)  # the tasks are cancelled: one turn of the loop
            stopping.set()
            await ending

        monkeypatch.setattr(OrderExecutor, "stop", stopped)
        async with start_headend(), house.listening():
            await desk.send(order)
            await giving.wait()
        other = await nats_server.connect(User.HEADEND)
        taken = await other.take_lease(house.entry().key, "other")
        await other.close()
        assert taken is not None


class TestBadLinks:
    async def test_a_connection_that_breaks_in_the_middle_is_tried_again(
        self, start_headend, desk, house, monkeypatch
    ):
        order = house.order("disconnect")
        operate = type(house.meter).operate
        calls = []

        def once_cut(meter, method):
            operate(meter, method)
            calls.append(method)
            if len(calls) == 1:
                # Obeyed, and the answer never leaves.
                house.station.drop_link()
                raise ConnectionAbortedError

        monkeypatch.setattr(type(house.meter), "operate", once_cut)
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert end.state == "confirmed"
        assert end.attempts >= 2
        assert len(calls) == 2

    async def test_a_switch_that_does_not_obey_fails_after_some_attempts(
        self, start_headend, desk, house, monkeypatch
    ):
        monkeypatch.setattr(type(house.meter), "operate", lambda _meter, _method: None)
        monkeypatch.setitem(retries.RETRIES, retries.FailureKind.DISOBEYED, retries.Retry(0.05, 0.1, 3))
        order = house.order("disconnect")
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert (end.state, end.attempts) == ("failed", 3)
        assert "the meter is connected" in end.detail


class TestHeadEndDies:
    async def test_killed_between_the_meters_obedience_and_its_answer(
        self, start_headend, desk, house, nats_server, admin, monkeypatch, tmp_path
    ):
        """The meter has opened its switch; the process that told it to is gone before it hears of that."""
        order = house.order("disconnect")
        process = await _head_end_process(nats_server.url, house.clock, tmp_path)
        operate = type(house.meter).operate
        killed = asyncio.Event()

        def obey_and_kill(meter, method):
            operate(meter, method)
            if not killed.is_set():
                os.kill(process.pid, signal.SIGKILL)
                killed.set()

        monkeypatch.setattr(type(house.meter), "operate", obey_and_kill)
        async with house.listening():
            await desk.send(order)
            await asyncio.wait_for(killed.wait(), 60)
            await process.wait()
            assert not [state for state in desk.states(order) if state in TERMINAL]
            async with start_headend():
                [end] = await desk.end_of(order, within_s=60)
                await desk.listen(0.5)
        assert end.state == "confirmed"
        assert not house.switch.closed
        assert {said.state for said in desk.heard if said.state in TERMINAL} == {"confirmed"}
        ends: list[Progress] = [said for said in desk.heard if said.state in TERMINAL]
        assert len({msgspec.json.encode(said) for said in ends}) == 1

    async def test_stopped_with_work_in_hand_it_gives_it_back(self, start_headend, desk, house):
        order = house.order("disconnect")
        async with start_headend() as headend:
            await desk.send(order)
            await until(lambda: value(headend, "commands_total", kind="disconnect", result="again") >= 1)
        async with start_headend(), house.listening():
            [end] = await desk.end_of(order)
        assert end.state == "confirmed"


_PROGRAM = """
import asyncio, sys, json
from datetime import datetime
from tests.headend.ordering import SIGNING_KEY
from tests.headend.pushing import KEK
from tests.stream.servers import PASSWORDS
from urja.base.clock import SteppedClock
from urja.base.process_secrets import HeadendSecrets
from urja.base.settings import HeadendSettings, Settings
from urja.headend.process import HeadEnd
from urja.stream.subjects import User
from urja.stream.signing import public_key

async def main():
    secrets = HeadendSecrets(broker_url=sys.argv[1], broker_user="headend",
        broker_password=PASSWORDS[User.HEADEND], kek=KEK, orders_key=public_key(SIGNING_KEY))
    settings = Settings(headend=HeadendSettings(hosts=("127.0.0.1",), port=0))
    clock = SteppedClock(datetime.fromisoformat(sys.argv[2]))
    async with HeadEnd.running(settings, secrets, clock):
        print("up", flush=True)
        await asyncio.Event().wait()

asyncio.run(main())
"""


async def _head_end_process(url: str, clock: SteppedClock, tmp_path: Path) -> asyncio.subprocess.Process:
    """A head end that can be killed for good."""
    log = (tmp_path / "headend.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", _PROGRAM, url, clock.now().isoformat(),
        stdout=asyncio.subprocess.PIPE, stderr=log, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    log.close()
    assert process.stdout is not None
    while b"up" not in (line := await process.stdout.readline()):
        assert line, (tmp_path / "headend.log").read_text()
    return process
