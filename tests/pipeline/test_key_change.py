"""New keys from a command's row to the meter and back: what is stored when, which role can read it, and what survives
a kill."""

import asyncio
from datetime import timedelta

import msgspec
import pytest
from tests.headend.ordering import SIGNING_KEY
from tests.headend.pushing import KEK
from tests.headend.test_key_change import MAKER
from tests.pipeline.test_dispatch import town  # noqa: F401 - a fixture
from tests.pipeline.test_meter_jobs import ask, said, states

from urja.cosem.security import KekStore
from urja.stream.orders import Progress


async def with_master(town, house):  # noqa: F811
    """The house's meter with the master key that its maker has delivered."""
    from urja.apps.assets.models import Device

    wrapped = KekStore(KEK).wrap(bytes.fromhex(house.identity.master_key))

    def write():
        from django.db import connection, transaction

        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('urja.operation', '1', true), set_config('urja.known_at', now()::text, true)"
            )
            Device.objects.filter(id=house.adopted.device_id).update(wrapped_master=wrapped)
            from urja.apps.assets.projection_versions import mark_due

            mark_due([house.adopted.device_id])

    await town.in_thread(write)
    await project(town)


async def project(town):  # noqa: F811
    from urja.pipeline.project import Project

    stage = Project(town.broker, "Asia/Kolkata", signing_key=SIGNING_KEY, in_thread=town.in_thread)
    await stage.run_once(town.clock.now())


def device_of(house):
    from urja.apps.assets.models import Device

    return Device.objects.get(id=house.adopted.device_id)


def new_keys():
    from urja.apps.assets.models import NewKeys

    return list(NewKeys.objects.all())


async def make(town, house, stage):  # noqa: F811
    command = await town.issue(house, "make_keys")
    await town.until(stage, command, "confirmed")
    return command


async def test_keys_are_stored_before_they_are_sent_and_are_the_meters_once_it_has_proven_them(town):  # noqa: F811
    from urja.apps.journal.models import AuditEntry
    from urja.usecases.operations import TakeNewKeys, perform

    house = await town.raise_house()
    await with_master(town, house)
    stage = await town.stage()
    async with town.headend(), house.listening():
        made = await make(town, house, stage)
        [kept] = await town.in_thread(new_keys)
        assert kept.number == made.id
        assert "new_keys" not in made.evidence
        assert house.meter.keys == house.identity.keys
        await project(town)
        changed = await town.issue(house, "change_keys", arguments={"number": made.id})
        await town.until(stage, changed, "confirmed")
        pair, _ = MAKER.open(
            house.identity.title,
            msgspec.convert(
                {name: bytes(getattr(kept, name)) for name in ("wrapped_guek", "wrapped_gak", "seal")}
                | {"number": kept.number},
                type=type(MAKER.make(b"", 1)),
            ),
        )
        assert house.meter.keys == pair

        def take():
            perform(
                TakeNewKeys(device_id=house.adopted.device_id, number=made.id),
                recorded_at=town.clock.now(),
                actor="keys",
            )
            return device_of(house), new_keys(), AuditEntry.objects.get(kind="take_new_keys")

        device, waiting, entry = await town.in_thread(take)
        assert KekStore(KEK).unwrap(bytes(device.wrapped_guek)) == pair.guek
        assert waiting == []
        assert pair.guek.hex() not in str(entry.content) + str(entry.outcome)
        await project(town)
        read = await town.issue(house, "read_object", arguments={"obis": "0.0.96.1.0.255"})
        await town.until(stage, read, "confirmed")


async def test_keys_that_wait_stay_whatever_else_is_said(town):  # noqa: F811
    house = await town.raise_house()
    await with_master(town, house)
    stage = await town.stage()
    async with town.headend(), house.listening():
        made = await make(town, house, stage)
    [before] = await town.in_thread(new_keys)
    again = await town.issue(house, "make_keys")
    await _said(town, again, MAKER.make(house.identity.title, again.id))
    await town.until(stage, again, "confirmed")
    [after] = await town.in_thread(new_keys)
    assert (after.number, bytes(after.wrapped_guek)) == (made.id, bytes(before.wrapped_guek))


async def test_keys_that_wait_are_not_deleted(town):  # noqa: F811
    from django.db import IntegrityError

    from urja.apps.assets.models import NewKeys

    house = await town.raise_house()
    made = MAKER.make(house.identity.title, 7)
    stored = {name: getattr(made, name) for name in ("wrapped_guek", "wrapped_gak", "seal", "number")}

    def delete():
        NewKeys.objects.create(device_id=house.adopted.device_id, made_at=town.clock.now(), **stored)
        NewKeys.objects.all().delete()

    with pytest.raises(IntegrityError, match="they stay until they are its own"):
        await town.in_thread(delete)


