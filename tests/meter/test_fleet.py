"""The fleet on real sockets, against a head end made of a stream server and the client core."""

import asyncio
import json
from contextlib import closing

import msgspec
import pytest
from tests.meter.helpers import MIDNIGHT_S, moment
from tests.meter.wire import client_for

from urja.base.clock import SteppedClock
from urja.base.meter_address import GatewayLink
from urja.base.ports import free_port
from urja.cosem.apdu import GeneralGloCiphered, decode_apdu
from urja.cosem.association import (
    Associated,
    AssociationConfig,
    ClientAssociation,
    GetResult,
    NeedsSend,
)
from urja.cosem.obis import CosemAttribute
from urja.cosem.wrapper import Frame, Splitter, decode_datagram
from urja.headend.hdlc_channel import HdlcChannel, LinkConnection
from urja.headend.round_trips import RoundTrips
from urja.headend.session import PUBLIC_SAP, Session
from urja.meter.control_socket import answer_line
from urja.meter.fleet import (
    Fleet,
    FleetError,
    FleetFile,
    parse_address,
    read_fleet_file,
    write_fleet_file,
)
from urja.meter.identity import seeded_identity
from urja.meter.object_model import Role
from urja.meter.truth import read_truth


class HeadEnd:
    """Takes connections, keeps pushes by system title, lets a test speak on a connection."""

    def __init__(self):
        self.pushes = {}
        self.answers = asyncio.Queue()
        self.writers = []
        self.arrived = asyncio.Condition()

    async def __aenter__(self):
        self.server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *exc):
        self.server.close()
        self.server.close_clients()

    async def _serve(self, reader, writer):
        self.writers.append(writer)
        splitter = Splitter()
        async with self.arrived:
            self.arrived.notify_all()
        try:
            while data := await reader.read(65536):
                for frame in splitter.feed(data):
                    await self._take(frame)
        except ConnectionError:
            pass
        finally:
            self.writers.remove(writer)
            writer.close()
            async with self.arrived:
                self.arrived.notify_all()

    async def _take(self, frame):
        if frame.destination == 64:
            push = decode_apdu(frame.apdu)
            assert isinstance(push, GeneralGloCiphered)
            async with self.arrived:
                self.pushes.setdefault(push.system_title, []).append(push)
                self.arrived.notify_all()
        else:
            await self.answers.put(frame)

    async def until(self, condition):
        async with asyncio.timeout(60), self.arrived:
            await self.arrived.wait_for(condition)

    def count(self):
        return sum(map(len, self.pushes.values()))


def fleet_file(port, meters=3, device_type="urja-d1", **more):
    identities = [
        seeded_identity(
            f"{number:08d}",
            device_type,
            number,
            listen="127.0.0.1:0" if device_type.endswith("listen") else None,
        )
        for number in range(1, meters + 1)
    ]
    return FleetFile(
        head_end_host="127.0.0.1",
        head_end_port=port,
        installed_at=moment(MIDNIGHT_S),
        meters=identities,
        **more,
    )


class Running:
    """A fleet on a stepped clock, inside the test's loop."""

    def __init__(self, file, folder, start_s=MIDNIGHT_S):
        self.clock = SteppedClock(moment(start_s))
        self.fleet = Fleet(file, folder, self.clock)
        self._stopping = asyncio.Event()

    async def __aenter__(self):
        self._task = asyncio.create_task(self.fleet.run(self._stopping))
        return self

    async def __aexit__(self, *exc):
        self._stopping.set()
        await self._task

    async def order(self, do, **fields):
        return await answer_line(self.fleet, json.dumps({"do": do, **fields}).encode())

    async def step_to(self, unix_s):
        self.clock.set(moment(unix_s))
        self.fleet.wake()


async def test_pushes_arrive_sealed_and_the_truth_is_written(tmp_path):
    async with HeadEnd() as head_end, Running(fleet_file(head_end.port), tmp_path) as running:
        await head_end.until(lambda: len(head_end.writers) == 3)
        await running.step_to(MIDNIGHT_S + 3600)
        await head_end.until(lambda: head_end.count() == 12)
        for identity in running.fleet.file.meters:
            for push in head_end.pushes[identity.title]:
                assert (
                    decode_apdu(push.open(identity.keys)).body.value[0].value == identity.device_id.encode()
                )
        status = await running.order("status")
        assert (status["pushes_made"], status["pushes_sent"], status["linked"]) == (12, 12, 3)
        assert len(read_truth(tmp_path / "truth.jsonl")) == 6


