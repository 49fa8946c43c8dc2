"""The fleet process: many meters on one event loop, driven by the business clock, controlled over a Unix socket.

It writes the truth file and the journal of inputs, stores the invocation counters across its restarts, and is the
only place that injects faults. docs/meter.md describes the fleet file and the orders of the control socket.
"""

import asyncio
import json
import os
import secrets
import signal
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Final

import msgspec
import structlog
import uvloop

from urja.base.clock import AnchoredClock, Clock
from urja.base.http import serving_status
from urja.base.json_files import UNREADABLE, DamagedFileError
from urja.base.meter_address import GatewayLink
from urja.meter.control_socket import serve_control
from urja.meter.faults import FaultPlan
from urja.meter.hdlc_bus import BusProtocol, HdlcBus
from urja.meter.identity import Identity
from urja.meter.inputs import NOT_INSTALLED, PowerCut, Silence
from urja.meter.journal import Journal, JournalError
from urja.meter.link import Link
from urja.meter.meter import Meter
from urja.meter.station import PushCounts, Station
from urja.meter.surroundings import Transformer
from urja.meter.town import Town
from urja.meter.truth import TruthFile

log = structlog.get_logger()

_CHECK_CLOCK_EVERY_S: Final = 1.0
"""The longest time between two checks of the clock's anchor: a supervisor may have moved it."""
_METERS_PER_TURN: Final = 50
_COUNTERS_RESERVED: Final = 1 << 16


class FleetFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The fleet: where its meters dial, which files it writes, and its meters.

    Paths are relative to the fleet file. `installed_at` is when the registers had their start values; the time from
    then to now is simulated without pushing. Meters whose type listens, and all of them with `udp_pushes`, push by
    UDP.
    """

    head_end_host: str
    head_end_port: int
    installed_at: datetime
    meters: list[Identity]
    transformers: list[Transformer] = []
    clock: str = "clock.json"
    truth: str = "truth.jsonl"
    counters: str = "counters.json"
    inputs: str = "inputs.jsonl"
    control: str = "control.sock"
    udp_pushes: bool = False
    status_port: int | None = None
    seed: int = 1


_Counter = Annotated[int, msgspec.Meta(ge=0, lt=1 << 32)]


class FleetError(DamagedFileError):
    """A fleet file that cannot be used; the message says what is wrong and where."""


def read_fleet_file(path: Path) -> FleetFile:
    """Return a fleet file, checked. Raises FleetError with everything that is wrong."""
    try:
        fleet = msgspec.json.decode(path.read_bytes(), type=FleetFile)
    except UNREADABLE as error:
        raise FleetError(f"{path}: {error}") from error
    problems = []
    if fleet.installed_at.tzinfo is None:
        problems.append("installed_at needs a time zone, as in 2026-04-01T00:00:00+05:30")
    for identity in fleet.meters:
        try:
            identity.check()
        except ValueError as error:
            problems.append(str(error))
    problems += _doubled_places(fleet)
    for name in ("serial", "system_title"):
        values = Counter(getattr(identity, name) for identity in fleet.meters)
        doubled = sorted(value for value, times in values.items() if times > 1)
        problems += [f"{name} {value} is given twice" for value in doubled]
    problems += _transformer_problems(fleet)
    if problems:
        raise FleetError(f"{path}: {'; '.join(problems)}")
    return fleet


def _doubled_places(fleet: FleetFile) -> list[str]:
    texts = (identity.listen or "" for identity in fleet.meters)
    places = Counter(text for text in texts if text.startswith("tcp:"))
    return [f"two meters have the address {place}" for place, times in places.items() if times > 1]


def _transformer_problems(fleet: FleetFile) -> list[str]:
    problems = [problem for transformer in fleet.transformers for problem in transformer.problems()]
    known = Counter(transformer.id for transformer in fleet.transformers)
    problems += [f"transformer {name} is given twice" for name, times in known.items() if times > 1]
    meters = {identity.serial: identity for identity in fleet.meters}
    problems += [
        f"meter {identity.serial}: unknown transformer {identity.transformer}"
        for identity in fleet.meters
        if identity.transformer is not None and identity.transformer not in known
    ]
    for transformer in fleet.transformers:
        if transformer.meter is None:
            continue
        metering = meters.get(transformer.meter)
        if metering is None:
            problems.append(
                f"transformer {transformer.id}: its meter {transformer.meter} is not in this fleet"
            )
        elif metering.transformer is not None:
            problems.append(
                f"meter {metering.serial}: measures {transformer.id} and cannot be a load of a transformer"
            )
    metered = Counter(
        transformer.meter for transformer in fleet.transformers if transformer.meter is not None
    )
    return problems + [
        f"meter {serial} measures several transformers" for serial, n in metered.items() if n > 1
    ]


def write_fleet_file(path: Path, fleet: FleetFile) -> None:
    """Write a fleet file atomically; it contains keys, so that only its owner may read it."""
    draft = path.with_name(f"{path.name}.new")
    # The mode is given at creation: with a chmod afterwards, others could open the keys in between.
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(fleet), indent=1))
        file.flush()
        os.fsync(descriptor)
    draft.replace(path)


class CounterReserve:
    """Invocation counters across restarts: blocks are reserved durably before they are used, and never again."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._first = self._read() if path.exists() else {}

    def _read(self) -> dict[str, int]:
        """Return the reserved counters. Raises FleetError: skipping a damaged file would make meters use counters
        twice.
        """
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, _Counter])
        except UNREADABLE as error:
            raise FleetError(
                f"{self._path}: {error}; restore it, or make a new fleet: no counter may be used twice"
            ) from error

    def first(self, serial: str) -> int:
        """Return the first counter that a meter may use in this run of the process."""
        return self._first.get(serial, 1)

    def reserve(self, meters: Iterable[Meter]) -> None:
        """Ensure that every meter has half a block ahead; write and sync where one has not."""
        short = [
            meter
            for meter in meters
            if meter.transmit.upcoming + _COUNTERS_RESERVED // 2 > self.first(meter.identity.serial)
        ]
        if not short:
            return
        for meter in short:
            self._first[meter.identity.serial] = meter.transmit.upcoming + _COUNTERS_RESERVED
        # Synced before it replaces the old file, and before any counter of the block is used: a crash at any point
        # can only skip counters. One used twice under a key would break the ciphering (IEC 62056-5-3, 5.3.3.3).
        temporary = self._path.with_suffix(".new")
        with temporary.open("w", encoding="utf-8") as file:
            json.dump(self._first, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(self._path)


class Fleet:
    """The meters and the business time up to which they run. `folder` has the fleet's files."""

    def __init__(self, file: FleetFile, folder: Path, clock: Clock) -> None:
        self.file = file
        self._clock = clock
        self._horizon: datetime | None = None
        self._changed = asyncio.Event()
        self._reached = asyncio.Event()
        self.started = asyncio.Event()
        self._datagrams: asyncio.DatagramTransport | None = None
        self._truth = TruthFile(folder / file.truth)
        self._reserve = CounterReserve(folder / file.counters)
        self._journal = Journal(folder / file.inputs)
        self._control_path = folder / file.control
        self.stations: dict[str, Station] = {}
        self.town = Town(file.transformers, file.meters, self.stations)
        # Premises first: a transformer's load is the sum of its premises' loads, whose past must exist before.
        for identity in sorted(file.meters, key=lambda each: self.town.measured_by(each.serial) is not None):
            self.stations[identity.serial] = self._station(identity)
        self._reserve.reserve(station.meter for station in self.stations.values())
        self._truth.flush()

    def _station(self, identity: Identity) -> Station:
        meter = self._create_meter(identity)
        # On an HDLC bus a meter sends only when it is polled: meters there push nothing.
        by_udp = identity.place is None and (self.file.udp_pushes or identity.type.dials == "listen")
        seed = f"{self.file.seed}:{identity.serial}"
        link = Link(identity.link, seed, meter.engine.clock.utc_offset_s)
        link.down_until_s = self._link_down_until_s(identity.serial)
        return Station(
            meter,
            now=self.now,
            entropy=secrets.token_bytes,
            plan=FaultPlan(seed),
            link=link,
            send_datagram=self._send_datagram if by_udp else None,
        )

    def _create_meter(self, identity: Identity) -> Meter:
        """Return a meter that has run up to now, through every input of its journal."""
        transformer = self.town.measured_by(identity.serial)
        utc_offset_s = identity.type.default_deviation_min * 60
        meter = Meter(
            identity,
            self.file.installed_at,
            self._truth.write,
            source=None
            if transformer is None
            else self.town.load_behind(transformer, utc_offset_s, identity.type.phases),
            note=self._journal.note,
        )
        past = self._journal.past.get(identity.serial, ())
        for entry in past:
            meter.replay(entry)
        # After the replay: a key change in it resets the counter, and counters were used under the new key.
        meter.transmit.skip_to(self._reserve.first(identity.serial))
        if identity.boxed and not past:
            meter.apply_input(PowerCut(NOT_INSTALLED))
        meter.run_without_pushing(self._clock.now())
        return meter

    def _link_down_until_s(self, serial: str) -> int:
        past = self._journal.past.get(serial, ())
        return next((e.input.until_s for e in reversed(past) if isinstance(e.input, Silence)), 0)

    def _send_datagram(self, datagram: bytes) -> None:
        if self._datagrams is not None:
            self._datagrams.sendto(datagram)

    def now(self) -> datetime:
        """Return business time, up to where the meters may run."""
        now = self._clock.now()
        return now if self._horizon is None else min(now, self._horizon)

    def wake(self) -> None:
        """Check the clock now: it was stepped, or a meter's next wake has changed."""
        self._changed.set()

    # Running.

    async def run(self, stopping: asyncio.Event) -> None:
        """Run until `stopping`. Raises OSError where a listening meter's address or the control socket is in use."""
        loop = asyncio.get_running_loop()
        async with AsyncExitStack() as stack:
            stack.callback(self.close)
            self._datagrams, _ = await loop.create_datagram_endpoint(
                asyncio.DatagramProtocol, remote_addr=(self.file.head_end_host, self.file.head_end_port)
            )
            stack.callback(self._datagrams.close)
            control = await serve_control(self, self._control_path)
            stack.callback(control.close)
            if self.file.status_port is not None:
                await stack.enter_async_context(serving_status(list, self.status, port=self.file.status_port))
            listening = [s for s in self.stations.values() if s.meter.identity.listen is not None]
            for station in listening:
                if station.meter.identity.place is None:
                    await self._listen(station, stack)
            for (host, port), stations in _lines(listening).items():
                await _listen_as_gateway(stations, host, port, stack)
            dialling = [s for s in self.stations.values() if s.meter.identity.listen is None]
            group = await stack.enter_async_context(asyncio.TaskGroup())
            tasks = [group.create_task(self._keep_time(), name="keep time")]
            for station in dialling:
                calls = station.dial(self.file.head_end_host, self.file.head_end_port)
                tasks.append(group.create_task(calls, name=f"dial {station.meter.identity.serial}"))
            self.started.set()
            await stopping.wait()
            for task in tasks:
                task.cancel()
            for station in self.stations.values():
                station.drop_link()

    async def _listen(self, station: Station, stack: AsyncExitStack) -> None:
        assert station.meter.identity.listen is not None
        server = await station.listen(*parse_address(station.meter.identity.listen))
        stack.callback(server.close)

    async def _keep_time(self) -> None:
        """Run each meter when it is due, and whenever the horizon or the clock has moved."""
        while True:
            await self._advance_due()
            self._reserve.reserve(station.meter for station in self.stations.values())
            self._journal.sync()
            self._reach_horizon()
            self._changed.clear()
            try:
                async with asyncio.timeout(min(self._next_delay(), _CHECK_CLOCK_EVERY_S)):
                    await self._changed.wait()
            except TimeoutError:
                continue

    def _reach_horizon(self) -> None:
        """At the horizon, once: bring every meter exactly to it and write the truth."""
        if self._reached.is_set() or self._horizon is None or self._clock.now() < self._horizon:
            return
        for station in self.stations.values():
            station.catch_up()
        self._truth.flush()
        self._reached.set()

    def _next_delay(self) -> float:
        """Return the real seconds until the first meter is due."""
        first = min((station.next_wake_s() for station in self.stations.values()), default=None)
        if first is None or self._clock.speed <= 0:
            return _CHECK_CLOCK_EVERY_S
        if self._reached.is_set():
            return _CHECK_CLOCK_EVERY_S
        if self._horizon is not None:
            first = min(first, int(self._horizon.timestamp()))
        return max((first - self._clock.now().timestamp()) / self._clock.speed, 0.001)

    async def _advance_due(self) -> None:
        now_s = int(self.now().timestamp())
        due = [station for station in self.stations.values() if station.next_wake_s() <= now_s]
        for number, station in enumerate(due, 1):
            station.catch_up()
            if number % _METERS_PER_TURN == 0:
                await asyncio.sleep(0)  # let the event loop serve the sockets
        self._truth.flush()  # also intervals that a request has closed by bringing its meter to the present

    # Orders.

    def status(self) -> dict[str, object]:
        """Return counts over all meters, and the business time they have reached."""
        total = PushCounts()
        for station in self.stations.values():
            total.add(station.counts)
        return {
            "meters": sum(station.is_installed for station in self.stations.values()),
            "linked": sum(station.linked for station in self.stations.values()),
            "powered": sum(station.meter.powered for station in self.stations.values()),
            "now": self.now().isoformat(),
            "closed_at": None if self._horizon is None else self._horizon.isoformat(),
            "pushes_made": total.made,
            "pushes_sent": total.sent,
            "pushes_duplicated": total.duplicated,
            "pushes_lost_by_fault": total.lost_by_fault,
            "pushes_lost_without_link": total.lost_without_link,
            "connections": total.connections,
            "refused_connections": total.refused_connections,
        }

    def totals(self) -> list[dict[str, object]]:
        """Return energy (mWh), register (Wh) and reached instant of each meter."""
        return [
            {
                "serial": serial,
                "powered": station.meter.powered,
                "cumulative_mwh": station.meter.engine.supply.total.energy_mwh,
                "register_wh": station.meter.engine.metrology.import_mwh() // 1000,
                "lived_to": datetime.fromtimestamp(station.meter.engine.true_s, UTC).isoformat(),
            }
            for serial, station in self.stations.items()
        ]

    def exchange(self, old: str, new: str) -> dict[str, object]:
        """Remove an installed meter and install one from stock in its place; return both, registers in Wh.

        Raises ValueError where a meter is not in this fleet, the old one is not installed, or the new one is.
        """
        away, comes = self.chosen([old, new])
        for station, is_installed in ((away, True), (comes, False)):
            if station.is_installed != is_installed:
                raise ValueError(
                    f"meter {station.meter.identity.serial} is {'not' if is_installed else 'already'} installed"
                )
        away.cut_power(NOT_INSTALLED)
        comes.restore_power(NOT_INSTALLED)
        return {"exchanged": self.town.house(comes), "taken_away": self.town.house(away)}

    async def close_at(self, instant: datetime) -> None:
        """Stop all meters at `instant`; return when they have reached it and their truth is written.

        Sessions continue; the meters' clocks do not advance. Raises ValueError for an instant in the past.
        """
        if int(instant.timestamp()) < max(
            (station.meter.engine.true_s for station in self.stations.values()), default=0
        ):
            raise ValueError(
                f"{instant.isoformat()} is in the past for at least one meter; give a later instant"
            )
        self._horizon = instant
        self._reached.clear()
        self._changed.set()
        await self._reached.wait()
        for station in self.stations.values():
            station.release_held()

    def reopen(self) -> None:
        """Let time continue."""
        self._horizon = None
        self._reached.clear()
        self._changed.set()

    def next_boundary(self) -> datetime:
        """Return the first instant, from now on, at which no meter with a correct clock has an open interval."""
        longest = max((station.meter.engine.interval_s for station in self.stations.values()), default=1800)
        offset_s = next((station.meter.engine.clock.utc_offset_s for station in self.stations.values()), 0)
        now_s = int(self.now().timestamp())
        return datetime.fromtimestamp(now_s + longest - (now_s + offset_s) % longest, UTC)

    def chosen(
        self,
        serials: list[str] | None = None,
        transformers: list[str] | None = None,
        feeders: list[str] | None = None,
    ) -> list[Station]:
        """Return the stations named by serial, transformer or feeder, each once; all where nothing is named.

        Raises ValueError for a name that is not in this fleet.
        """
        if serials is None and transformers is None and feeders is None:
            return list(self.stations.values())
        unknown = [serial for serial in serials or () if serial not in self.stations]
        if unknown:
            raise ValueError(f"not in this fleet: {', '.join(unknown)}")
        named = list(serials or ())
        named += [serial for name in transformers or () for serial in self.town.of_transformer(name)]
        named += [serial for name in feeders or () for serial in self.town.of_feeder(name)]
        return [self.stations[serial] for serial in dict.fromkeys(named)]

    def close(self) -> None:
        """Close truth and journal; `run` does it at its end."""
        self._truth.close()
        self._journal.close()

    def flush(self) -> None:
        """Hand the truth so far to the operating system."""
        self._truth.flush()


def _lines(stations: Iterable[Station]) -> dict[tuple[str, int], dict[int | None, Station]]:
    """Return the meters of each HDLC bus by their physical addresses, by the bus's host and port."""
    lines: dict[tuple[str, int], dict[int | None, Station]] = {}
    for station in stations:
        place = station.meter.identity.place
        if place is not None:
            assert isinstance(place.link, GatewayLink)
            lines.setdefault((place.link.host, place.link.port), {})[place.physical] = station
    return lines


async def _listen_as_gateway(
    stations: Mapping[int | None, Station], host: str, port: int, stack: AsyncExitStack
) -> None:
    loop = asyncio.get_running_loop()
    bus = HdlcBus(stations, loop.time)
    server = await loop.create_server(lambda: BusProtocol(bus), host, port)
    stack.callback(bus.close)
    stack.callback(server.close)


# --- the process ------------------------------------------------------------------------------------------


def parse_address(text: str) -> tuple[str, int]:
    """Return host and port of "host:port" or "[v6]:port"; raises ValueError for other text."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f"{text!r} is not an address such as 127.0.0.1:4059 or [::1]:4059")
    return host.strip("[]"), int(port)


async def serve_fleet(path: Path) -> None:
    """Run the fleet of a file until SIGTERM or SIGINT. Raises FleetError for an invalid fleet file or journal."""
    file = read_fleet_file(path)
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    try:
        fleet = Fleet(file, path.parent, AnchoredClock(path.parent / file.clock))
    except JournalError as error:
        raise FleetError(str(error)) from error
    log.info("fleet started", meters=len(file.meters), head_end=f"{file.head_end_host}:{file.head_end_port}")
    await fleet.run(stopping)
    log.info("fleet stopped", **fleet.status())


def run_fleet(path: Path) -> None:
    """Run the fleet process (blocks). Raises FleetError for an invalid file, OSError for an address in use."""
    uvloop.run(serve_fleet(path))
