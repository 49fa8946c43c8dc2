"""Each bucket that a head end reads, filled with garbage: it starts, serves who is not concerned, and resets nothing."""

import asyncio
import datetime as dt
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from tests.adversary.test_stolen_broker_password import counter_of
from tests.authenticator import Authenticator
from tests.headend import conftest
from tests.headend.conftest import adopt, until, value
from tests.headend.ordering import SIGNING_KEY, Desk, House, put_device
from tests.headend.pushing import KEK, NINE, PushMeter
from tests.headend.test_pushes import HALF_HOUR, Line, accepted
from tests.headend.test_releases import approver
from tests.stream.servers import PASSWORDS
from tests.stream.test_unreadable import GARBAGE

from urja.base.approvers import encode_approvers
from urja.base.ports import free_port
from urja.headend.invocation_counters import LOST_RESERVATION_MARGIN
from urja.headend.roster import WINDOW_GROUPS, group_of
from urja.site.admin import Administration
from urja.site.cli.headend import headend
from urja.stream import User, messages, subjects as names
from urja.stream.orders import SignedOrder
from urja.stream.releases import ReleaseRequest

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend = conftest.start_headend
MINUTE = dt.timedelta(minutes=1)


@pytest.fixture(params=GARBAGE)
def garbage(request) -> bytes:
    return GARBAGE[request.param]


@pytest.fixture
def losses(nats_server, monkeypatch, tmp_path, stepped_clock):
    """Runs `urja headend losses ...` with the administrator's access to this test's broker."""
    access = SimpleNamespace(
        broker_url=nats_server.url, broker_user="admin", broker_password=PASSWORDS[User.ADMIN]
    )
    installation = SimpleNamespace(secrets=access, seal_key=KEK, clock=stepped_clock)
    monkeypatch.setattr(Administration, "of", lambda data: installation)

    async def run(*arguments: str) -> Result:
        given = ["losses", "--data", str(tmp_path), *arguments]
        return await asyncio.to_thread(CliRunner().invoke, headend, given)

    return run


async def put(admin, bucket: str, key: str, content: bytes) -> None:
    await admin._publish(f"$KV.{bucket}.{key}", content)


async def test_windows(start_headend, pipeline, admin, garbage):
    """The meters of that group wait; those of others, and new ones of them, do not."""
    concerned, other = PushMeter(1, bucket=0), PushMeter(2, bucket=1000)
    assert group_of(0) != group_of(1000)
    await adopt(pipeline, None, concerned, other)
    frames = [concerned.block(), other.block()]
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(*frames)
        await until(lambda: accepted(headend) == 2)
    await put(admin, names.WINDOWS, "0", garbage)
    for wrong in (f"{WINDOW_GROUPS}", "x"):
        await put(admin, names.WINDOWS, wrong, garbage)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(*frames)
        await until(lambda: value(headend, "duplicates_total") == 1)
        await until(lambda: value(headend, "quarantined_total", reason="unusable-meter") == 1)
        await line.send(other.block(NINE + HALF_HOUR))
        await until(lambda: accepted(headend) == 1)
        assert headend.waiting_for() == []


async def test_send_counters_go_on_above_all_that_was_used(
    start_headend, pipeline, admin, stepped_clock, garbage
):
    house = House(stepped_clock, port=free_port())
    await put_device(pipeline, house.entry())
    desk = Desk(pipeline)
    async with start_headend(), house.listening():
        order = house.order("connect")
        await desk.send(order)
        await desk.end_of(order)
    name = counter_of(house)
    await put(admin, names.COUNTERS, name, garbage)
    async with start_headend() as headend, house.listening():
        order = house.order("connect")
        await desk.send(order)
        [end] = await desk.end_of(order)
        assert end.state == "confirmed"
        assert headend.sessions.counters.next_of(name) > LOST_RESERVATION_MARGIN
        [said] = headend.attention()
        assert "send counters of 1 meter" in said
        assert headend.status()["losses"]["counters"]["names"] == [house.identity.title.hex()]


async def test_the_memory_of_a_meter_s_orders(start_headend, pipeline, admin, stepped_clock, garbage):
    """Of what was given before, nothing is carried out again, however young it is; what is given then is."""
    house = House(stepped_clock, port=free_port())
    await put_device(pipeline, house.entry())
    desk, old = Desk(pipeline), house.order("disconnect")
    async with start_headend(), house.listening():
        await desk.send(old)
        await desk.end_of(old)
        back = house.order("connect")
        await desk.send(back)
        await desk.end_of(back)
    desk.heard.clear()
    await put(admin, names.ORDERS, house.identity.title.hex(), garbage)
    stepped_clock.advance(MINUTE)
    house.meter.run_without_pushing(stepped_clock.now())
    async with start_headend() as headend, house.listening():
        # Not by its message id, under which the broker keeps it once.
        signed = messages.encode(SignedOrder.of(old, SIGNING_KEY))
        await pipeline._publish(names.commands_subject(4), signed)
        [end] = await desk.end_of(old)
        assert end.state == "superseded"
        assert house.switch.closed
        assert "cannot be read" in end.detail
        [said] = headend.attention()
        assert "order history of 1 meter" in said
        stepped_clock.advance(MINUTE)
        order = house.order("connect")
        await desk.send(order)
        [end] = await desk.end_of(order)
        assert end.state == "confirmed"


