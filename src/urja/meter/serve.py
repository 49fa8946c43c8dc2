"""Meters served alone, listening: a server for any DLMS client."""

import asyncio
import contextlib
import secrets
import signal
from collections.abc import Callable, Coroutine, Mapping
from datetime import timedelta

import uvloop

from urja.base.clock import Clock
from urja.base.meter_address import SerialLink
from urja.base.serial_port import SerialPort
from urja.meter.faults import FaultPlan
from urja.meter.hdlc_bus import BusProtocol, HdlcBus, PseudoTerminal
from urja.meter.identity import Identity
from urja.meter.meter import Meter
from urja.meter.station import Station

Announce = Callable[[dict[str, object]], None]


def describe(identity: Identity, host: str, port: int) -> dict[str, object]:
    """Return all that a DLMS client needs to talk to the meter, keys included: this is a bench."""
    device_type = identity.type
    saps = device_type.associations
    return {
        "host": host,
        "port": port,
        "device_type": device_type.name,
        "serial": identity.serial,
        "logical_device_name": identity.device_id,
        "server_sap": saps.server_sap,
        "clients": {
            "public": {"sap": saps.public_sap, "authentication": "none"},
            "reader": {"sap": saps.reader_sap, "authentication": "lls", "ciphering": "suite 0"},
            "utility": {
                "sap": saps.utility_sap,
                "authentication": "hls",
                "mechanism": saps.hls_mechanism,
                "ciphering": "suite 0",
            },
        },
        "system_title": identity.system_title,
        "guek": identity.guek,
        "gak": identity.gak,
        "master_key": identity.master_key,
        "hls_secret": identity.hls_secret,
        "lls_secret": bytes.fromhex(identity.lls_secret).decode("ascii"),
    }


async def serve_until(
    identity: Identity,
    host: str,
    port: int,
    *,
    days: int,
    clock: Clock,
    announce: Announce,
    stopping: asyncio.Event,
) -> None:
    """Serve one meter with `days` of history until `stopping`. Raises OSError for an address in use.

    Only its clients drive it: each request first brings the meter to the present.
    """
    station = _station(identity, days, clock)
    server = await station.listen(host, port)
    async with server:
        address = server.sockets[0].getsockname()
        announce(describe(identity, address[0], address[1]))
        await stopping.wait()
        station.drop_link()


async def serve_bus_until(
    identities: Mapping[int, Identity],
    host: str,
    port: int,
    *,
    pty: bool = False,
    serial: SerialLink | None = None,
    days: int,
    clock: Clock,
    announce: Announce,
    stopping: asyncio.Event,
) -> None:
    """Serve meters with `days` of history by physical address behind one HDLC port until `stopping`.

    They are also on a serial port where one is given, and on a pseudo terminal with `pty`. Raises OSError for an
    address or a port that cannot be opened.
    """
    stations: dict[int | None, Station] = {
        physical: _station(identity, days, clock) for physical, identity in identities.items()
    }
    loop = asyncio.get_running_loop()
    bus = HdlcBus(stations, loop.time)
    server = await loop.create_server(lambda: BusProtocol(bus), host, port)
    with contextlib.ExitStack() as stack:
        path = stack.enter_context(PseudoTerminal(bus)) if pty else None
        if serial is not None:
            SerialPort(serial, BusProtocol(bus))
        async with server:
            address = server.sockets[0].getsockname()
            meters = [
                describe(identity, address[0], address[1]) | {"physical_address": physical}
                for physical, identity in identities.items()
            ]
            announce(
                {
                    "host": address[0],
                    "port": address[1],
                    "pty": path,
                    "serial": serial and serial.device,
                    "meters": meters,
                }
            )
            await stopping.wait()
            bus.close()


def _station(identity: Identity, days: int, clock: Clock) -> Station:
    now = clock.now()
    meter = Meter(identity, now - timedelta(days=days))
    meter.run_without_pushing(now)
    meter.engine.stay_awake()
    return Station(meter, now=clock.now, entropy=secrets.token_bytes, plan=FaultPlan(identity.serial))


def serve(identity: Identity, host: str, port: int, *, days: int, clock: Clock, announce: Announce) -> None:
    """Serve one meter with `days` of history until SIGINT or SIGTERM (blocks). Raises OSError for an address in use."""
    _until_stopped(
        lambda stopping: serve_until(
            identity, host, port, days=days, clock=clock, announce=announce, stopping=stopping
        )
    )


def serve_bus(
    identities: Mapping[int, Identity],
    host: str,
    port: int,
    *,
    pty: bool,
    serial: SerialLink | None,
    days: int,
    clock: Clock,
    announce: Announce,
) -> None:
    """Serve meters with `days` of history on one HDLC bus until SIGINT or SIGTERM (blocks).

    Raises OSError for an address in use.
    """
    _until_stopped(
        lambda stopping: serve_bus_until(
            identities,
            host,
            port,
            pty=pty,
            serial=serial,
            days=days,
            clock=clock,
            announce=announce,
            stopping=stopping,
        )
    )


def _until_stopped(serving: Callable[[asyncio.Event], Coroutine[object, object, None]]) -> None:
    async def main() -> None:
        stopping = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stopping.set)
        await serving(stopping)

    uvloop.run(main())
