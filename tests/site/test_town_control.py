"""The demonstration's control: what it passes on, what it refuses, and who can hear it."""

import asyncio
import datetime as dt
import json
import stat
from contextlib import asynccontextmanager

import pytest

from urja.cosem.security import AUTHENTICATED_ENCRYPTED, SuiteKeys, seal
from urja.demo.town_control import FLEET_ORDERS, Gateway, TownControl, keys_of_fleet
from urja.meter.fleet import FleetFile, write_fleet_file
from urja.meter.identity import seeded_identity
from urja.site.data_directory import DataDirectory

METER = seeded_identity("00100001", "urja-d1", 7)
GET = bytes.fromhex("c001c1000100002b0100ff0200")


class StandInInstallation:
    """What the control asks of the supervisor."""

    def __init__(self, data):
        self.data = data
        self.killed = []

    def kill(self, name):
        self.killed.append(name)

    def snapshot(self):
        return {"headend": {"state": "ready", "restarts": len(self.killed)}}


@asynccontextmanager
async def fleet_at(path, answer):
    """A fleet's control that gives one answer and remembers the orders."""
    orders = []

    async def serve(reader, writer):
        while line := await reader.readline():
            orders.append(json.loads(line))
            writer.write(json.dumps(answer).encode() + b"\n")
        writer.close()

    async with await asyncio.start_unix_server(serve, str(path)):
        yield orders


@asynccontextmanager
async def gateway_at():
    """A gateway's control: the requests it got, and its address."""
    requests = []

    async def serve(reader, writer):
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        requests.append(head)
        body = b'{"muting": "everything"}'
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield requests, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def installation(short_tmp):
    directory = short_tmp / "town"
    directory.mkdir(exist_ok=True)
    return StandInInstallation(DataDirectory(directory))


@pytest.fixture
def fleet_socket(short_tmp):
    return short_tmp / "fleet.sock"


async def ask(control, **order):
    """One order over the socket itself."""
    reader, writer = await asyncio.open_unix_connection(str(control.path), limit=1 << 24)
    writer.write(json.dumps(order).encode() + b"\n")
    answer = json.loads(await reader.readline())
    writer.close()
    await writer.wait_closed()
    return answer


async def test_an_order_goes_to_the_fleet_and_its_answer_comes_back(installation, fleet_socket):
    async with (
        fleet_at(fleet_socket, {"ok": True, "meters": 3}) as orders,
        TownControl(installation, fleet_socket) as control,
    ):
        order = {"do": "cut", "feeders": ["North"]}
        assert await ask(control, do="fleet", order=order) == {"ok": True, "meters": 3}
    assert orders == [order]


async def test_a_long_answer_comes_through(installation, fleet_socket):
    houses = [{"serial": f"{number:08}", "tampers": []} for number in range(5000)]
    async with (
        fleet_at(fleet_socket, {"ok": True, "houses": houses}),
        TownControl(installation, fleet_socket) as control,
    ):
        assert (await ask(control, do="fleet", order={"do": "houses"}))["houses"] == houses


async def test_what_the_fleet_refuses_is_refused(installation, fleet_socket):
    async with (
        fleet_at(fleet_socket, {"ok": False, "error": "there is no feeder Nowhere"}),
        TownControl(installation, fleet_socket) as control,
    ):
        answer = await ask(control, do="fleet", order={"do": "cut", "feeders": ["Nowhere"]})
    assert answer == {"ok": False, "error": "there is no feeder Nowhere"}


@pytest.mark.parametrize("do", ["close", "reopen", "faults", "totals", "drift", None])
async def test_what_belongs_to_the_check_of_the_laws_is_not_passed_on(installation, fleet_socket, do):
    async with (
        fleet_at(fleet_socket, {"ok": True}) as orders,
        TownControl(installation, fleet_socket) as control,
    ):
        answer = await ask(control, do="fleet", order={"do": do})
    assert not answer["ok"]
    assert orders == []
    assert do not in FLEET_ORDERS


async def test_a_fleet_that_is_away_is_said(installation, fleet_socket):
    async with TownControl(installation, fleet_socket) as control:
        answer = await ask(control, do="fleet", order={"do": "houses"})
    assert not answer["ok"]
    assert answer["error"].startswith("the fleet is away")


async def test_head_end_and_pipeline_can_be_killed_and_nothing_else(installation, fleet_socket):
    async with TownControl(installation, fleet_socket) as control:
        assert await ask(control, do="kill", name="headend") == {"ok": True, "name": "headend"}
        assert (await ask(control, do="kill", name="pipeline"))["ok"]
        for name in ("postgres", "nats", "web", "", "1"):
            assert not (await ask(control, do="kill", name=name))["ok"]
        assert (await ask(control, do="processes"))["processes"]["headend"]["restarts"] == 2
    assert installation.killed == ["headend", "pipeline"]


