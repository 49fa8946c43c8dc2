"""One child of the supervisor: start it, see when it is ready, start it again when it dies, stop it.

A child dies with the supervisor (urja.site.supervisor.launch), writes to a log file of its own, and is told its secrets
through an inherited pipe.
"""

import asyncio
import contextlib
import fcntl
import json
import os
import shutil
import signal
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Final

import structlog

from urja.base.settings import SupervisorSettings
from urja.site.exits import CommandError, Exit, disk_full

log = structlog.get_logger()

_LOG_LIMIT: Final = 50 << 20
"""A log is kept once more under `.1` when it reaches this many bytes."""
_POLL_S: Final = 0.05
_HEALTH_EVERY_S: Final = 2.0
_HUNG_AFTER_S: Final = 60.0
"""A child that answers no health check for so long is killed and started again."""
_NO_SPACE: Final = ("No space left on device", "Disk quota exceeded", "ENOSPC")


class State(StrEnum):
    """Where a child is in its life."""

    WAITING = "waiting"
    """Not started yet."""
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing off"
    FAILING = "keeps stopping"
    """Once it was ready, and now it stops each time soon after its start. It is tried on, at the longest pause."""
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    """It did not come up; the box does not start."""


class Health(StrEnum):
    """What the last health check said."""

    UNKNOWN = "unknown"
    OK = "ok"
    NOT_READY = "not ready"
    SILENT = "silent"
    STUCK = "stuck"
    """Only another start helps, and helps now."""


Probe = Callable[[], Awaitable[Health]]


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """What a child is.

    `command` is asked anew for each start. `payload` goes into the pipe whose number stands for
    `{payload}` in the command. `probe` says how it is; without one it is ready once it runs. `prepare` runs
    before each start. Children stop in the order of `stop_rank`.
    """

    name: str
    command: Callable[[], list[str]]
    probe: Probe | None = None
    payload: bytes | None = field(default=None, repr=False)
    prepare: Callable[[], None] | None = None
    stop_signal: signal.Signals = signal.SIGTERM
    stop_rank: int = 0
    environment: dict[str, str] = field(default_factory=dict)
    status_port: int | None = None
    """Where `/status` answers, for `urja status`."""


