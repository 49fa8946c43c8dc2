"""The commands of a commissioning call against the simulated meter over real sockets: answers mean what the checks
assume."""

import datetime as dt

import pytest
from tests.headend.ordering import Desk, House, put_device

from urja.apps.commissioning.checks import ALWAYS, Answer, Check, Expected, judge, wh_of
from urja.base.ports import free_port
from urja.cosem.apdu import AccessResult, Conformance
from urja.cosem.axdr import Data, Tag
from urja.headend.session import UTILITY_SAP
from urja.meter import objects
from urja.meter.association_objects import CONFORMANCE
from urja.meter.object_model import RefusedError, Role
from urja.meter.session import Sessions

ONE_BY_ONE = CONFORMANCE[Role.UTILITY] & ~Conformance.MULTIPLE_REFERENCES
"""What a meter offers that answers a request for one object at a time."""
UNSET_CLOCKS = [Data(Tag.NULL, None), Data(Tag.OCTET_STRING, b"\xff" * 12)]
"""What meters show whose clock has lost its time."""


@pytest.fixture
async def house(stepped_clock, pipeline) -> House:
    house = House(stepped_clock, port=free_port())
    await put_device(pipeline, house.entry())
    return house


async def called(house, desk, start_headend, **more):
    """The answers of a meter to everything that a call asks, by check."""
    wanted = ALWAYS | {
        Check.SWITCH_OFF: ("disconnect", {}),
        Check.MODE: ("set_payment_mode", {"mode": "prepaid"}),
    }
    orders = {
        check: house.order(kind, arguments=arguments, **more) for check, (kind, arguments) in wanted.items()
    }
    async with start_headend(), house.listening():
        for order in orders.values():
            await desk.send(order)
        ends = {check: (await desk.end_of(order))[0] for check, order in orders.items()}
    return {check: Answer(end.state, end.detail, end.evidence) for check, end in ends.items()}


def expected(house, **changes):
    values = {
        "serial": house.identity.serial,
        "device_type": house.identity.type,
        "firmware": "",
        "register_wh": 5000,
        "most_wh": 100_000,
    }
    return Expected(**(values | changes))


async def test_a_healthy_meter_passes(start_headend, pipeline, house):
    answers = await called(house, Desk(pipeline), start_headend)
    outcomes = judge(answers, expected(house))
    assert {one.check.value: one.says for one in outcomes if not one.passed} == {}
    found = {one.check.value: one.found for one in outcomes}
    assert (found["identity"], found["firmware"]) == (house.identity.serial, "URJA-1.0")
    assert (found["mode"], found["switch_off"]) == ("prepaid", "disconnected")
    assert (found["clock"], found["pushes"]) == ("is right", "as in its type")
    assert next(iter(found)) == "keys"


async def test_another_meter_on_the_wall_is_seen(start_headend, pipeline, house):
    answers = await called(house, Desk(pipeline), start_headend)
    failed = {
        one.check.value
        for one in judge(answers, expected(house, serial="OTHER", register_wh=9_999_999))
        if not one.passed
    }
    assert failed == {"identity", "register"}


async def test_other_keys_are_distinguished_from_no_answer(start_headend, pipeline, house):
    house.pretend(guek=bytes(16).hex(), gak=bytes(16).hex())
    answers = await called(house, Desk(pipeline), start_headend)
    (keys, *_) = [one for one in judge(answers, expected(house)) if not one.passed]
    assert keys.check is Check.KEYS
    assert "load the manufacturer's key file again" in keys.says


async def test_a_clock_that_is_wrong_is_set(start_headend, pipeline, house):
    house.meter.set_clock(house.clock.now() - dt.timedelta(minutes=3))
    answers = await called(house, Desk(pipeline), start_headend)
    (clock,) = [one for one in judge(answers, expected(house)) if one.check is Check.CLOCK]
    assert (clock.passed, clock.found) == (True, "was off by -180 s, and was set")


@pytest.mark.parametrize("unset", UNSET_CLOCKS)
async def test_a_clock_that_has_lost_its_time_is_set(start_headend, pipeline, house, monkeypatch, unset):
    show, hidden = objects.clock_data, [unset] * 2
    monkeypatch.setattr(objects, "clock_data", lambda *given: hidden.pop() if hidden else show(*given))
    answers = await called(house, Desk(pipeline), start_headend)
    (clock,) = [one for one in judge(answers, expected(house)) if one.check is Check.CLOCK]
    assert (clock.passed, clock.found) == (True, "showed no time, and was set")


