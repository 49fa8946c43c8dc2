"""The head end and a three-phase meter: its switch, its calendar, its demand reset, and its profiles as it captures them."""

import datetime as dt
from decimal import Decimal

import msgspec
import pytest
from tests.headend.ordering import Desk, House, put_device

from urja.apps.commissioning.checks import Answer, Check, Expected, commands_of, judge
from urja.cosem.companion import load_device_type
from urja.cosem.companion.column_quantities import quantity_of
from urja.headend.calendar_tables import CalendarTables
from urja.meter.surroundings import Wiring

TABLES = {
    "seasons": [{"name": "S1", "month": 3, "day": 1, "week": "W1"}, {"name": "S2", "month": 10, "day": 1, "week": "W2"}],
    "weeks": [{"name": "W1", "days": [1, 1, 1, 1, 1, 1, 2]}, {"name": "W2", "days": [2] * 7}],
    "days": [
        {"id": 1, "actions": [{"minute": 0, "zone": 1}, {"minute": 360, "zone": 2}, {"minute": 1080, "zone": 3}]},
        {"id": 2, "actions": [{"minute": 0, "zone": 4}]},
    ],
    "special_days": [{"index": 1, "day": "2026-04-03", "day_id": 2}],
}  # fmt: skip


@pytest.fixture
def desk(pipeline):
    return Desk(pipeline)


@pytest.fixture
async def house(stepped_clock, pipeline):
    house = House(stepped_clock, device_type="urja-d2")
    await put_device(pipeline, house.entry())
    return house


async def carried_out(start_headend, desk, house, *orders):
    async with start_headend() as headend, house.dialled_in(headend.wrapper_port.port):
        for order in orders:
            await desk.send(order)
        return await desk.end_of(*orders)


async def test_a_disconnection_is_proven_by_the_currents_of_all_phases(
    start_headend, desk, house, stepped_clock
):
    stepped_clock.advance(dt.timedelta(hours=4))  # by day, when the machines run
    house.station.catch_up()
    away, back = house.order("disconnect"), house.order("connect")
    [first] = await carried_out(start_headend, desk, house, away)
    assert first.state == "confirmed", first.detail
    assert [first.evidence[f"current_a_l{phase}"] for phase in (1, 2, 3)] == [0.0, 0.0, 0.0]
    [second] = await carried_out(start_headend, desk, house, back)
    assert second.state == "confirmed", second.detail
    assert house.switch.closed


async def test_a_calendar_is_written_read_back_and_active_at_once(start_headend, desk, house):
    write = house.order("set_calendar", arguments={"name": "TOD-1", "tables": TABLES})
    read = house.order("read_calendar")
    written, found = await carried_out(start_headend, desk, house, write, read)
    assert (written.state, written.evidence["active"]) == ("confirmed", True), written.detail
    assert msgspec.convert(found.evidence["tables"], CalendarTables) == msgspec.convert(
        TABLES, CalendarTables
    )
    local = int(dt.datetime(2026, 4, 2, 19, tzinfo=dt.UTC).timestamp())
    assert [house.meter.engine.calendar.zone_at(local + day * 86_400) for day in range(4)] == [3, 4, 3, 4]


async def test_a_reversed_current_and_a_missing_phase_are_read_in_the_commissioning_call(
    start_headend, desk, house
):
    house.pretend(wiring=Wiring(reversed=(2,), missing=(3,)))
    arguments = commands_of(house.identity.type, "", relay_test=False)[Check.WIRING][1]
    [end] = await carried_out(start_headend, desk, house, house.order("read_object", arguments=arguments))
    word = Answer(end.state, end.detail, end.evidence)
    judged = judge({Check.IDENTITY: word, Check.WIRING: word}, Expected("", house.identity.type, "", 0, 0))
    [wiring] = [one for one in judged if one.check is Check.WIRING]
    assert not wiring.passed
    assert wiring.says.startswith("phase L3 (B) has no voltage: check its fuse")
    assert "the current of phase L2 (Y) flows backwards: exchange the two leads" in wiring.says


async def wiring_as_read(start_headend, desk, house):
    arguments = commands_of(house.identity.type, "", relay_test=False)[Check.WIRING][1]
    [end] = await carried_out(start_headend, desk, house, house.order("read_object", arguments=arguments))
    assert end.state == "confirmed", end.detail
    answer = Answer(end.state, end.detail, end.evidence)
    judged = judge(
        {Check.IDENTITY: answer, Check.WIRING: answer}, Expected("", house.identity.type, "", 0, 0)
    )
    return end.evidence["registers"], next(one for one in judged if one.check is Check.WIRING)


async def test_powers_and_angles_are_read_with_the_status_word_and_two_exchanged_phases_fail(
    start_headend, desk, house, stepped_clock
):
    stepped_clock.advance(dt.timedelta(hours=4))
    house.station.catch_up()
    read, wiring = await wiring_as_read(start_headend, desk, house)
    assert (read["1.0.81.7.1.255"]["scaled"], read["1.0.81.7.1.255"]["unit"]) == ("120.0", "°")
    assert (read["1.0.36.7.0.255"]["unit"], wiring.passed) == ("W", True)
    house.pretend(wiring=Wiring(swapped=(1, 3)))
    _, wiring = await wiring_as_read(start_headend, desk, house)
    assert (wiring.passed, wiring.says.split(":")[0]) == (False, "the phase sequence is reversed")


