"""The installation as `urja demo` and the world test use it: further children, kills, a clock of its own."""

import asyncio
import itertools
import os
import signal
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.site.test_up import ANY_PORT

from urja.base.configuration import load
from urja.base.ports import free_port
from urja.base.settings import SupervisorSettings
from urja.laws.downtime import read_downtimes
from urja.site.cli import status
from urja.site.command_errors import CommandError, Exit
from urja.site.data_directory import DataDirectory
from urja.site.supervisor import health_probes, installation as supervisor
from urja.site.supervisor.child import Child, ChildSpec, Health
from urja.site.supervisor.installation import WEB, ExtraChild, Installation
from urja.site.supervisor.port_checks import check_ports, resolve_ports

MORNING = datetime(2026, 3, 2, 3, 30, tzinfo=UTC)
_numbers = itertools.count(1)


@pytest.fixture
def data(installation_dir, prepared):
    return prepared(installation_dir / f"installation{next(_numbers)}")


def settings(**extra: str):
    return load(None, {**ANY_PORT, **extra})


async def until(condition, within_s: float = 60.0):
    deadline = time.monotonic() + within_s
    while not (value := condition()):
        assert time.monotonic() < deadline, "did not happen in time"
        await asyncio.sleep(0.02)
    return value


def steady(data: Path, port: int) -> ExtraChild:
    arguments = {"port": port, "farewell": str(data / "farewell")}
    return ExtraChild("steady", "tests.site.extra_children:steady", arguments, ready_port=port)


async def test_a_further_child_lives_with_the_installation(data):
    port = free_port()
    demo = settings(URJA_CLOCK_SPEED="60", URJA_CLOCK_START=MORNING.isoformat())
    installation = Installation(data, demo, extra=[steady(data, port)], processes=[])
    async with installation:
        told = await health_probes.http_json(port, "/status")
        assert told["zone"] == "Asia/Kolkata"
        assert told["speed"] == 60.0
        assert MORNING <= datetime.fromisoformat(told["business"]) <= installation.clock.now()
        assert set(await installation.backlog()) == {
            "COMMANDS/carry",
            "OUTCOMES/settle",
            "PROGRESS/note",
            "READINGS/ingest",
            "REQUESTS/sessions",
        }

        first = installation.pid("steady")
        installation.kill("steady")
        await until(lambda: installation.pid("steady") not in {None, first})
        await until(lambda: installation.snapshot()["steady"]["state"] == "ready")
        assert installation.snapshot()["steady"]["restarts"] == 1

        await installation.stop_child("steady")
        assert (data / "farewell").read_text() == "stopped in order"
        assert installation.pid("steady") is None
        stopped_at, since = installation.clock.now(), time.monotonic()
    async with Installation(data, demo, processes=[]) as again:
        # Business time stood still between the two, but for what stop and start themselves take.
        passed_s = (again.clock.now() - stopped_at).total_seconds()
        assert 0 <= passed_s < 60 * (time.monotonic() - since)


async def test_a_demonstration_records_when_a_child_was_down(data):
    port = free_port()
    async with Installation(
        data, settings(), extra=[steady(data, port)], demo=True, processes=[]
    ) as installation:
        await until(lambda: installation.snapshot()["steady"]["health"] == "ok")
        killed_at, first = installation.clock.now(), installation.pid("steady")
        installation.kill("steady")
        await until(lambda: installation.pid("steady") not in {None, first})
        await until(lambda: installation.snapshot()["steady"]["health"] == "ok")
        back_at = installation.clock.now()
        [start, down] = read_downtimes(installation.data.outages, {"steady", "nats"}).spans
        assert start[1] <= killed_at <= down[0] < down[1] <= back_at
        assert read_downtimes(installation.data.outages, {"nats", "postgres"}).spans == ()


async def test_a_child_that_cannot_live_fails_the_start_with_its_reason(data):
    hopeless = ExtraChild("hopeless", "tests.site.extra_children:hopeless", {"what": "flour"}, ready_port=1)
    installation = Installation(
        data, settings(URJA_SUPERVISOR_CRASH_LIMIT="2"), extra=[hopeless], processes=[]
    )
    with pytest.raises(
        CommandError, match=r"hopeless keeps stopping \(2 times in a row\): .*no flour in the house"
    ) as no:
        await installation.start()
    assert no.value.code is Exit.SOFTWARE
    assert {child["pid"] for child in installation.snapshot().values()} == {None}


async def test_a_child_that_is_slow_is_said_to_be_late(tmp_path):
    """A warning was the last line of its log and was named as the reason, with advice that could not help."""

    async def answers() -> Health:
        return Health.UNKNOWN

    spec = ChildSpec("slow", lambda: ["sh", "-c", "echo fewer connections; exec sleep 60"], answers)
    hurried = SupervisorSettings(ready_timeout_s=0.5)
    child = Child(spec, tmp_path / "slow.log", hurried, lambda: None, asyncio.Event())
    with pytest.raises(
        CommandError, match=r"slow was not ready within 0.5 s: .* ready_timeout_s in .supervisor"
    ):
        await child.start()
    await child.stop()