async def converse(head_end, writer, client, request):
    """One exchange on a connection that the meter opened; returns the events other than NeedsSend."""
    waiting, events = [request], []
    while waiting:
        writer.write(Frame(48, 1, waiting.pop()).encode())
        frame = await asyncio.wait_for(head_end.answers.get(), 60)
        for event in client.receive(frame.apdu):
            if isinstance(event, NeedsSend):
                waiting.append(event.apdu)
            else:
                events.append(event)
    return events


async def test_an_hls_session_on_the_connection_that_carries_pushes(tmp_path):
    async with HeadEnd() as head_end, Running(fleet_file(head_end.port, 1), tmp_path) as running:
        await head_end.until(lambda: len(head_end.writers) == 1)
        await running.step_to(MIDNIGHT_S + 86_400)
        await head_end.until(lambda: head_end.count() == 96)
        [station] = running.fleet.stations.values()
        client = client_for(station.meter, Role.UTILITY)
        [writer] = head_end.writers
        [event] = await converse(head_end, writer, client, client.associate())
        assert isinstance(event, Associated)
        blocks = CosemAttribute.of(7, "1.0.99.1.0.255", 2)
        [event] = await converse(head_end, writer, client, client.get(blocks))
        assert isinstance(event, GetResult)
        truth = read_truth(tmp_path / "truth.jsonl")
        assert [row.value[2].value for row in event.data.value] == [r.drawn_mwh // 1000 for r in truth]


async def test_close_stops_the_world_at_an_instant(tmp_path):
    async with HeadEnd() as head_end, Running(fleet_file(head_end.port), tmp_path) as running:
        await head_end.until(lambda: len(head_end.writers) == 3)
        closing = asyncio.create_task(running.order("close", at=moment(MIDNIGHT_S + 7200).isoformat()))
        await running.step_to(MIDNIGHT_S + 9000)
        answer = await closing
        assert answer["ok"]
        assert answer["closed_at"] == moment(MIDNIGHT_S + 7200).isoformat()
        truth = read_truth(tmp_path / "truth.jsonl")
        for totals in answer["totals"]:
            mine = [record for record in truth if record.serial == totals["serial"]]
            assert [record.end_s for record in mine][-1] == MIDNIGHT_S + 7200
            assert sum(record.drawn_mwh for record in mine) == totals["cumulative_mwh"]
            assert totals["register_wh"] == totals["cumulative_mwh"] // 1000
        late = await running.order("close", at=moment(MIDNIGHT_S).isoformat())
        assert "in the past" in late["error"]
        await running.order("reopen")
        await running.step_to(MIDNIGHT_S + 10_800)
        await head_end.until(lambda: head_end.count() == 3 * 12)


async def test_cut_and_restored_power(tmp_path):
    async with HeadEnd() as head_end, Running(fleet_file(head_end.port, 2), tmp_path) as running:
        await head_end.until(lambda: len(head_end.writers) == 2)
        dark, lit = running.fleet.file.meters
        await running.step_to(MIDNIGHT_S + 600)
        assert (await running.order("cut", serials=[dark.serial]))["meters"] == 1
        await head_end.until(lambda: len(head_end.pushes.get(dark.title, ())) == 1)  # last gasp
        await running.step_to(MIDNIGHT_S + 4000)
        await head_end.until(lambda: len(head_end.pushes.get(lit.title, ())) == 4)
        assert (await running.order("status"))["powered"] == 1
        await running.order("restore", serials=[dark.serial])
        await head_end.until(
            lambda: len(head_end.pushes[dark.title]) == 2
        )  # first breath, after dialling again
        assert running.fleet.stations[dark.serial].counts.lost_without_link == 0


async def test_a_dropped_link_is_dialled_again_and_what_fell_between_is_lost(tmp_path):
    async with HeadEnd() as head_end, Running(fleet_file(head_end.port, 1), tmp_path) as running:
        await head_end.until(lambda: len(head_end.writers) == 1)
        [station] = running.fleet.stations.values()
        await running.order("drop")
        running.clock.set(moment(MIDNIGHT_S + 1800))
        station.catch_up()
        assert station.counts.lost_without_link == 2
        await head_end.until(lambda: station.counts.connections == 2 and head_end.writers)
        await running.step_to(MIDNIGHT_S + 3600)
        await head_end.until(lambda: head_end.count() == 2)


async def test_faults_by_order(tmp_path):
    async with HeadEnd() as head_end, Running(fleet_file(head_end.port, 1), tmp_path) as running:
        await head_end.until(lambda: len(head_end.writers) == 1)
        assert (await running.order("faults", rates={"duplicate": 1.0}))["ok"]
        await running.step_to(MIDNIGHT_S + 1800)
        await head_end.until(lambda: head_end.count() == 4)
        await running.order("faults", rates={"lose": 1.0})
        await running.step_to(MIDNIGHT_S + 3600)
        await running.step_to(MIDNIGHT_S + 3601)
        status = await running.order("totals")
        assert status["ok"]
        [station] = running.fleet.stations.values()
        station.catch_up()
        assert station.counts.lost_by_fault == 2
        assert (station.counts.sent, station.counts.duplicated) == (2, 2)


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ({"do": "dance"}, "unknown order"),
        ({"do": "cut", "serials": ["x"]}, "not in this fleet"),
        ({"do": "faults", "rates": {"lose": 2}}, "between 0 and 1"),
        ({"do": "drift", "ppm": 10**9}, "ppm"),
        ({"do": "close", "at": "2026-04-01T00:00:00"}, "time zone"),
        ({"dance": 1}, "unknown field"),
    ],
)
async def test_bad_orders_are_told_so(tmp_path, order, words):
    with closing(Fleet(fleet_file(9, 1), tmp_path, SteppedClock(moment(MIDNIGHT_S)))) as fleet:
        answer = await answer_line(fleet, json.dumps(order).encode())
    assert answer["ok"] is False
    assert words in answer["error"]


