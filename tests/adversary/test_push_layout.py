"""What a meter with true keys can do by sending other columns than its type says: authentic, and wrong.

Its firmware exchanges Wh and VAh. Nothing of that may become energy: the push is quarantined with its bytes, and a
person is asked.
"""

import asyncio
import datetime as dt
from importlib import resources

import msgspec
import pytest
from tests.headend import conftest
from tests.headend.conftest import adopt, until, value
from tests.headend.ordering import Desk, House, put_device
from tests.headend.pushing import NINE, TYPE, PushMeter
from tests.headend.test_pushes import HALF_HOUR, Line, accepted

from urja.cosem import axdr
from urja.cosem.push_object_list import PushObject, PushObjectList, head_of, matches_type
from urja.stream.records import OwnEvent, Source

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend, stored = conftest.start_headend, conftest.stored


async def kept(admin, count: int = 1):
    """What is in quarantine, once it is so many."""
    async with asyncio.timeout(60):
        while len(items := [one.item async for one in admin.quarantined()]) < count:  # noqa: ASYNC110 - the broker reports no event
            await asyncio.sleep(0.02)
    return items


EXCHANGED = {"import_wh": 80, "import_vah": 40, "voltage": 23012, "current": 123}
"""40 Wh and 80 VAh, in each other's place."""


@pytest.mark.parametrize("push", ["block", "instantaneous"])
async def test_exchanged_wh_and_vah_are_quarantined_and_a_work_order_is_opened(
    start_headend, pipeline, admin, stored, push
):
    meter, honest = PushMeter(1), PushMeter(2)
    await adopt(pipeline, None, meter, honest)
    frames = [meter.push(push, NINE + HALF_HOUR * n, EXCHANGED) for n in range(3)]
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(frames[0], honest.block(), *frames[1:])
        aside = await kept(admin, 3)
        await until(lambda: accepted(headend) == 1)
        assert value(headend, "quarantined_total", reason="implausible") == 3
    assert {(item.reason, item.title) for item in aside} == {("implausible", meter.title.hex())}
    assert [item.frame for item in aside] == frames
    assert aside[0].detail == "import_vah (40) is below import_wh (80)"
    await stored.take()
    assert stored.records("block")["device_id"].tolist() == [honest.device_id]
    assert len(stored.records("register")) == 0
    # The person is asked once an hour, not once a push.
    [event] = stored.records("event")
    assert (event["device_id"], event["code"]) == (meter.device_id, OwnEvent.PUSH_IMPLAUSIBLE)
    assert event["occurred_at"] == NINE.timestamp()
    assert event["source"] == Source.PUSH


async def test_a_push_of_another_layout_asks_for_a_person(start_headend, pipeline, admin, stored):
    meter = PushMeter(1)
    await adopt(pipeline, None, meter)
    frame = meter.seal(b"\x0f\0\0\0\1\0\x02\x01\x11\x07")
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(frame)
        [item] = await kept(admin)
        await until(lambda: value(headend, "records_total", kind="event") == 1)
    assert (item.reason, item.frame) == ("layout", frame)
    await stored.take()
    [event] = stored.records("event")
    assert (event["device_id"], event["code"]) == (meter.device_id, OwnEvent.PUSH_MISFIT)


async def test_truncation_is_no_implausibility(start_headend, pipeline, admin, stored):
    """Registers are cut off to whole units, each by itself: one unit below is honest, two are not."""
    meters = {vah: PushMeter(1 + vah) for vah in (41, 40, 39, 38, 0)}
    await adopt(pipeline, None, *meters.values())
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        for vah, meter in meters.items():
            await line.send(meter.push("block", NINE, {"import_wh": 40, "import_vah": vah}))
        await until(lambda: accepted(headend) == 3)
        aside = await kept(admin, 2)
    assert {(item.reason, item.title) for item in aside} == {
        ("implausible", meters[vah].title.hex()) for vah in (38, 0)
    }
    await stored.take()
    assert sorted(stored.records("block")["import_vah"].tolist()) == [39, 40, 41]


async def test_the_counter_of_a_quarantined_push_is_not_used(start_headend, pipeline, admin):
    """The counter of a quarantined push stays free: once its layout is known the same bytes are taken."""
    meter = PushMeter(1)
    await adopt(pipeline, None, meter)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.push("block", NINE, EXCHANGED))
        [item] = await kept(admin)
        answer = await admin.replay(item)
        assert b'"implausible"' in answer
        await line.send(meter.block(NINE + dt.timedelta(hours=1)))
        await until(lambda: accepted(headend) == 1)


def exchanging(folder):
    """Another firmware of the same meter, as a type of its own: Wh and VAh in each other's place, whatever it sends."""
    folder.mkdir()
    shipped = resources.files("urja.cosem.companion").joinpath("types/urja-d1")
    (folder / "type.toml").write_text(shipped.joinpath("type.toml").read_text("utf-8"))
    lines = shipped.joinpath("profiles.toml").read_text("utf-8").splitlines()
    for at in [at for at, line in enumerate(lines) if 'key = "import_wh"' in line]:
        assert 'key = "import_vah"' in lines[at + 1]
        lines[at], lines[at + 1] = lines[at + 1], lines[at]
    (folder / "profiles.toml").write_text("\n".join(lines))
    return str(folder)


