"""Control orders to a fleet: transformers, feeders, links, and the state after a killed process."""

import asyncio
import json
from collections import Counter
from contextlib import closing

import msgspec
import pytest
from tests.meter.helpers import HOUR, MIDNIGHT_S, moment
from tests.meter.test_fleet import HeadEnd, Running, converse
from tests.meter.wire import client_for

from urja.base.clock import SteppedClock
from urja.cosem import axdr
from urja.cosem.association import Associated, GetResult
from urja.cosem.obis import CosemAttribute, Obis
from urja.meter.control_socket import answer_line
from urja.meter.display_objects import BALANCE_AMOUNT
from urja.meter.fleet import Fleet, FleetError, FleetFile, read_fleet_file, write_fleet_file
from urja.meter.identity import seeded_identity
from urja.meter.object_model import Role
from urja.meter.surroundings import LinkOptions, RelayOptions, Transformer
from urja.meter.truth import read_truth


def town_file(port=9, device_type="urja-d1", **links):
    """Two transformers on two feeders: A with three houses and a meter of its own, B with one house.

    The first house has a meter of a type.
    """
    meters = [
        seeded_identity("00000001", device_type, 1),
        seeded_identity("00000002", "urja-d1", 2),
        seeded_identity("00000003", "urja-d1", 3),
        seeded_identity("00000004", "urja-d1", 4),
        seeded_identity("0000000A", "urja-dt", 5),
    ]
    replace = msgspec.structs.replace
    meters = [
        replace(meters[4]),
        replace(meters[0], transformer="A", life="heavy"),
        replace(meters[1], transformer="A", life="solar"),
        replace(meters[2], transformer="A", relay=RelayOptions(overload=True, load_limit_w=300)),
        replace(meters[3], transformer="B", link=LinkOptions(**links)),
    ]
    return FleetFile(
        head_end_host="127.0.0.1",
        head_end_port=port,
        installed_at=moment(MIDNIGHT_S),
        meters=meters,
        transformers=[
            Transformer(id="A", feeder="North", meter="0000000A"),
            Transformer(id="B", feeder="South"),
        ],
    )


class Standing:
    """A fleet without sockets: its stations touched by hand, killed by being left alone."""

    def __init__(self, folder, at_s=MIDNIGHT_S, device_type="urja-d1", **links):
        self.clock = SteppedClock(moment(at_s))
        self.fleet = Fleet(town_file(device_type=device_type, **links), folder, self.clock)

    async def order(self, do, **fields):
        answer = await answer_line(self.fleet, json.dumps({"do": do, **fields}).encode())
        assert answer.pop("ok"), answer
        return answer

    def live_to(self, at_s):
        self.clock.set(moment(at_s))
        for station in self.fleet.stations.values():
            station.catch_up()
        self.fleet.flush()

    async def powered(self):
        return {house["serial"][-1] for house in (await self.order("houses"))["houses"] if house["powered"]}


async def test_transformers_and_feeders_fail_with_all_below_them(tmp_path):
    town = Standing(tmp_path)
    with closing(town.fleet):
        assert await town.order("cut", transformers=["A"]) == {"meters": 4}
        assert await town.powered() == {"4"}
        await town.order("cut", feeders=["South"], serials=["00000001"])
        assert await town.powered() == set()
        await town.order("restore", transformers=["A"])
        assert await town.powered() == {"A", "2", "3"}
        await town.order("restore", serials=["00000001"])
        await town.order("restore", feeders=["South"])
        assert await town.powered() == {"A", "1", "2", "3", "4"}
        await town.order("cut", feeders=["North"])
        await town.order("restore")
        assert await town.powered() == {"A", "1", "2", "3", "4"}


async def test_a_hooked_wire_shows_on_the_transformer_alone(tmp_path):
    town = Standing(tmp_path)
    with closing(town.fleet):
        town.live_to(MIDNIGHT_S + 2 * HOUR)
        [before] = (await town.order("transformers", transformers=["A"]))["transformers"]
        await town.order("hook", serials=["00000001"], watts=3600)
        [after] = (await town.order("transformers", transformers=["A"]))["transformers"]
        assert after["hooked_w"] == 3600
        assert after["metered_w"] == before["metered_w"]
        assert after["load_w"] - before["load_w"] >= 3600
        town.live_to(MIDNIGHT_S + 4 * HOUR)
        [house] = (await town.order("houses", serials=["00000001"]))["houses"]
        assert house["hook_w"] == 3600
    truth = read_truth(tmp_path / "truth.jsonl")
    assert sum(r.hooked_mwh for r in truth if r.serial == "00000001") == 2 * 3_600_000
    for end_s in {record.end_s for record in truth}:
        records = {record.serial: record for record in truth if record.end_s == end_s}
        transformer = records.pop("0000000A")
        del records["00000004"]
        houses = sum(r.drawn_mwh + r.hooked_mwh - r.exported_mwh for r in records.values())
        assert transformer.drawn_mwh - transformer.exported_mwh == houses + transformer.lost_mwh
        assert transformer.lost_mwh > 0


