"""A complete installation for the benches, with a fleet of simulated meters, adopted in bulk.

Adoption through `registry.operations` takes some 10 ms a meter; here the same rows are written by a few statements.
"""

import asyncio
import contextlib
import json
import os
import resource
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import psycopg

from databases import ZONE, data_directory, seed
from urja.base.clock import Anchor
from urja.base.ids import BUCKETS
from urja.base.ports import free_port
from urja.base.settings import Settings
from urja.cosem.security import wrap_key
from urja.demo.stand_ins import StandIns
from urja.meter.fleet import FleetFile, write_fleet_file
from urja.meter.identity import Identity, seeded_identity
from urja.meter.surroundings import LinkOptions
from urja.site.supervisor.installation import HEADEND, NATS, PIPELINE, POSTGRES, WEB, ExtraChild, Installation
from urja.site.supervisor.postgres import make_private, socket_directory
from urja.site.supervisor.secrets import Vault

FLEET = "fleet"
SYSTEM = (POSTGRES, NATS, HEADEND, PIPELINE, WEB)
INSTALLED_AT = datetime(2026, 3, 2, 9, 0, tzinfo=ZONE)
"""A Monday; the meters' first interval ends half an hour later."""
SOON = timedelta(minutes=29, seconds=50)
"""Start of business time, shortly before the first pushes."""
STANDSTILL = 1e-6
START_WH = 1_000_000
USED_UP_WH = 100_000
"""Unpaid consumption of a household that is to be disconnected."""

POLICY = """
format = 1
code = "bench"
version = "1"
title = "For benches: an account with a debt of a hundred rupees is disconnected at once, without notices, caps or turns"
currency = "INR"
valid_from = 2024-04-01
[warnings]
[credit]
cut_below = -100
emergency = 0
[protected]
hours = []
[cut]
from = "00:00"
to = "23:59"
opens_within_days = 3
most_per_transformer = 100000
stagger_s = 0
max_data_age_hours = 24
max_estimated_percent = 100
[notices]
before_cut = []
least_delivered = 0
lead_hours = 0
repeat_hours = 24
[payments]
authorised_holds_hours = 24
at_most = 3
arrears_percent = 0
[reconnect]
at_least = -100
stagger_s = 0
"""


def mesh_or_cellular(number: int) -> LinkOptions:
    """Return three links of the kind mesh for each cellular one, with the figures of docs/meter.md."""
    return LinkOptions(profile="cellular" if number % 4 == 0 else "rf-mesh")


def allow_connections(meters: int) -> None:
    """Raise the limit of open files: both ends of each connection are on this machine; children inherit it."""
    wanted = meters + 2_000
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < wanted:
        raise SystemExit(f"{wanted} open files are needed, the limit is {hard}: ulimit -Hn")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))


@dataclass
class RunningTown:
    """A running installation with its fleet."""

    installation: Installation
    outside: StandIns
    meters: list[Identity]
    folder: Path
    control: Path
    set_up_s: dict[str, float] = field(default_factory=dict)
    back: list[str] = field(default_factory=list)
    """Serial numbers of meters that are unreachable and will return."""

    @property
    def vault(self) -> Vault:
        return Vault.open(self.installation.data.secrets)

    def connect(self) -> psycopg.Connection:
        return psycopg.connect(self.installation.secrets.database_owner, autocommit=True)

    async def order(self, do: str, **arguments: Any) -> dict[str, Any]:
        """Send one order to the fleet and return its answer."""
        reader, writer = await asyncio.open_unix_connection(str(self.control), limit=1 << 26)
        try:
            writer.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            await writer.drain()
            answer = json.loads(await reader.readline())
        finally:
            writer.close()
        assert answer.pop("ok"), answer
        return answer

    async def until(self, what: str, found: Callable[[], Any], seconds: float = 300.0) -> Any:
        """Return the first true result of `found`; polls, because several processes work without notification."""
        give_up = time.monotonic() + seconds
        while not (value := await asyncio.to_thread(found)):
            if time.monotonic() > give_up:
                raise SystemExit(f"{what}: not within {seconds:.0f} s")
            await asyncio.sleep(0.2)
        return value

    def scalar(self, query: str, *parameters: Any) -> int:
        with self.connect() as connection:
            return int(connection.execute(query, parameters).fetchone()[0])

    def cpu_s(self) -> dict[str, float]:
        """Return user and system seconds so far of each process with its children (PostgreSQL's and gunicorn's)."""
        names = {self.installation.pid(name): name for name in (*SYSTEM, FLEET)}
        return {name: tree_cpu_s(pid) for pid, name in names.items() if pid is not None}

    def resident_mb(self, name: str) -> int:
        pid = self.installation.pid(name)
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * resource.getpagesize() >> 20