@dataclass(slots=True)
class Child:
    """A child and the task that keeps it alive."""

    spec: ChildSpec
    log_file: Path
    settings: SupervisorSettings
    changed: Callable[[], None]
    failed: asyncio.Event
    state: State = State.WAITING
    health: Health = Health.UNKNOWN
    restarts: int = 0
    deaths_in_a_row: int = 0
    failure: str = ""
    started_at_s: float = 0.0
    _process: asyncio.subprocess.Process | None = None
    _task: "asyncio.Task[None] | None" = None
    _ready: asyncio.Event = field(default_factory=asyncio.Event)
    _stopping: asyncio.Event = field(default_factory=asyncio.Event)
    _tail_from: int = 0

    @property
    def pid(self) -> int | None:
        running = self._process is not None and self._process.returncode is None
        return self._process.pid if self._process is not None and running else None

    @property
    def keeps_stopping(self) -> bool:
        """Whether it has died so often in a row, never after a stable run, that this is called a crash loop."""
        return self.deaths_in_a_row >= self.settings.crash_limit

    @property
    def is_well(self) -> bool:
        """Whether it runs, and said that it is ready when it was asked last."""
        return self.state is State.READY and self.health is Health.OK

    async def start(self) -> None:
        """Start it and its keeper; return when it is ready. Raises `CommandError` if it does not come up."""
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.spec.name}")
        failed = asyncio.create_task(self.failed.wait())
        ready = asyncio.create_task(self._ready.wait())
        try:
            done, _ = await asyncio.wait(
                {failed, ready, self._task},
                timeout=self.settings.ready_timeout_s,
                return_when=asyncio.FIRST_COMPLETED,
            )
        finally:
            failed.cancel()
            ready.cancel()
        if self._task in done:
            self._task.result()
        if not self._ready.is_set():
            raise self.refusal()

    async def run_once(self) -> int:
        """Start it, wait for its end and return its exit code: for a child that does one thing."""
        await self._spawn()
        assert self._process is not None
        try:
            code = await self._process.wait()
        except asyncio.CancelledError:
            self._process.kill()
            await self._process.wait()
            raise
        if code != 0:
            self.failure = f"{_how(code)}: {self.last_words()}"
        return code

    def refusal(self) -> CommandError:
        """Why the box cannot start with this child, or is not whole without it."""
        words = self.failure or self.last_words()
        if any(sign in words for sign in _NO_SPACE):
            return disk_full(self.log_file.parent.parent)
        deaths = self.deaths_in_a_row
        how = f"keeps stopping ({deaths} times in a row)" if deaths > 1 else "did not start"
        return CommandError(
            Exit.SOFTWARE,
            f"{self.spec.name} {how}: {words}. Its log is {self.log_file}; when the cause is gone, start "
            "again: what was accepted is kept",
        )

    def kill(self) -> None:
        """SIGKILL, as an accident would; the keeper starts it again."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def kill_for_good(self) -> None:
        """SIGKILL without another start: the second Ctrl-C."""
        self._stopping.set()
        self.kill()

    async def stop(self) -> None:
        """Ask it to stop, wait, kill it if it does not; do not start it again."""
        if self._task is None:
            return
        self._stopping.set()
        self._become(State.STOPPING)
        process = self._process
        if process is not None and process.returncode is None:
            process.send_signal(self.spec.stop_signal)
            try:
                async with asyncio.timeout(self.settings.stop_timeout_s):
                    await process.wait()
            except TimeoutError:
                log.warning("child did not stop in time and is killed", child=self.spec.name)
                process.kill()
                await process.wait()
        with contextlib.suppress(CommandError):
            # Why it failed has been told by `wait` of the box; here it only has to be gone.
            await self._task
        self._become(State.STOPPED)

    def last_words(self) -> str:
        """The last telling line of what this start has written to its log."""
        try:
            with self.log_file.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(min(self._tail_from, size), size - 16_384))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return "its log says nothing"
        return telling_line(text)

    def rotate_log(self) -> None:
        """Keep a log that has grown too large once more under `.1` and begin anew.

        Children append, so that cutting the file under them is safe; a line written meanwhile may be lost.
        """
        if self.log_file.exists() and self.log_file.stat().st_size > _LOG_LIMIT:
            shutil.copyfile(self.log_file, self.log_file.with_name(self.log_file.name + ".1"))
            os.truncate(self.log_file, 0)
            self._tail_from = 0

    # -- the keeper ---------------------------------------------------------------------------------------

    async def _keep(self) -> None:
        while not self._stopping.is_set():
            began = time.monotonic()
            try:
                await self._spawn()
                await self._watch()
            except OSError as error:
                self.failure = str(error)
            if self._stopping.is_set():
                return
            self._note_death(ran_s=time.monotonic() - began)
            if self.keeps_stopping:
                self.failed.set()
                if not self._ready.is_set():
                    self._become(State.FAILED)
                    raise self.refusal()
                # The others do their work without it as far as they can.
                log.error("child keeps stopping", child=self.spec.name, advice=str(self.refusal()))
            await self._back_off()

    async def _spawn(self) -> None:
        self.failure = ""
        self._become(State.STARTING)
        self.rotate_log()
        if self.spec.prepare is not None:
            self.spec.prepare()
        command, pipe = self.spec.command(), -1
        if self.spec.payload is not None:
            pipe = pipe_with(self.spec.payload)
            command = [part.replace("{payload}", str(pipe)) for part in command]
        descriptor = os.open(self.log_file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self._tail_from = os.fstat(descriptor).st_size
        try:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=descriptor,
                stderr=descriptor,
                env=child_environment(self.spec.environment),
                pass_fds=() if pipe < 0 else (pipe,),
            )
        finally:
            os.close(descriptor)
            if pipe >= 0:
                os.close(pipe)
        self.started_at_s = time.time()
        self.changed()
        if self._stopping.is_set():
            # `stop` came while it was being made and had no process to ask.
            self._process.send_signal(self.spec.stop_signal)

    async def _watch(self) -> None:
        """Until the process ends: is it ready, is it well."""
        assert self._process is not None
        ended = asyncio.create_task(self._process.wait())
        heard = time.monotonic()
        try:
            while not ended.done():
                health = await self._probe()
                if health in {Health.OK, Health.NOT_READY}:
                    heard = time.monotonic()
                self._note_health(health)
                if health is Health.STUCK or time.monotonic() - heard > _HUNG_AFTER_S:
                    log.error("child is killed", child=self.spec.name, health=health)
                    self.kill()
                pause = _HEALTH_EVERY_S if self.state is State.READY else _POLL_S
                await asyncio.wait({ended}, timeout=pause)
        finally:
            ended.cancel()

    async def _probe(self) -> Health:
        return Health.OK if self.spec.probe is None else await self.spec.probe()

    def _note_health(self, health: Health) -> None:
        if self.pid is None or self._stopping.is_set():
            return
        if health is Health.OK and self.state is State.STARTING:
            self._become(State.READY)
            self._ready.set()
            log.info("child is ready", child=self.spec.name, pid=self.pid)
        if health is not self.health:
            self.health = health
            self.changed()

    def _note_death(self, *, ran_s: float) -> None:
        code = self._process.returncode if self._process is not None else None
        stable = ran_s >= self.settings.stable_after_s
        self.deaths_in_a_row = 1 if stable else self.deaths_in_a_row + 1
        self.restarts += 1
        self.health = Health.UNKNOWN
        if not self.failure:
            # SIGKILL comes from outside: what the log says last has nothing to do with it.
            killed = code == -signal.SIGKILL
            self.failure = _how(code) if killed else f"{_how(code)}: {self.last_words()}"
        log.warning("child died", child=self.spec.name, why=self.failure)

    async def _back_off(self) -> None:
        exponent = min(self.deaths_in_a_row - 1, 30)
        delay = min(self.settings.backoff_first_s * 2**exponent, self.settings.backoff_cap_s)
        self._become(State.FAILING if self.keeps_stopping else State.BACKING_OFF)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._stopping.wait()

    def _become(self, state: State) -> None:
        if self.state is not state:
            self.state = state
            self.changed()


def _how(code: int | None) -> str:
    if code is None:
        return "not started"
    if code == -signal.SIGKILL:
        return "killed by SIGKILL (by somebody, or by the kernel for want of memory)"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def telling_line(text: str) -> str:
    """The last line that says what went wrong, of a log in any of our children's forms."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    signs = ("FATAL", "PANIC", "[FTL]", "[ERR]", "Error", "error", "could not", "cannot")
    telling = [line for line in lines if any(sign in line for sign in signs)]
    line = (telling or lines or ["its log says nothing"])[-1]
    if line.startswith("{"):
        with contextlib.suppress(json.JSONDecodeError):
            event: dict[str, object] = json.loads(line)
            trace = str(event.get("exception", "")).strip().splitlines()
            return " ".join(filter(None, [str(event.get("event", "")), trace[-1] if trace else ""]))
    return line


def pipe_with(payload: bytes) -> int:
    """The reading end of a pipe that holds `payload` and nothing after it.

    Raises OSError where the kernel grants no pipe so large: 1 MiB at least, unless it is told otherwise.
    """
    reader, writer = os.pipe()
    try:
        # Within the pipe's own buffer nobody needs to read for the write to return.
        if len(payload) > fcntl.fcntl(writer, fcntl.F_GETPIPE_SZ):
            fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, len(payload))
        os.set_blocking(writer, False)
        assert os.write(writer, payload) == len(payload), "the payload is larger than the pipe"
    except BaseException:
        os.close(reader)
        raise
    finally:
        os.close(writer)
    return reader


def child_environment(extra: dict[str, str]) -> dict[str, str]:
    """The supervisor's environment without settings (they travel in the payload) and connection defaults."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("URJA_", "PG", "DJANGO_"))
    }
    return {**inherited, "PYTHONUNBUFFERED": "1", **extra}
