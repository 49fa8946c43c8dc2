"""The control socket of a fleet: orders as JSON lines on a Unix socket, one answer a line (docs/meter.md lists the
orders).
"""

import asyncio
import json
import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, Protocol

import msgspec
import structlog

from urja.base.untyped_values import JsonObject
from urja.meter.faults import FaultRates
from urja.meter.inputs import (
    SERVICE_OUTAGE,
    Hook,
    Input,
    Leak,
    MoveTamper,
    Operate,
    RunGenerator,
    SetLoadLimit,
    TamperSwitch,
    WatchOverload,
    Weld,
)
from urja.meter.link import FOR_EVER_S
from urja.meter.relay import Order
from urja.meter.station import Station
from urja.meter.town import Town

log = structlog.get_logger()

_HOOK_LIMIT_W: Final = 100_000
_LEAK_LIMIT_ML_S: Final = 1_000


class Fleet(Protocol):
    """The controlled fleet (`urja.meter.fleet.Fleet`), as far as orders use it."""

    town: Town

    def now(self) -> datetime: ...
    def wake(self) -> None: ...
    def flush(self) -> None: ...
    def status(self) -> JsonObject: ...
    def totals(self) -> list[dict[str, object]]: ...
    def chosen(
        self,
        serials: list[str] | None = None,
        transformers: list[str] | None = None,
        feeders: list[str] | None = None,
    ) -> list[Station]: ...
    def exchange(self, old: str, new: str) -> dict[str, object]: ...
    def next_boundary(self) -> datetime: ...
    async def close_at(self, instant: datetime) -> None: ...
    def reopen(self) -> None: ...