async def test_the_gateway_is_made_not_to_answer_under_its_own_key(installation, fleet_socket):
    async with gateway_at() as (requests, url):
        gateway = Gateway(url, "key", "secret")
        assert "secret" not in repr(gateway).replace("key_secret", "")
        async with TownControl(installation, fleet_socket, gateway) as control:
            answer = await ask(control, do="gateway", what="mute")
            assert not (await ask(control, do="gateway", what="refund"))["ok"]
            await ask(control, do="gateway", what="state")
    assert answer == {"ok": True, "gateway": {"muting": "everything"}}
    assert [head.split(" HTTP")[0] for head in requests] == ["POST /control/mute", "GET /control/state"]
    assert "Authorization: Basic a2V5OnNlY3JldA==" in requests[0]


async def test_a_town_without_a_gateway_says_so(installation, fleet_socket):
    async with TownControl(installation, fleet_socket) as control:
        assert await ask(control, do="gateway") == {"ok": False, "error": "this town has no payment gateway"}


async def test_a_gateway_that_is_away_is_said(installation, fleet_socket):
    async with gateway_at() as (_requests, url):
        pass
    async with TownControl(installation, fleet_socket, Gateway(url, "key", "secret")) as control:
        answer = await ask(control, do="gateway", what="unmute")
    assert answer == {"ok": False, "error": "the gateway's control does not answer: ConnectError"}


async def test_a_frame_is_read_as_a_tree(installation, fleet_socket):
    async with TownControl(installation, fleet_socket) as control:
        answer = await ask(control, do="decode", frame=GET.hex(" "))
        assert not (await ask(control, do="decode", frame="zz"))["ok"]
        assert not (await ask(control, do="decode", frame="0" * 20_001))["ok"]
        broken = await ask(control, do="decode", frame=GET[:-3].hex())
    assert "GET-request-normal" in answer["tree"]
    assert "0.0.43.1.0.255" in answer["tree"]
    assert answer["errors"] == []
    assert len(broken["errors"]) == 1


async def test_a_frame_of_the_towns_own_meter_is_deciphered(installation, fleet_socket, short_tmp):
    fleet_file = short_tmp / "fleet.json"
    write_fleet_file(
        fleet_file,
        FleetFile(
            head_end_host="127.0.0.1",
            head_end_port=4059,
            installed_at=dt.datetime(2026, 4, 1, tzinfo=dt.UTC),
            meters=[METER],
        ),
    )

    def ciphered(keys, title):
        control = AUTHENTICATED_ENCRYPTED
        content = bytes([control.to_byte()]) + (5).to_bytes(4) + seal(keys, title, 5, control, GET)
        return (b"\xdb\x08" + title + bytes([len(content)]) + content).hex()

    async with TownControl(installation, fleet_socket, keys=keys_of_fleet(fleet_file)) as control:
        own = await ask(control, do="decode", frame=ciphered(METER.keys, METER.title))
        foreign = await ask(
            control, do="decode", frame=ciphered(SuiteKeys(bytes(16), bytes(16)), b"OTHER001")
        )
    assert "verified" in own["tree"]
    assert "0.0.43.1.0.255" in own["tree"]
    assert "not readable without" in foreign["tree"]
    assert METER.guek not in json.dumps(own)


@pytest.mark.parametrize(
    "line", [b"", b"{", b"[]", b'{"do": 1}', b'{"do": "burn"}', b'{"do": "kill", "x": 1}']
)
async def test_what_is_no_order_is_answered(installation, fleet_socket, line):
    answer = await TownControl(installation, fleet_socket).answer(line)
    assert not answer["ok"]
    assert answer["error"]


async def test_only_the_same_user_can_ask_and_nothing_is_left_behind(installation, fleet_socket):
    control = TownControl(installation, fleet_socket)
    control.path.parent.mkdir(parents=True, exist_ok=True)
    control.path.write_text("the socket of a process that was killed")
    async with control:
        assert stat.S_IMODE(control.path.stat().st_mode) == 0o600
        assert stat.S_IMODE(control.path.parent.stat().st_mode) == 0o700
    assert not control.path.exists()


async def test_stopping_cuts_off_who_waits(installation, fleet_socket):
    control = TownControl(installation, fleet_socket)
    await control.start()
    reader, writer = await asyncio.open_unix_connection(str(control.path))
    writer.write(b'{"do": "processes"}\n')
    assert json.loads(await reader.readline())["ok"]
    await control.stop()
    assert await reader.read() == b""
    writer.close()
