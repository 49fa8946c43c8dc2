"""The stages of the pipeline in one table: the thread in which each uses the database, and how long it rests.

A thread holds one connection, and the stages of one thread take turns. A stage written as `on.runs(...)` is
synchronous and runs in its thread as a whole; others wait for the broker or for a service in the event loop, and are
given the thread.
"""

from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from urja.apps.meter_types import queries as meter_types
from urja.apps.payments import clients
from urja.apps.payments.queries import gateways
from urja.base.clock import Clock, WallClock
from urja.base.process_secrets import PipelineSecrets
from urja.base.settings import PipelineSettings, Settings
from urja.pipeline import (
    approve,
    close,
    commission,
    match_transfers,
    meter_jobs,
    mode_changes,
    post,
    register,
    sheets,
)
from urja.pipeline.collect import Collector
from urja.pipeline.configure import Configure
from urja.pipeline.decide import Decide
from urja.pipeline.determine import Determine
from urja.pipeline.disk_room import DiskRoom
from urja.pipeline.dispatch import Dispatch
from urja.pipeline.display import Display
from urja.pipeline.django_thread import DjangoThread
from urja.pipeline.email_changes import EmailChanges, MailSender, delete_old_sign_ins
from urja.pipeline.gaps import Gaps
from urja.pipeline.ingest import Ingest, Ingester
from urja.pipeline.notify import Notify
from urja.pipeline.project import Project
from urja.pipeline.prove import Laws, Prover
from urja.pipeline.quarantine_fill import QuarantineFill
from urja.pipeline.reconcile import Reconciler
from urja.pipeline.release_cuts import ReleaseCuts
from urja.pipeline.seal import Sealer
from urja.pipeline.sign_in_codes import MessagedCodes, SignInCodes
from urja.pipeline.stage import Report, RunOnce, Stage, StageConnection, with_wall_time
from urja.pipeline.wal_archive import WalArchive
from urja.stream.broker import Broker
from urja.stream.subjects import OUTCOMES, PROGRESS, READINGS

REPORTS_REST_S: Final = 0.1
"""Between two looks for what the head end reports of commands."""
WATCH_REST_S: Final = 10.0
FORGET_REST_S: Final = 3600.0


type StageRow = tuple[str, str, float | Callable[[], float], Callable[[DjangoThread], RunOnce]]
"""A stage's name, its thread, its rest in seconds, and the function that makes it on that thread."""


@dataclass(frozen=True, slots=True)
class PipelineContext:
    """Settings, secrets and services that the stages need."""

    settings: Settings
    secrets: PipelineSecrets
    clock: Clock
    heads: Path
    """The directory for the signed heads."""
    laws: Laws
    places: Sequence[Path]
    """Directories whose file systems are watched."""
    wal_state: Path
    """File of what went wrong with the archive of the database's log."""