class ControlOrder(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One order: what to do (`do`), with which meters (all where none are named), and its parameters."""

    do: str
    serials: list[str] | None = None
    transformers: list[str] | None = None
    feeders: list[str] | None = None
    at: datetime | None = None
    ppm: int = 0
    rates: FaultRates | None = None
    on: bool = True
    switch: TamperSwitch | None = None
    watts: int | None = None
    minutes: float | None = None
    ml_s: int | None = None

    @property
    def names_meters(self) -> bool:
        """Whether it is for some meters only."""
        return not (self.serials is None and self.transformers is None and self.feeders is None)


async def serve_control(fleet: Fleet, path: Path) -> asyncio.Server:
    """Listen for orders: one JSON object a line, one answer a line."""
    _remove_stale(path)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                writer.write(json.dumps(await answer_line(fleet, line)).encode() + b"\n")
                await writer.drain()
        except (ConnectionError, ValueError) as error:
            log.warning("control connection lost", error=str(error))
        finally:
            writer.close()

    server = await asyncio.start_unix_server(serve, str(path))
    os.chmod(path, 0o600)  # noqa: PTH101 - one call before the first order; it does not block
    return server


def _remove_stale(path: Path) -> None:
    """Remove the socket that a killed process left behind."""
    path.unlink(missing_ok=True)


async def answer_line(fleet: Fleet, line: bytes) -> dict[str, object]:
    """Carry out one order and return the answer; an invalid order is answered with its error."""
    try:
        order = msgspec.json.decode(line, type=ControlOrder)
        answer = _order_named(order.do)(fleet, order)
        if asyncio.iscoroutine(answer):
            answer = await answer
    except (msgspec.DecodeError, ValueError) as error:
        return {"ok": False, "error": str(error)}
    return {"ok": True, **(answer or {})}


type _Act = Callable[[Fleet, ControlOrder], Any]


def _order_named(name: str) -> _Act:
    try:
        return _ORDERS[name]
    except KeyError:
        raise ValueError(f"unknown order {name!r}; known are {', '.join(sorted(_ORDERS))}") from None


def _chosen(fleet: Fleet, order: ControlOrder) -> list[Station]:
    return fleet.chosen(order.serials, order.transformers, order.feeders)


# --- queries ----------------------------------------------------------------------------------------------


def _status(fleet: Fleet, _order: ControlOrder) -> dict[str, object]:
    fleet.flush()
    return fleet.status()


def _totals(fleet: Fleet, _order: ControlOrder) -> dict[str, object]:
    fleet.flush()
    return {"totals": fleet.totals()}


def _houses(fleet: Fleet, order: ControlOrder) -> dict[str, object]:
    return {"houses": [fleet.town.house(station) for station in _touched(fleet, order)]}


def _transformers(fleet: Fleet, order: ControlOrder) -> dict[str, object]:
    names = order.transformers
    _touched(fleet, ControlOrder("transformers"))
    return {"transformers": fleet.town.transformers(names)}


def _display(fleet: Fleet, order: ControlOrder) -> dict[str, object]:
    stations = _touched(fleet, order)
    return {"displays": {station.meter.identity.serial: station.meter.display() for station in stations}}


def _touched(fleet: Fleet, order: ControlOrder) -> list[Station]:
    """Return the stations an order names, brought to the present."""
    stations = _chosen(fleet, order)
    for station in stations:
        station.catch_up()
    return stations


# --- orders ------------------------------------------------------------------------------------------------


def _each(act: Callable[[Station], None]) -> _Act:
    def carry_out(fleet: Fleet, order: ControlOrder) -> JsonObject:
        return _to_each(fleet, order, act)

    return carry_out


def _to_each(fleet: Fleet, order: ControlOrder, act: Callable[[Station], None]) -> dict[str, object]:
    for station in _chosen(fleet, order):
        act(station)
    return _concerned(fleet, order)


def _concerned(fleet: Fleet, order: ControlOrder) -> dict[str, object]:
    """Wake the fleet's clock, as the meters may be due earlier now; return the answer: the number of meters."""
    fleet.wake()
    return {"meters": len(_chosen(fleet, order))}


def _happens(input_of: Callable[[ControlOrder], list[Input]]) -> _Act:
    """Return an order that applies inputs; they are checked before the first meter is touched."""

    def carry_out(fleet: Fleet, order: ControlOrder) -> JsonObject:
        inputs = input_of(order)

        def act(station: Station) -> None:
            for what in inputs:
                station.apply_input(what)

        return _to_each(fleet, order, act)

    return carry_out


def _outages(fleet: Fleet, order: ControlOrder) -> list[tuple[str, list[Station]]]:
    """Return the outage reasons that an order to cut or restore is about, each with its stations."""
    found = [(f"transformer {name}", fleet.chosen(transformers=[name])) for name in order.transformers or ()]
    found += [(f"feeder {name}", fleet.chosen(feeders=[name])) for name in order.feeders or ()]
    if order.serials is not None or not found:
        found.append((SERVICE_OUTAGE, fleet.chosen(order.serials)))
    return found


def _cut(fleet: Fleet, order: ControlOrder) -> dict[str, object]:
    for reason, stations in _outages(fleet, order):
        for station in stations:
            station.cut_power(reason)
    return _concerned(fleet, order)


def _restore(fleet: Fleet, order: ControlOrder) -> dict[str, object]:
    if not order.names_meters:
        return _to_each(fleet, order, Station.restore_power)
    for reason, stations in _outages(fleet, order):
        for station in stations:
            station.restore_power(reason)
    return _concerned(fleet, order)


def _drift(fleet: Fleet, order: ControlOrder) -> dict[str, object]:
    if not -100_000 <= order.ppm <= 100_000:
        raise ValueError("ppm must be within 100000 either way")
    return _to_each(fleet, order, lambda station: station.meter.drift_clock(fleet.now(), order.ppm))


def _set_faults(fleet: Fleet, order: ControlOrder) -> dict[str, object]:
    rates = (order.rates or FaultRates()).check()

    def act(station: Station) -> None:
        station.plan.rates = rates

    return _to_each(fleet, order, act)


def _unreachable(fleet: Fleet, order: ControlOrder) -> dict[str, object]:
    until_s = FOR_EVER_S
    if order.minutes is not None:
        if not 0 < order.minutes <= 60 * 24 * 366:
            raise ValueError("minutes must be more than 0 and at most a year's")
        until_s = int((fleet.now() + timedelta(minutes=order.minutes)).timestamp())
    return _to_each(fleet, order, lambda station: station.interrupt_link(until_s))


def _press(order: ControlOrder) -> list[Input]:
    return [Operate(Order.MANUAL_RECONNECT if order.on else Order.MANUAL_DISCONNECT)]


def _tamper(order: ControlOrder) -> list[Input]:
    if order.switch is None:
        raise ValueError("switch is missing: cover, magnet or neutral")
    return [MoveTamper(order.switch, order.on)]


def _overload(order: ControlOrder) -> list[Input]:
    limit: list[Input] = [] if order.watts is None else [SetLoadLimit(_watts(order, 1, (1 << 32) - 1))]
    return [*limit, WatchOverload(order.on)]


def _hook(order: ControlOrder) -> list[Input]:
    return [Hook(_watts(order, 0, _HOOK_LIMIT_W))]


def _watts(order: ControlOrder, least: int, most: int) -> int:
    if order.watts is None or not least <= order.watts <= most:
        raise ValueError(f"watts must be between {least} and {most}")
    return order.watts


def _exchange(fleet: Fleet, order: ControlOrder) -> dict[str, object]:
    if order.serials is None or len(order.serials) != 2:
        raise ValueError("serials must be two: the meter to remove and the one to install in its place")
    answer = fleet.exchange(*order.serials)
    fleet.wake()
    return answer


def _leak(order: ControlOrder) -> list[Input]:
    if order.ml_s is None or not 0 <= order.ml_s <= _LEAK_LIMIT_ML_S:
        raise ValueError(f"ml_s must be between 0 and {_LEAK_LIMIT_ML_S}")
    return [Leak(order.ml_s)]


async def _close(fleet: Fleet, order: ControlOrder) -> dict[str, object]:
    instant = order.at or fleet.next_boundary()
    if instant.tzinfo is None:
        raise ValueError("at needs a time zone, as in 2026-04-01T00:00:00+05:30")
    await fleet.close_at(instant)
    return {**fleet.status(), "totals": fleet.totals()}


def _reopen(fleet: Fleet, _order: ControlOrder) -> dict[str, object]:
    fleet.reopen()
    return {}


_ORDERS: Final[dict[str, _Act]] = {
    "status": _status,
    "totals": _totals,
    "houses": _houses,
    "transformers": _transformers,
    "display": _display,
    "close": _close,
    "reopen": _reopen,
    "cut": _cut,
    "restore": _restore,
    "drop": _each(Station.drop_link),
    "reboot": _each(Station.reboot),
    "unreachable": _unreachable,
    "reachable": _each(lambda station: station.interrupt_link(0)),
    "drift": _drift,
    "press": _happens(_press),
    "weld": _happens(lambda order: [Weld(order.on)]),
    "generator": _happens(lambda order: [RunGenerator(order.on)]),
    "overload": _happens(_overload),
    "tamper": _happens(_tamper),
    "hook": _happens(_hook),
    "leak": _happens(_leak),
    "exchange": _exchange,
    "faults": _set_faults,
}
