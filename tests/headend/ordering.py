"""Households with a meter that takes orders, and the pipeline's side that issues them."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator

import msgspec
from tests.headend.pushing import KEK

from urja.base.clock import SteppedClock
from urja.base.ids import compose_id
from urja.cosem.security import wrap_key
from urja.meter.faults import FaultPlan
from urja.meter.identity import Identity, seeded_identity
from urja.meter.meter import Meter
from urja.meter.station import Station
from urja.meter.surroundings import RelayOptions
from urja.meter.truth import TruthRecord
from urja.stream.broker import Broker
from urja.stream.devices import SignedDevice
from urja.stream.messages import DeviceEntry
from urja.stream.orders import Order, Progress, SignedOrder

SIGNING_KEY = bytes(range(32))
HOUR = dt.timedelta(hours=1)
TERMINAL = {
    "confirmed",
    "connected_load_unproven",
    "waiting_for_person",
    "expired",
    "superseded",
    "failed",
}


async def put_device(broker: Broker, entry: DeviceEntry) -> int:
    """Write a meter into the projection as the pipeline does."""
    return await broker.put_device(entry.key, SignedDevice.of(entry, SIGNING_KEY))


class House:
    """One meter that dials in or (with a port) listens, and orders to it in sequence."""

    def __init__(
        self,
        clock: SteppedClock,
        number: int = 1,
        *,
        port: int | None = None,
        relay: RelayOptions | None = None,
        transformer: str | None = None,
        area: str | None = None,
        device_type: str | None = None,
    ) -> None:
        listens = None if port is None else f"127.0.0.1:{port}"
        device_type = device_type or ("urja-d1" if port is None else "urja-d1-listen")
        self.clock = clock
        self.transformer = transformer
        self.area = area
        self.number = number
        self.sequence = 0
        plain = seeded_identity(f"{number:08}", device_type, 3, start_wh=5000, listen=listens)
        self.identity: Identity = msgspec.structs.replace(plain, relay=relay or RelayOptions())
        self._mount()

    def _mount(self) -> None:
        self.truth: list[TruthRecord] = []
        self.meter = Meter(self.identity, self.clock.now() - dt.timedelta(days=1), self.truth.append)
        self.meter.run_without_pushing(self.clock.now())
        self.station = Station(
            self.meter,
            now=self.clock.now,
            entropy=lambda size: bytes(range(size)),
            plan=FaultPlan(self.identity.serial),
        )

    def pretend(self, **changes: str) -> None:
        """Be another meter than the one that is known: with other keys, for one."""
        self.identity = msgspec.structs.replace(self.identity, **changes)
        self._mount()

    @property
    def device_id(self) -> int:
        return compose_id(300, self.number)

    @property
    def switch(self):
        return self.meter.engine.switch

    def entry(self) -> DeviceEntry:
        return DeviceEntry(
            device_id=self.device_id,
            bucket=300,
            system_title=self.identity.title,
            serial=self.identity.serial,
            device_type=self.identity.device_type,
            wrapped_guek=wrap_key(KEK, self.identity.keys.guek),
            wrapped_gak=wrap_key(KEK, self.identity.keys.gak),
            wrapped_master=wrap_key(KEK, bytes.fromhex(self.identity.master_key)),
            address=self.identity.listen,
            transformer=self.transformer,
            area=self.area,
        )

    def order(self, kind: str, sequence: int | None = None, **changes: object) -> Order:
        self.sequence = max(self.sequence + 1, sequence or 0)
        number = sequence or self.sequence
        now = self.clock.now()
        fields = {
            "command_id": compose_id(300, 1000 * self.number + number),
            "device_id": self.device_id,
            "system_title": self.identity.title,
            "kind": kind,
            "arguments": {},
            "sequence": number,
            "issued_at": now,
            "expires_at": now + HOUR,
            "correlation": 4711,
        }
        return Order(**(fields | changes))

    @contextlib.asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        host, port = self.identity.listen.split(":")
        server = await self.station.listen(host, int(port))
        try:
            yield
        finally:
            server.close()
            self.station.drop_link()
            await server.wait_closed()

    @contextlib.asynccontextmanager
    async def dialling(self, port: int) -> AsyncIterator[None]:
        """Dialling whenever its module is awake."""
        task = asyncio.ensure_future(self.station.dial("127.0.0.1", port))
        try:
            yield
        finally:
            task.cancel()
            self.station.drop_link()

    @contextlib.asynccontextmanager
    async def dialled_in(self, port: int) -> AsyncIterator[None]:
        """Connected, and known by a push."""
        dialling = asyncio.ensure_future(self.station.dial("127.0.0.1", port))
        try:
            async with asyncio.timeout(60):
                while not self.station.linked:  # noqa: ASYNC110 - the station has no event for it
                    await asyncio.sleep(0.01)
            yield
        finally:
            dialling.cancel()
            self.station.drop_link()


class Desk:
    """The pipeline's end: sends orders, and keeps what is said of them."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.heard: list[Progress] = []

    async def send(self, order: Order, signed: SignedOrder | None = None, shard: int = 4) -> None:
        await self.broker.publish_order(order, signed or SignedOrder.of(order, SIGNING_KEY), shard)

    async def listen(self, wait_s: float = 0.2) -> list[Progress]:
        """Take the queued messages."""
        consumer = await self.broker.consume("PROGRESS")
        for delivery in await consumer.fetch(100, wait_s):
            self.heard.append(delivery.body)
            await delivery.ack()
        await consumer.close()
        return self.heard

    async def end_of(self, *orders: Order, within_s: float = 60) -> list[Progress]:
        """How each order ended, once all have."""
        async with asyncio.timeout(within_s):
            while not all(self._ends(order) for order in orders):
                await self.listen()
        return [self._ends(order)[0] for order in orders]

    async def until_heard(self, order: Order, within_s: float = 60) -> None:
        """Once anything has been said of an order."""
        async with asyncio.timeout(within_s):
            while not self.states(order):
                await self.listen()

    def states(self, order: Order) -> list[str]:
        return [said.state for said in self.heard if said.command_id == order.command_id]

    def _ends(self, order: Order) -> list[Progress]:
        return [said for said in self.heard if said.command_id == order.command_id and said.state in TERMINAL]
