"""Numbers of round trips of each command: on a slow link they take nearly all of its time."""

import datetime as dt

import pytest
from tests.headend.conftest import until, value
from tests.headend.ordering import Desk, House, put_device

from urja.base.ports import free_port
from urja.cosem.acse import ApplicationContext, AssociationResult, Diagnostic
from urja.cosem.apdu import Aare
from urja.cosem.errors import ReplayError
from urja.cosem.obis import CosemAttribute
from urja.cosem.wrapper import Frame
from urja.headend.apdu_channel import WrapperChannel
from urja.meter.object_model import Role
from urja.meter.session import Sessions


@pytest.fixture
def desk(pipeline) -> Desk:
    return Desk(pipeline)


@pytest.fixture
async def house(stepped_clock, pipeline) -> House:
    house = House(stepped_clock, port=free_port())
    await put_device(pipeline, house.entry())
    return house


class Wire:
    """What came to meters, frame by frame: counted at the meter's end."""

    def __init__(self, monkeypatch) -> None:
        self.frames: list[tuple[int, bytes]] = []
        receive = Sessions.receive

        def counted(sessions, frame):
            self.frames.append((frame.source, frame.apdu))
            return receive(sessions, frame)

        monkeypatch.setattr(Sessions, "receive", counted)

    def take(self) -> list[int]:
        """The clients' SAPs since the last call."""
        taken, self.frames = [source for source, _ in self.frames], []
        return taken


@pytest.fixture
def wire(monkeypatch) -> Wire:
    return Wire(monkeypatch)


async def carried_out(start_headend, desk, house, kind, **arguments):
    """One order, by a head end that has just been started; how it ended."""
    order = house.order(kind, arguments=arguments)
    async with house.listening(), start_headend() as headend:
        await desk.send(order)
        [end] = await desk.end_of(order)
        await until(lambda: not headend.orders._queues)
    return end


async def test_a_switch_with_its_read_back_takes_five(start_headend, desk, house, wire):
    await carried_out(start_headend, desk, house, "set_payment_mode", mode="prepaid")
    wire.take()
    end = await carried_out(start_headend, desk, house, "disconnect")
    # AARQ, proof, method, read-back, release: all as the utility's client.
    assert (end.state, wire.take()) == ("confirmed", [48] * 5)
    assert end.evidence["round_trips"] == 4
    assert not house.switch.closed


async def test_a_meter_that_is_new_to_us_is_asked_for_its_counter_once(start_headend, desk, house, wire):
    house.meter.received_counters[Role.UTILITY] = 70_000
    end = await carried_out(start_headend, desk, house, "disconnect")
    assert (end.state, end.evidence["round_trips"]) == ("confirmed", 7)
    assert wire.take() == [16] * 3 + [48] * 5
    assert house.meter.received_counters[Role.UTILITY] > 70_000


async def test_round_trips_are_counted_by_their_purpose(start_headend, desk, house):
    order = house.order("disconnect")
    async with house.listening(), start_headend() as headend:
        await desk.send(order)
        await desk.end_of(order)
        await until(lambda: not headend.orders._queues)
    # Released when the head end stopped.
    counts = {
        purpose: value(headend, "round_trips_total", purpose=purpose)
        for purpose in ("association", "counter", "request", "release")
    }
    assert counts == {"association": 2, "counter": 3, "request": 2, "release": 1}
    assert value(headend, "command_round_trips_sum", kind="disconnect") == 7


