"""Orders for a meter whose module sleeps: they wait for its planned wake-up, or for its button."""

import asyncio
import datetime as dt

import pytest
from tests.headend.ordering import HOUR, Desk, House, put_device

from urja.base.event_meanings import GAS_THROUGH_CLOSED_VALVE, LEAK_TEST_FAILED
from urja.cosem.companion import load_device_type
from urja.headend import order_execution
from urja.headend.record_conversion import esw_changes
from urja.meter.inputs import Leak, Operate
from urja.meter.relay import ControlState, Order
from urja.stream.consumer import Delivery

MINUTE = dt.timedelta(minutes=1)
DAY = 24 * HOUR


@pytest.fixture
def desk(pipeline) -> Desk:
    return Desk(pipeline)


@pytest.fixture
async def house(stepped_clock, pipeline) -> House:
    """A house on gas, an hour before its meter is awake by its plan."""
    device_type = House(stepped_clock, device_type="urja-g1").identity.type
    stepped_clock.advance(device_type.awake_at(stepped_clock.now() + HOUR) - HOUR - stepped_clock.now())
    house = House(stepped_clock, device_type="urja-g1")
    await put_device(pipeline, house.entry())
    return house


def step(house: House, clock, by: dt.timedelta) -> None:
    clock.advance(by)
    house.station.catch_up()


def long(house: House, kind: str):
    return house.order(kind, expires_at=house.clock.now() + DAY)


async def test_an_order_waits_for_the_planned_wake_up_and_says_when_it_is(
    start_headend, desk, house, stepped_clock
):
    wake_up = stepped_clock.now() + HOUR
    async with start_headend() as headend, house.dialling(headend.wrapper_port.port):
        cut = long(house, "disconnect")
        await desk.send(cut)
        await desk.until_heard(cut)
        [trying] = desk.heard
        assert (trying.state, trying.again_at) == ("trying", wake_up)
        assert trying.detail.startswith("asleep: by its plan the meter is next awake at ")
        step(house, stepped_clock, 59 * MINUTE)
        assert not house.station.linked
        step(house, stepped_clock, MINUTE)
        [end] = await desk.end_of(cut)
    assert end.state == "confirmed"
    assert end.evidence["control_state"] == "disconnected"
    assert end.evidence["volume_l"] == house.meter.engine.metrology.line_litres()
    assert end.evidence["flow_l_h"] == 0
    assert "import_wh" not in end.evidence
    assert house.switch.state is ControlState.DISCONNECTED


async def test_the_button_wakes_it_for_its_orders_and_opens_the_valve_after_the_leak_test(
    start_headend, desk, house, stepped_clock
):
    async with start_headend() as headend, house.dialling(headend.wrapper_port.port):
        cut = long(house, "disconnect")
        await desk.send(cut)
        step(house, stepped_clock, HOUR)
        await desk.end_of(cut)
        step(house, stepped_clock, 2 * HOUR)
        back = long(house, "connect")
        await desk.send(back)
        await desk.until_heard(back)
        house.station.apply_input(_press())
        [end] = await desk.end_of(back)
        assert end.state == "waiting_for_person"
        assert house.switch.state is ControlState.READY
        house.station.apply_input(_press())
        step(house, stepped_clock, MINUTE)
    assert house.switch.closed


async def test_with_gas_that_escapes_the_valve_stays_closed(start_headend, desk, house, stepped_clock):
    async with start_headend() as headend, house.dialling(headend.wrapper_port.port):
        cut, back = long(house, "disconnect"), long(house, "connect")
        await desk.send(cut)
        step(house, stepped_clock, HOUR)
        await desk.end_of(cut)
        await desk.send(back)
        await desk.end_of(back)
        house.station.apply_input(Leak(20))
        house.station.apply_input(_press())
        step(house, stepped_clock, MINUTE)
    assert house.switch.state is ControlState.READY