async def test_a_register_that_the_meter_does_not_have_is_left_out(start_headend, desk, house):
    order = house.order(
        "read_object",
        arguments={"obis": "0.0.94.91.18.255", "registers": ["1.0.81.7.1.255", "1.0.81.7.26.255"]},
    )
    [end] = await carried_out(start_headend, desk, house, order)
    assert (end.state, [*end.evidence["registers"]]) == ("confirmed", ["1.0.81.7.1.255"])


async def test_a_calendar_waits_for_its_day(start_headend, desk, house, stepped_clock):
    at = (stepped_clock.now() + dt.timedelta(days=3)).replace(microsecond=0)
    order = house.order(
        "set_calendar", arguments={"name": "TOD-1", "tables": TABLES, "activate_at": at.isoformat()}
    )
    [end] = await carried_out(start_headend, desk, house, order)
    assert (end.state, end.evidence["active"]) == ("confirmed", False), end.detail
    assert house.meter.engine.calendar.activates_at_s == int(at.timestamp())
    house.meter.run_without_pushing(at + dt.timedelta(seconds=1))
    assert house.meter.engine.calendar.active[2].value == b"TOD-1"


@pytest.mark.parametrize(
    "change",
    [
        {"weeks": [{"name": "W1", "days": [9] * 7}, {"name": "W2", "days": [2] * 7}]},
        {"days": [{"id": 1, "actions": [{"minute": 0, "zone": 9}]}]},
        {"seasons": []},
    ],
)
async def test_a_calendar_that_leads_nowhere_is_in_no_meter(start_headend, desk, house, change):
    order = house.order("set_calendar", arguments={"name": "X", "tables": TABLES | change})
    [end] = await carried_out(start_headend, desk, house, order)
    assert end.state == "failed"
    assert house.meter.engine.calendar.active[2].value == b""


async def test_a_demand_reset_closes_the_period_and_gives_its_row_and_a_repetition_does_nothing(
    start_headend, desk, house
):
    order = house.order("reset_demand")
    [end] = await carried_out(start_headend, desk, house, order)
    assert end.state == "confirmed", end.detail
    [profile] = end.evidence["shown"]
    assert (profile["of"], len(profile["rows"])) == (1, 1)
    assert house.meter.engine.billing_count == 1
    assert house.meter.engine.metrology.demands()["1.0.1.6.0.255"].milli == 0
    again = house.order("reset_demand", issued_at=order.issued_at)
    [end] = await carried_out(start_headend, desk, house, again)
    assert end.state == "confirmed"
    assert house.meter.engine.billing_count == 1


@pytest.mark.parametrize(
    ("kind", "arguments"), [("read_calendar", {}), ("set_calendar", {"name": "X", "tables": TABLES})]
)
async def test_a_type_without_zones_has_no_calendar(
    start_headend, desk, stepped_clock, pipeline, kind, arguments
):
    single = House(stepped_clock, 2)
    await put_device(pipeline, single.entry())
    [end] = await carried_out(start_headend, desk, single, single.order(kind, arguments=arguments))
    assert (end.state, "counts no tariff zones" in end.detail) == ("failed", True)


async def test_a_meter_behind_transformers_has_no_switch_to_order(
    start_headend, desk, stepped_clock, pipeline
):
    workshop = House(stepped_clock, 3, device_type="urja-d3")
    await put_device(pipeline, workshop.entry())
    [end] = await carried_out(start_headend, desk, workshop, workshop.order("disconnect"))
    assert (end.state, "has no load switch" in end.detail) == ("failed", True)


async def test_its_billing_and_block_rows_are_read_with_units_and_are_quantities(start_headend, desk, house):
    billing, block = house.order("read_billing"), house.order(
        "read_profile",
        arguments={"profile": "block", "from_at": (house.clock.now() - dt.timedelta(hours=2)).isoformat(),
                   "to_at": house.clock.now().isoformat(), "shown": 4},
    )  # fmt: skip
    house.meter.engine.reset_demand()
    for end in await carried_out(start_headend, desk, house, billing, block):
        assert end.state == "confirmed", end.detail
        [shown] = end.evidence["shown"]
        name = "billing" if end.command_id == billing.command_id else "block"
        named = [
            quantity and quantity.name
            for quantity in map(quantity_of, load_device_type("urja-d2").profiles[name].columns)
        ]
        assert [column["quantity"] for column in shown["columns"]] == named
        row = dict(zip(named, shown["rows"][-1], strict=True))
        units = dict(zip(named, (column["unit"] for column in shown["columns"]), strict=True))
        energy = "import_wh" if name == "billing" else "interval_import_wh"
        assert (Decimal(row[energy]) >= 0, units[energy]) == (True, "Wh")
