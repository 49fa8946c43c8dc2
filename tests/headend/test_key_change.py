"""Key change of a meter: both key pairs are valid until it has proven the new one, whatever dies or is lost
meanwhile."""

import asyncio

import msgspec
import pytest
from prometheus_client import CollectorRegistry
from tests.headend.conftest import adopt, until, value
from tests.headend.ordering import SIGNING_KEY, Desk, House, put_device
from tests.headend.pushing import KEK, PushMeter
from tests.headend.test_pushes import Line, accepted
from tests.stream.servers import PASSWORDS

from urja.base.ports import free_port
from urja.base.process_secrets import HeadendSecrets
from urja.base.settings import HeadendSettings, Settings
from urja.cosem.apdu import AccessResult
from urja.cosem.security import ENCRYPTED, KekStore
from urja.headend.new_keys import KeyGenerator
from urja.headend.process import HeadEnd
from urja.headend.sealed_state import Seal
from urja.meter.events import EventCode, Log
from urja.meter.identity import seeded_identity
from urja.meter.object_model import RefusedError
from urja.stream.messages import NextKeys
from urja.stream.signing import public_key
from urja.stream.subjects import User

MAKER = KeyGenerator(KekStore(KEK), Seal(KEK))


@pytest.fixture
def desk(pipeline) -> Desk:
    return Desk(pipeline)


@pytest.fixture
async def house(stepped_clock, pipeline) -> House:
    house = House(stepped_clock, port=free_port())
    await put_device(pipeline, house.entry())
    return house


def opened(house, made):
    return MAKER.open(house.identity.title, made)[0]


async def make_keys(desk, house) -> NextKeys:
    """As the pipeline does it: the keys are made, stored, and given to the head ends with the projection."""
    order = house.order("make_keys")
    await desk.send(order)
    [end] = await desk.end_of(order)
    assert (end.state, end.detail) == ("confirmed", "")
    made = msgspec.convert(end.evidence["new_keys"], NextKeys)
    await put_device(desk.broker, msgspec.structs.replace(house.entry(), next_keys=made))
    return made


async def change(desk, house, made, **more):
    order = house.order("change_keys", arguments={"number": made.number}, **more)
    await desk.send(order)
    [end] = await desk.end_of(order)
    return end


async def obeys(desk, house) -> str:
    """How an order ends that is read back; the meter is reached under whichever keys it has."""
    order = house.order("set_billing_day", arguments={"day": 7})
    await desk.send(order)
    [end] = await desk.end_of(order)
    return end.state


async def test_a_meter_is_given_new_keys_and_proves_them(start_headend, desk, house):
    async with start_headend(), house.listening():
        made = await make_keys(desk, house)
        assert house.meter.keys == house.identity.keys
        end = await change(desk, house, made)
        assert (end.state, end.evidence["number"]) == ("confirmed", made.number)
        assert house.meter.keys == opened(house, made)
        assert await obeys(desk, house) == "confirmed"


async def test_counters_begin_again_and_both_sides_agree_on_them(start_headend, desk, house):
    house.meter.received_counters = dict.fromkeys(house.meter.received_counters, 70_000)
    async with start_headend(), house.listening():
        made = await make_keys(desk, house)
        await change(desk, house, made)
        entry = msgspec.structs.replace(
            house.entry(), wrapped_guek=made.wrapped_guek, wrapped_gak=made.wrapped_gak
        )
        await put_device(desk.broker, entry)
        assert await obeys(desk, house) == "confirmed"
    async with start_headend(), house.listening():
        # The projection knows these keys alone by now.
        assert await obeys(desk, house) == "confirmed"


class _TakesWithoutAnswer:
    """The meter's keys change, and the sender gets no answer: the link breaks, or the head end dies."""

    def __init__(self, house, then) -> None:
        self.times = 0
        take = house.meter.transfer_keys

        def transfer_keys(wrapped):
            take(wrapped)
            self.times += 1
            then()

        house.meter.transfer_keys = transfer_keys


