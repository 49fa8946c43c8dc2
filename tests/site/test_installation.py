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
from urja.site.supervisor.child import Checked, Child, ChildSpec, Health
from urja.site.supervisor.extra_child import ExtraChild
from urja.site.supervisor.installation import WEB, Installation
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
        await asyncio.sleep(0.1)
    return value


def steady(data: Path, port: int) -> ExtraChild:
    arguments = {"port": port, "farewell": str(data / "farewell")}
    return ExtraChild("steady", "tests.site.extra_children:steady", arguments, ready_port=port)


async def test_a_further_child_lives_with_the_installation_and_its_downtime_is_recorded(data):
    port = free_port()
    demo = settings(URJA_CLOCK_SPEED="60", URJA_CLOCK_START=MORNING.isoformat())
    installation = Installation(data, demo, extra=[steady(data, port)], demo=True, processes=[])
    async with installation:
        assert installation.restored is None
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

        await until(lambda: installation.snapshot()["steady"]["health"] == "ok")
        killed_at, first = installation.clock.now(), installation.pid("steady")
        installation.kill("steady")
        await until(lambda: installation.pid("steady") not in {None, first})
        await until(lambda: installation.snapshot()["steady"]["state"] == "ready")
        assert installation.snapshot()["steady"]["restarts"] == 1
        await until(lambda: installation.snapshot()["steady"]["health"] == "ok")
        back_at = installation.clock.now()
        [start, down] = read_downtimes(installation.data.outages, {"steady", "nats"}).spans
        assert start[1] <= killed_at <= down[0] < down[1] <= back_at
        assert read_downtimes(installation.data.outages, {"nats", "postgres"}).spans == ()

        await installation.stop_child("steady")
        assert (data / "farewell").read_text() == "stopped in order"
        assert installation.pid("steady") is None
        stopped_at, since = installation.clock.now(), time.monotonic()
    async with Installation(data, demo, processes=[]) as again:
        # Business time stood still between the two, but for what stop and start themselves take.
        passed_s = (again.clock.now() - stopped_at).total_seconds()
        assert 0 <= passed_s < 60 * (time.monotonic() - since)
        # It is the directory that it was, and no copy.
        assert again.restored is None


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

    async def answers() -> Checked:
        return Checked(Health.UNKNOWN)

    spec = ChildSpec("slow", lambda: ["sh", "-c", "echo fewer connections; exec sleep 60"], answers)
    hurried = SupervisorSettings(ready_timeout_s=0.5)
    child = Child(spec, tmp_path / "slow.log", hurried, lambda: None, asyncio.Event())
    with pytest.raises(
        CommandError, match=r"slow was not ready within 0.5 s: .* ready_timeout_s in .supervisor"
    ):
        await child.start()
    await child.stop()


async def test_a_child_that_keeps_stopping_leaves_the_others_running_and_is_told_at_the_end(data):
    port, mood = free_port(), data / "bad-mood"
    limits = settings(URJA_SUPERVISOR_CRASH_LIMIT="2", URJA_SUPERVISOR_BACKOFF_CAP_S="0.5")
    moody = ExtraChild(
        "moody", "tests.site.extra_children:moody", {"port": port, "mood": str(mood)}, ready_port=port
    )
    installation = Installation(data, limits, extra=[moody], processes=[])
    up = asyncio.Event()
    running = asyncio.create_task(supervisor.run(installation, lambda _installation: up.set()))
    await asyncio.wait_for(up.wait(), 60)
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
    # Stopped while a child keeps stopping, the installation says so by its exit code.
    mood.touch()
    installation.kill("moody")
    await until(lambda: installation.failing() is not None)
    os.kill(os.getpid(), signal.SIGTERM)
    with pytest.raises(CommandError, match="moody keeps stopping") as refused:
        await asyncio.wait_for(running, 60)
    assert refused.value.code is Exit.SOFTWARE


async def refused(data: Path, *processes: str, **changes: str) -> CommandError:
    """Why an installation is not started."""
    with pytest.raises(CommandError) as no:
        async with Installation(data, settings(**changes), processes=processes):
            pass
    return no.value


@pytest.mark.parametrize(("setting", "processes"), [("BROKER_PORT", ()), ("WEB_PORT", (WEB,))])
async def test_a_taken_port(tmp_path, setting, processes):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        no = await refused(tmp_path / "port", *processes, **{f"URJA_{setting}": port})
    assert no.code is Exit.OS_ERROR
    assert f"port {port} on 127.0.0.1 is taken" in str(no)
    assert f"URJA_{setting}" in str(no)


async def test_a_damaged_clock(data):
    for name in ("clock.json", "heartbeat"):
        (data / "clock.json").write_text('{"wall_s": 1.0, "business_s": 2.0, "speed": 3.0}')
        (data / name).write_text("{")
        no = await refused(data)
        assert no.code is Exit.USAGE
        assert str(data / name) in str(no)
        (data / name).unlink()


async def test_an_unreachable_database(tmp_path):
    no = await refused(tmp_path / "dsn", URJA_DATABASE_DSN="postgresql://u:hunter2@127.0.0.1:1/x")
    assert no.code is Exit.UNAVAILABLE
    assert "u:***@127.0.0.1:1" in str(no)
    assert "hunter2" not in str(no)


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
