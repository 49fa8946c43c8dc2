"""The commands of a commissioning call against the simulated meter over real sockets: answers mean what the checks
assume."""

import datetime as dt

import pytest
from tests.headend.ordering import Desk, House, put_device

from urja.apps.commissioning.checks import ALWAYS, Answer, Check, Expected, judge
from urja.base.ports import free_port


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
