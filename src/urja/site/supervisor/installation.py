"""Supervisor of one installation: PostgreSQL, NATS, head end, pipeline and web server on one machine.

`urja up` runs one until a signal; `urja demo` and the world test use `Installation` with further children.
"""

import asyncio
import contextlib
import json
import os
import shlex
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec
import psycopg
import structlog

from urja.base.clock import Anchor, AnchoredClock, write_anchor
from urja.base.configuration import mask_password
from urja.base.process_secrets import AdminSecrets, NoSecrets
from urja.base.restored import Restored
from urja.base.settings import Settings
from urja.laws.downtime import DowntimeLog
from urja.site.command_errors import CommandError, Exit, disk_full, refusal_for
from urja.site.data_directory import DataDirectory, write_private
from urja.site.supervisor import (
    broker_process,
    business_time,
    health_probes,
    postgres,
    restored_data,
    sandbox_gateway,
)
from urja.site.supervisor.child import Child, ChildSpec, State
from urja.site.supervisor.child_launcher import command as launch_command
from urja.site.supervisor.extra_child import ExtraChild
from urja.site.supervisor.port_checks import check_ports, resolve_ports
from urja.site.supervisor.process import start_payload
from urja.site.supervisor.secrets import Vault
from urja.site.tls_certificate import CertificateError, CertificateFiles
from urja.stream.server import server_config
from urja.stream.subjects import StreamSizes, User

log = structlog.get_logger()

POSTGRES: Final = "postgres"
NATS: Final = "nats"
HEADEND: Final = "headend"
PIPELINE: Final = "pipeline"
CLOSING: Final = "closing"
"""A process that closes days beside the pipeline; a number follows."""
WEB: Final = "web"
REDIRECT: Final = "redirect"

_STOP_RANK: Final = {REDIRECT: 10, WEB: 20, HEADEND: 30, CLOSING: 35, PIPELINE: 40, NATS: 50, POSTGRES: 60}
"""Order of stopping: producers before consumers; a demonstration's child (rank 10 by default) first."""


