"""How long the supervisor waits for a child: as long as other work, and not the child, is what takes the time."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys

import pytest
from tests.logs import logged

from urja.base.settings import SupervisorSettings
from urja.site.command_errors import CommandError
from urja.site.supervisor.child import Checked, Child, ChildSpec, Health, State

PROCESSOR = min(os.sched_getaffinity(0))
WORKS = """
import os, signal, sys, time
os.sched_setaffinity(0, {%d})
while time.process_time() < 0.25:
    pass
open(sys.argv[1], "x").close()
signal.pause()
"""
DEAF = """
import signal, sys
signal.signal(signal.SIGTERM, signal.SIG_IGN)
open(sys.argv[1], "x").close()
while True:
    signal.pause()
"""
NEVER_READY = "import signal\nsignal.pause()"
OTHER_WORK = "import os\nos.sched_setaffinity(0, {%d})\nwhile True:\n    pass"


def a_child(tmp_path, program, ready_timeout_s, **limits):
    file = tmp_path / "ready"

    async def probe():
        return Checked(Health.OK if file.exists() else Health.NO_ANSWER)

    spec = ChildSpec("worker", lambda: [sys.executable, "-I", "-S", "-c", program, str(file)], probe)
    settings = SupervisorSettings(ready_timeout_s=ready_timeout_s, **limits)
    return Child(spec, tmp_path / "worker.log", settings, lambda: None, asyncio.Event())


@contextlib.contextmanager
def other_work(count):
    """Processes that want the child's processor all the time."""
    running = [
        subprocess.Popen([sys.executable, "-I", "-S", "-c", OTHER_WORK % PROCESSOR]) for _ in range(count)
    ]
    try:
        yield
    finally:
        for one in running:
            one.kill()
            one.wait()


async def test_a_child_that_other_work_holds_up_is_waited_for(tmp_path):
    """Its start takes 0.25 s of a processor that it shares with three others: 1 s."""
    child = a_child(tmp_path, WORKS % PROCESSOR, 0.6)
    with other_work(3):
        await child.start()
    assert child.state is State.READY
    await child.stop()


async def test_a_child_that_is_never_ready_is_given_up(tmp_path):
    child = a_child(tmp_path, NEVER_READY, 0.3)
    with pytest.raises(CommandError, match="worker was not ready"):
        await child.start()
    await child.stop()


async def test_a_deaf_child_is_killed_after_a_while(tmp_path):
    child = a_child(tmp_path, DEAF, 60, stop_timeout_s=0.5)
    await child.start()
    await child.stop()
    assert (child.pid, child.state) == (None, State.STOPPED)
    assert child._process.returncode == -signal.SIGKILL


async def test_each_change_of_readiness_is_logged_once_with_its_reason(tmp_path, monkeypatch):
    """Twice the same answer is one line, and so is the way back."""
    away = Checked(Health.NOT_READY, "the broker")
    answers = iter([Checked(Health.NO_ANSWER), away, Checked(Health.OK), away, away])
    asked = asyncio.Event()

    async def probe():
        answer = next(answers, None)
        if answer is None:
            asked.set()
        return answer or Checked(Health.OK)

    monkeypatch.setattr("urja.site.supervisor.child._HEALTH_EVERY_S", 0.01)
    spec = ChildSpec("worker", lambda: [sys.executable, "-I", "-S", "-c", NEVER_READY], probe)
    child = Child(spec, tmp_path / "worker.log", SupervisorSettings(), lambda: None, asyncio.Event())
    with logged() as lines:
        await child.start()
        await asked.wait()
        await child.stop()
    assert [(line["event"], line.get("why", line.get("was"))) for line in lines] == [
        ("child is ready", None),
        ("child is not ready", "the broker"),
        ("child is ready again", "not ready"),
    ]