class TestCounter:
    """The meter's own counter is read where ours is not known, and where it explains a refusal."""

    async def test_one_that_another_command_led_further_is_followed_in_the_same_session(
        self, start_headend, desk, house, wire
    ):
        await carried_out(start_headend, desk, house, "set_payment_mode", mode="prepaid")
        house.meter.received_counters[Role.UTILITY] = 90_000
        wire.take()
        end = await carried_out(start_headend, desk, house, "disconnect")
        assert (end.state, end.attempts) == ("confirmed", 1)
        # One refused AARQ, three to ask why, and the switch.
        assert wire.take() == [48] + [16] * 3 + [48] * 5
        assert house.meter.received_counters[Role.UTILITY] > 90_000

    async def test_a_refusal_that_means_something_else_stays_what_it_is(
        self, start_headend, desk, house, wire
    ):
        await carried_out(start_headend, desk, house, "set_payment_mode", mode="prepaid")
        house.pretend(guek=bytes(range(16)).hex())
        wire.take()
        end = await carried_out(start_headend, desk, house, "disconnect")
        assert end.state == "failed"
        assert end.detail.startswith(("wrong key", "refused"))
        # It is asked why, and not tried a second time under another counter.
        assert wire.take() == ([48] + [16] * 3) * end.attempts

    async def test_a_meter_that_says_nothing_to_an_old_counter_is_asked_the_next_time(
        self, start_headend, desk, house, wire, monkeypatch
    ):
        await carried_out(start_headend, desk, house, "set_payment_mode", mode="prepaid")
        house.meter.received_counters[Role.UTILITY] = 90_000
        _mute_to_old_counters(monkeypatch)
        monkeypatch.setattr(WrapperChannel.__init__, "__defaults__", (0.3,))
        wire.take()
        end = await carried_out(start_headend, desk, house, "disconnect")
        assert (end.state, end.attempts) == ("confirmed", 2)
        assert wire.take() == [48] + [16] * 3 + [48] * 5

    async def test_a_meter_that_another_client_holds_is_tried_again(
        self, start_headend, desk, house, monkeypatch
    ):
        receive, held = Sessions.receive, [True]
        rejected = Aare(
            context=ApplicationContext.LOGICAL_NAME_CIPHERED,
            result=AssociationResult.REJECTED_TRANSIENT,
            diagnostic=Diagnostic.NO_REASON_GIVEN,
            user_information=None,
        )

        def busy(sessions, frame):
            if frame.source == 48 and held:
                held.clear()
                return [Frame(frame.destination, frame.source, rejected.encode())]
            return receive(sessions, frame)

        monkeypatch.setattr(Sessions, "receive", busy)
        end = await carried_out(start_headend, desk, house, "disconnect")
        assert (end.state, end.attempts) == ("confirmed", 2)

    async def test_two_head_ends_take_turns(self, start_headend, desk, house):
        """Each has a block of its own, and the meter has seen the other's."""
        async with house.listening(), start_headend() as first, start_headend(name="second") as second:
            for headend in (first, second, first, second):
                meter = headend.roster.meters[house.identity.title]
                async with headend.sessions.session(meter) as session:
                    assert session.association.invocation_counter > 0
        assert value(first, "counter_steps_total") == value(second, "counter_steps_total") == 0


def _mute_to_old_counters(monkeypatch) -> None:
    """As some meters do: what comes under a counter that they have seen is dropped."""
    receive = Sessions.receive

    def mute(sessions, frame):
        answers = receive(sessions, frame)
        faults = sessions._faults
        return [] if any(isinstance(fault, ReplayError) for fault in faults) else answers

    monkeypatch.setattr(Sessions, "receive", mute)


@pytest.mark.parametrize(
    ("kind", "arguments", "most"),
    [
        (
            "write_balance",
            {
                "balance_minor": 12345,
                "balance_at": "2026-03-02T09:00:00+00:00",
                "recharge_minor": 500,
                "recharge_at": "2026-03-02T09:00:00+00:00",
                "recharge_total_minor": 900,
            },
            4,
        ),
        ("set_payment_mode", {"mode": "postpaid"}, 4),
        ("set_load_limit", {"watts": 7000}, 6),
        ("set_clock", {}, 5),
        ("read_object", {"obis": "1.0.1.8.0.255", "class_id": 3}, 3),
    ],
)
async def test_what_a_meter_takes_as_a_list_is_one_round_trip(
    start_headend, desk, house, kind, arguments, most
):
    await carried_out(start_headend, desk, house, "set_payment_mode", mode="prepaid")
    end = await carried_out(start_headend, desk, house, kind, **arguments)
    assert (end.state, end.evidence["round_trips"]) == ("confirmed", most)


