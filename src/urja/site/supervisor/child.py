"""One child process of the supervisor: start, readiness, restart, stop.

A child ends with the supervisor (urja.site.supervisor.child_launcher), writes to its own log file, and receives its secrets
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
from typing import Any, Final

import structlog

from urja.base.settings import SupervisorSettings
from urja.site.command_errors import CommandError, Exit, disk_full
from urja.site.supervisor.own_time import OwnTime

log = structlog.get_logger()

_LOG_LIMIT: Final = 50 << 20
"""Size in bytes at which a log is moved to `.1`."""
_POLL_S: Final = 0.05
_HEALTH_EVERY_S: Final = 2.0
_HUNG_AFTER_S: Final = 60.0
"""Seconds that a child has for itself without an answer to a health check, after which it is killed and restarted."""
_LOOK_S: Final = 1.0
_NO_SPACE: Final = ("No space left on device", "Disk quota exceeded", "ENOSPC")


class State(StrEnum):
    """The state of a child process."""

    WAITING = "waiting"
    """Not started yet."""
    STARTING = "starting"
    READY = "ready"
    BACKING_OFF = "backing off"
    FAILING = "keeps stopping"
    """It was ready once, and now stops soon after each start. Restarts continue, with the longest pause between them."""
    STOPPING = "stopping"
    STOPPED = "stopped"
    FAILED = "failed"
    """It never became ready; the start of the installation fails."""


class Health(StrEnum):
    """The result of the last health check."""

    UNKNOWN = "unknown"
    OK = "ok"
    NOT_READY = "not ready"
    NO_ANSWER = "no answer"
    STUCK = "stuck"
    """Only a restart helps: the child is killed at once."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A health check's result, and in words what is missing where the child is not ready."""

    health: Health
    why: str = ""


Probe = Callable[[], Awaitable[Checked]]