async def test_the_control_socket_takes_lines(tmp_path):
    async with HeadEnd() as head_end, Running(fleet_file(head_end.port, 1), tmp_path):
        await head_end.until(lambda: len(head_end.writers) == 1)
        reader, writer = await asyncio.open_unix_connection(tmp_path / "control.sock")
        writer.write(b'{"do": "status"}\n{"do": "drift", "ppm": 50}\n')
        assert json.loads(await reader.readline())["meters"] == 1
        assert json.loads(await reader.readline()) == {"ok": True, "meters": 1}
        writer.close()


async def test_udp_pushes(tmp_path):
    received = asyncio.Queue()

    class Sink(asyncio.DatagramProtocol):
        def datagram_received(self, data, addr):
            received.put_nowait(data)

    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(Sink, local_addr=("127.0.0.1", 0))
    file = fleet_file(transport.get_extra_info("sockname")[1], 1, "urja-d1-listen")
    async with Running(file, tmp_path) as running:
        await asyncio.wait_for(running.fleet.started.wait(), 60)
        await running.step_to(MIDNIGHT_S + 1800)
        frame = decode_datagram(await asyncio.wait_for(received.get(), 60))
        assert (frame.source, frame.destination) == (1, 64)
        assert decode_apdu(frame.apdu).system_title == file.meters[0].title
    transport.close()


async def test_a_fleet_that_starts_again_goes_on_where_it_was(tmp_path):
    async with HeadEnd() as head_end:
        file = fleet_file(head_end.port, 1)
        async with Running(file, tmp_path) as running:
            await head_end.until(lambda: len(head_end.writers) == 1)
            await running.step_to(MIDNIGHT_S + 1800)
            await head_end.until(lambda: head_end.count() == 2)
        async with Running(file, tmp_path, MIDNIGHT_S + 2000) as running:
            await head_end.until(lambda: head_end.writers)
            await running.step_to(MIDNIGHT_S + 3600)
            await head_end.until(lambda: head_end.count() == 4)
        counters = [push.counter for pushes in head_end.pushes.values() for push in pushes]
        assert counters == sorted(set(counters))
        truth = read_truth(tmp_path / "truth.jsonl")
        assert [record.end_s for record in truth] == [MIDNIGHT_S + 1800, MIDNIGHT_S + 3600]