class Installation:
    """One installation on one machine.

    `processes` names which of the system's own processes run beside PostgreSQL and NATS, `configuration` the file that
    the settings were read from; `sandbox` adds the sandbox payment gateway. Use as an asynchronous context manager, or `start` and `stop`; all from one event loop in the main thread.
    """

    def __init__(
        self,
        data: Path,
        settings: Settings,
        *,
        extra: Sequence[ExtraChild] = (),
        demo: bool = False,
        sandbox: bool = False,
        processes: Sequence[str] = (HEADEND, PIPELINE, WEB),
        configuration: Path | None = None,
    ) -> None:
        self.data = DataDirectory(data)
        self.settings = settings
        self._extra = list(extra)
        self._demo = demo
        self._sandbox = sandbox
        self._wanted = tuple(processes)
        self._configuration = configuration
        self._children: dict[str, Child] = {}
        self._failed = asyncio.Event()
        self._heart: asyncio.Task[None] | None = None
        self._watch: asyncio.Task[None] | None = None
        self._vault: Vault | None = None
        self._disk_errno: int | None = None
        self._outages: DowntimeLog | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    # -- queries and orders -------------------------------------------------------------------------------

    @property
    def secrets(self) -> AdminSecrets:
        """Return an administrator's secrets: connection strings, broker login, key-encryption key."""
        assert self._vault is not None, "not started"
        return self._vault.for_admin(self.settings, self.sockets)

    @property
    def clock(self) -> AnchoredClock:
        """Return the business clock."""
        return AnchoredClock(self.data.clock)

    @property
    def sockets(self) -> Path:
        """Return the socket directory of the supervised PostgreSQL."""
        return postgres.socket_directory(self.data.postgres / "run")

    @property
    def restored(self) -> Restored | None:
        """Return the last restore of the data from a copy, or None."""
        return next(reversed(restored_data.read(self.data.restored)), None)

    def pid(self, name: str) -> int | None:
        """Return the pid of a child, None while it is not running."""
        return self._children[name].pid

    def kill(self, name: str) -> None:
        """Send SIGKILL to a child, which is then restarted."""
        self._children[name].kill()

    async def stop_child(self, name: str) -> None:
        """Stop one child orderly and leave it stopped."""
        await self._children[name].stop()

    async def add(self, extra: ExtraChild) -> None:
        """Start a further child; return when it is ready."""
        await self._start_child(self._extra_spec(extra))

    def snapshot(self) -> dict[str, object]:
        """Return pid, state, health and restarts of every child, for `urja status`."""
        return {
            name: {
                "pid": child.pid,
                "state": child.state.value,
                "health": child.health.value,
                "restarts": child.restarts,
                "started_at_s": child.started_at_s or None,
                "status_port": child.spec.status_port,
                "failing": str(child.refusal())
                if child.keeps_stopping and child.state is not State.READY
                else "",
            }
            for name, child in self._children.items()
        }

    async def backlog(self) -> dict[str, dict[str, int]] | None:
        """Return counts of queued messages by durable consumer; None where the broker does not answer."""
        broker = self.settings.broker
        return await health_probes.broker_backlog(broker.host, broker.monitor_port)

    # -- start and stop -----------------------------------------------------------------------------------

    async def start(self) -> None:
        """Start everything in order; return when all are ready. Raises `CommandError` after stopping all again."""
        self.data.claim()
        try:
            await self._start()
        except BaseException as error:
            await self.stop()
            if isinstance(error, OSError):
                raise refusal_for(error, self.data.path) from error
            raise

    async def _start(self) -> None:
        self.settings = resolve_ports(self.settings)
        check_ports(self.settings, self._wanted)
        if WEB in self._wanted:
            _check_certificate(self.settings)
        if self._sandbox:
            self.settings = sandbox_gateway.with_sandbox(self.settings)
        self._vault = Vault.open(self.data.secrets).completed(self.settings)
        write_private(self.data.settings_file, msgspec.json.encode(self.settings))
        self._copy_configuration()
        if self.settings.database.dsn is None:
            await self._start_child(self._postgres())
        else:
            await self._check_dsn(self.settings.database.dsn)
        await self._start_child(self._nats())
        # Before any process reads the clock; business time runs from here.
        anchor = self._begin_time()
        self._beat()
        if self._demo:
            self._outages = DowntimeLog(self.data.outages)
        self._heart = asyncio.create_task(self._write_heartbeats(), name="heartbeat")
        await self._prepare()
        log.info("business time", speed=anchor.speed, now=self.clock.now().isoformat())
        if self._sandbox:
            self._extra.append(self._sandbox_gateway())
        specs = [*self._own_processes(), *(self._extra_spec(child) for child in self._extra)]
        await self._start_together(specs)
        if self._sandbox:
            gateway = self._children[sandbox_gateway.PROCESS]
            self._watch = asyncio.create_task(
                sandbox_gateway.stop_beside_real_money(self.secrets.database_owner, gateway.stop),
                name="books of the sandbox gateway",
            )

    def _copy_configuration(self) -> None:
        """Copy the configuration file to where a backup finds it: the file itself may lie anywhere."""
        if self._configuration is None:
            self.data.configuration.unlink(missing_ok=True)
        else:
            write_private(self.data.configuration, self._configuration.read_bytes())

    async def _start_together(self, specs: list[ChildSpec]) -> None:
        starts = [asyncio.create_task(self._start_child(spec)) for spec in specs]
        try:
            await asyncio.gather(*starts)
        except BaseException:
            for start in starts:
                start.cancel()
            await asyncio.gather(*starts, return_exceptions=True)
            raise

    async def stop(self) -> None:
        """Stop everything in order: producers before consumers, the database last."""
        if self._watch is not None:
            await _cancelled(self._watch)
            self._watch = None
        for child in sorted(self._children.values(), key=lambda child: child.spec.stop_rank):
            await child.stop()
        if self._heart is not None:
            await _cancelled(self._heart)
            self._heart = None
            self._beat(clean=True)
            self._write_status()
        self.data.release()

    def kill_all(self) -> None:
        """Send SIGKILL to every child at once (second Ctrl-C); no accepted data are lost."""
        for child in self._children.values():
            child.kill_for_good()

    async def wait_failed(self) -> CommandError:
        """Wait until a child keeps stopping, and return the reason."""
        await self._failed.wait()
        return next(child for child in self._children.values() if child.keeps_stopping).refusal()

    def failing(self) -> CommandError | None:
        """Return the error of a child that keeps stopping and is not ready now, or None."""
        for child in self._children.values():
            if child.keeps_stopping and child.state is not State.READY:
                return child.refusal()
        return None

    def anchor_clock(self, anchor: Anchor | None = None) -> Anchor:
        """Continue business time from its last value, or from a given anchor; return the anchor.

        Raises CommandError where the stored clock is damaged.
        """
        if anchor is None:
            try:
                anchor = business_time.resume(
                    self.data.clock, self.data.heartbeat, self.settings.clock, time.time()
                )
            except ValueError as damaged:
                raise CommandError(Exit.USAGE, str(damaged)) from damaged
        else:
            write_anchor(self.data.clock, anchor)
        return anchor

    def _begin_time(self) -> Anchor:
        """Continue business time; first detect whether the directory is a copy, before a new heartbeat hides it."""
        try:
            sign = restored_data.sign_of_restore(self.data.heartbeat, time.time())
            last_s = business_time.read_heartbeat(self.data.heartbeat).stamp_s
        except ValueError as damaged:
            raise CommandError(Exit.USAGE, str(damaged)) from damaged
        anchor = self.anchor_clock()
        if sign:
            now = self.clock.now()
            # On a clock that does not follow the wall clock, business time stood still.
            since = datetime.fromtimestamp(last_s, UTC) if business_time.follows_wall_clock(anchor) else now
            restored = restored_data.note(self.data.restored, sign, since, now)
            log.warning("data are treated as restored", why=sign, since=restored.since_at.isoformat())
        return anchor

    async def _write_heartbeats(self) -> None:
        while True:
            await asyncio.sleep(business_time.HEARTBEAT_S)
            self._beat()
            for child in self._children.values():
                with self._tolerate_disk_errors():
                    child.rotate_log()

    def _beat(self, *, clean: bool = False) -> None:
        with self._tolerate_disk_errors():
            business_time.write_heartbeat(self.data.heartbeat, time.time(), clean=clean)

    def _child_changed(self) -> None:
        self._write_status()
        if self._outages is not None:
            with self._tolerate_disk_errors():
                for name, child in self._children.items():
                    self._outages.note(name, self.clock.now(), ready=child.is_well)

    def _write_status(self) -> None:
        document = {"pid": os.getpid(), "processes": self.snapshot()}
        with self._tolerate_disk_errors():
            temporary = self.data.status_file.with_suffix(".new")
            temporary.write_text(json.dumps(document), "utf-8")
            temporary.replace(self.data.status_file)

    @contextlib.contextmanager
    def _tolerate_disk_errors(self) -> Iterator[None]:
        """Log an error of the supervisor's own files once and go on: it may be temporary, such as a full disk."""
        try:
            yield
        except OSError as error:
            if error.errno != self._disk_errno:
                advice = str(refusal_for(error, self.data.path))
                log.error("data directory cannot be written", advice=advice)  # noqa: TRY400 - the advice says it
            self._disk_errno = error.errno
        else:
            self._disk_errno = None

    # -- children -----------------------------------------------------------------------------------------

    async def _start_child(self, spec: ChildSpec) -> None:
        child = Child(
            spec,
            self.data.logs / f"{spec.name}.log",
            self.settings.supervisor,
            self._child_changed,
            self._failed,
        )
        self._children[spec.name] = child
        await child.start()

    def _postgres(self) -> ChildSpec:
        configured = self.settings.database.binaries
        assert self._vault is not None
        try:
            binaries = postgres.find_binaries(Path(configured) if configured else None)
        except postgres.PostgresError as error:
            raise CommandError(Exit.UNAVAILABLE, str(error)) from error
        cluster = postgres.Cluster(
            binaries,
            self.data.postgres,
            self._vault.admin.superuser_password,
            max_connections=self.settings.database.max_connections,
            options=postgres.memory_settings(postgres.machine_memory_mb()) | self._archiving(),
        )
        return ChildSpec(
            POSTGRES,
            cluster.command,
            probe=health_probes.postgres(cluster.conninfo()),
            prepare=lambda: self._prepare_cluster(cluster),
            # Fast shutdown: a checkpoint, then the end.
            stop_signal=signal.SIGINT,
            stop_rank=_STOP_RANK[POSTGRES],
        )

    def _archiving(self) -> dict[str, str]:
        given = self.settings.backup
        if given.wal_directory is None:
            return {}
        settings = msgspec.json.encode(given).decode()
        program = [sys.executable, "-P", "-m", "urja.site.backup.archive_wal", settings, str(self.data.path)]
        return {
            "archive_mode": "on",
            # A percent sign in a path would be taken for one of PostgreSQL's own.
            "archive_command": shlex.join(program).replace("%", "%%") + " %p %f",
            "archive_timeout": str(given.wal_interval_s),
        }

    def _prepare_cluster(self, cluster: postgres.Cluster) -> None:
        try:
            cluster.prepare()
        except postgres.PostgresError as error:
            if "No space left" in str(error):
                raise disk_full(self.data.path) from error
            raise CommandError(Exit.OS_ERROR, str(error)) from error

    def _nats(self) -> ChildSpec:
        broker = self.settings.broker
        assert self._vault is not None
        config = server_config(
            host=broker.host,
            port=broker.port,
            monitor_port=broker.monitor_port,
            store_dir=self.data.nats / "jetstream",
            passwords={User(name): password for name, password in self._vault.broker_passwords().items()},
            sizes=StreamSizes(readings=broker.readings_mb << 20),
        )
        server = broker_process.Server(self.data.nats, config)
        return ChildSpec(
            NATS,
            server.command,
            probe=health_probes.nats(broker.host, broker.port, broker.monitor_port, self.data.nats),
            prepare=server.prepare,
            stop_rank=_STOP_RANK[NATS],
        )

    def _own_processes(self) -> list[ChildSpec]:
        vault, settings = self._vault, self.settings
        assert vault is not None
        known: dict[str, tuple[msgspec.Struct, int]] = {
            HEADEND: (vault.for_headend(settings, self.restored), settings.headend.status_port),
            PIPELINE: (vault.for_pipeline(settings, self.sockets), settings.pipeline.status_port),
            WEB: (vault.for_web(settings, self.sockets), settings.web.port),
        }
        wanted = list(self._wanted)
        if WEB in wanted and settings.web.redirect_port is not None:
            known[REDIRECT] = (NoSecrets(), settings.web.redirect_port)
            wanted.append(REDIRECT)
        if PIPELINE in wanted:
            for number, port in enumerate(settings.pipeline.closing_status_ports, 1):
                known[f"{CLOSING}-{number}"] = (vault.for_closing(settings, self.sockets, port), port)
                wanted.append(f"{CLOSING}-{number}")
        of_web = (WEB, REDIRECT)
        specs = []
        for name in wanted:
            secrets, port = known[name]
            host = _reachable(settings.web.host) if name in of_web else "127.0.0.1"
            tls = name == WEB and bool(settings.web.tls_certificate)
            specs.append(
                ChildSpec(
                    name,
                    lambda name=name: python_command(name),  # type: ignore[misc]  # a default argument binds the name of this turn
                    probe=health_probes.readyz(port, host, tls=tls),
                    payload=start_payload(settings, secrets, self.data.path, demo=self._demo),
                    stop_rank=_STOP_RANK[name.partition("-")[0]],
                    status_port=None if name in of_web else port,
                    environment=self._metrics_environment(name),
                )
            )
        return specs

    def _metrics_environment(self, name: str) -> dict[str, str]:
        """Return the variables of shared metrics: the web workers count in files that are created at each start."""
        if name != WEB or self.settings.web.workers == 1:
            return {}
        directory = self.data.run / "metrics"
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(mode=0o700)
        return {"PROMETHEUS_MULTIPROC_DIR": str(directory)}

    def _sandbox_gateway(self) -> ExtraChild:
        """Return the sandbox gateway, once the books show that no real money is in them."""
        assert self._vault is not None
        sandbox_gateway.check_books(self.secrets.database_owner)
        self.data.sandbox.mkdir(mode=0o700, exist_ok=True)
        secrets = self._vault.services.gateways[sandbox_gateway.NAME]
        return sandbox_gateway.child_of(sandbox_gateway.NAME, self.settings, secrets, self.data.sandbox)

    def _extra_spec(self, extra: ExtraChild) -> ChildSpec:
        return ChildSpec(
            extra.name,
            lambda: python_command(extra.name, extra.target),
            probe=None if extra.ready_port is None else health_probes.readyz(extra.ready_port),
            payload=start_payload(self.settings, extra.arguments, self.data.path, demo=self._demo),
            stop_rank=extra.stop_rank,
            status_port=extra.ready_port,
        )

    async def _prepare(self) -> None:
        """Apply migrations, grants and streams in a separate process."""
        child = Child(
            ChildSpec(
                "prepare",
                lambda: python_command("prepare"),
                payload=start_payload(self.settings, self.secrets, self.data.path),
            ),
            self.data.logs / "prepare.log",
            self.settings.supervisor,
            lambda: None,
            asyncio.Event(),
        )
        code = await child.run_once()
        if code == Exit.OTHER_VERSION:
            raise CommandError(Exit.OTHER_VERSION, child.last_words().removeprefix("urja: "))
        if code != 0:
            raise child.refusal()

    async def _check_dsn(self, dsn: str) -> None:
        try:
            connection = await psycopg.AsyncConnection.connect(dsn, connect_timeout=10)
            async with connection:
                version = connection.info.server_version // 10_000
        except psycopg.Error as error:
            words = " ".join(str(error).split())
            raise CommandError(
                Exit.UNAVAILABLE,
                f"the database at {mask_password(dsn)} cannot be reached: {mask_password(words)}. "
                "Start it, or correct database.dsn; without database.dsn Urja runs its own PostgreSQL",
            ) from None
        if version < postgres.MAJOR_VERSION:
            raise CommandError(
                Exit.UNAVAILABLE,
                f"the database at {mask_password(dsn)} is PostgreSQL {version}; "
                f"Urja needs {postgres.MAJOR_VERSION} or later",
            )