@dataclass(frozen=True, slots=True)
class ChildSpec:
    """The specification of a child process.

    `command` is called for each start. `payload` is written to the pipe whose number replaces `{payload}` in the command.
    `probe` checks its health; without one it is ready as soon as it runs. `prepare` runs before each start. Children stop
    in the order of `stop_rank`.
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
    """Port at which `/status` answers, for `urja status`."""


@dataclass(slots=True)
class Child:
    """A child process and the task that restarts it."""

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
        """Return whether it is in a crash loop: too many deaths in a row without a stable run."""
        return self.deaths_in_a_row >= self.settings.crash_limit

    @property
    def is_well(self) -> bool:
        """Return whether it runs and its last health check said that it is ready."""
        return self.state is State.READY and self.health is Health.OK

    async def start(self) -> None:
        """Start it and the task that restarts it; return when it is ready. Raises `CommandError` if it never is."""
        self._task = asyncio.create_task(self._keep(), name=f"keep {self.spec.name}")
        failed = asyncio.create_task(self.failed.wait())
        ready = asyncio.create_task(self._ready.wait())
        try:
            done = await self._first_of({failed, ready, self._task}, self.settings.ready_timeout_s)
        finally:
            failed.cancel()
            ready.cancel()
        if self._task in done:
            self._task.result()
        if not self._ready.is_set():
            raise self.refusal() if done or self.failure else self._late()

    async def _first_of(self, tasks: set[asyncio.Task[Any]], own_s: float) -> set[asyncio.Task[Any]]:
        """Return those of the tasks that end first; none once the child has had so many seconds for itself.

        A fixed time would give up a child that only waits for a processor.
        """
        own_time, done = OwnTime(), set[asyncio.Task[Any]]()
        while not done and own_s > 0:
            done, _ = await asyncio.wait(
                tasks, timeout=min(own_s, _LOOK_S), return_when=asyncio.FIRST_COMPLETED
            )
            own_s -= own_time.passed(self.pid)
        return done

    async def run_once(self) -> int:
        """Start it, wait for its end and return its exit code; for a child that does one task."""
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
        """Return the error of an installation whose child does not start or keeps stopping."""
        words = self.failure or self.last_words()
        if any(sign in words for sign in _NO_SPACE):
            return disk_full(self.log_file.parent.parent)
        deaths = self.deaths_in_a_row
        how = f"keeps stopping ({deaths} times in a row)" if deaths > 1 else "did not start"
        return CommandError(
            Exit.SOFTWARE,
            f"{self.spec.name} {how}: {words}. Its log is {self.log_file}; remove the cause and start "
            "again: accepted data are not lost",
        )

    def _late(self) -> CommandError:
        """Return the error of a child that lives and is not ready in time: what its log said last is no cause."""
        return CommandError(
            Exit.SOFTWARE,
            f"{self.spec.name} was not ready within {self.settings.ready_timeout_s:g} s: start again, or allow it longer "
            "with ready_timeout_s in [supervisor]. The last line of its log "
            f"{self.log_file}: {self.last_words()}",
        )

    def kill(self) -> None:
        """Send SIGKILL; the child is restarted."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()

    def kill_for_good(self) -> None:
        """Send SIGKILL without a restart, after the second Ctrl-C."""
        self._stopping.set()
        self.kill()

    async def stop(self) -> None:
        """Stop it without a restart; kill it if it does not stop in time."""
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
            # `wait_failed` of the installation reports the failure; here it only has to end.
            await self._task
        self._become(State.STOPPED)

    def last_words(self) -> str:
        """Return the last line with an error in the log of this start."""
        try:
            with self.log_file.open("rb") as file:
                size = file.seek(0, os.SEEK_END)
                file.seek(max(min(self._tail_from, size), size - 16_384))
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return "its log is empty"
        return telling_line(text)

    def rotate_log(self) -> None:
        """Copy a log that is too large to `.1` and truncate it.

        Children open it for appending, so truncation is safe; a line written at the same moment may be lost.
        """
        if self.log_file.exists() and self.log_file.stat().st_size > _LOG_LIMIT:
            shutil.copyfile(self.log_file, self.log_file.with_name(self.log_file.name + ".1"))
            os.truncate(self.log_file, 0)
            self._tail_from = 0

    # -- restarts -----------------------------------------------------------------------------------------

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
                # The other processes continue: meters' pushes are accepted while the web is down, for one.
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
            # `stop` was called during the start, when there was no process to stop.
            self._process.send_signal(self.spec.stop_signal)

    async def _watch(self) -> None:
        """Check the health of the process until it ends."""
        assert self._process is not None
        ended = asyncio.create_task(self._process.wait())
        own_time, silent_s = OwnTime(), 0.0
        try:
            while not ended.done():
                checked = await self._probe()
                health = checked.health
                passed_s = own_time.passed(self.pid)
                silent_s = 0.0 if health in {Health.OK, Health.NOT_READY} else silent_s + passed_s
                self._note_health(checked)
                # A start may take as long as it is waited for.
                patience_s = (
                    max(_HUNG_AFTER_S, self.settings.ready_timeout_s)
                    if self.state is State.STARTING
                    else _HUNG_AFTER_S
                )
                if health is Health.STUCK or silent_s > patience_s:
                    log.error("child is killed", child=self.spec.name, health=health)
                    self.kill()
                pause = _HEALTH_EVERY_S if self.state is State.READY else _POLL_S
                await asyncio.wait({ended}, timeout=pause)
        finally:
            ended.cancel()

    async def _probe(self) -> Checked:
        return Checked(Health.OK) if self.spec.probe is None else await self.spec.probe()

    def _note_health(self, checked: Checked) -> None:
        if self.pid is None or self._stopping.is_set():
            return
        health, before = checked.health, self.health
        if health is before:
            return
        self.health = health
        if self.state is not State.STARTING:
            self._log_health(checked, before)
        elif health is Health.OK:
            self._become(State.READY)
            self._ready.set()
            log.info("child is ready", child=self.spec.name, pid=self.pid)
        self.changed()

    def _log_health(self, checked: Checked, before: Health) -> None:
        if checked.health is Health.OK:
            log.info("child is ready again", child=self.spec.name, was=before)
        else:
            log.warning("child is not ready", child=self.spec.name, health=checked.health, why=checked.why)

    def _note_death(self, *, ran_s: float) -> None:
        code = self._process.returncode if self._process is not None else None
        stable = ran_s >= self.settings.stable_after_s
        self.deaths_in_a_row = 1 if stable else self.deaths_in_a_row + 1
        self.restarts += 1
        self.health = Health.UNKNOWN
        if not self.failure:
            # SIGKILL comes from outside, so the last line of the log is not its reason.
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
        return "killed by SIGKILL (by a user, or by the kernel when memory is exhausted)"
    if code < 0:
        return f"killed by {signal.Signals(-code).name}"
    return f"exit code {code}"


def telling_line(text: str) -> str:
    """Return the last line with an error of a log, in any form that the children write."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    signs = ("FATAL", "PANIC", "[FTL]", "[ERR]", "Error", "error", "could not", "cannot")
    telling = [line for line in lines if any(sign in line for sign in signs)]
    line = (telling or lines or ["its log is empty"])[-1]
    if line.startswith("{"):
        with contextlib.suppress(json.JSONDecodeError):
            event: dict[str, object] = json.loads(line)
            trace = str(event.get("exception", "")).strip().splitlines()
            return " ".join(filter(None, [str(event.get("event", "")), trace[-1] if trace else ""]))
    return line


def pipe_with(payload: bytes) -> int:
    """Return the reading end of a pipe that contains `payload` and then ends.

    Raises OSError where the kernel allows no pipe of that size; the default limit is 1 MiB (fs.pipe-max-size).
    """
    reader, writer = os.pipe()
    try:
        # The write returns without a reader as long as the payload fits in the pipe's buffer.
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
    """Return the supervisor's environment without settings (they are in the payload) and connection defaults."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(("URJA_", "PG", "DJANGO_"))
    }
    return {**inherited, "PYTHONUNBUFFERED": "1", **extra}