def tree_cpu_s(root: int) -> float:
    """Return CPU seconds of a process, its living descendants, and the ended ones that they waited for."""
    parents, used = {}, {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                parents[int(entry.name)] = int(fields[1])
                used[int(entry.name)] = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    total, wanted = 0.0, [root]
    while wanted:
        pid = wanted.pop()
        total += used.get(pid, 0.0)
        wanted += [child for child, parent in parents.items() if parent == pid]
    return total


@contextlib.asynccontextmanager
async def installed(
    folder: Path,
    meters: int,
    *,
    disconnected: int = 0,
    links: Callable[[int], LinkOptions] | None = None,
    **headend: Any,
) -> AsyncIterator[RunningTown]:
    """Yield an installation with `meters` connected meters and business time at real speed, ten seconds before their first push.

    The first `disconnected` of them owe more than their policy allows. `headend` changes settings of the head end.
    """
    allow_connections(meters)
    outside = StandIns.on_free_ports()
    installation = Installation(data_directory(folder), settings_of(outside, meters, **headend))
    link_of = links or (lambda _number: LinkOptions())
    identities = [
        msgspec.structs.replace(
            seeded_identity(f"{number:08}", "urja-d1", number, start_wh=START_WH), link=link_of(number)
        )
        for number in range(1, meters + 1)
    ]
    began = time.monotonic()
    control = socket_directory((installation.data.meters).absolute()) / "control.sock"
    running = RunningTown(installation, outside, identities, folder, control)
    try:
        await installation.start()
        running.set_up_s["installation"] = time.monotonic() - began
        await asyncio.to_thread(_adopt, running, disconnected)
        running.set_up_s["adoption"] = time.monotonic() - began - sum(running.set_up_s.values())
        await _raise_fleet(running)
        running.set_up_s["fleet"] = time.monotonic() - began - sum(running.set_up_s.values())
        yield running
    finally:
        await installation.stop()


def settings_of(outside: StandIns, meters: int, **headend: Any) -> Settings:
    settings, replace = Settings(), msgspec.structs.replace
    return outside.known_to(
        replace(
            settings,
            clock=replace(settings.clock, start=INSTALLED_AT + SOON, speed=STANDSTILL),
            broker=replace(settings.broker, port=0, monitor_port=0),
            headend=replace(
                settings.headend,
                hosts=("127.0.0.1",),
                port=0,
                status_port=0,
                connections=meters + 1000,
                # The disconnections before the measurement are not measured.
                cuts_per_minute=100_000,
                cuts_per_transformer_per_minute=10_000,
                cuts_per_hour=1_000_000,
                cuts_per_day=1_000_000,
                cuts_per_area_per_hour=1_000_000,
                cuts_per_area_per_day=1_000_000,
                **headend,
            ),
            pipeline=replace(settings.pipeline, status_port=0),
            web=replace(settings.web, port=free_port()),
        )
    )


def _adopt(running: RunningTown, disconnected: int) -> None:
    from urja.site.django import options as django_options

    secrets = running.installation.secrets
    django_options.setup(
        django_options.DjangoOptions(
            conninfo=secrets.database_owner, timezone=ZONE.key, clock_anchor=running.installation.data.clock
        )
    )
    from urja.apps.rulebook.operations import load_tariff
    from urja.apps.rulebook.queries.tariffs import bundled_tariffs
    from urja.usecases.policies import load_policy

    load_tariff(bundled_tariffs()["demo-domestic.toml"], INSTALLED_AT)
    load_policy(POLICY, recorded_at=INSTALLED_AT, actor="bench")
    with running.connect() as connection, connection.transaction():
        connection.execute(
            "CREATE TEMP TABLE n (n bigint, key bigint, serial text, title bytea, guek bytea, gak bytea, since timestamptz, "
            "opening bigint[], counted_wh bigint)"
        )
        with connection.cursor().copy("COPY n FROM STDIN") as copy:
            for number, meter in enumerate(running.meters, 1):
                keys = meter.keys
                used_wh = USED_UP_WH if number <= disconnected else 0
                copy.write_row(
                    (
                        number,
                        number % BUCKETS << 40 | number,
                        meter.serial,
                        meter.title,
                        wrap_key(secrets.kek, keys.guek),
                        wrap_key(secrets.kek, keys.gak),
                        INSTALLED_AT,
                        [START_WH - used_wh, None, None, None, None],
                        START_WH,
                    )
                )
        seed(connection)
        connection.execute(
            "INSERT INTO assets_projection (device_id, version, projected_version) SELECT key, 1, 0 FROM n"
        )
        connection.execute("UPDATE journal_revision SET revision = revision + 1")
    with running.connect() as connection:
        connection.execute("VACUUM ANALYZE")


async def _raise_fleet(running: RunningTown) -> None:
    """Let the meters connect while business time stands still, then start it."""
    installation, total = running.installation, len(running.meters)
    for folder in (installation.data.meters, running.control.parent):
        make_private(folder)
    file, status_port = installation.data.meters / "fleet.json", free_port()
    write_fleet_file(
        file,
        FleetFile(
            head_end_host="127.0.0.1",
            head_end_port=installation.settings.headend.port,
            installed_at=INSTALLED_AT,
            meters=running.meters,
            clock=str(installation.data.clock),
            control=str(running.control),
            status_port=status_port,
        ),
    )
    for child in running.outside.children(installation.settings, running.vault, installation.data.meters, 1):
        if child.name == "gateway":
            await installation.add(_without_faults(child))
    unprojected = "SELECT count(*) FROM assets_projection WHERE version > projected_version"
    await running.until("projection", lambda: running.scalar(unprojected) == 0)
    await installation.add(
        ExtraChild(FLEET, "urja.demo.fleet_process:run_fleet", {"fleet": str(file)}, ready_port=status_port)
    )
    give_up = time.monotonic() + 300
    while (await running.order("status"))["linked"] < total:
        if time.monotonic() > give_up:
            raise SystemExit("the meters do not come on line")
        await asyncio.sleep(0.5)
    installation.anchor_clock(Anchor(time.time(), installation.clock.now().timestamp(), 1.0))


def _without_faults(child: ExtraChild) -> ExtraChild:
    return ExtraChild(
        child.name,
        child.target,
        child.arguments | {"webhooks": {}, "payments": {}},
        ready_port=child.ready_port,
        stop_rank=child.stop_rank,
    )
