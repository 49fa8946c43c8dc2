"""One run of the demonstration: the town is started, runs, and is compared with the meters' own truth at its end."""

import asyncio
import contextlib
import json
import signal
import time
from collections.abc import AsyncIterator, Callable, Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from zoneinfo import ZoneInfo

import click
import msgspec
import psycopg

from urja.base.clock import Anchor
from urja.base.ports import free_port
from urja.base.settings import Settings
from urja.base.untyped_values import JsonObject
from urja.demo import grid_failures, town_laws
from urja.demo.clerks import TARIFF, Clerks, MeterState, file_request, meter_state, request_outcome
from urja.demo.retrying import in_thread, unavailable_errors, until_answered
from urja.demo.stand_ins import KEY_ID, PAYMENTS, RESIDENTS, StandIns, residents
from urja.demo.town import CASHIER, OPERATOR, Town, build_town
from urja.demo.town_control import Gateway, TownControl, keys_of_fleet
from urja.laws import (
    energy_ownership as registry_laws,
    flags as flag_laws,
    gateway_settlements as settlement_laws,
    switching as supply_laws,
)
from urja.laws.connections import Connection
from urja.laws.downtime import read_downtimes
from urja.laws.meter_histories import meter_histories
from urja.laws.report import Findings, examine
from urja.laws.truth_comparison import energy_steps_wh
from urja.meter.fleet import FleetFile, read_fleet_file, write_fleet_file
from urja.meter.journal import read_journal
from urja.meter.relay import ControlState
from urja.meter.truth import read_truth
from urja.site.command_errors import CommandError, Exit
from urja.site.supervisor import sandbox_gateway
from urja.site.supervisor.extra_child import ExtraChild
from urja.site.supervisor.installation import (
    HEADEND,
    NATS,
    PIPELINE,
    POSTGRES,
    WEB,
    Installation,
)
from urja.site.supervisor.postgres import make_private, socket_directory
from urja.site.supervisor.secrets import Vault

if TYPE_CHECKING:
    from urja.usecases.operations import UseCase

_FLEET: Final = "fleet"
_DRAIN_LIMIT_S: Final = 120.0
_LIFE_EVERY_S: Final = 5.0
_COUNTER_EVERY_S: Final = 0.5
_ANSWERED_WITHIN_S: Final = 20.0
_CONNECTED_WITHIN_S: Final = 5
_SLACK_S: Final = 15.0
"""Real seconds that a step of switching may take, in addition to the laws' own business time."""
_PROMISED: Final = timedelta(hours=1)
"""Business time in which an order reaches a reachable meter, and a payment leads to reconnection."""
_REPORTED: Final = timedelta(minutes=30)
"""Business time after which a settlement is known here: its report is fetched every quarter of an hour."""
_SWITCHING: Final = frozenset({POSTGRES, NATS, PIPELINE, HEADEND, _FLEET})
"""Processes that must run for an order to reach a meter."""
_PAYING: Final = _SWITCHING | {sandbox_gateway.PROCESS}
"""Processes that must run for a payment to lead to reconnection."""
_UNHEARD_S: Final = 180.0
"""Real seconds after its expiry by which the end of a command is known: the head end has two minutes to report it."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Options of the command line."""

    meters: int
    speed: float
    """Business seconds per second."""
    seconds: float | None
    seed: int
    report: Path | None
    clerks: bool = False


def _say(step: str) -> None:
    """Print progress on standard error; standard output is for the results."""
    click.echo(step, err=True)


