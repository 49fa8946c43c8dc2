"""New keys from a command's row to the meter and back: what is stored when, by whom it can be read, and what survives."""

import msgspec
import pytest
from tests.headend.pushing import KEK
from tests.headend.test_key_change import MAKER
from tests.pipeline.test_dispatch import town  # noqa: F401 - a fixture

from urja.cosem.security import KekStore
from urja.stream.orders import Progress


async def with_master(town, house):  # noqa: F811
    """The house's meter with the master key that its maker has delivered."""
    from urja.apps.registry.models import Device

    wrapped = KekStore(KEK).wrap(bytes.fromhex(house.identity.master_key))

    def write():
        from django.db import connection, transaction

        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "SELECT set_config('urja.operation', '1', true), set_config('urja.known_at', now()::text, true)"
            )
            Device.objects.filter(id=house.adopted.device_id).update(wrapped_master=wrapped)
            from urja.apps.registry.operations.doing import project_anew

            project_anew([house.adopted.device_id])

    await town.in_thread(write)
    await project(town)


async def project(town):  # noqa: F811
    from urja.pipeline.project import Project

    await Project(town.broker, in_thread=town.in_thread).run_once(town.clock.now())


def device_of(house):
    from urja.apps.registry.models import Device

    return Device.objects.get(id=house.adopted.device_id)


def new_keys():
    from urja.apps.registry.models import NewKeys

    return list(NewKeys.objects.all())


async def make(town, house, stage):  # noqa: F811
    command = await town.issue(house, "make_keys")
    await town.until(stage, command, "confirmed")
    return command


async def test_keys_are_stored_before_they_are_sent_and_are_the_meters_once_it_has_proven_them(town):  # noqa: F811
    from urja.apps.registry.models import AuditEntry
    from urja.apps.registry.operations import TakeNewKeys, perform

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
        pair = MAKER.open(
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

    from urja.apps.registry.models import NewKeys

    house = await town.raise_house()
    made = MAKER.make(house.identity.title, 7)
    stored = {name: getattr(made, name) for name in ("wrapped_guek", "wrapped_gak", "seal", "number")}

    def delete():
        NewKeys.objects.create(device_id=house.adopted.device_id, made_at=town.clock.now(), **stored)
        NewKeys.objects.all().delete()

    with pytest.raises(IntegrityError, match="they stay until they are its own"):
        await town.in_thread(delete)


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

    from urja.stream import User, connect

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

    forbidden = ["UPDATE registry_new_keys SET wrapped_guek = '\\x00'"]
    if role == "urja_web":
        forbidden += [
            "SELECT wrapped_guek FROM registry_new_keys",
            "SELECT wrapped_master FROM registry_device",
            f"INSERT INTO registry_new_keys VALUES ({house.adopted.device_id}, 1, '', '', '', now())",
            "DELETE FROM registry_new_keys",
        ]
    for statement in forbidden:
        with pytest.raises(ProgrammingError, match="permission denied"):
            await town.in_thread(try_it, statement)
