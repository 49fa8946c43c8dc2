"""Each command against the simulated meter, over real sockets."""

import datetime as dt
from pathlib import Path

import pytest
from tests.headend.ordering import Desk, House, put_device

from urja.base.ports import free_port
from urja.cosem.obis import Obis
from urja.headend import commands
from urja.meter.relay import ControlState
from urja.meter.surroundings import RelayOptions
from urja.stream.records import RegisterKind, Source


@pytest.fixture
def desk(pipeline) -> Desk:
    return Desk(pipeline)


@pytest.fixture
async def house(stepped_clock, pipeline) -> House:
    house = House(stepped_clock, port=free_port())
    await put_device(pipeline, house.entry())
    return house


def test_every_module_is_found_by_its_name():
    modules = {path.stem for path in Path(commands.__file__).parent.glob("[!_]*.py")}
    assert set(commands.KINDS) == modules
    assert {"connect", "disconnect", "set_clock", "write_balance"} <= modules


class TestSwitch:
    async def test_a_cut_is_confirmed_by_the_state_read_back(self, start_headend, desk, house):
        order = house.order("disconnect")
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert end.state == "confirmed"
        assert desk.states(order) == ["acknowledged", "confirmed"]
        assert not house.switch.closed
        assert end.evidence["control_state"] == "disconnected"
        assert end.evidence["output"] is False
        assert (end.evidence["control_mode"], end.evidence["power_w"]) == (4, 0)
        assert end.evidence["import_wh"] >= 5000

    async def test_a_reconnection_carries_the_load_as_evidence(self, start_headend, desk, house):
        cut, back = house.order("disconnect"), house.order("connect")
        async with start_headend(), house.listening():
            await desk.send(cut)
            await desk.end_of(cut)
            await desk.send(back)
            [end] = await desk.end_of(back)
        assert end.state == "confirmed"
        assert house.switch.closed
        assert end.evidence["load_proven"] is (end.evidence["power_w"] > 0)

    async def test_a_connect_without_load_is_confirmed_all_the_same(
        self, start_headend, desk, house, monkeypatch
    ):
        order = house.order("connect")
        _without_load(house, monkeypatch)
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert (end.state, end.evidence["load_proven"]) == ("confirmed", False)

    @pytest.mark.parametrize("mode", [1, 3, 5, 6])
    async def test_modes_that_only_make_ready_wait_for_a_person(
        self, start_headend, desk, pipeline, stepped_clock, mode
    ):
        house = House(stepped_clock, port=free_port(), relay=RelayOptions(mode=mode))
        await put_device(pipeline, house.entry())
        cut, back = house.order("disconnect"), house.order("connect")
        async with start_headend(), house.listening():
            await desk.send(cut)
            [cut_end] = await desk.end_of(cut)
            await desk.send(back)
            [end] = await desk.end_of(back)
        assert (cut_end.state, end.state) == ("confirmed", "waiting_for_person")
        assert house.switch.state is ControlState.READY
        assert end.evidence["control_state"] == "ready"

    async def test_in_mode_0_a_cut_fails_and_a_connect_needs_load(
        self, start_headend, desk, pipeline, stepped_clock, monkeypatch
    ):
        house = House(stepped_clock, port=free_port(), relay=RelayOptions(mode=0))
        await put_device(pipeline, house.entry())
        cut, back = house.order("disconnect"), house.order("connect")
        _without_load(house, monkeypatch)
        async with start_headend(), house.listening():
            await desk.send(cut)
            [cut_end] = await desk.end_of(cut)
            await desk.send(back)
            [end] = await desk.end_of(back)
        assert cut_end.state == "failed"
        assert "control mode 0" in cut_end.detail
        assert end.state == "connected_load_unproven"

    async def test_a_welded_switch_confirms_and_its_register_tells(
        self, start_headend, desk, pipeline, stepped_clock
    ):
        house = House(stepped_clock, port=free_port(), relay=RelayOptions(welded=True))
        await put_device(pipeline, house.entry())
        order = house.order("disconnect")
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
            stepped_clock.advance(dt.timedelta(hours=2))
            again = house.order("read_object", arguments={"obis": "1.0.1.8.0.255"})
            await desk.send(again)
            [later] = await desk.end_of(again)
        assert end.state == "confirmed"
        assert later.evidence["value"] > end.evidence["import_wh"]


def _without_load(house: House, monkeypatch) -> None:
    """The breaker in the flat is off."""
    quantities = house.meter.engine.quantities
    nothing = {"1.0.1.7.0.255": 0, "1.0.11.7.0.255": 0}
    monkeypatch.setattr(type(house.meter.engine), "quantities", lambda _self: quantities() | nothing)