async def test_what_was_lost_is_an_alarm_over_restarts_until_a_person_has_seen_it(
    start_headend, pipeline, admin, stepped_clock, losses
):
    house = House(stepped_clock, port=free_port())
    await put_device(pipeline, house.entry())
    await put(admin, names.ORDERS, house.identity.title.hex(), b"x")
    desk = Desk(pipeline)
    async with start_headend() as headend, house.listening():
        order = house.order("connect")
        await desk.send(order)
        await desk.end_of(order)
        said = headend.attention()
    async with start_headend() as headend:
        assert headend.attention() == said != []
        assert house.identity.title.hex() in (await losses()).output
        assert headend.attention() == said
        assert (await losses("--acknowledge")).exit_code == 0
        await until(lambda: headend.attention() == [])
    async with start_headend() as headend:
        assert headend.attention() == []
    assert "Nothing was lost" in (await losses()).output


async def test_a_list_of_losses_that_was_overwritten_is_a_loss(
    start_headend, pipeline, admin, stepped_clock, garbage, losses
):
    await put(admin, names.ORDERS, "losses", garbage)
    async with start_headend() as headend:
        assert any("list of losses" in said for said in headend.attention())
        await put(admin, names.ORDERS, "losses", garbage)
        await headend.losses.refresh()
        assert any("list of losses" in said for said in headend.attention())
        assert (await losses("--acknowledge")).exit_code == 0
        await until(lambda: headend.attention() == [])


async def test_the_count_of_cuts_is_a_full_one(start_headend, pipeline, admin, stepped_clock, garbage):
    house = House(stepped_clock, port=free_port())
    await put_device(pipeline, house.entry())
    await put(admin, names.ORDERS, "brake", garbage)
    desk = Desk(pipeline)
    async with start_headend() as headend, house.listening():
        cut = house.order("disconnect")
        await desk.send(cut)
        await until(lambda: headend.orders.cuts_held == 1)
        assert house.switch.closed
        assert any("count of cuts" in said for said in headend.attention())
        back = house.order("connect")
        await desk.send(back)
        ends = {end.command_id: end.state for end in await desk.end_of(back)}
        assert ends[back.command_id] == "confirmed"


async def test_a_lease_that_is_no_head_end_s_stops_its_meter_alone_until_it_runs_out(
    start_headend, pipeline, admin, stepped_clock, garbage
):
    concerned, other = (House(stepped_clock, number, port=free_port()) for number in (1, 2))
    for house in (concerned, other):
        await put_device(pipeline, house.entry())
    await put(admin, names.LEASES, concerned.identity.title.hex(), garbage or b"x")
    desk = Desk(pipeline)
    async with start_headend() as headend, concerned.listening(), other.listening():
        orders = [house.order("connect") for house in (concerned, other)]
        for order in orders:
            await desk.send(order)
        [end] = await desk.end_of(orders[1])
        assert end.state == "confirmed"
        said = lambda: [one.detail for one in desk.heard if one.command_id == orders[0].command_id]  # noqa: E731
        while not said():
            await desk.listen()
        assert "another head end is in session" in said()[-1]
        assert headend.waiting_for() == []


async def test_releases_that_cannot_be_read_release_nothing(
    start_headend, pipeline, admin, stepped_clock, garbage
):
    await put(admin, names.RELEASES, "asked", garbage)
    async with start_headend() as headend:
        if garbage.startswith(b"{"):
            return  # an object without releases
        await until(lambda: any("not a ReleaseRequests" in said for said in headend.attention()))
        assert headend.waiting_for() == []
        await pipeline.request_releases(list[ReleaseRequest]())
        await until(lambda: headend.attention() == [])


async def test_meter_types(start_headend, pipeline, admin, garbage):
    meter = PushMeter(1)
    await adopt(pipeline, None, meter)
    await put(admin, names.TYPES, "odd", garbage)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.block())
        await until(lambda: accepted(headend) == 1)
        await until(lambda: value(headend, "unreadable_entries") == 1)


@pytest.mark.parametrize("bucket", [names.HELD, names.CONTENTS])
async def test_what_head_ends_tell_the_pipeline(pipeline, admin, bucket, garbage):
    await put(admin, bucket, "headend", garbage)
    told = pipeline.reported_held if bucket == names.HELD else pipeline.reported_contents
    assert await told() == []


async def test_an_approvers_file_that_cannot_be_read_leaves_no_approver(start_headend, tmp_path, garbage):
    """Not those either who stood in it before: one of them may have been removed."""
    file = tmp_path / "approvers.json"
    file.write_bytes(encode_approvers([approver("asha@utility.example", Authenticator())]))
    async with start_headend() as headend:
        await until(lambda: len(headend.releases.approvers) == 1)
        file.write_bytes(garbage)
        await until(lambda: any("approvers.json cannot be read" in said for said in headend.attention()))
        assert headend.releases.approvers == []
        assert headend.waiting_for() == []