async def build_stages(
    given: PipelineContext, broker: Broker, thread: Callable[[str], DjangoThread], stack: AsyncExitStack
) -> list[Stage]:
    """All stages. `thread` returns the thread of a name; resources that stages open are closed with `stack`."""
    settings, clock, key = given.settings, given.clock, given.secrets.signing_key
    zone, rest_s = ZoneInfo(settings.utility.timezone), settings.pipeline.interval_s
    readings, outcomes = await broker.consume(READINGS), await broker.consume(OUTCOMES)
    progress = await broker.consume(PROGRESS)
    sign_in_codes = SignInCodes(settings.utility.name, WallClock())
    sign_in_messages = MessagedCodes(settings.utility.name, WallClock())
    sender = MailSender(settings.utility.name, settings.web.public_origin)
    cutoff = timedelta(seconds=settings.pipeline.close_cutoff_s)
    kept = timedelta(days=settings.pipeline.meter_jobs_kept_days)
    sealer, prover = Sealer(zone, given.secrets.roots_key, given.heads), Prover(zone, given.laws)
    spreadsheets = sheets.Sheets(settings.utility.name, settings.utility.currency)

    def gaps_rest_s() -> float:
        return max(rest_s, _gap_search_interval_s(clock.speed))

    def session() -> StageConnection:
        opened = StageConnection(given.secrets.database)
        stack.callback(opened.close)
        return opened

    def ingest(on: DjangoThread) -> RunOnce:
        return Ingest(readings, Ingester(session(), zone.key), clock, in_thread=on).run_once

    def gaps(on: DjangoThread) -> RunOnce:
        stage = Gaps(
            session(),
            broker,
            outcomes,
            zone.key,
            in_thread=on,
            sleeping=meter_types.sleeping_types,
            billing_types=meter_types.billing_types,
        )
        return stage.run_once

    def project(on: DjangoThread) -> RunOnce:
        return Project(broker, zone.key, signing_key=key, in_thread=on).run_once

    def dispatch(on: DjangoThread) -> RunOnce:
        return Dispatch(broker, progress, clock, signing_key=key, in_thread=on).run_once

    def notify(on: DjangoThread) -> RunOnce:
        stage = Notify(on, recharge_at=settings.messages.recharge_at)
        stack.push_async_callback(stage.close)
        return stage.run_once

    table: list[StageRow] = [
        # Its rest is the wait for messages.
        ("ingest", "ingest", 0.0, ingest),
        ("gaps", "gaps", gaps_rest_s, gaps),
        ("project", "main", rest_s, project),
        ("quarantine", "main", WATCH_REST_S, lambda on: QuarantineFill(broker, on).run_once),
        ("disk", "main", WATCH_REST_S, lambda on: on.runs(DiskRoom(given.places, settings.disk).run_once)),
        ("match_transfers", "main", rest_s, lambda on: on.runs(match_transfers.run_once)),
        ("post", "main", rest_s, lambda on: on.runs(partial(post.run_once, cutoff=cutoff))),
        # A thread of its own: no payment waits for the determinants of a whole town after midnight.
        ("determine", "determine", rest_s, lambda on: on.runs(Determine().run_once)),
        ("display", "main", rest_s, lambda on: on.runs(with_wall_time(Display(zone).run_once))),
        ("configure", "main", rest_s, lambda on: on.runs(with_wall_time(Configure().run_once))),
        ("dispatch", "commands", REPORTS_REST_S, dispatch),
        ("releases", "commands", rest_s, lambda on: ReleaseCuts(broker, on).run_once),
        ("notify", "notify", rest_s, notify),
        ("addresses", "mail", rest_s, lambda on: on.runs(EmailChanges(sender).run_once)),
        ("forget_sign_ins", "mail", FORGET_REST_S, lambda on: on.runs(_forget_sign_ins)),
        # Thousands of conversions: nothing else waits for them.
        ("mode_changes", "modes", rest_s, lambda on: on.runs(mode_changes.run_once)),
        ("forget_sheets", "sheets", FORGET_REST_S, lambda on: on.runs(sheets.forget)),
        ("forget_jobs", "jobs", FORGET_REST_S, lambda on: on.runs(partial(meter_jobs.delete_old, kept=kept))),
        # Stages that read all rows of a day take long.
        ("seal", "seal", rest_s, lambda on: on.runs(sealer.run_once)),
        ("prove", "prove", rest_s, lambda on: on.runs(prover.run_once)),
        *(_reconcile(name, given) for name in gateways.names()),
    ]
    # People wait for these: a reconnection after a payment, an answer to a form. So they are woken.
    awaited: list[StageRow] = [
        # A thread of its own: neither a payment nor a command may wait for a day's close.
        ("decide", "decide", rest_s, lambda on: on.runs(Decide(rest_s).run_once)),
        # Threads of their own: no stage may wait for a gateway, a message service or a mail relay, nor one gateway for
        # another.
        *(_collect(name, given) for name in gateways.names()),
        ("approve", "approve", rest_s, lambda on: on.runs(approve.run_once)),
        ("sign_in_codes", "codes", rest_s, lambda on: on.runs(sign_in_codes.run_once)),
        ("sign_in_messages", "messages", rest_s, lambda on: on.runs(sign_in_messages.run_once)),
        # A request from a page waits for other requests only, not for jobs over thousands of meters.
        ("register", "people", rest_s, lambda on: on.runs(register.run_once)),
        ("commission", "people", rest_s, lambda on: on.runs(with_wall_time(commission.run_once))),
        ("meter_jobs", "jobs", rest_s, lambda on: on.runs(with_wall_time(meter_jobs.run_once))),
        # A large sheet takes a minute: nothing else waits for it.
        ("sheets", "sheets", rest_s, lambda on: on.runs(spreadsheets.run_once)),
    ]
    if settings.backup.wal_directory is not None:
        watch = WalArchive(Path(settings.backup.wal_directory), given.wal_state, settings.backup)
        table.append(("archive", "main", WATCH_REST_S, lambda on: on.runs(watch.run_once)))
    return [
        Stage(name, on, pause_s, make(thread(on)), woken=rows is awaited)
        for rows in (table, awaited)
        for name, on, pause_s, make in rows
    ]


def closing_stage(settings: PipelineSettings, thread: Callable[[str], DjangoThread]) -> Stage:
    """The stage `close` of a process beside the pipeline's."""
    on, cutoff = thread("main"), timedelta(seconds=settings.close_cutoff_s)
    return Stage("close", "main", settings.interval_s, on.runs(partial(close.run_once, cutoff=cutoff)))


def _collect(name: str, given: PipelineContext) -> StageRow:
    collector = Collector(clients.gateway(name), given.clock.speed)
    stage = f"collect:{name}"
    return stage, stage, given.settings.pipeline.interval_s, lambda on: on.runs(collector.run_once)


def _reconcile(name: str, given: PipelineContext) -> StageRow:
    settings = given.settings
    reconciler = Reconciler(
        clients.gateway(name),
        ZoneInfo(settings.utility.timezone),
        timedelta(days=settings.payments.settled_within_days),
        given.clock.speed,
    )
    stage = f"reconcile:{name}"
    return stage, stage, settings.pipeline.interval_s, lambda on: on.runs(reconciler.run_once)


def _forget_sign_ins(_now: datetime) -> Report:
    """Delete old sign-ins by real time, because they are stamped by it."""
    return delete_old_sign_ins(WallClock().now())


def _gap_search_interval_s(speed: float) -> float:
    """Seconds between two searches for gaps: a business minute, from one to thirty seconds, because a search covers every
    meter.
    """
    return min(30.0, max(1.0, 60.0 / speed)) if speed > 0 else 0.0
