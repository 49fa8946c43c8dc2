"""The head ends' copy of the registry, altered without the pipeline: broker, head end and database are real."""

import asyncio

import msgspec
from tests.headend.conftest import until
from tests.headend.ordering import SIGNING_KEY
from tests.pipeline.test_dispatch import Town, town  # noqa: F401 - a fixture

from urja.stream import messages
from urja.stream.broker import connect
from urja.stream.subjects import DEVICES, User


async def test_what_is_purged_or_altered_is_written_again(town: Town, monkeypatch):  # noqa: F811
    from urja.apps.assets import queries
    from urja.headend import projection_contents
    from urja.pipeline import project

    monkeypatch.setattr(project, "COMPARE_EVERY_S", 0.0)
    monkeypatch.setattr(projection_contents, "LEAST_S", 0.05)
    monkeypatch.setattr(projection_contents, "_RESTS", 0)
    purged, altered, untouched = [await town.raise_house(number) for number in (1, 2, 3)]
    titles = [house.identity.title for house in (purged, altered, untouched)]
    admin = await connect(town.nats.url, User.ADMIN, town.nats.password, "test")
    stage = project.Project(town.broker, "Asia/Kolkata", signing_key=SIGNING_KEY, in_thread=town.in_thread)
    async with town.headend() as headend:
        _, as_written = await headend.broker.read_devices()
        assert set(as_written) == {title.hex() for title in titles}
        # A purge reaches no follower: the head end knows the meter until it restarts.
        await admin.jetstream.purge_stream(f"KV_{DEVICES}", subject=f"$KV.{DEVICES}.{titles[0].hex()}")
        # The thief of the pipeline's password puts meters out of service, and in.
        entry = messages.encode(msgspec.structs.replace(altered.entry(), active=False))
        await town.broker._publish(f"$KV.{DEVICES}.{titles[1].hex()}", entry)
        await town.broker._publish(f"$KV.{DEVICES}.0011223344556677", entry)
        assert (await headend.broker.read_devices())[1] != as_written
        assert set(headend.roster.meters) == set(titles)
        async with asyncio.timeout(60):
            while True:
                await stage.run_once(town.clock.now())
                rows = await town.in_thread(queries.written_entries)
                if (await headend.broker.read_devices())[1] == {row.key: row.digest for row in rows}:
                    break
            await until(lambda: headend.attention() == [])
        assert not (await stage.run_once(town.clock.now())).ill
    async with town.headend() as headend:
        assert set(headend.roster.meters) == set(titles)
    await admin.close()
