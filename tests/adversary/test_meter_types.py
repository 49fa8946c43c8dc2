"""A type decides how bytes become energy: a thief of the web, of the pipeline's role, or of a broker's password.

What a type may be, as files, is bounded in tests/cosem/test_meter_types.py.
"""

import asyncio
import shutil
from itertools import product

import msgspec
import psycopg
import pytest
from tests.cosem.meter_types import PROFILES, write_type
from tests.headend import conftest
from tests.headend.ordering import SIGNING_KEY, put_device
from tests.headend.pushing import NINE
from tests.headend.test_meter_types import TypedMeter, given, sent, signed, until
from tests.one_setup import with_one_setup

from urja.stream import messages
from urja.stream.errors import NotPermittedError, StreamError, StreamFullError
from urja.stream.meter_types import SignedType, TypeEntry
from urja.stream.subjects import TYPES

nats_server, admin, pipeline = conftest.nats_server, conftest.admin, conftest.pipeline
start_headend, stored = conftest.start_headend, conftest.stored

ROW = (
    "INSERT INTO meter_types_version (name, version, valid_from, firmware, text, sha256, loaded_at, actor)"
    " VALUES ('x', '1', '2026-01-01', '{}', '{}', 'x', now(), 'x')"
)


@with_one_setup(
    "role, statement",
    product(
        ["urja_web", "urja_pipeline"],
        [ROW, "UPDATE meter_types_version SET text = ''", "DELETE FROM meter_types_version"],
    ),
)
def test_no_process_loads_or_changes_a_type(database, role, statement):
    """Types are loaded at the installation with the owner's role, like tariffs."""
    with database.connect(role) as connection:
        connection.execute("SELECT count(*) FROM meter_types_version")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute(statement)


TEN_TIMES = PROFILES.replace('scaler = -3, unit = "Wh"', 'scaler = -2, unit = "Wh"')


def false_types(folder, honest) -> dict[str, SignedType | None]:
    """What the thief puts under the name of the honest type, by how it came by it; None: garbage."""
    false = signed(write_type(folder / "false", profiles=TEN_TIMES))
    entry = messages.decode(false.payload, TypeEntry)
    text = (honest / "type.toml").read_text().replace("acme-m7-fw3", "acme-m8")
    return {
        "another key": SignedType.of(entry, bytes(reversed(SIGNING_KEY))),
        "changed after": SignedType(payload=false.payload, signature=signed(honest).signature),
        "unsigned": SignedType(payload=false.payload, signature=b""),
        # Another type that the pipeline has signed, under this one's name.
        "another name": signed(write_type(folder / "other", type=text, profiles=TEN_TIMES), written_us=3),
        # It was in force once, such as a version that was loaded with a mistake.
        "older": signed(write_type(folder / "old", profiles=TEN_TIMES), written_us=1),
        "garbage": None,
    }


async def test_a_thief_of_the_brokers_password_changes_no_scaler(
    start_headend, pipeline, stored, tmp_path, subtests
):
    """The pipeline's password at the broker, without its signing key: the meters are read as before, and it is said."""
    honest, name = write_type(tmp_path / "m7"), "acme-m7-fw3"
    meter = TypedMeter(honest)
    await given(pipeline, honest, written_us=2)
    await put_device(pipeline, meter.entry())
    false = false_types(tmp_path, honest)
    async with start_headend() as headend:
        await until(lambda: meter.title in headend.roster.meters)
        await sent(headend, meter.block(import_wh=250))
        for how, put in false.items():
            with subtests.test(how=how):
                if put is None:
                    await pipeline._publish(f"$KV.types.{name}", b"{}")
                else:
                    await pipeline.put_type(name, put)
                await until(lambda: name in headend.types.unreadable)
                assert name in headend.status()["unreadable_types"]
                [said] = headend.attention()
                assert said.startswith("1 meter types are refused")
                await sent(headend, meter.block(import_wh=275))
                # As the pipeline writes it now and then.
                await given(pipeline, honest, written_us=2)
                await until(lambda: not headend.attention())
                await sent(headend, meter.block(import_wh=300))
    await stored.take()
    assert stored.records("block")["import_wh"].tolist() == [250, *[275, 300] * len(false)]


async def test_bytes_that_are_no_type_stop_its_meters_alone_from_the_next_start_on(
    start_headend, admin, pipeline, stored, tmp_path, subtests
):
    typed, plain = TypedMeter(write_type(tmp_path / "m7")), TypedMeter(None, 2)
    await given(pipeline, tmp_path / "m7")
    for meter in (typed, plain):
        await put_device(pipeline, meter.entry())
    empty = msgspec.json.encode({"entry": "", "signature": ""})
    for value in (b"{}", b"", b"\xff" * 2000, b"[" * 100_000, empty):
        with subtests.test(value=value[:20]):
            async with start_headend() as headend:
                await until(lambda headend=headend: len(headend.roster.meters) == 2)
                await admin.jetstream.publish("$KV.types.acme-m7-fw3", value)
                await until(lambda headend=headend: "acme-m7-fw3" in headend.types.unreadable)
                assert "acme-m7-fw3" in headend.status()["unreadable_types"]
                assert headend.waiting_for() == []
                await sent(headend, plain.block(), typed.block())
            # It starts with that, too.
            async with start_headend() as headend:
                assert list(headend.roster.meters) == [plain.title]
                await sent(headend, plain.alert(NINE, 1))
                await given(pipeline, tmp_path / "m7")
                await until(lambda headend=headend: typed.title in headend.roster.meters)


async def fill(broker, size):
    for number in range(1000):
        await broker._publish(f"$KV.types.junk-{size}-{number}", bytes(size))


async def test_a_thief_who_fills_the_bucket_stops_no_other_write(admin, pipeline, tmp_path):
    """What the stage `project` meets then: the type is refused, a meter is written."""
    folder = write_type(tmp_path / "m7")
    for size in (900_000, 5_000):
        with pytest.raises(StreamFullError):
            await fill(pipeline, size)
    with pytest.raises(StreamFullError):
        await pipeline.put_type("acme-m7-fw3", signed(folder))
    assert await put_device(pipeline, TypedMeter(folder).entry()) > 0


async def test_a_head_end_writes_no_type(nats_server, admin, tmp_path):
    from urja.stream.subjects import User

    broker = await nats_server.connect(User.HEADEND)
    try:
        with pytest.raises((NotPermittedError, StreamError)):
            await asyncio.wait_for(broker.put_type("acme-m7-fw3", signed(write_type(tmp_path / "m7"))), 60)
    finally:
        await broker.close()
    assert await admin._keys(TYPES) == []
    shutil.rmtree(tmp_path / "m7")