async def test_a_lost_answer_locks_no_head_end_out(start_headend, desk, house):
    taken = _TakesWithoutAnswer(house, house.station.drop_link)
    async with start_headend(), house.listening():
        made = await make_keys(desk, house)
        end = await change(desk, house, made)
    assert end.state == "confirmed"
    assert taken.times == 1
    assert house.meter.keys == opened(house, made)


async def test_a_head_end_that_dies_after_the_transfer_is_not_locked_out(start_headend, desk, house):
    dead = asyncio.Event()

    def die():
        dead.set()
        house.station.drop_link()

    async with start_headend(), house.listening():
        made = await make_keys(desk, house)
        taken = _TakesWithoutAnswer(house, die)
        order = house.order("change_keys", arguments={"number": made.number})
        await desk.send(order)
        await asyncio.wait_for(dead.wait(), 60)
    async with start_headend(), house.listening():
        [end] = await desk.end_of(order)
        assert end.state == "confirmed"
        assert await obeys(desk, house) == "confirmed"
    assert taken.times == 1
    assert house.meter.keys == opened(house, made)


async def test_a_meter_that_took_the_keys_unheard_proves_them_to_a_later_order(start_headend, desk, house):
    """The first order ended without a word; nothing is transferred twice."""
    async with start_headend(), house.listening():
        made = await make_keys(desk, house)
    house.meter.keys = opened(house, made)
    taken = _TakesWithoutAnswer(house, lambda: None)
    async with start_headend(), house.listening():
        assert await obeys(desk, house) == "confirmed"
        assert (await change(desk, house, made)).state == "confirmed"
    assert taken.times == 0


async def test_a_meter_that_refuses_goes_on_under_its_keys(start_headend, desk, house):
    house.meter.identity = msgspec.structs.replace(house.identity, master_key="ff" * 16)
    async with start_headend(), house.listening():
        made = await make_keys(desk, house)
        end = await change(desk, house, made)
        assert end.state == "failed"
        assert "refused" in end.detail
        assert await obeys(desk, house) == "confirmed"
    assert house.meter.keys == house.identity.keys


async def test_without_a_master_key_nothing_is_made(start_headend, desk, house):
    await put_device(desk.broker, msgspec.structs.replace(house.entry(), wrapped_master=None))
    order = house.order("make_keys")
    async with start_headend(), house.listening():
        await desk.send(order)
        [end] = await desk.end_of(order)
    assert (end.state, end.evidence.keys()) == ("failed", {"round_trips"})
    assert "no master key" in end.detail


async def test_keys_that_wait_are_not_made_forgotten_by_others(start_headend, desk, house):
    """The meter may have taken them: a second pair in their place would lock everybody out."""
    async with start_headend(), house.listening():
        await make_keys(desk, house)
        order = house.order("make_keys")
        await desk.send(order)
        [end] = await desk.end_of(order)
    assert end.state == "failed"
    assert "yet to prove" in end.detail