async def test_a_child_that_keeps_stopping_leaves_the_others_running(data):
    port, mood = free_port(), data / "bad-mood"
    limits = settings(URJA_SUPERVISOR_CRASH_LIMIT="2", URJA_SUPERVISOR_BACKOFF_CAP_S="0.5")
    moody = ExtraChild(
        "moody", "tests.site.extra_children:moody", {"port": port, "mood": str(mood)}, ready_port=port
    )
    async with Installation(data, limits, extra=[moody], processes=[]) as installation:
        others = {name: child["pid"] for name, child in installation.snapshot().items() if name != "moody"}
        mood.touch()
        installation.kill("moody")
        failure = await asyncio.wait_for(installation.wait_failed(), 60)
        assert "not in the mood" in str(failure)
        assert failure.code is Exit.SOFTWARE
        report = await status.gather(DataDirectory(data))
        assert not report["well"]
        assert "moody keeps stopping" in status.render(report)
        assert {
            name: child["pid"] for name, child in installation.snapshot().items() if name != "moody"
        } == others
        assert installation.failing() is not None
        # It is tried on: when the cause is gone it comes back by itself.
        mood.unlink()
        await until(lambda: installation.snapshot()["moody"]["state"] == "ready")
        assert installation.failing() is None


async def test_an_installation_that_is_stopped_while_a_child_keeps_stopping_says_so_by_its_exit_code(data):
    port, mood = free_port(), data / "bad-mood"
    limits = settings(URJA_SUPERVISOR_CRASH_LIMIT="2", URJA_SUPERVISOR_BACKOFF_CAP_S="0.5")
    moody = ExtraChild(
        "moody", "tests.site.extra_children:moody", {"port": port, "mood": str(mood)}, ready_port=port
    )
    installation = Installation(data, limits, extra=[moody], processes=[])
    up = asyncio.Event()
    running = asyncio.create_task(supervisor.run(installation, lambda _installation: up.set()))
    await asyncio.wait_for(up.wait(), 60)
    mood.touch()
    installation.kill("moody")
    await asyncio.wait_for(installation.wait_failed(), 60)
    await until(lambda: installation.failing() is not None)
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(CommandError, match="moody keeps stopping") as refused:
        await asyncio.wait_for(running, 60)
    assert refused.value.code is Exit.SOFTWARE


async def test_a_deaf_child_is_killed_after_a_while(data):
    port = free_port()
    deaf = ExtraChild("deaf", "tests.site.extra_children:deaf", {"port": port}, ready_port=port)
    installation = Installation(
        data, settings(URJA_SUPERVISOR_STOP_TIMEOUT_S="0.5"), extra=[deaf], processes=[]
    )
    async with installation:
        assert installation.pid("deaf")
    assert installation.pid("deaf") is None


async def test_the_web_server_comes_back_on_its_port(data):
    async with Installation(data, settings(), processes=[WEB]) as installation:
        port = installation.settings.web.port
        assert (await health_probes.http_get(port, "/healthz"))[0] == 200
        first = installation.pid(WEB)
        installation.kill(WEB)
        await until(lambda: installation.pid(WEB) not in {None, first})
        await until(lambda: installation.snapshot()[WEB]["state"] == "ready")
        assert (await health_probes.http_get(port, "/readyz"))[0] == 200


def test_free_ports_are_all_different_and_given_ones_stay():
    resolved = resolve_ports(settings(URJA_WEB_PORT="8080", URJA_PIPELINE_CLOSING_STATUS_PORTS="9103,0,0"))
    assert resolved.pipeline.closing_status_ports[0] == 9103
    assert resolved.web.port == 8080
    ports = [
        resolved.broker.port,
        resolved.broker.monitor_port,
        resolved.headend.port,
        resolved.headend.status_port,
        resolved.pipeline.status_port,
        *resolved.pipeline.closing_status_ports,
    ]
    assert len(set(ports)) == 8
    assert 0 not in ports


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, socket.SOCK_DGRAM])
def test_the_head_ends_port_is_checked_in_both_transports(kind):
    with socket.socket(socket.AF_INET, kind) as taken:
        taken.bind(("127.0.0.1", 0))
        if kind == socket.SOCK_STREAM:
            taken.listen()
        wanted = settings(URJA_HEADEND_PORT=str(taken.getsockname()[1]), URJA_HEADEND_HOSTS="127.0.0.1")
        with pytest.raises(CommandError, match=r"headend\.port"):
            check_ports(resolve_ports(wanted), ["headend"])
        check_ports(resolve_ports(wanted), ["web"])