class TownRun:
    """One run of the demonstration: start the town, let it run, compare the ledger with the truth."""

    def __init__(self, plan: Plan, settings: Settings, directory: Path) -> None:
        self.plan = plan
        self.outside = StandIns.on_free_ports()
        self.installation = Installation(directory, self.outside.known_to(settings), demo=True)
        self.zone = ZoneInfo(settings.utility.timezone)
        self.town = build_town(plan.meters, plan.seed)
        self.fleet_file = self.installation.data.meters / "fleet.json"
        # The path of a Unix socket is limited to about 100 bytes, that of a data directory is not.
        self.control = socket_directory(self.installation.data.meters.absolute()) / "control.sock"
        self.began_at = datetime.fromtimestamp(0, UTC)
        self.clerks: Clerks | None = None
        self.passkey_code = ""
        """With which the cashier makes a passkey; empty where the cashier has one."""

    async def live(self) -> bool:
        """Run until the time is up or a signal; return whether all laws held (true where none were checked)."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        _say(f"Raising a town of {self.plan.meters} houses:")
        stopping = asyncio.create_task(stop.wait())
        raising = asyncio.create_task(self._raise())
        try:
            await asyncio.wait({raising, stopping}, return_when=asyncio.FIRST_COMPLETED)
            if not raising.done():
                raising.cancel()
                await asyncio.gather(raising, return_exceptions=True)
                return True
            raising.result()
            self._announce()
            async with (
                self._town_control(),
                # Around the clerks: their events are finished while the town goes on, with all that belongs to it.
                self._grid_failing(),
                _beside(self._press_buttons()),
                self._clerks_at_work(),
            ):
                interrupted = await self._until(stopping)
            return True if interrupted or self.plan.seconds is None else await self._conclude()
        finally:
            stopping.cancel()
            await self.installation.stop()

    async def _raise(self) -> None:
        """Start the system first, then the meters, then time."""
        _say("  database, broker, head end, pipeline and web server start …")
        await self.installation.start()
        make_private(self.fleet_file.parent)
        make_private(self.control.parent)
        self._set_up_django()
        known = self.fleet_file.exists()
        if known:
            self._check_known_town()
        else:
            _say(f"  {self.plan.meters} houses and their meters enter the registry …")
            await self._adopt()
        _say("  payment gateway, message service and meters start …")
        for child in self._children():
            await self.installation.add(child)
        self.began_at = self.installation.clock.now()
        self.passkey_code = await self._asked(self._passkey_code)
        self.installation.anchor_clock(Anchor(time.time(), self.began_at.timestamp(), self.plan.speed))
        await self.installation.add(residents(self.installation.settings, self.town.houses, self.plan.seed))
        # A town that continues has had its events already.
        if self.plan.clerks and self.town.fates is not None and not known:
            self.clerks = Clerks(
                self.town.fates, self.began_at, self._order, self._file, self._look, self.zone, TARIFF
            )

    def _children(self) -> list[ExtraChild]:
        """Return the outside services first, then the meters, which need them."""
        fleet = read_fleet_file(self.fleet_file)
        arguments = {"fleet": str(self.fleet_file)}
        return [
            *self.outside.children(
                self.installation.settings, self._vault(), self.fleet_file.parent, self.plan.seed
            ),
            ExtraChild(_FLEET, "urja.demo.fleet_process:run_fleet", arguments, ready_port=fleet.status_port),
        ]

    def _vault(self) -> Vault:
        return Vault.open(self.installation.data.secrets).completed(self.installation.settings)

    def _town_control(self) -> TownControl:
        secret = self._vault().services.gateways[PAYMENTS]["key_secret"]
        gateway = Gateway(self.outside.gateway_url, KEY_ID, secret)
        return TownControl(self.installation, self.control, gateway, keys=keys_of_fleet(self.fleet_file))

    @contextlib.asynccontextmanager
    async def _clerks_at_work(self) -> AsyncIterator[None]:
        """Let the clerks work while the town runs; events that have begun are finished before the end."""
        if self.clerks is None:
            yield
            return
        working = asyncio.create_task(self._let_work(self.clerks))
        try:
            yield
        finally:
            working.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await working
        give_up = time.monotonic() + _DRAIN_LIMIT_S
        await self.clerks.finish(self.installation.clock.now())
        while not self.clerks.done and time.monotonic() < give_up:
            await asyncio.sleep(_COUNTER_EVERY_S)
            await self.clerks.finish(self.installation.clock.now())

    async def _let_work(self, clerks: Clerks) -> None:
        while True:
            await clerks.work(self.installation.clock.now())
            await asyncio.sleep(_COUNTER_EVERY_S)

    @contextlib.asynccontextmanager
    async def _grid_failing(self) -> AsyncIterator[None]:
        """Let the grid fail at times where a generator supplies instead; it is back at the end."""
        serials = self.town.with_generator
        if not serials:
            yield
            return
        async with _beside(self._fail_grid(serials)):
            yield
        await self._order_again("restore", serials)

    async def _fail_grid(self, serials: list[str]) -> None:
        failed = False
        while True:
            if grid_failures.has_failed(self.began_at, self.installation.clock.now()) is not failed:
                failed = not failed
                await self._order_again("cut" if failed else "restore", serials)
            await asyncio.sleep(_COUNTER_EVERY_S)

    async def _press_buttons(self) -> None:
        """Press the button of a gas meter whose valve is ready, as the person at home does."""
        serials = [house.gas.meter.serial for house in self.town.houses if house.gas is not None]
        while serials:
            houses = (await self._order_again("houses", serials))["houses"]
            if ready := [house["serial"] for house in houses if house["control_state"] == ControlState.READY]:
                await self._order_again("press", ready)
            await asyncio.sleep(_LIFE_EVERY_S / 2)

    async def _order_again(self, do: str, serials: list[str]) -> JsonObject:
        """Return the answer to a repeatable order for some meters, from a fleet that may be restarting."""
        return await until_answered(partial(self._order, do, serials=serials), _DRAIN_LIMIT_S)

    async def _file(self, operation: "UseCase", now: datetime) -> list[str]:
        """Submit a request and wait for its answer, as the portal does.

        It may be submitted twice, where the database died during its commit; then it is performed once and the second
        is refused.
        """
        number = await self._asked(file_request, operation, now)
        return await self._asked(self._answer, number)

    async def _look(self, serial: str) -> MeterState:
        return await self._asked(meter_state, serial)

    @staticmethod
    def _answer(number: int) -> list[str]:
        from urja.apps.journal.requests import wait_for

        wait_for(number, _ANSWERED_WITHIN_S)
        answered, faults = request_outcome(number)
        return faults if answered else ["no answer in time"]

    @staticmethod
    async def _asked[T](function: Callable[..., T], *arguments: object) -> T:
        """Return the result of a function that queries the database or a service, which may be restarting."""
        return await until_answered(partial(in_thread, function, *arguments), _DRAIN_LIMIT_S)

    def _check_known_town(self) -> None:
        kept = read_fleet_file(self.fleet_file)
        if [meter.serial for meter in kept.meters] != [meter.serial for meter in self.town.meters]:
            of_electricity = [meter for meter in kept.meters if meter.type.commodity == "electricity"]
            houses = sum(not meter.boxed for meter in of_electricity) - len(kept.transformers)
            raise CommandError(
                Exit.USAGE,
                f"{self.installation.data.path} holds another town, of {houses} houses: give its --meters and "
                "--seed, or another --data",
            )
        write_fleet_file(self.fleet_file, msgspec.structs.replace(kept, **self._whereabouts()))

    def _whereabouts(self) -> JsonObject:
        """Return the addresses of the system in this run."""
        return {
            "head_end_host": "127.0.0.1",
            "head_end_port": self.installation.settings.headend.port,
            "clock": str(self.installation.data.clock),
            "control": str(self.control),
            "status_port": free_port(),
        }

    def _set_up_django(self) -> None:
        """Set up Django for adoption at the beginning and the laws at the end; models can be imported from here on."""
        from urja.site.django import options as django_options

        django_options.setup(
            django_options.DjangoOptions(
                conninfo=self.installation.secrets.database_owner,
                timezone=self.installation.settings.utility.timezone,
                clock_anchor=self.installation.data.clock,
            )
        )

    async def _adopt(self) -> None:
        """Enter the households into the registry and their meters into the fleet's file."""
        from urja.cosem.security import KekStore
        from urja.demo.registry_setup import register_town

        keys, now = KekStore(self.installation.secrets.kek), self.installation.clock.now()
        installed_at = now.replace(microsecond=0)
        moving = partial(register_town, keys=keys, seed=self.plan.seed, installed_at=installed_at, now=now)
        await self._asked(moving, self.town)
        write_fleet_file(
            self.fleet_file,
            FleetFile(
                installed_at=installed_at,
                meters=self.town.meters,
                transformers=[post.transformer for post in self.town.posts],
                seed=self.plan.seed,
                **self._whereabouts(),
            ),
        )

    def _passkey_code(self) -> str:
        from urja.demo.registry_setup import cashier_passkey_code

        return cashier_passkey_code(self.began_at)

    def _announce(self) -> None:
        web = self.installation.settings.web
        address = f"http://{web.host}:{web.port}"
        # Browsers offer passkeys at `localhost`, not at a numeric address.
        passkey = (
            f"; code for the passkey: {self.passkey_code}"
            if self.passkey_code
            else " with the passkey made before"
        )
        click.echo(
            f"""
  {_houses_and_meters(self.town)}
  {self.plan.speed:g} times real time, from {self._local(self.began_at)}

  The town          {address}/town/
  Consumer's page   {address}/
                    sign in as {self.town.houses[0].email}
  Operator's view   {address}/console/
                    sign in as {OPERATOR}
  Cashier's counter {web.public_origin}/console/counter/
                    sign in as {CASHIER}{passkey}
  Sign-in codes     {address}/demo/outbox/
  Data and logs     {self.installation.data.path}
  Stop              Ctrl-C
"""
        )

    def _local(self, instant: datetime) -> str:
        return f"{instant.astimezone(self.zone):%a %d %b %Y %H:%M}"

    async def _until(self, stopping: "asyncio.Task[object]") -> bool:
        """Print a status line now and then until the time is up; return whether a signal came before."""
        failing = asyncio.create_task(self.installation.wait_failed())
        end = None if self.plan.seconds is None else time.monotonic() + self.plan.seconds
        try:
            while end is None or time.monotonic() < end:
                pause = _LIFE_EVERY_S if end is None else min(_LIFE_EVERY_S, end - time.monotonic())
                await asyncio.wait(
                    {stopping, failing}, timeout=max(pause, 0), return_when=asyncio.FIRST_COMPLETED
                )
                if failing.done():
                    raise failing.result()
                if stopping.done():
                    return True
                click.echo(await self._life())
        finally:
            failing.cancel()
        return False

    async def _life(self) -> str:
        """Return one line: business time, and figures of meters and ledger. A part that does not answer is named."""
        now, meters, books = self.installation.clock.now(), await self._of_meters(), await self._of_books()
        return f"{self._local(now)}  {meters}  {books}"

    async def _of_meters(self) -> str:
        try:
            status = await self._order("status")
        except OSError:
            return "the meters do not answer"
        return f"{status['linked']}/{status['meters']} meters connected  {status['pushes_sent']} pushes sent"

    async def _of_books(self) -> str:
        try:
            figures = await in_thread(self._figures)
        except unavailable_errors():
            return "the database does not answer"
        return (
            f"{figures['readings']} readings  {figures['energy_wh'] / 1000:.2f} kWh rated  "
            f"{figures['entries']} entries"
        )

    def _connect(self) -> Connection:
        return psycopg.connect(self.installation.secrets.database_owner, connect_timeout=_CONNECTED_WITHIN_S)

    def _figures(self) -> dict[str, int]:
        with self._connect() as connection:
            row = connection.execute(
                "SELECT (SELECT count(*) FROM readings.interval) + (SELECT count(*) FROM readings.register), "
                "(SELECT coalesce(sum(billed_value), 0) FROM readings.accrual), (SELECT count(*) FROM books.entry)"
            ).fetchone()
        assert row is not None
        return dict(zip(("readings", "energy_wh", "entries"), map(int, row), strict=True))

    async def _order(self, do: str, **arguments: object) -> dict[str, object]:
        """Send one order to the fleet and return its answer. Raises OSError where it cannot be reached."""
        async with _control(self.control) as (reader, writer):
            writer.write(json.dumps({"do": do, **arguments}).encode() + b"\n")
            await writer.drain()
            line = await reader.readline()
        if not line:
            raise ConnectionError(f"the fleet ended before it answered to {do}")
        answer: JsonObject = json.loads(line)
        if not answer.pop("ok"):
            raise RuntimeError(f"the fleet refused to {do}: {answer['error']}")
        return answer

    async def _from_fleet(self, do: str) -> JsonObject:
        """Return the answer to a repeatable order, from a fleet that may be restarting."""
        return await until_answered(partial(self._order, do), _DRAIN_LIMIT_S)

    # -- the end ------------------------------------------------------------------------------------------

    async def _conclude(self) -> bool:
        """Stop the residents, stop the meters at the end of an interval, await what is under way, and check the laws."""
        click.echo("Time is up: the meters finish their interval …", err=True)
        await self.installation.stop_child(RESIDENTS)
        closed = await self._from_fleet("close")
        horizon = datetime.fromisoformat(closed["closed_at"])
        settled = await self._settle(horizon)
        houses = (await self._from_fleet("houses"))["houses"]
        payments = await self._asked(self.outside.book, self._vault())
        paid_out = await self._asked(self.outside.settled, self._vault())
        for name in (_FLEET, HEADEND, PIPELINE, WEB):
            await self.installation.stop_child(name)
        findings = await self._asked(self._examine, horizon, payments, paid_out, houses)
        self._report(findings, closed, horizon, settled=settled)
        return all(findings.laws.values())

    async def _settle(self, horizon: datetime) -> bool:
        """Wait until nothing is under way; return False where something still is at the limit.

        No event tells that several processes have come to rest together, so the ledger is polled.
        """
        give_up = time.monotonic() + _DRAIN_LIMIT_S
        while time.monotonic() < give_up:
            with contextlib.suppress(*unavailable_errors()):
                # In this order: a meter's answer is in the broker before it is recorded in the database.
                if await in_thread(self._complete, horizon) and await self._idle():
                    return True
            await asyncio.sleep(0.2)
        for awaited in await self._asked(self._awaited, horizon):
            click.echo(f"  still awaited: {awaited}", err=True)
        return False

    def _awaited(self, horizon: datetime) -> tuple[str, ...]:
        from urja.laws.report import unfinished

        with self._connect() as connection:
            return unfinished(connection, horizon, self.zone)

    async def _idle(self) -> bool:
        """Return whether nothing is pending in the broker except requests: the closed meters are asked again and
        again for intervals that they have not lived through, and the requests about their past are complete.
        """
        waiting = await self.installation.backlog()
        return waiting is not None and not any(
            sum(counts.values()) for name, counts in waiting.items() if not name.startswith("REQUESTS")
        )

    def _complete(self, horizon: datetime) -> bool:
        from urja.laws.report import complete

        with self._connect() as connection:
            return (
                complete(connection, horizon, self.zone)
                and town_laws.credited(connection, self.outside.book(self._vault()))
                and settlement_laws.caught_up(connection, self.outside.settled(self._vault()))
            )

    def _examine(
        self,
        horizon: datetime,
        payments: list[JsonObject],
        paid_out: list[JsonObject],
        houses: list[dict[str, object]],
    ) -> Findings:
        """Check the laws of energy and money, of switching, and of the town's other books; return them with the
        report's figures.
        """
        from urja.apps.supply.queries import paid_to_reconnected_wall_ms
        from urja.apps.supply.queries.flags import flagged

        folder = self.fleet_file.parent
        fleet = read_fleet_file(self.fleet_file)
        steps_wh = energy_steps_wh(fleet)
        records, done = read_truth(folder / fleet.truth), read_journal(folder / fleet.inputs)
        now = self.installation.clock.now()
        with self._connect() as connection:
            spine = examine(connection, records, horizon, now, self.zone, steps_wh)
            slack = supply_laws.SLACK + timedelta(seconds=_SLACK_S * self.plan.speed)
            heard_by = now - timedelta(seconds=_UNHEARD_S * max(self.plan.speed, 1.0))
            switching = read_downtimes(self.installation.data.outages, _SWITCHING)
            others = [
                *supply_laws.examine(connection, now, self.zone.key, slack, switching),
                *town_laws.examine(connection, payments, houses, heard_by),
                *settlement_laws.examine(connection, payments, paid_out, now - _REPORTED - slack),
                *town_laws.examine_reached(
                    connection,
                    meter_histories(fleet, done, now),
                    now,
                    _PROMISED + slack,
                    switching=switching,
                    paying=read_downtimes(self.installation.data.outages, _PAYING),
                ),
                flag_laws.examine(connection, fleet, done, records, horizon, slack),
                *registry_laws.examine(connection, horizon, self.zone.key),
                *registry_laws.examine_truth(connection, records, horizon, self.zone, steps_wh),
            ]
            figures = {**town_laws.figures(connection, payments), **settlement_laws.figures(paid_out)}
        waits_ms = town_laws.percentiles_of(paid_to_reconnected_wall_ms(self.began_at))
        return spine.with_more(
            others, {**figures, "flagged": len(flagged(horizon)), "paid_to_reconnected_ms": waits_ms}
        )

    def _report(
        self, findings: Findings, fleet: dict[str, object], horizon: datetime, *, settled: bool
    ) -> None:
        report = {
            "meters": self.plan.meters,
            "simulated_hours": round((horizon - self.began_at).total_seconds() / 3600, 3),
            "pushes_sent": fleet["pushes_sent"],
            **findings.figures,
            "settled": settled,
            "laws": findings.laws,
        }
        if self.plan.report is not None:
            self.plan.report.write_text(json.dumps(report, indent=2) + "\n", "utf-8")
        click.echo(json.dumps(report, indent=2))
        for fault in findings.faults[:20]:
            click.echo(f"  {fault}", err=True)
        broken = [name for name, held in findings.laws.items() if not held]
        click.echo(f"Broken: {', '.join(broken)}" if broken else "All laws hold.", err=True)


def _houses_and_meters(town: Town) -> str:
    """Return the number of houses, and why there are more meters than that."""
    houses, posts = len(town.houses), len(town.posts)
    gas = len(town.billed_meters) - houses
    with_gas = f", and {gas} houses one of gas" if gas else ""
    return (
        f"{houses} house{'s' * (houses != 1)} on {posts} transformer{'s' * (posts != 1)}: "
        f"{houses + posts + gas} meters, as each transformer has one of its own{with_gas}"
    )


@contextlib.asynccontextmanager
async def _beside(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    """Let work go on beside the block, and end it with the block; a failure of it is raised then."""
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def _control(path: Path) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_unix_connection(str(path), limit=1 << 24)
    try:
        yield reader, writer
    finally:
        writer.close()
        await writer.wait_closed()