def test_fleet_file_round_trip_and_its_faults(tmp_path):
    path = tmp_path / "fleet.json"
    file = fleet_file(4059, 2)
    write_fleet_file(path, file)
    assert read_fleet_file(path) == file
    assert path.stat().st_mode & 0o077 == 0
    document = json.loads(path.read_text())
    document["meters"][1] = document["meters"][0] | {"guek": "00"}
    path.write_text(json.dumps(document))
    with pytest.raises(FleetError, match=r"guek must be 16 bytes.*serial 00000001 is given twice"):
        read_fleet_file(path)
    unknown = msgspec.structs.replace(file.meters[0], device_type="urja-d9")
    write_fleet_file(path, msgspec.structs.replace(file, meters=[unknown]))
    with pytest.raises(FleetError, match="there is no meter type 'urja-d9'; shipped are urja-d1"):
        read_fleet_file(path)
    path.write_text("{")
    with pytest.raises(FleetError, match=r"fleet\.json"):
        read_fleet_file(path)


async def test_meters_of_a_fleet_may_be_behind_one_line(tmp_path):
    link = GatewayLink("127.0.0.1", free_port())
    file = fleet_file(free_port(), 3, "urja-d1-listen")
    on_line = [
        msgspec.structs.replace(meter, listen=f"{link.name}?address={address}")
        for meter, address in zip(file.meters, (17, 18), strict=False)
    ]
    file = msgspec.structs.replace(file, meters=[*on_line, file.meters[2]])
    async with Running(file, tmp_path) as running:
        await running.fleet.started.wait()
        way = await LinkConnection.open(link)
        for meter in on_line:
            async with HdlcChannel(way, meter.place, 1, 2.0) as line:
                public = Session(line, ClientAssociation(AssociationConfig()), PUBLIC_SAP, RoundTrips())
                await public.open()
                told = await public.get(CosemAttribute.of(1, "0.0.96.1.0.255", 2))
            assert told.value == meter.serial.encode()
        way.close()


def test_two_meters_at_one_place_are_refused(tmp_path):
    file = fleet_file(1, 2, "urja-d1-listen")
    twice = [
        msgspec.structs.replace(meter, listen="tcp://127.0.0.1:4060?address=17") for meter in file.meters
    ]
    path = tmp_path / "fleet.json"
    write_fleet_file(path, msgspec.structs.replace(file, meters=twice))
    with pytest.raises(FleetError, match=r"two meters have the address tcp://127\.0\.0\.1:4060\?address=17"):
        read_fleet_file(path)


def test_addresses():
    assert parse_address("127.0.0.1:4059") == ("127.0.0.1", 4059)
    assert parse_address("[::1]:4059") == ("::1", 4059)
    for wrong in ("4059", "host:", "host:99999", ""):
        with pytest.raises(ValueError, match="is not an address"):
            parse_address(wrong)


def test_next_boundary_closes_every_interval(tmp_path):
    with closing(Fleet(fleet_file(9, 1), tmp_path, SteppedClock(moment(MIDNIGHT_S + 100)))) as fleet:
        assert fleet.next_boundary() == moment(MIDNIGHT_S + 1800)


async def test_a_taken_address_stops_the_fleet_at_once(tmp_path):
    async with HeadEnd() as head_end:
        file = fleet_file(head_end.port, 1, "urja-d1-listen")
        taken = msgspec.structs.replace(file.meters[0], listen=f"127.0.0.1:{head_end.port}")
        fleet = Fleet(
            msgspec.structs.replace(file, meters=[taken]), tmp_path, SteppedClock(moment(MIDNIGHT_S))
        )
        with pytest.raises(OSError, match="in use"):
            await fleet.run(asyncio.Event())


async def test_reboot_forgets_alerts_that_wait_and_dials_again(tmp_path):
    async with HeadEnd() as head_end, Running(fleet_file(head_end.port, 1), tmp_path) as running:
        await head_end.until(lambda: len(head_end.writers) == 1)
        [station] = running.fleet.stations.values()
        assert (await running.order("reboot"))["ok"]
        await head_end.until(lambda: station.counts.connections == 2 and head_end.writers)
        await running.step_to(MIDNIGHT_S + 1800)
        await head_end.until(lambda: head_end.count() == 2)


async def test_drift_by_order_moves_the_stamps(tmp_path):
    async with HeadEnd() as head_end, Running(fleet_file(head_end.port, 1), tmp_path) as running:
        await head_end.until(lambda: len(head_end.writers) == 1)
        await running.order("drift", ppm=10_000)  # 18 s fast in half an hour
        await running.step_to(MIDNIGHT_S + 1790)
        await head_end.until(lambda: head_end.count() == 2)
        await running.order("totals")
        [record] = read_truth(tmp_path / "truth.jsonl")
        assert record.end_s == MIDNIGHT_S + 1800
        assert record.closed_at_s < MIDNIGHT_S + 1790