class TestReading:
    async def test_an_object_with_its_unit(self, start_headend, desk, house):
        order = house.order("read_object", arguments={"obis": "1.0.12.7.0.255"})
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert end.state == "confirmed"
        assert end.evidence["unit"] == "V"
        assert 200 < float(end.evidence["scaled"]) < 260
        assert end.evidence["class_id"] == 3

    async def test_an_object_that_is_not_there(self, start_headend, desk, house):
        order = house.order("read_object", arguments={"obis": "1.0.99.99.99.255", "class_id": 3})
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert end.state == "failed"
        assert end.detail.startswith("refused")

    async def test_a_profile_goes_the_way_of_all_readings(self, start_headend, desk, house, stored):
        now = house.clock.now()
        order = house.order(
            "read_profile",
            arguments={
                "profile": "instantaneous",
                "from_at": now.isoformat(),
                "to_at": now.isoformat(),
            },
        )
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert (end.evidence["profile"], end.evidence["rows"]) == ("instantaneous", 1)
        await stored.take()
        [record] = stored.records("register")
        assert (record["kind"], record["source"]) == (RegisterKind.INSTANTANEOUS, Source.PULL)
        assert (record["device_id"], record["correlation"]) == (house.device_id, 4711)

    @pytest.mark.parametrize(
        ("kind", "arguments", "says"),
        [
            ("read_object", {"obis": "1.0.1.8"}, "1.0.1.8"),
            ("read_object", {"obis": "1.0.99.1.0.255"}, "read_profile"),
            ("read_profile", {"profile": "weekly"}, "weekly"),
            ("write_balance", {"balance_minor": 1 << 40, "balance_at": "2026-03-02T09:00:00Z"}, "display"),
            ("dance", {}, "no command is called"),
        ],
    )
    async def test_what_cannot_be_carried_out_fails_once(
        self, start_headend, desk, house, kind, arguments, says
    ):
        order = house.order(kind, arguments=arguments)
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert (end.state, end.attempts) == ("failed", 1)
        assert says in end.detail


class TestWriting:
    async def test_balance_and_recharge_reach_the_display(self, start_headend, desk, house):
        now = house.clock.now()
        order = house.order(
            "write_balance",
            arguments={
                "balance_minor": -4_250,
                "balance_at": now.isoformat(),
                "recharge_minor": 20_000,
                "recharge_at": (now - dt.timedelta(minutes=5)).isoformat(),
                "recharge_total_minor": 15_750,
            },
        )
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert end.state == "confirmed", end.detail
        shown = {page.label: page.value for page in house.meter.display()}
        assert shown["BALANCE"] == "-42.50"
        assert shown["LAST RCHG"] == "200.00"
        assert shown["BAL AT"] == "02-03 09:00"
        assert shown["RCHG AT"] == "02-03 08:55"

    async def test_payment_mode(self, start_headend, desk, house):
        order = house.order("set_payment_mode", arguments={"mode": "postpaid"})
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert (end.state, end.evidence["mode"]) == ("confirmed", "postpaid")
        assert house.meter.settings[Obis.parse("0.0.94.96.20.255")].value == 0

    async def test_metering_mode(self, start_headend, desk, house):
        order = house.order("set_metering_mode", arguments={"mode": "net"})
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert (end.state, end.evidence["mode"]) == ("confirmed", "net")
        assert house.meter.settings[Obis.parse("0.0.94.96.19.255")].value == 1

    async def test_billing_day(self, start_headend, desk, house):
        order = house.order("set_billing_day", arguments={"day": 15})
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert (end.state, end.evidence["day"]) == ("confirmed", 15)
        assert house.meter.engine.billing_day == 15

    async def test_load_limit(self, start_headend, desk, house):
        order = house.order("set_load_limit", arguments={"watts": 7_000})
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert (end.state, end.evidence["watts"]) == ("confirmed", 7_000)
        assert house.meter.engine.load_limit_w == 7_000

    @pytest.mark.parametrize("watts", [0, 1 << 32, "much"])
    async def test_a_load_limit_that_no_meter_takes(self, start_headend, desk, house, watts):
        order = house.order("set_load_limit", arguments={"watts": watts})
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert end.state == "failed"
        assert "set_load_limit" in end.detail
        assert house.meter.engine.load_limit_w == 5_000

    async def test_the_clock_is_set_and_its_error_is_known(self, start_headend, desk, house, stepped_clock):
        house.meter.drift_clock(stepped_clock.now(), 50_000)
        stepped_clock.advance(dt.timedelta(hours=1))
        order = house.order("set_clock")
        async with start_headend(), house.listening():
            await desk.send(order)
            [end] = await desk.end_of(order)
        assert end.state == "confirmed", end.detail
        assert end.evidence["was_off_s"] == 180
        assert house.meter.engine.shown_s == stepped_clock.now().timestamp()