async def test_the_secret_that_came_with_the_keys_is_the_devices_as_well(town):  # noqa: F811
    from urja.apps.assets import meter_keys
    from urja.usecases.operations import TakeNewKeys, perform

    house = await town.raise_house()
    made = MAKER.make(house.identity.title, 7, with_secret=True)

    def take():
        device_id = house.adopted.device_id
        meter_keys.store_new_keys(device_id, 7, msgspec.to_builtins(made), town.clock.now())
        assert meter_keys.unproven_keys([device_id])[device_id] == made
        perform(TakeNewKeys(device_id=device_id, number=7), recorded_at=town.clock.now(), actor="test")
        return device_of(house)

    device = await town.in_thread(take)
    assert bytes(device.wrapped_hls_secret) == made.wrapped_hls_secret


async def test_only_a_command_that_asks_for_keys_brings_any(town):  # noqa: F811
    house = await town.raise_house()
    stage = await town.stage()
    command = await town.issue(house, "read_object", arguments={"obis": "0.0.96.1.0.255"})
    await _said(town, command, MAKER.make(house.identity.title, command.id))
    await town.until(stage, command, "confirmed")
    assert await town.in_thread(new_keys) == []
    assert "new_keys" not in command.evidence


async def test_what_is_no_pair_of_keys_ends_the_command(town):  # noqa: F811
    house = await town.raise_house()
    stage = await town.stage()
    command = await town.issue(house, "make_keys")
    await _said(town, command, {"wrapped_guek": 7})
    await town.until(stage, command, "failed")
    assert await town.in_thread(new_keys) == []


async def _said(town, command, made):  # noqa: F811
    """As if a head end had said so."""
    from tests.stream.servers import PASSWORDS  # noqa: F401

    from urja.stream.broker import connect
    from urja.stream.subjects import User

    headend = await connect(town.nats.url, User.HEADEND, town.nats.password, "test")
    evidence = {"new_keys": made if isinstance(made, dict) else msgspec.to_builtins(made)}
    said = Progress(
        command_id=command.id,
        device_id=command.device_id,
        sequence=command.sequence,
        state="confirmed",
        at=town.clock.now(),
        wall_ms=1,
        evidence=evidence,
    )
    await headend.publish_progress(said, 4)
    await headend.close()


@pytest.mark.parametrize("role", ["urja_web", "urja_pipeline"])
async def test_neither_the_web_nor_the_pipeline_puts_other_keys_in_their_place(town, role):  # noqa: F811
    from django.db import connections
    from django.db.utils import ProgrammingError

    house = await town.raise_house()

    def try_it(statement):
        connection = connections["default"]
        with connection.cursor() as cursor:
            cursor.execute(f"SET ROLE {role}")
            try:
                cursor.execute(statement)
            finally:
                connection.rollback() if not connection.get_autocommit() else None
                cursor.execute("RESET ROLE")

    forbidden = ["UPDATE assets_new_keys SET wrapped_guek = '\\x00'"]
    if role == "urja_web":
        forbidden += [
            "SELECT wrapped_guek FROM assets_new_keys",
            "SELECT wrapped_master FROM assets_device",
            f"INSERT INTO assets_new_keys VALUES ({house.adopted.device_id}, 1, '', '', '', now())",
            "DELETE FROM assets_new_keys",
        ]
    for statement in forbidden:
        with pytest.raises(ProgrammingError, match="permission denied"):
            await town.in_thread(try_it, statement)


# -- jobs --------------------------------------------------------------------------------------------------------


def lead(town):  # noqa: F811
    from urja.pipeline import meter_jobs

    return meter_jobs.run_once(town.clock.now(), 1)


async def until_ended(town, stage, job):  # noqa: F811
    """Run the stages until a job has ended; the words of its rows."""
    async with asyncio.timeout(60):
        while True:
            await town.in_thread(lead, town)
            await project(town)
            await stage.run_once(town.clock.now())
            await town.in_thread(lambda: job.refresh_from_db())  # noqa: PLW0108 - a frame of the test
            if job.ended_at is not None:
                return await town.in_thread(lambda: list(zip(states(job), said(job), strict=True)))


async def ask_for_keys(town, *houses):  # noqa: F811
    serials = tuple(house.identity.serial for house in houses)
    return await town.in_thread(
        lambda: ask(town.clock.now(), kind="change_keys", meters=serials, reason="yearly")
    )