async def test_a_disconnection_in_the_mailbox_is_not_carried_out_after_a_later_connect(
    start_headend, desk, house, stepped_clock
):
    """The credit came while the disconnection waited: the meter is never closed, also where it was never open since."""
    async with start_headend() as headend, house.dialling(headend.wrapper_port.port):
        cut = long(house, "disconnect")
        await desk.send(cut)
        await desk.until_heard(cut)
        back = long(house, "connect")
        await desk.send(back)
        [cut_end] = await desk.end_of(cut)
        step(house, stepped_clock, HOUR)
        [back_end] = await desk.end_of(back)
    assert cut_end.state == "superseded"
    assert back_end.state == "confirmed"
    assert house.meter.engine.module.valve_motions == 0


async def test_another_head_end_has_the_mailbox_after_a_restart(
    start_headend, desk, house, stepped_clock, monkeypatch
):
    monkeypatch.setattr(order_execution, "ASLEEP_REDELIVERY_S", 0.3)
    cut = long(house, "disconnect")
    async with start_headend():
        await desk.send(cut)
        await desk.until_heard(cut)
    async with start_headend() as headend, house.dialling(headend.wrapper_port.port):
        step(house, stepped_clock, HOUR)
        [end] = await desk.end_of(cut)
    assert end.state == "confirmed"


async def test_an_order_that_ends_before_the_wake_up_is_not_carried_out(
    start_headend, desk, house, stepped_clock
):
    cut = house.order("disconnect", expires_at=stepped_clock.now() + 30 * MINUTE)
    async with start_headend() as headend, house.dialling(headend.wrapper_port.port):
        await desk.send(cut)
        await desk.until_heard(cut)
        step(house, stepped_clock, HOUR)
        [end] = await desk.end_of(cut)
    assert end.state == "expired"
    assert house.switch.closed


def _press():
    return Operate(Order.MANUAL_RECONNECT)


@pytest.mark.parametrize(("bit", "code"), [(100, GAS_THROUGH_CLOSED_VALVE), (102, LEAK_TEST_FAILED)])
def test_an_alert_of_escaping_gas_is_stored_by_its_meaning(bit, code):
    device_type = load_device_type("urja-g1")
    risen = 1 << (device_type.companion.esw_length - 1 - bit)
    assert [fact.code for fact in esw_changes(0, risen, device_type)] == [code]


@pytest.mark.parametrize(
    ("until_s", "for_person", "delay_s"),
    [
        (6 * 3600, False, 1800),
        (6 * 3600, True, 30),
        (600, False, 570),
        (45, False, 30),
        (10, False, 10),
        (10, True, 10),
    ],
)
def test_a_waiting_order_is_delivered_again_by_the_wake_up(until_s, for_person, delay_s):
    assert order_execution.asleep_redelivery_s(until_s, for_person=for_person) == delay_s


def test_six_hours_asleep_cost_an_order_few_deliveries():
    """720 of them at one each 30 s."""
    until_s, deliveries = 6 * 3600.0, 0
    while until_s > 0:
        until_s -= order_execution.asleep_redelivery_s(until_s, for_person=False)
        deliveries += 1
    assert deliveries <= 14


async def test_a_disconnection_of_a_sleeping_meter_stays_with_the_broker(
    start_headend, desk, house, stepped_clock, monkeypatch
):
    """The delay that the broker is given, an hour before the wake-up, at the pace of real time."""
    given, called = [], asyncio.Event()
    original = Delivery.nak

    async def nak(self, delay_s=0.0):
        given.append(delay_s)
        called.set()
        await original(self, delay_s)

    monkeypatch.setattr(Delivery, "nak", nak)
    monkeypatch.setattr(type(stepped_clock), "speed", 1.0)
    cut = long(house, "disconnect")
    async with start_headend():
        await desk.send(cut)
        await desk.until_heard(cut)
        await called.wait()
    assert given[0] == 1800