class TestPushes:
    @staticmethod
    def waiting(meter):
        made = MAKER.make(meter.title, 7)
        return meter.entry(next_keys=made), MAKER.open(meter.title, made)[0]

    async def test_both_pairs_are_taken_each_with_a_window_of_its_own(self, start_headend, pipeline, stored):
        meter = PushMeter(31, counter=900)
        entry, new_keys = self.waiting(meter)
        await put_device(pipeline, entry)
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await until(lambda: meter.title in headend.roster.meters)
            await line.send(before := meter.block(import_wh=1))
            await until(lambda: accepted(headend) == 1)
            after = PushMeter(31, new_keys=new_keys)
            # Twelve at once, so that they are opened as a matrix; their counters are below the window of the old keys.
            pushes = [after.block(import_wh=wh) for wh in range(2, 14)]
            await line.send(*pushes)
            await until(lambda: accepted(headend) == 13)
            await line.send(before, *pushes, meter.block(import_wh=14))
            await until(lambda: accepted(headend) == 14)
            assert value(headend, "duplicates_total") == 13
            assert headend.roster.meters[meter.title].next.expected
        await stored.take()
        assert sorted(stored.records("block")["import_wh"].tolist()) == list(range(1, 15))
        assert len({record["correlation"] for record in stored.records("block")}) == 14

    async def test_both_windows_outlive_a_restart_and_the_end_of_the_change(self, start_headend, pipeline):
        meter = PushMeter(32, counter=900)
        entry, new_keys = self.waiting(meter)
        after = PushMeter(32, new_keys=new_keys)
        await put_device(pipeline, entry)
        old, new = meter.block(), after.block()
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await until(lambda: meter.title in headend.roster.meters)
            await line.send(old, new)
            await until(lambda: accepted(headend) == 2)
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await until(lambda: meter.title in headend.roster.meters)
            await line.send(old, new)
            await until(lambda: value(headend, "duplicates_total") == 2)
            proven = msgspec.structs.replace(
                meter.entry(),
                wrapped_guek=entry.next_keys.wrapped_guek,
                wrapped_gak=entry.next_keys.wrapped_gak,
            )
            await put_device(pipeline, proven)
            await until(lambda: headend.roster.meters[meter.title].next is None)
            await line.send(new, after.block())
            await until(lambda: accepted(headend) == 1)
            assert value(headend, "duplicates_total") == 3
            await line.send(meter.block())
            await until(lambda: value(headend, "quarantined_total", reason="replay") == 0)
            await until(lambda: value(headend, "quarantined_total", reason="wrong-key") == 1)

    async def test_pushes_without_a_tag_are_told_under_both_pairs(self, start_headend, pipeline, stored):
        meter = PushMeter(35, control=ENCRYPTED)
        entry, new_keys = self.waiting(meter)
        after = PushMeter(35, control=ENCRYPTED, new_keys=new_keys)
        await put_device(pipeline, msgspec.structs.replace(entry, device_type="urja-d1-encrypted"))
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await until(lambda: meter.title in headend.roster.meters)
            await line.send(meter.block(import_wh=1), after.block(import_wh=2))
            await until(lambda: value(headend, "pushes_unauthenticated_total") == 2)
            await line.send(PushMeter(35, control=ENCRYPTED, wrong_key=True, counter=8).block())
            await until(lambda: value(headend, "quarantined_total", reason="unprotected") == 1)
        await stored.take()
        assert sorted(stored.records("block")["import_wh"].tolist()) == [1, 2]

    async def test_what_fits_neither_pair_is_quarantined_once(self, start_headend, pipeline):
        meter = PushMeter(33)
        entry, _ = self.waiting(meter)
        await put_device(pipeline, entry)
        async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
            await until(lambda: meter.title in headend.roster.meters)
            await line.send(PushMeter(33, wrong_key=True, counter=5).block())
            await until(lambda: value(headend, "quarantined_total", reason="wrong-key") == 1)
            await adopt(pipeline, headend, PushMeter(34))
            assert value(headend, "quarantined_total", reason="wrong-key") == 1


