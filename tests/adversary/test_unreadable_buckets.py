"""Each bucket that a head end reads, filled with garbage: it starts, serves who is not concerned, and resets nothing."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator
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
from urja.stream import messages, subjects as names
from urja.stream.orders import Order, SignedOrder
from urja.stream.releases import ReleaseRequest
from urja.stream.subjects import User

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend = conftest.start_headend
MINUTE = dt.timedelta(minutes=1)
COUNT = len(GARBAGE)
"""Meters of a test: each entry of theirs is another garbage, so that a broker is started once for all."""


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


async def houses_of(pipeline, clock, count: int = COUNT) -> list[House]:
    """Houses that are known, each on a port of its own."""
    houses = [House(clock, number, port=free_port()) for number in range(1, count + 1)]
    for house in houses:
        await put_device(pipeline, house.entry())
    return houses


@contextlib.asynccontextmanager
async def listening(houses: list[House]) -> AsyncIterator[None]:
    async with contextlib.AsyncExitStack() as stack:
        for house in houses:
            await stack.enter_async_context(house.listening())
        yield


async def send(desk: Desk, orders: list[Order]) -> None:
    for order in orders:
        await desk.send(order)


async def put(admin, bucket: str, key: str, content: bytes) -> None:
    await admin._publish(f"$KV.{bucket}.{key}", content)


async def test_windows(start_headend, pipeline, admin):
    """The meters of each such group wait; those of others, and new ones of them, do not."""
    concerned = [PushMeter(n, bucket=100 * n) for n in range(1, COUNT + 1)]
    other = PushMeter(COUNT + 1, bucket=0)
    groups = [group_of(meter.bucket) for meter in concerned]
    assert len({*groups, group_of(0)}) == COUNT + 1
    await adopt(pipeline, None, *concerned, other)
    frames = [meter.block() for meter in (*concerned, other)]
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(*frames)
        await until(lambda: accepted(headend) == COUNT + 1)
    for group, garbage in zip(groups, GARBAGE.values(), strict=True):
        await put(admin, names.WINDOWS, f"{group}", garbage)
    for wrong in (f"{WINDOW_GROUPS}", "x"):
        await put(admin, names.WINDOWS, wrong, b"x")
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(*frames)
        await until(lambda: value(headend, "duplicates_total") == 1)
        await until(lambda: value(headend, "quarantined_total", reason="unusable-meter") == COUNT)
        await line.send(other.block(NINE + HALF_HOUR))
        await until(lambda: accepted(headend) == 1)
        assert headend.waiting_for() == []


async def test_send_counters_go_on_above_all_that_was_used(start_headend, pipeline, admin, stepped_clock):
    houses = await houses_of(pipeline, stepped_clock)
    desk = Desk(pipeline)
    async with start_headend(), listening(houses):
        orders = [house.order("connect") for house in houses]
        await send(desk, orders)
        await desk.end_of(*orders)
    for house, garbage in zip(houses, GARBAGE.values(), strict=True):
        await put(admin, names.COUNTERS, counter_of(house), garbage)
    async with start_headend() as headend, listening(houses):
        orders = [house.order("connect") for house in houses]
        await send(desk, orders)
        assert [end.state for end in await desk.end_of(*orders)] == ["confirmed"] * COUNT
        for house in houses:
            assert headend.sessions.counters.next_of(counter_of(house)) > LOST_RESERVATION_MARGIN
        [said] = headend.attention()
        assert f"send counters of {COUNT} meters" in said
        lost = headend.status()["losses"]["counters"]["names"]
        assert sorted(lost) == sorted(house.identity.title.hex() for house in houses)


async def test_the_memory_of_a_meter_s_orders(start_headend, pipeline, admin, stepped_clock):
    """Of what was given before, nothing is carried out again, however young it is; what is given then is."""
    houses = await houses_of(pipeline, stepped_clock)
    desk, old = Desk(pipeline), [house.order("disconnect") for house in houses]
    async with start_headend(), listening(houses):
        await send(desk, old)
        await desk.end_of(*old)
        back = [house.order("connect") for house in houses]
        await send(desk, back)
        await desk.end_of(*back)
    desk.heard.clear()
    for house, garbage in zip(houses, GARBAGE.values(), strict=True):
        await put(admin, names.ORDERS, house.identity.title.hex(), garbage)
    stepped_clock.advance(MINUTE)
    for house in houses:
        house.meter.run_without_pushing(stepped_clock.now())
    async with start_headend() as headend, listening(houses):
        for order in old:
            # Not by its message id, under which the broker keeps it once.
            signed = messages.encode(SignedOrder.of(order, SIGNING_KEY))
            await pipeline._publish(names.commands_subject(4), signed)
        for house, end in zip(houses, await desk.end_of(*old), strict=True):
            assert end.state == "superseded"
            assert house.switch.closed
            assert "cannot be read" in end.detail
        [said] = headend.attention()
        assert f"order history of {COUNT} meters" in said
        stepped_clock.advance(MINUTE)
        orders = [house.order("connect") for house in houses]
        await send(desk, orders)
        assert [end.state for end in await desk.end_of(*orders)] == ["confirmed"] * COUNT


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


async def test_a_list_of_losses_that_was_overwritten_is_a_loss(start_headend, admin, losses, subtests):
    for name, garbage in GARBAGE.items():
        with subtests.test(name):
            await put(admin, names.ORDERS, "losses", garbage)
            async with start_headend() as headend:
                assert any("list of losses" in said for said in headend.attention())
                await put(admin, names.ORDERS, "losses", garbage)
                await headend.losses.refresh()
                assert any("list of losses" in said for said in headend.attention())
                assert (await losses("--acknowledge")).exit_code == 0
                await until(lambda headend=headend: headend.attention() == [])


async def test_the_count_of_cuts_is_a_full_one(
    start_headend, pipeline, admin, stepped_clock, losses, subtests
):
    [house] = await houses_of(pipeline, stepped_clock, 1)
    desk = Desk(pipeline)
    for name, garbage in GARBAGE.items():
        with subtests.test(name):
            await put(admin, names.ORDERS, "brake", garbage)
            async with start_headend() as headend, house.listening():
                cut = house.order("disconnect")
                await desk.send(cut)
                await until(lambda headend=headend: headend.orders.cuts_held == 1)
                assert house.switch.closed
                assert any("count of cuts" in said for said in headend.attention())
                back = house.order("connect")
                await desk.send(back)
                ends = [end.state for end in await desk.end_of(back, cut)]
                assert ends == ["confirmed", "superseded"]
                # Of the next garbage it has to be said again.
                assert (await losses("--acknowledge")).exit_code == 0
                await until(lambda headend=headend: headend.attention() == [])


async def test_a_lease_that_is_no_head_end_s_stops_its_meter_alone_until_it_runs_out(
    start_headend, pipeline, admin, stepped_clock
):
    *concerned, other = houses = await houses_of(pipeline, stepped_clock, COUNT + 1)
    for house, garbage in zip(concerned, GARBAGE.values(), strict=True):
        await put(admin, names.LEASES, house.identity.title.hex(), garbage or b"x")
    desk = Desk(pipeline)
    async with start_headend() as headend, listening(houses):
        orders = [house.order("connect") for house in houses]
        await send(desk, orders)
        [end] = await desk.end_of(orders[-1])
        assert (end.device_id, end.state) == (other.device_id, "confirmed")
        for order in orders[:-1]:
            await desk.until_heard(order)
            said = [one.detail for one in desk.heard if one.command_id == order.command_id]
            assert "another head end is in session" in said[-1]
        assert headend.waiting_for() == []


async def test_releases_that_cannot_be_read_release_nothing(start_headend, pipeline, admin, subtests):
    for name, garbage in GARBAGE.items():
        with subtests.test(name):
            await put(admin, names.RELEASES, "asked", garbage)
            async with start_headend() as headend:
                if garbage.startswith(b"{"):
                    continue  # an object without releases
                await until(
                    lambda headend=headend: any(
                        "not a ReleaseRequests" in said for said in headend.attention()
                    )
                )
                assert headend.waiting_for() == []
                await pipeline.request_releases(list[ReleaseRequest]())
                await until(lambda headend=headend: headend.attention() == [])


async def test_meter_types(start_headend, pipeline, admin):
    meter = PushMeter(1)
    await adopt(pipeline, None, meter)
    for number, garbage in enumerate(GARBAGE.values()):
        await put(admin, names.TYPES, f"odd{number}", garbage)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await line.send(meter.block())
        await until(lambda: accepted(headend) == 1)
        await until(lambda: value(headend, "unreadable_entries") == COUNT)


async def test_what_head_ends_tell_the_pipeline(pipeline, admin):
    for number, garbage in enumerate(GARBAGE.values()):
        for bucket in (names.HELD, names.CONTENTS):
            await put(admin, bucket, f"headend{number}", garbage)
    assert await pipeline.reported_held() == []
    assert await pipeline.reported_contents() == []


async def test_an_approvers_file_that_cannot_be_read_leaves_no_approver(start_headend, tmp_path):
    """Not those either who stood in it before: one of them may have been removed."""
    file = tmp_path / "approvers.json"
    sound = encode_approvers([approver("asha@utility.example", Authenticator())])
    file.write_bytes(sound)
    async with start_headend() as headend:
        for garbage in GARBAGE.values():
            await until(lambda: len(headend.releases.approvers) == 1 and headend.attention() == [])
            file.write_bytes(garbage)
            await until(lambda: any("approvers.json cannot be read" in said for said in headend.attention()))
            assert headend.releases.approvers == []
            assert headend.waiting_for() == []
            file.write_bytes(sound)