async def test_a_generator_takes_over_while_the_grid_fails(tmp_path):
    """The block stays powered, and what its set supplies is in its truth apart and flows through no transformer."""
    town = Standing(tmp_path, device_type="urja-d2-dg")
    with closing(town.fleet):
        town.live_to(MIDNIGHT_S + 900)
        await town.order("cut", feeders=["North"], serials=["00000001"])
        assert await town.powered() == {"1", "4"}
        [block] = (await town.order("houses", serials=["00000001"]))["houses"]
        assert block["from_generator"] is True
        assert block["outages"] == ["feeder North", "service"]
        town.live_to(MIDNIGHT_S + 2 * HOUR)
        await town.order("restore", feeders=["North"])
        [block] = (await town.order("houses", serials=["00000001"]))["houses"]
        assert block["from_generator"] is True, "the service line still has no power"
        [transformer] = (await town.order("transformers", transformers=["A"]))["transformers"]
        houses = (await town.order("houses", serials=["00000002", "00000003"]))["houses"]
        assert transformer["metered_w"] == sum(one["active_w"] - one["exporting_w"] for one in houses)
        await town.order("restore", serials=["00000001"])
        town.live_to(MIDNIGHT_S + 4 * HOUR)
        [block] = (await town.order("houses", serials=["00000001"]))["houses"]
        assert block["from_generator"] is False
    own = [record for record in read_truth(tmp_path / "truth.jsonl") if record.serial == "00000001"]
    ran = [record for record in own if record.more.get("dg_drawn_mwh")]
    assert {record.start_s for record in ran} == {MIDNIGHT_S + 900 * n for n in range(1, 8)}
    assert all(record.more["dg_drawn_mwh"] == record.drawn_mwh for record in ran)
    assert own[-1].more["dg_cumulative_mwh"] == sum(record.drawn_mwh for record in ran)


async def orders_of_a_bad_day(town):
    await town.order("cut", feeders=["South"])
    await town.order("weld", serials=["00000001"])
    await town.order("tamper", serials=["00000002"], switch="cover")
    await town.order("hook", serials=["00000002"], watts=500)
    await town.order("unreachable", serials=["00000001"], minutes=90)
    for serial in ("00000001", "00000002"):
        meter = town.fleet.stations[serial].meter
        meter.operate(1)
        meter.store(Obis.parse(BALANCE_AMOUNT), axdr.int32(12_300))


async def told(town):
    answer = await town.order("houses")
    displays = (await town.order("display"))["displays"]
    return [answer["houses"], displays, (await town.order("totals"))["totals"]]


async def test_a_killed_fleet_comes_back_as_it_was(tmp_path):
    town = Standing(tmp_path)
    town.live_to(MIDNIGHT_S + HOUR)
    await orders_of_a_bad_day(town)
    town.live_to(MIDNIGHT_S + 3 * HOUR)
    before = await told(town)
    logs = {
        serial: [buffer.by_entry(1, 0).tolist() for buffer in station.meter.engine.logs.values()]
        for serial, station in town.fleet.stations.items()
    }
    # Not closed, not synced: what a SIGKILL leaves behind. Another fleet opens the same files.
    again = Standing(tmp_path, MIDNIGHT_S + 3 * HOUR)
    with closing(town.fleet), closing(again.fleet):
        assert await told(again) == before
        for serial, station in again.fleet.stations.items():
            assert [b.by_entry(1, 0).tolist() for b in station.meter.engine.logs.values()] == logs[serial]
        again.live_to(MIDNIGHT_S + 4 * HOUR)
    intervals = Counter((r.serial, r.start_s) for r in read_truth(tmp_path / "truth.jsonl"))
    assert set(intervals.values()) == {1}
    assert len(intervals) == 5 * 8


async def test_a_loss_of_communication_survives_too(tmp_path):
    town = Standing(tmp_path)
    await town.order("unreachable", serials=["00000001"])
    again = Standing(tmp_path, MIDNIGHT_S + HOUR)
    with closing(town.fleet), closing(again.fleet):
        houses = (await again.order("houses"))["houses"]
        assert [h["serial"][-1] for h in houses if not h["reachable"]] == ["1"]
        await again.order("reachable")
        assert all(h["reachable"] for h in (await again.order("houses"))["houses"])


