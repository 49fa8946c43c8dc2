"""The stages of the pipeline: each with the thread that it asks the database in, and how long it rests.

A stage that is written `thread.runs(...)` is synchronous and runs there as a whole; others wait for the broker or for a
service in the event loop, and are given the thread. Stages of one thread take turns.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from urja.apps.payments import clients
from urja.apps.payments.queries import gateways
from urja.base.clock import Clock, WallClock
from urja.base.secrets import PipelineSecrets
from urja.base.settings import Settings
from urja.pipeline import approve, commission, meter_jobs, post, register
from urja.pipeline.addresses import Addresses, Sender, forget_sign_ins
from urja.pipeline.collect import Collector
from urja.pipeline.configure import Configure
from urja.pipeline.decide import Decide
from urja.pipeline.disk_room import DiskRoom
from urja.pipeline.dispatch import Dispatch
from urja.pipeline.display import Display
from urja.pipeline.django_thread import DjangoThread
from urja.pipeline.gaps import Gaps
from urja.pipeline.ingest import Ingest, Ingester
from urja.pipeline.notify import Notify
from urja.pipeline.project import Project
from urja.pipeline.prove import Laws, Prover
from urja.pipeline.quarantine_fill import QuarantineFill
from urja.pipeline.reconcile import Reconciler
from urja.pipeline.release_cuts import ReleaseCuts
from urja.pipeline.seal import Sealer
from urja.pipeline.stage import Session, Stage, with_wall
from urja.stream.broker import Broker
from urja.stream.subjects import OUTCOMES, PROGRESS, READINGS

AWAITED_REST_S: Final = 0.1
"""Of what people wait for: light after a payment, an answer to a form."""
JOBS_REST_S: Final = 0.25
WATCH_REST_S: Final = 10.0
FORGET_REST_S: Final = 3600.0


@dataclass(frozen=True, slots=True)
class Given:
    """What the stages work with, and for."""

    settings: Settings
    secrets: PipelineSecrets
    clock: Clock
    heads: Path
    """The directory that takes the signed heads."""
    laws: Laws
    places: Sequence[Path]
    """Directories whose file systems are watched."""


async def stages(
    given: Given, broker: Broker, thread: Callable[[str], DjangoThread], stack: AsyncExitStack
) -> list[Stage]:
    """All stages. `thread` gives the thread of a name; what stages open themselves is closed with the stack."""
    settings, clock, key = given.settings, given.clock, given.secrets.signing_key
    zone, rest_s = ZoneInfo(settings.utility.timezone), settings.pipeline.interval_s
    sessions = [Session(given.secrets.database), Session(given.secrets.database)]
    for session in sessions:
        stack.callback(session.close)
    main, people, jobs, mail = thread("main"), thread("people"), thread("jobs"), thread("mail")
    commands = thread("commands")
    ingest = Ingest(await broker.consume(READINGS), Ingester(sessions[0], zone.key), clock)
    gaps = Gaps(sessions[1], broker, await broker.consume(OUTCOMES), zone.key)
    project = Project(broker, zone.key, signing_key=key, in_thread=main)
    progress = await broker.consume(PROGRESS)
    dispatch = Dispatch(broker, progress, clock, signing_key=key, in_thread=commands)
    notify = Notify(thread("notify"), recharge_at=settings.messages.recharge_at)
    stack.push_async_callback(notify.close)
    change_addresses = Addresses(Sender(settings.utility.name, settings.web.public_origin))
    sealer = Sealer(zone, given.secrets.roots_key, given.heads)
    cutoff = timedelta(seconds=settings.pipeline.close_cutoff_s)
    kept = timedelta(days=settings.pipeline.meter_jobs_kept_days)
    return [
        # Waiting for messages is its rest.
        Stage("ingest", ingest.run_once, 0.0),
        Stage("gaps", gaps.run_once, max(rest_s, _look_every_s(clock.speed))),
        Stage("project", project.run_once, rest_s),
        Stage("quarantine", QuarantineFill(broker, main).run_once, WATCH_REST_S),
        Stage("disk", main.runs(DiskRoom(given.places, settings.disk).run_once), WATCH_REST_S),
        Stage("post", main.runs(partial(post.run_once, cutoff=cutoff)), rest_s),
        Stage("display", main.runs(with_wall(Display(zone).run_once)), rest_s),
        Stage("configure", main.runs(with_wall(Configure().run_once)), rest_s),
        # Neither a payment nor a command waits for a day's close.
        Stage("decide", thread("decide").runs(Decide(rest_s).run_once), AWAITED_REST_S),
        Stage("dispatch", dispatch.run_once, AWAITED_REST_S),
        Stage("releases", ReleaseCuts(broker, commands).run_once, rest_s),
        # Nothing waits for a gateway, nor one gateway for another, nor for a message service or a mail relay.
        *(stage for name in gateways.names() for stage in _of_gateway(name, given, thread)),
        Stage("notify", notify.run_once, rest_s),
        Stage("approve", thread("approve").runs(approve.run_once), AWAITED_REST_S),
        Stage("addresses", mail.runs(change_addresses.run_once), rest_s),
        Stage("forget_sign_ins", mail.runs(lambda _now: forget_sign_ins(WallClock().now())), FORGET_REST_S),
        # A request from a page waits for other requests alone, and not for jobs over thousands of meters.
        Stage("register", people.runs(register.run_once), AWAITED_REST_S),
        Stage("commission", people.runs(with_wall(commission.run_once)), AWAITED_REST_S),
        Stage("meter_jobs", jobs.runs(with_wall(meter_jobs.run_once)), JOBS_REST_S),
        Stage("forget_meter_jobs", jobs.runs(partial(meter_jobs.forget, kept=kept)), FORGET_REST_S),
        # What goes over a day's rows takes its time.
        Stage("seal", thread("seal").runs(sealer.run_once), rest_s),
        Stage("prove", thread("prove").runs(Prover(zone, given.laws).run_once), rest_s),
    ]


def _of_gateway(name: str, given: Given, thread: Callable[[str], DjangoThread]) -> Iterator[Stage]:
    settings, speed = given.settings, given.clock.speed
    within = timedelta(days=settings.payments.settled_within_days)
    zone = ZoneInfo(settings.utility.timezone)
    collector = Collector(clients.gateway(name), speed)
    reconciler = Reconciler(clients.gateway(name), zone, within, speed)
    collect, reconcile = f"collect:{name}", f"reconcile:{name}"
    yield Stage(collect, thread(collect).runs(collector.run_once), AWAITED_REST_S)
    yield Stage(reconcile, thread(reconcile).runs(reconciler.run_once), settings.pipeline.interval_s)


def _look_every_s(speed: float) -> float:
    """Gaps are looked for each business minute, at least every half a minute: a look goes over every meter."""
    return min(30.0, 60.0 / speed) if speed > 0 else 0.0