class TestTheRegistersInstant:
    @pytest.fixture
    def on_the_way(self, stepped_clock, monkeypatch):
        """Seconds that the meter's answers take, one after the other; those after them take none."""
        receive, taken = Sessions.receive, []

        def slow(sessions, frame):
            answers = receive(sessions, frame)
            if frame.source == UTILITY_SAP and taken:
                stepped_clock.advance(dt.timedelta(seconds=taken.pop()))
            return answers

        monkeypatch.setattr(Sessions, "receive", slow)
        return taken

    async def read(self, start_headend, pipeline, house):
        kind, arguments = ALWAYS[Check.REGISTER]
        # With its class: without it the meter's list of objects is read first.
        order = house.order(kind, arguments=arguments | {"class_id": 3})
        async with start_headend(), house.listening():
            await Desk(pipeline).send(order)
            [end] = await Desk(pipeline).end_of(order)
        assert end.state == "confirmed", end.detail
        return end, dt.datetime.fromisoformat(end.evidence["read_at"])

    def register_wh(self, house, at):
        engine, at_s = house.meter.engine, int(at.timestamp())
        since = engine.supply.source.between(at_s, engine.true_s)
        return (engine.metrology.import_mwh() - since.energy_mwh) // 1000

    async def test_is_what_the_meters_clock_showed_with_it(self, start_headend, pipeline, house, on_the_way):
        on_the_way += [600] * 6
        end, read_at = await self.read(start_headend, pipeline, house)
        assert end.at - read_at == dt.timedelta(minutes=10)
        assert wh_of(end.evidence) == self.register_wh(house, read_at) < self.register_wh(house, end.at)

    async def test_is_read_again_where_a_minute_ends_between_the_two(
        self, start_headend, pipeline, house, on_the_way, monkeypatch
    ):
        """The meter is read one by one."""
        monkeypatch.setitem(CONFORMANCE, Role.UTILITY, ONE_BY_ONE)
        on_the_way += [600] * 6
        end, read_at = await self.read(start_headend, pipeline, house)
        assert wh_of(end.evidence) == self.register_wh(house, read_at)

    async def test_is_ours_where_no_two_reads_of_the_clock_agree(
        self, start_headend, pipeline, house, on_the_way, monkeypatch
    ):
        monkeypatch.setitem(CONFORMANCE, Role.UTILITY, ONE_BY_ONE)
        on_the_way += [600] * 14
        _, read_at = await self.read(start_headend, pipeline, house)
        assert on_the_way, "it is not read a third time"
        assert read_at <= house.clock.now()

    @pytest.mark.parametrize("conformance", [CONFORMANCE[Role.UTILITY], ONE_BY_ONE])
    async def test_is_ours_where_the_meter_refuses_its_clock(
        self, start_headend, pipeline, house, monkeypatch, conformance
    ):
        def refuse(*_given):
            raise RefusedError(AccessResult.READ_WRITE_DENIED)

        monkeypatch.setitem(CONFORMANCE, Role.UTILITY, conformance)
        monkeypatch.setattr(objects, "clock_data", refuse)
        end, read_at = await self.read(start_headend, pipeline, house)
        assert read_at == end.at == house.clock.now()
        assert wh_of(end.evidence) == self.register_wh(house, read_at)

    @pytest.mark.parametrize("unset", UNSET_CLOCKS)
    @pytest.mark.parametrize("conformance", [CONFORMANCE[Role.UTILITY], ONE_BY_ONE])
    async def test_is_ours_where_the_meters_clock_was_never_set(
        self, start_headend, pipeline, house, monkeypatch, conformance, unset
    ):
        monkeypatch.setitem(CONFORMANCE, Role.UTILITY, conformance)
        monkeypatch.setattr(objects, "clock_data", lambda *_given: unset)
        end, read_at = await self.read(start_headend, pipeline, house)
        assert read_at == end.at == house.clock.now()
        assert wh_of(end.evidence) == self.register_wh(house, read_at)

    async def test_is_ours_where_the_meters_clock_is_wrong(self, start_headend, pipeline, house):
        house.meter.set_clock(house.clock.now() - dt.timedelta(hours=3))
        end, read_at = await self.read(start_headend, pipeline, house)
        assert read_at == end.at == house.clock.now()