async def test_overload_by_order_trips_and_wakes_the_fleet(tmp_path):
    async with HeadEnd() as head_end, Running(town_file(head_end.port), tmp_path) as running:
        await head_end.until(lambda: len(head_end.writers) == 5)
        await running.order("overload", serials=["00000001"], watts=1000)
        [house] = (await running.order("houses", serials=["00000001"]))["houses"]
        assert (house["load_limit_w"], house["overload"], house["supplied"]) == (1000, "watching", True)
        await running.step_to(MIDNIGHT_S + 60)
        title = running.fleet.file.meters[1].title
        await head_end.until(lambda: len(head_end.pushes.get(title, ())) == 1)  # the alert of the switch
        [house] = (await running.order("houses", serials=["00000001"]))["houses"]
        assert (house["control_state"], house["overload"], house["supplied"]) == (2, "waiting", False)
        await running.order("press", serials=["00000001"])
        [house] = (await running.order("houses", serials=["00000001"]))["houses"]
        assert house["supplied"]


async def test_out_of_reach_it_closes_its_connection_and_comes_back(tmp_path):
    async with HeadEnd() as head_end, Running(town_file(head_end.port), tmp_path) as running:
        await head_end.until(lambda: len(head_end.writers) == 5)
        station = running.fleet.stations["00000001"]
        await running.order("unreachable", serials=["00000001"], minutes=40)
        await head_end.until(lambda: len(head_end.writers) == 4)
        assert not station.linked
        await running.order("tamper", serials=["00000001"], switch="magnet")
        await running.step_to(MIDNIGHT_S + 1800)
        await head_end.until(lambda: head_end.count() >= 8)
        title = station.meter.identity.title
        assert not head_end.pushes.get(title)
        assert station.counts.lost_without_link == 2
        await running.step_to(MIDNIGHT_S + 2400)
        await head_end.until(lambda: len(head_end.pushes.get(title, ())) == 1)  # the alert that waited


async def test_a_session_over_a_link_that_takes_its_time(tmp_path):
    file = town_file()
    slow = msgspec.structs.replace(file.meters[4], transformer=None, link=LinkOptions(profile="cellular"))
    async with HeadEnd() as head_end:
        file = msgspec.structs.replace(file, head_end_port=head_end.port, meters=[slow], transformers=[])
        async with Running(file, tmp_path) as running:
            await head_end.until(lambda: len(head_end.writers) == 1)
            await running.step_to(MIDNIGHT_S + 7200)
            client = client_for(running.fleet.stations["00000004"].meter, Role.UTILITY)
            [writer] = head_end.writers
            loop = asyncio.get_running_loop()
            began = loop.time()
            [event] = await converse(head_end, writer, client, client.associate())
            assert isinstance(event, Associated)
            [event] = await converse(
                head_end, writer, client, client.get(CosemAttribute.of(8, "0.0.1.0.0.255", 2))
            )
            assert isinstance(event, GetResult)
            assert loop.time() - began > 3 * 2 * 0.040  # three round trips, each twice the floor
            await head_end.until(lambda: head_end.count() == 8)
            [pushes] = head_end.pushes.values()
            counters = [push.counter for push in pushes]
            assert counters == sorted(counters)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"do": "cut", "transformers": ["Z"]}, "unknown transformer Z"),
        ({"do": "cut", "feeders": ["West"]}, "unknown feeder West"),
        ({"do": "hook", "watts": -5}, "watts must be between 0"),
        ({"do": "hook"}, "watts must be between 0"),
        ({"do": "overload", "watts": 0}, "watts must be between 1"),
        ({"do": "tamper"}, "switch is missing"),
        ({"do": "tamper", "switch": "lid"}, "Invalid enum value 'lid'"),
        ({"do": "unreachable", "minutes": 0}, "minutes must be"),
    ],
)
async def test_bad_orders_are_told_so_and_do_nothing(tmp_path, order, words):
    town = Standing(tmp_path)
    with closing(town.fleet):
        answer = await answer_line(town.fleet, json.dumps(order).encode())
        assert words in answer["error"]
    assert (tmp_path / "inputs.jsonl").read_bytes() == b""


def test_a_town_that_does_not_fit_together_is_refused(tmp_path):
    path = tmp_path / "fleet.json"
    replace = msgspec.structs.replace
    file = town_file()
    write_fleet_file(path, file)
    assert read_fleet_file(path) == file
    transformer = Transformer(id="A", feeder="North", meter="00000004", rated_va=0)
    meters = [
        *file.meters[:4],
        replace(file.meters[4], relay=RelayOptions(mode=7), link=LinkOptions(profile="mesh")),
    ]
    write_fleet_file(path, replace(file, meters=meters, transformers=[transformer, transformer]))
    with pytest.raises(FleetError) as refused:
        read_fleet_file(path)
    for words in (
        "rated_va is 0",
        "transformer A is given twice",
        "unknown transformer B",
        "00000004: measures A",
        "relay.mode is 7",
        "link.profile is 'mesh'",
    ):
        assert words in str(refused.value)