async def test_a_job_gives_each_meter_keys_and_ends_when_all_have_proven_them(town):  # noqa: F811
    houses = [await town.raise_house(number) for number in (1, 2)]
    for house in houses:
        await with_master(town, house)
    stage = await town.stage()
    async with town.headend(), houses[0].listening(), houses[1].listening():
        assert await until_ended(town, stage, await ask_for_keys(town, *houses)) == [
            ("done", ""),
            ("done", ""),
        ]
        for house in houses:
            device = await town.in_thread(device_of, house)
            assert house.meter.keys.guek == KekStore(KEK).unwrap(bytes(device.wrapped_guek))
            assert house.meter.keys != house.identity.keys
        assert await town.in_thread(new_keys) == []
        # And once more, now from keys that this system has made.
        before = houses[0].meter.keys
        assert await until_ended(town, stage, await ask_for_keys(town, houses[0])) == [("done", "")]
        assert houses[0].meter.keys != before


async def test_a_meter_that_failed_is_given_the_same_keys_again(town):  # noqa: F811
    house = await town.raise_house()
    await with_master(town, house)
    stage = await town.stage()
    identity = house.meter.identity
    house.meter.identity = msgspec.structs.replace(identity, master_key="ff" * 16)
    async with town.headend(), house.listening():
        [(state, words)] = await until_ended(town, stage, await ask_for_keys(town, house))
        assert state == "failed"
        assert "refused: method 2 of 0.0.43.0.3.255" in words
        [waiting] = await town.in_thread(new_keys)
        house.meter.identity = identity
        assert await until_ended(town, stage, await ask_for_keys(town, house)) == [("done", "")]
    device = await town.in_thread(device_of, house)
    assert bytes(device.wrapped_guek) == bytes(waiting.wrapped_guek)


async def test_a_pipeline_that_dies_in_between_goes_on_where_it_was(town, monkeypatch):  # noqa: F811
    """The command is confirmed and the keys are the device's, but the row does not say so."""
    from urja.apps.journal.models import AuditEntry
    from urja.apps.meter_jobs import key_changes

    house = await town.raise_house()
    await with_master(town, house)
    stage = await town.stage()
    end, deaths = key_changes.end, iter([True, True])

    def dies(*arguments, **more):
        if next(deaths, False):
            raise OSError("killed")
        end(*arguments, **more)

    monkeypatch.setattr(key_changes, "end", dies)
    async with town.headend(), house.listening():
        job = await ask_for_keys(town, house)
        for _ in range(2):
            with pytest.raises(OSError, match="killed"):
                await until_ended(town, stage, job)
        assert await until_ended(town, stage, job) == [("done", "")]
    entries = await town.in_thread(lambda: AuditEntry.objects.filter(kind="take_new_keys").count())
    device = await town.in_thread(device_of, house)
    assert entries == 1
    assert KekStore(KEK).unwrap(bytes(device.wrapped_guek)) == house.meter.keys.guek


async def test_a_meter_that_took_its_keys_unheard_is_asked_again_a_day_later(town):  # noqa: F811
    """Its job has expired; no person asks again, and in the end the keys are the device's."""
    from urja.apps.commands.models import Command

    house = await town.raise_house()
    await with_master(town, house)
    stage = await town.stage()
    async with town.headend():
        async with house.listening():
            take = house.meter.transfer_keys

            def transfer_keys(wrapped):
                take(wrapped)
                house.station.drop_link()
                away.set()

            away = asyncio.Event()
            house.meter.transfer_keys = transfer_keys
            job = await ask_for_keys(town, house)
            while not away.is_set():
                await town.in_thread(lead, town)
                await project(town)
                await stage.run_once(town.clock.now())
        town.clock.advance(timedelta(days=1, minutes=5))
        [(state, _)] = await until_ended(town, stage, job)
        assert state == "expired"
        assert len(await town.in_thread(new_keys)) == 1
        await town.in_thread(lead, town)
        assert await town.in_thread(lambda: Command.objects.filter(kind="change_keys").count()) == 1, (
            "not before a day is over"
        )
        town.clock.advance(timedelta(days=1))
        async with house.listening():
            while await town.in_thread(new_keys):
                await town.in_thread(lead, town)
                await stage.run_once(town.clock.now())
    device = await town.in_thread(device_of, house)
    assert KekStore(KEK).unwrap(bytes(device.wrapped_guek)) == house.meter.keys.guek


async def test_a_meter_is_given_keys_by_one_job_at_a_time(town):  # noqa: F811
    from urja.apps.journal.errors import RefusedError

    house = await town.raise_house()
    await with_master(town, house)
    job = await ask_for_keys(town, house)
    with pytest.raises(RefusedError, match=f"row 1: job {job.id} is giving the meter new keys"):
        await ask_for_keys(town, house)


async def test_a_meter_without_a_master_key_is_refused_with_its_sentence(town):  # noqa: F811
    from urja.apps.journal.errors import RefusedError

    house = await town.raise_house()
    with pytest.raises(RefusedError, match="row 1: the meter's master key is not known"):
        await ask_for_keys(town, house)
