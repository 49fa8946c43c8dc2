"""`urja quarantine`: list, show, replay and purge, against a broker and a head end."""

import asyncio
import json
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from tests.headend.conftest import adopt, until, value
from tests.headend.pushing import PushMeter
from tests.headend.test_pushes import Line
from tests.stream.servers import PASSWORDS

from urja.site.admin import Administration
from urja.site.cli.quarantine import quarantine
from urja.site.command_errors import CommandError, Exit
from urja.stream.quarantine import Quarantined
from urja.stream.subjects import User


@pytest.fixture
def command(nats_server, monkeypatch, tmp_path):
    """Runs `urja quarantine ...` with the administrator's access to this test's broker."""
    access = SimpleNamespace(
        broker_url=nats_server.url, broker_user="admin", broker_password=PASSWORDS[User.ADMIN]
    )
    monkeypatch.setattr(Administration, "of", lambda data: SimpleNamespace(secrets=access))

    (tmp_path / "logs").mkdir()

    async def run(name: str, *arguments: str) -> Result:
        given = [name, "--data", str(tmp_path), *arguments]
        return await asyncio.to_thread(CliRunner().invoke, quarantine, given)

    return run


async def test_a_strangers_push_is_listed_shown_adopted_and_replayed(
    command, start_headend, pipeline, stored
):
    meter = PushMeter(1)
    async with start_headend() as headend, Line(headend.wrapper_port.port) as line:
        frame = meter.block()
        await line.send(frame)
        await until(lambda: value(headend, "quarantined_total", reason="unknown-meter") == 1)
        await headend.quarantine.drain()

        listed = await command("list")
        assert "unknown-meter" in listed.output
        assert "1 frame in quarantine" in listed.output
        [facts] = json.loads((await command("list", "--json", "--reason", "unknown-meter")).stdout)
        assert (facts["frame"], facts["title"]) == (frame.hex(), meter.title.hex())
        assert facts["source"] == "127.0.0.0/24"
        shown = await command("show", facts["name"])
        assert frame.hex() in shown.output

        early = await command("replay", facts["name"])
        assert early.exit_code == Exit.FAILED
        assert "refused: unknown-meter" in early.output

        await adopt(pipeline, headend, meter)
        replayed = await command("replay", "--title", meter.title.hex())
        assert replayed.exit_code == 0, replayed.output
        assert "accepted" in replayed.output
        assert "0 frames" in (await command("list")).output
    await stored.take()
    assert len(stored.records("block")) == 1


async def test_what_is_not_there_is_said(command, admin):
    assert isinstance((await command("show", "u17")).exception, CommandError)
    assert isinstance((await command("replay")).exception, CommandError)
    assert (await command("list", "--json")).stdout.strip() == "[]"


async def test_without_a_broker_the_command_says_so(command, nats_server, monkeypatch):
    nats_server.kill()
    refused = (await command("list")).exception
    assert isinstance(refused, CommandError)
    assert refused.code == Exit.UNAVAILABLE


def frame_of(number: int, **changes: object) -> Quarantined:
    at = datetime(2026, 3, number, 12, tzinfo=UTC)
    fields = {
        "standing": "unknown",
        "source": "10.0.0.0/24",
        "title": PushMeter(number).title.hex(),
        "reason": "unknown-meter",
        "detail": "no such meter",
        "peer": "tcp 10.0.0.7:51234",
        "received_at_ms": int(at.timestamp() * 1000),
        "frame": bytes([number]),
    }
    return Quarantined(**(fields | changes))


KEPT = [
    frame_of(1),
    frame_of(2),
    frame_of(3, source="10.0.7.0/24"),
    frame_of(4, source="2001:db8::/48", reason="garbage"),
    frame_of(5, standing="claimed", reason="wrong-key"),
    frame_of(6, standing="message", source="poison", reason="poison", title=""),
]


PURGES = [
    (["--source", "10.0.0.0/24"], {1, 2, 5}),
    (["--source", "10.0.0.200"], {1, 2, 5}),
    (["--source", "10.0.0.0/8"], {1, 2, 3, 5}),
    (["--source", "2001:db8::9"], {4}),
    (["--source", "poison"], {6}),
    (["--title", PushMeter(5).title.hex()], {5}),
    (["--reason", "unknown-meter"], {1, 2, 3}),
    (["--before", "2026-03-03"], {1, 2}),
    (["--before", "2026-03-03T12:00:01", "--source", "10.0.7.1"], {3}),
    (["--source", "10.0.0.0/24", "--reason", "wrong-key"], {5}),
    (["--all"], {1, 2, 3, 4, 5, 6}),
]


async def test_what_is_purged_is_what_was_said_and_is_logged(command, admin, tmp_path, subtests):
    log = tmp_path / "logs" / "quarantine.log"
    for options, purged in PURGES:
        with subtests.test(options=options):
            for item in KEPT:
                assert await admin.quarantine(item)
            asked = await command("purge", *options)
            assert isinstance(asked.exception, CommandError)
            count = f"{len(purged)} frame{'' if len(purged) == 1 else 's'}"
            assert f"{count} would be deleted permanently" in str(asked.exception)
            assert len([one async for one in admin.quarantined()]) == len(KEPT)

            done = await command("purge", *options, "--yes")
            assert done.output.startswith(f"{count} deleted"), done.output
            left = {one.item.frame[0] for one in [one async for one in admin.quarantined()]}
            assert left == {item.frame[0] for item in KEPT} - purged
            [line] = [json.loads(line) for line in log.read_text().splitlines()]
            assert (line["event"], line["frames"]) == ("quarantine purged", len(purged))
            assert line["by"]
            assert "No frame with" in (await command("purge", *options, "--yes")).output
        await command("purge", "--all", "--yes")
        log.unlink()


async def test_a_purge_says_what_is_to_go(command, admin):
    await admin.quarantine(KEPT[0])
    for options in ([], ["--all", "--reason", "garbage"]):
        assert isinstance((await command("purge", *options, "--yes")).exception, CommandError)
        assert len([one async for one in admin.quarantined()]) == 1
