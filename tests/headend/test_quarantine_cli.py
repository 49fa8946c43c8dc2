"""`urja quarantine`: list, show and replay, against a broker and a head end."""

import asyncio
import json
from types import SimpleNamespace

import pytest
from click.testing import CliRunner, Result
from tests.headend.conftest import adopt, until, value
from tests.headend.pushing import PushMeter
from tests.headend.test_pushes import Line
from tests.stream.servers import PASSWORDS

from urja.site.admin import Administration
from urja.site.exits import Exit, Refusal
from urja.site.headend_cli import quarantine
from urja.stream import User


@pytest.fixture
def command(nats_server, monkeypatch):
    """Runs `urja quarantine ...` with the administrator's access to this test's broker."""
    access = SimpleNamespace(
        broker_url=nats_server.url, broker_user="admin", broker_password=PASSWORDS[User.ADMIN]
    )
    monkeypatch.setattr(Administration, "of", lambda data: SimpleNamespace(secrets=access))

    async def run(*arguments: str) -> Result:
        return await asyncio.to_thread(CliRunner().invoke, quarantine, list(arguments))

    return run


async def test_a_strangers_push_is_listed_shown_adopted_and_replayed(
    command, start_headend, pipeline, stored
):
    meter = PushMeter(1)
    async with start_headend() as headend, Line(headend.gate.port) as line:
        frame = meter.block()
        await line.send(frame)
        await until(lambda: value(headend, "quarantined_total", reason="unknown-meter") == 1)
        await headend.aside.drain()

        listed = await command("list")
        assert "unknown-meter" in listed.output
        assert "1 frame in quarantine" in listed.output
        [facts] = json.loads((await command("list", "--json", "--reason", "unknown-meter")).stdout)
        assert (facts["frame"], facts["source"]) == (frame.hex(), meter.title.hex())
        shown = await command("show", str(facts["sequence"]))
        assert frame.hex() in shown.output

        early = await command("replay", str(facts["sequence"]))
        assert early.exit_code == Exit.FAILED
        assert "refused: unknown-meter" in early.output

        await adopt(pipeline, headend, meter)
        replayed = await command("replay", "--source", meter.title.hex())
        assert replayed.exit_code == 0, replayed.output
        assert "accepted" in replayed.output
        assert "0 frames" in (await command("list")).output
    await stored.take()
    assert len(stored.records("block")) == 1


async def test_what_is_not_there_is_said(command, admin):
    assert isinstance((await command("show", "17")).exception, Refusal)
    assert isinstance((await command("replay")).exception, Refusal)
    assert (await command("list", "--json")).stdout.strip() == "[]"


async def test_without_a_broker_the_command_says_so(command, nats_server, monkeypatch):
    nats_server.kill()
    refused = (await command("list")).exception
    assert isinstance(refused, Refusal)
    assert refused.code == Exit.UNAVAILABLE