class TestSecret:
    """A meter of HLS mechanism 2: its secret is changed before its keys, and whatever dies may die in between."""

    @pytest.fixture
    async def secretive(self, stepped_clock, pipeline):
        house = House(stepped_clock)
        house.identity = seeded_identity("00000001", "urja-d1-aes", 3)
        house._mount()
        entry = house.entry
        secret = KekStore(KEK).wrap(bytes.fromhex(house.identity.hls_secret))
        house.entry = lambda: msgspec.structs.replace(entry(), wrapped_hls_secret=secret)
        await put_device(pipeline, house.entry())
        return house

    async def test_it_is_changed_with_the_keys(self, start_headend, desk, secretive):
        house = secretive
        async with start_headend() as headend, house.dialled_in(headend.wrapper_port.port):
            made = await make_keys(desk, house)
            assert (await change(desk, house, made)).state == "confirmed"
            keys, secret = MAKER.open(house.identity.title, made)
            assert (house.meter.keys, house.meter.hls_secret) == (keys, secret)
            assert secret != bytes.fromhex(house.identity.hls_secret)
            entry = msgspec.structs.replace(
                house.entry(),
                wrapped_guek=made.wrapped_guek,
                wrapped_gak=made.wrapped_gak,
                wrapped_hls_secret=made.wrapped_hls_secret,
            )
            await put_device(desk.broker, entry)
            await until(lambda: headend.roster.meters[house.identity.title].next is None)
            assert await obeys(desk, house) == "confirmed"

    async def test_a_link_that_breaks_between_secret_and_keys_locks_no_head_end_out(
        self, start_headend, desk, secretive
    ):
        house, breaks = secretive, iter([True, True])
        take = house.meter.transfer_keys

        def transfer_keys(wrapped):
            if next(breaks, False):
                house.station.drop_link()
                raise RefusedError(AccessResult.TEMPORARY_FAILURE)
            take(wrapped)

        house.meter.transfer_keys = transfer_keys
        async with start_headend() as headend, house.dialled_in(headend.wrapper_port.port):
            made = await make_keys(desk, house)
            assert (await change(desk, house, made)).state == "confirmed"
            assert (house.meter.keys, house.meter.hls_secret) == MAKER.open(house.identity.title, made)
            codes = [row[2] for row in house.meter.engine.logs[Log.TRANSACTION].by_entry(1, 0)]
            assert codes == [EventCode.HLS_SECRET_CHANGED, EventCode.KEYS_CHANGED]


async def test_a_running_head_end_opens_what_the_next_key_of_the_store_has_wrapped(
    nats_server, admin, pipeline, stepped_clock, desk, tmp_path
):
    """The key-encryption key is changed beside it: it reads its file again, and its own state stays sealed as it was."""
    file, second = tmp_path / "headend.json", bytes(range(100, 116))

    def written(**keys):
        file.write_bytes(msgspec.json.encode({"broker_password": "x"} | keys))

    written(kek=KEK)
    secrets = HeadendSecrets(
        broker_url=nats_server.url,
        broker_user="headend",
        broker_password=PASSWORDS[User.HEADEND],
        kek=KEK,
        kek_file=str(file),
        seal_key=KEK,
        orders_key=public_key(SIGNING_KEY),
    )
    settings = Settings(headend=HeadendSettings(hosts=("127.0.0.1",), port=0))
    house = House(stepped_clock, port=free_port())
    await put_device(pipeline, house.entry())
    store = KekStore(second)
    rewrapped = msgspec.structs.replace(
        house.entry(),
        wrapped_guek=store.wrap(house.identity.keys.guek),
        wrapped_gak=store.wrap(house.identity.keys.gak),
        wrapped_master=store.wrap(bytes.fromhex(house.identity.master_key)),
    )
    async with (
        HeadEnd.running(settings, secrets, stepped_clock, CollectorRegistry()) as headend,
        house.listening(),
    ):
        assert await obeys(desk, house) == "confirmed"
        written(kek=second, retiring_kek=KEK)
        await put_device(pipeline, rewrapped)
        await until(
            lambda: headend.roster.meters[house.identity.title].entry.wrapped_guek == rewrapped.wrapped_guek
        )
        assert await obeys(desk, house) == "confirmed"
        order = house.order("make_keys")
        await desk.send(order)
        [end] = await desk.end_of(order)
        made = msgspec.convert(end.evidence["new_keys"], NextKeys)
        keys, _ = KeyGenerator(KekStore(second), Seal(KEK)).open(house.identity.title, made)
        assert len(keys.guek) == 16, "what it makes from then on is under the new key"