class TestKept:
    """An association stays open for the next order."""

    async def ordered(self, desk, house, kind: str, **arguments):
        order = house.order(kind, arguments=arguments)
        await desk.send(order)
        [end] = await desk.end_of(order)
        return end

    async def test_the_next_order_takes_two(self, start_headend, desk, house, wire):
        async with house.listening(), start_headend() as headend:
            await self.ordered(desk, house, "set_payment_mode", mode="prepaid")
            wire.take()
            end = await self.ordered(desk, house, "disconnect")
            assert (end.state, end.evidence["round_trips"]) == ("confirmed", 2)
            await until(lambda: not headend.orders._queues)
            assert wire.take() == [48] * 2
        # Released when the head end stops.
        assert wire.take() == [48]
        assert house.station.counts.connections == 1

    async def test_it_is_released_when_no_order_comes(self, start_headend, desk, house, wire):
        async with house.listening(), start_headend(association_idle_s=0.2) as headend:
            await self.ordered(desk, house, "set_payment_mode", mode="prepaid")
            wire.take()
            await until(lambda: value(headend, "round_trips_total", purpose="release") == 1)
            assert (wire.take(), len(headend.sessions.pool)) == ([48], 0)
            await until(lambda: not house.station.linked)
            assert (await self.ordered(desk, house, "disconnect")).evidence["round_trips"] == 4

    async def test_none_is_kept_where_that_is_set_so(self, start_headend, desk, house, wire):
        async with house.listening(), start_headend(association_idle_s=0) as headend:
            await self.ordered(desk, house, "set_payment_mode", mode="prepaid")
            assert len(headend.sessions.pool) == 0
            await until(lambda: not house.station.linked)
        assert wire.take()[-1] == 48

    async def test_a_meter_that_has_ended_it_is_associated_with_again(self, start_headend, desk, house, wire):
        async with house.listening(), start_headend():
            await self.ordered(desk, house, "set_payment_mode", mode="prepaid")
            for connection in house.station._connections:
                connection._sessions._open.clear()
            wire.take()
            end = await self.ordered(desk, house, "disconnect")
            assert (end.state, end.attempts, end.evidence["round_trips"]) == ("confirmed", 1, 5)
            assert wire.take() == [48] * 5
        assert not house.switch.closed

    async def test_a_meter_that_has_closed_its_connection_is_dialled_again(self, start_headend, desk, house):
        async with house.listening(), start_headend():
            await self.ordered(desk, house, "set_payment_mode", mode="prepaid")
            house.station.drop_link()
            await until(lambda: not house.station.linked)
            end = await self.ordered(desk, house, "disconnect")
        assert (end.state, end.attempts) == ("confirmed", 1)

    async def test_with_a_meter_that_ends_it_without_a_word_none_is_kept_any_more(
        self, start_headend, desk, house, monkeypatch
    ):
        monkeypatch.setattr(WrapperChannel.__init__, "__defaults__", (0.3,))
        receive = Sessions.receive
        ended = [True]

        def forgetful(sessions, frame):
            if ended[0] and frame.source == 48 and house.sequence == 2:
                ended[0] = False
                return []
            return receive(sessions, frame)

        monkeypatch.setattr(Sessions, "receive", forgetful)
        async with house.listening(), start_headend() as headend:
            await self.ordered(desk, house, "set_payment_mode", mode="prepaid")
            end = await self.ordered(desk, house, "disconnect")
            assert (end.state, end.attempts, ended) == ("confirmed", 2, [False])
            assert len(headend.sessions.pool) == 0

    async def test_another_head_end_may_go_on_with_the_meter_meanwhile(self, start_headend, house):
        serial = CosemAttribute.of(1, "0.0.96.1.0.255", 2)
        async with house.listening(), start_headend() as first, start_headend(name="second") as second:
            read = []
            for headend in (first, second, first, second):
                meter = headend.roster.meters[house.identity.title]
                async with headend.sessions.session(meter, keep=True) as session:
                    read.append(await session.get(serial))
        # What the first has kept is under counters that the meter has left behind: it is opened again.
        assert read == [read[0]] * 4

    async def test_pushes_and_reads_go_on_over_its_connection(
        self, start_headend, desk, pipeline, stepped_clock, wire
    ):
        house = House(stepped_clock)
        await put_device(pipeline, house.entry())
        async with start_headend() as headend, house.dialled_in(headend.wrapper_port.port):
            stepped_clock.advance(dt.timedelta(minutes=30))
            house.station.catch_up()
            await until(lambda: headend.wrapper_port.by_slot != {})
            await self.ordered(desk, house, "set_payment_mode", mode="prepaid")
            before = value(headend, "pushes_accepted_total")
            stepped_clock.advance(dt.timedelta(minutes=30))
            house.station.catch_up()
            await until(lambda: value(headend, "pushes_accepted_total") > before)
            wire.take()
            meter = headend.roster.meters[house.identity.title]
            async with headend.sessions.session(meter) as session:
                await session.get(CosemAttribute.of(1, "0.0.96.1.0.255", 2))
            assert wire.take() == [48]
            assert len(headend.sessions.pool) == 1