def python_command(name: str, target: str | None = None) -> list[str]:
    """Return the command of a process of Urja; `{payload}` stands for the number of its pipe."""
    program = [sys.executable, "-P", "-m", "urja.site.cli.main", "process", name, "--start-fd", "{payload}"]
    return launch_command([*program, "--target", target] if target else program)


def _check_certificate(settings: Settings) -> None:
    web = settings.web
    if not web.tls_certificate:
        return
    try:
        CertificateFiles(Path(web.tls_certificate), Path(web.tls_key))
    except CertificateError as error:
        raise CommandError(
            Exit.USAGE, f"{error}: correct [web] tls_certificate and tls_key, or remove both"
        ) from error


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Cancel a task and wait for its end."""
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task


def _reachable(host: str) -> str:
    """Return the address at which this machine reaches its own listener."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


async def run(box: Installation, announce: Callable[[Installation], None]) -> None:
    """Run an installation until SIGINT or SIGTERM; a second signal kills all processes.

    Raises `CommandError` where it does not start, and at the end where a process keeps stopping; the others run on
    until then.
    """
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()

    def signalled() -> None:
        if stop.is_set():
            box.kill_all()
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, signalled)
    starting = asyncio.create_task(box.start())
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({starting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not starting.done():
            starting.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await starting
            return
        starting.result()
        announce(box)
        await stopping
        if failing := box.failing():
            raise failing
    finally:
        stopping.cancel()
        await box.stop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.remove_signal_handler(number)
