"""Who installs keys of their own choosing in meters: not the pipeline's broker password, not its database, not a copy."""

import msgspec
import pytest
from tests.headend import conftest
from tests.headend.conftest import until, value
from tests.headend.ordering import SIGNING_KEY, Desk, House, put_device
from tests.headend.pushing import KEK, PushMeter
from tests.headend.test_key_change import MAKER, change, make_keys, obeys
from tests.headend.test_pushes import Line, accepted

from urja.base.ports import free_port
from urja.cosem.security import SuiteKeys, wrap_key
from urja.stream.messages import NextKeys
from urja.stream.orders import SignedOrder

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend = conftest.start_headend

KNOWN = SuiteKeys(bytes(range(40, 56)), bytes(range(56, 72)))
"""Keys that the thief knows, and whose wrapped form it has: those of a meter on its own wall."""
KNOWN_WRAPPED = {"wrapped_guek": wrap_key(KEK, KNOWN.guek), "wrapped_gak": wrap_key(KEK, KNOWN.gak)}


@pytest.fixture
async def house(stepped_clock, pipeline) -> House:
    house = House(stepped_clock, port=free_port())
    await put_device(pipeline, house.entry())
    return house


@pytest.mark.parametrize("seal", [b"", bytes(32), "of another meter"])
async def test_keys_that_no_head_end_made_for_this_meter_are_not_installed(
    start_headend, pipeline, house, seal
):
    """With the signing key as well: the order is the pipeline's, the keys are not."""
    if isinstance(seal, str):
        seal = MAKER.make(b"URJ\0other", 7).seal
    forged = NextKeys(number=7, seal=seal, **KNOWN_WRAPPED)
    await put_device(pipeline, msgspec.structs.replace(house.entry(), next_keys=forged))
    desk = Desk(pipeline)
    order = house.order("change_keys", arguments={"number": 7})
    async with start_headend(), house.listening():
        await desk.send(order)
        [end] = await desk.end_of(order)
        assert end.state == "failed"
        assert "no head end has made them for this meter" in end.detail
        assert await obeys(desk, house) == "confirmed"
    assert house.meter.keys == house.identity.keys


async def test_keys_made_for_one_meter_are_installed_in_no_other(start_headend, pipeline, house):
    other = MAKER.make(b"URJ\0\0\0\0\x09", 7)
    await put_device(pipeline, msgspec.structs.replace(house.entry(), next_keys=other))
    desk = Desk(pipeline)
    order = house.order("change_keys", arguments={"number": 7})
    async with start_headend(), house.listening():
        await desk.send(order)
        assert [end.state for end in await desk.end_of(order)] == ["failed"]
    assert house.meter.keys == house.identity.keys


async def test_no_meter_pushes_under_keys_that_the_projection_was_made_to_offer(start_headend, pipeline):
    meter = PushMeter(41)
    forged = NextKeys(number=7, seal=bytes(32), **KNOWN_WRAPPED)
    await put_device(pipeline, meter.entry(next_keys=forged))
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        await until(lambda: meter.title in headend.roster.meters)
        await line.send(PushMeter(41, counter=10, new_keys=KNOWN).block(import_wh=999_999))
        await until(lambda: value(headend, "quarantined_total", reason="wrong-key") == 1)
        assert accepted(headend) == 0


async def test_the_brokers_password_orders_no_transfer(start_headend, pipeline, house):
    desk = Desk(pipeline)
    async with start_headend() as headend, house.listening():
        made = await make_keys(desk, house)
        order = house.order("change_keys", arguments={"number": made.number})
        await desk.send(order, SignedOrder.of(order, bytes(32)))
        await until(lambda: value(headend, "orders_refused_total", why="forged") == 1)
    assert house.meter.keys == house.identity.keys


async def test_a_captured_transfer_order_is_not_carried_out_again(start_headend, pipeline, house):
    """A copy of the first change, after the second: the meter does not go back to keys that were changed for a reason."""
    desk = Desk(pipeline)
    async with start_headend() as headend, house.listening():
        made = await make_keys(desk, house)
        first = house.order("change_keys", arguments={"number": made.number})
        await desk.send(first)
        await desk.end_of(first)
        proven = msgspec.structs.replace(
            house.entry(), wrapped_guek=made.wrapped_guek, wrapped_gak=made.wrapped_gak
        )
        await put_device(pipeline, proven)
        second = MAKER.make(house.identity.title, 99)
        await put_device(pipeline, msgspec.structs.replace(proven, next_keys=second))
        await change(desk, house, second)
        keys = house.meter.keys
        # The thief of the broker's password also puts the first pair back where the head ends read it.
        await put_device(pipeline, msgspec.structs.replace(proven, next_keys=made))
        await pipeline.publish_order(house.order("change_keys"), SignedOrder.of(first, SIGNING_KEY), 4)
        await until(lambda: value(headend, "orders_refused_total", why="replayed") == 1)
    assert house.meter.keys == keys == MAKER.open(house.identity.title, second)[0]


async def test_what_is_made_shows_nothing_of_the_keys(start_headend, pipeline, house, caplog):
    desk = Desk(pipeline)
    async with start_headend(), house.listening():
        made = await make_keys(desk, house)
        await change(desk, house, made)
    keys, _ = MAKER.open(house.identity.title, made)
    told = repr([msgspec.to_builtins(said) for said in desk.heard]) + caplog.text
    for key in (keys.guek, keys.gak, house.identity.keys.guek, bytes.fromhex(house.identity.master_key)):
        assert key.hex() not in told
        assert repr(key) not in told


def test_a_session_that_is_taken_over_gives_no_meter_keys(database):
    """An administrator's, with their passkey: it takes a second person's, and until then no meter is told anything."""
    from tests.apps.approvals.office import NOW, Person, home, state_of, work

    from urja.apps.commands.models import Command
    from urja.apps.meter_jobs.models import Job
    from urja.pipeline import meter_jobs
    from urja.usecases.operations import ChangeKeys

    home(wrapped_master=bytes(24))
    asha, bina = Person("asha", "administrator"), Person("bina", "administrator")
    request = asha.ask(ChangeKeys(meters=("URJ00000001",), reason="yearly"))
    work()
    asha.approve(request)
    work()
    meter_jobs.run_once(NOW, 1)
    assert state_of(request) == "approval"
    assert not Job.objects.exists()
    bina.approve(request)
    work()
    meter_jobs.run_once(NOW, 1)
    assert [command.kind for command in Command.objects.all()] == ["make_keys"]