def push(house, until_at) -> int:
    """Let the meter push all data up to an instant over its own connection; how many."""
    pushes = house.meter.advance(until_at)
    house.station.dispatch(pushes)
    return len(pushes)


async def test_a_meter_with_other_columns_is_decoded_by_what_it_tells_when_it_is_commissioned(
    start_headend, pipeline, admin, stored, stepped_clock, tmp_path
):
    """The simulated meter's own truth is what is stored, also of what was quarantined before it was asked."""
    house = House(stepped_clock)
    known = house.entry()
    house.pretend(device_type=exchanging(tmp_path / "type"))
    desk = Desk(pipeline)
    await put_device(pipeline, known)
    async with start_headend() as headend, house.dialled_in(headend.wrapper_port.port):
        stepped_clock.advance(2 * HALF_HOUR)
        count = push(house, stepped_clock.now())
        aside = await kept(admin, count)
        assert {item.reason for item in aside} == {"implausible"}
        order = house.order("read_pushes")
        await desk.send(order)
        [end] = await desk.end_of(order)
        assert end.state == "confirmed"
        told = msgspec.convert(end.evidence["pushes"], tuple[PushObjectList, ...])
        assert not matches_type(TYPE, told)
        await put_device(pipeline, msgspec.structs.replace(known, pushes=told))
        await until(lambda: headend.roster.meters[house.identity.title].entry.pushes == told)
        for item in aside:
            assert b'"accepted"' in await admin.replay(item)
        stepped_clock.advance(HALF_HOUR)
        count += push(house, stepped_clock.now())
        await until(lambda: accepted(headend) == count)
    await stored.take()
    stamps = house.meter.engine.blocks.by_range(0, 2**40)
    truth = {int(stamp) - 1800: [int(value) for value in values] for stamp, _, *values in stamps}
    names = [column.key for column in house.meter.engine.block_columns]
    blocks = stored.records("block")
    assert len(blocks) == 3
    for block in blocks:
        row = dict(zip(names, truth[int(block["start_at"])], strict=True))
        assert (block["import_wh"], block["import_vah"]) == (row["import_wh"], row["import_vah"])
        assert block["import_wh"] < block["import_vah"]


async def test_a_fleet_that_says_the_same_shares_one_layout(start_headend, pipeline):
    told = tuple(PushObjectList(key, tuple(_objects(key))) for key in TYPE.pushes)
    meters = [PushMeter(number) for number in range(1, 40)]
    entries = [meter.entry(pushes=told) for meter in meters]
    await asyncio.gather(*(put_device(pipeline, entry) for entry in entries))
    async with start_headend() as headend:
        roster = headend.roster
        assert len({id(meter.compiled) for meter in roster.meters.values()}) == 1
        assert len({id(meter.entry.pushes) for meter in roster.meters.values()}) == 1
        assert len(roster.meters) == len(meters)


def _objects(key):
    push = TYPE.pushes[key]
    return [
        PushObject(column.class_id, column.obis, column.attribute)
        for column in (*head_of(push), *push.columns)
    ]


async def test_a_list_that_cannot_be_decoded_by_makes_its_meter_unusable_and_no_other(
    start_headend, pipeline, admin
):
    """The pipeline's broker password writes it; commissioning would have refused it."""
    meter, honest = PushMeter(1), PushMeter(2)
    await adopt(pipeline, None, honest)
    await put_device(pipeline, meter.entry(pushes=(PushObjectList("block", (PushObject(3, "1.0.1.8", 2),)),)))
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.block(), honest.block())
        [item] = await kept(admin)
        await until(lambda: accepted(headend) == 1)
    assert (item.reason, item.title) == ("unusable-meter", meter.title.hex())


async def test_an_impossible_pulled_row_is_quarantined_too(
    start_headend, pipeline, admin, stored, stepped_clock
):
    """The meter itself keeps the two registers exchanged: what it captures is named rightly, and wrong."""
    house = House(stepped_clock)
    await put_device(pipeline, house.entry())
    desk = Desk(pipeline)
    blocks = house.meter.engine.blocks
    names = [column.key for column in house.meter.engine.block_columns]
    wh, vah = 2 + names.index("import_wh"), 2 + names.index("import_vah")
    blocks._rows[0, [wh, vah]] = 80, 40
    window = {
        "profile": "block",
        "from_at": (NINE - dt.timedelta(days=2)).isoformat(),
        "to_at": NINE.isoformat(),
    }
    order = house.order("read_profile", arguments=window)
    async with start_headend() as headend, house.dialled_in(headend.wrapper_port.port):
        await desk.send(order)
        end = (await desk.end_of(order))[-1]
        assert end.state == "confirmed"
        [item] = await kept(admin)
    assert (item.reason, item.title) == ("implausible", house.identity.title.hex())
    assert "interval_import_wh 80, interval_import_vah 40" in item.detail
    [row] = [axdr.decode_all(item.frame)]
    assert [element.value for element in row.value][wh - 1 : vah] == [80, 40]
    await stored.take()
    assert len(stored.records("block")) == len(blocks) - 1
    [event] = stored.records("event")
    assert (event["code"], event["source"]) == (OwnEvent.PUSH_IMPLAUSIBLE, Source.PULL)
