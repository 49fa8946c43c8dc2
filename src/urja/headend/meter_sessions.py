"""Sessions with meters: one at a time for each meter, by one head end, over the meter's own connection or one dialled
to it.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from typing import Final

import structlog

from urja.base.meter_address import HdlcLinkAddress, MeterAddress, WrapperAddress, parse_meter_address
from urja.base.restored import Restored
from urja.base.settings import HeadendSettings
from urja.cosem.association import ClientAssociation
from urja.headend.apdu_channel import ApduChannel, DialledConnection, WrapperChannel, dial
from urja.headend.association_pool import AssociationPool, PooledAssociation
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.invocation_counters import ReservedCounters
from urja.headend.meter_identification import MeterIdentifier
from urja.headend.metrics import Metrics
from urja.headend.roster import Meter
from urja.headend.round_trips import RoundTrips
from urja.headend.sealed_state import Seal
from urja.headend.session import (
    AssociationOpener,
    Client,
    Session,
    open_session,
    random_title,
    utility_client,
)
from urja.headend.shared_links import SharedLinks
from urja.headend.state_losses import StateLosses
from urja.headend.wrapper_port import MeterConnection, WrapperPort
from urja.stream.broker import Broker
from urja.stream.errors import StreamError

log = structlog.get_logger()

RELEASE_TIMEOUT_S: Final = 2.0
"""Seconds that a head end that stops waits for meters to release their associations."""


class MeterSessions:
    """Opens sessions with meters. `settings.name` identifies this head end where several share an installation."""

    def __init__(
        self,
        broker: Broker,
        wrapper_port: WrapperPort,
        metrics: Metrics,
        settings: HeadendSettings,
        seal: Seal,
        losses: StateLosses,
        restored: Restored | None = None,
    ) -> None:
        self._broker = broker
        self._wrapper_port = wrapper_port
        self._waited_for: set[bytes] = set()
        self.identifier = MeterIdentifier(wrapper_port, metrics, lambda: bool(self._waited_for))
        self._owner = settings.name
        self._title = random_title()
        """The system title of this process alone: reserved counters may have been used already by a process that ran
        on a later state of the store."""
        self.counters = ReservedCounters(broker, seal, metrics, partial(losses.note, "counters"), restored)
        self._metrics = metrics
        self.links = SharedLinks()
        self._locks: dict[bytes, asyncio.Lock] = {}
        self.pool = AssociationPool(settings.association_idle_s, self._idle)
        self._releasing: set[asyncio.Task[None]] = set()

    def is_here(self, meter: Meter) -> bool:
        """Return whether the meter has a connection to this head end, or a connection claims to be it."""
        connection = self._wrapper_port.by_slot.get(meter.slot)
        if connection is not None and connection.transport is not None:
            return True
        return self.identifier.claimed(meter) is not None

    def wait_for(self, system_title: bytes, *, waiting: bool) -> None:
        """Note whether an order waits for a meter (system title, 8 bytes) that is not connected: while one does, all
        unidentified connections are queried.
        """
        if waiting:
            self._waited_for.add(system_title)
        else:
            self._waited_for.discard(system_title)

    @asynccontextmanager
    async def session(
        self,
        meter: Meter,
        trips: RoundTrips | None = None,
        *,
        urgent: bool = False,
        keep: bool = False,
    ) -> AsyncIterator[Session]:
        """Open a session as the utility client; its round trips are counted in `trips`.

        An urgent session goes first where meters share a link. With `keep`, or in a pooled association, the
        association stays open for the next session; otherwise it is released on leaving.

        Raises SessionFailedError, and StreamError where the broker is not available or refuses.
        """
        title, client = meter.entry.system_title, client_of(meter, self._title)
        trips = RoundTrips() if trips is None else trips
        lock = self._locks.setdefault(title, asyncio.Lock())
        try:
            async with (
                lock,
                self._channel(meter, urgent=urgent) as channel,
                self._lease(meter.entry.key, "the meter"),
                self._opened(channel, meter, client, trips, keep=keep) as session,
            ):
                try:
                    yield session
                except SessionFailedError as failure:
                    if failure.kind is FailureKind.TIMEOUT and session.unanswered:
                        self.pool.note_no_answer(title)
                    raise
        finally:
            self._note(trips)

    def _note(self, trips: RoundTrips) -> None:
        for purpose, count in trips.items():
            self._metrics.round_trips.labels(purpose).inc(count)

    @asynccontextmanager
    async def _opened(
        self, channel: ApduChannel, meter: Meter, client: Client, trips: RoundTrips, *, keep: bool
    ) -> AsyncIterator[Session]:
        """Open a session with whichever keys the meter accepts while it is being given new ones."""
        title = meter.entry.system_title
        connection = channel.carrier if isinstance(channel, WrapperChannel) else None

        def stay(association: ClientAssociation, peer: AssociationOpener) -> bool:
            """Pool the association, unless its keys are about to change."""
            return (
                isinstance(connection, MeterConnection | DialledConnection)
                and meter.next is None
                and self.pool.keep(
                    title, PooledAssociation(association, peer, meter.key_id, connection, client.server_sap)
                )
            )

        pooled = self.pool.get(title)
        if pooled is not None and pooled.connection is connection:
            self.pool.take(title)
            going_on = partial(stay, peer=pooled.peer)
            async with open_session(
                channel, pooled.peer, trips, pooled=pooled.association, keep=going_on
            ) as session:
                session.key_id = pooled.key_id
                yield session
            return
        candidates, waiting = _credentials_to_try(meter, client), meter.next
        async with AsyncExitStack() as stack:
            for credentials in candidates:
                # The counters' name has the key's id, because counters begin again with a key change.
                name = f"{meter.entry.system_title.hex()}-{credentials.key_id.hex()}"
                peer = AssociationOpener(credentials.client, self.counters, name, meter.entry.system_title)
                opening = open_session(channel, peer, trips, keep=partial(stay, peer=peer) if keep else None)
                try:
                    session = await stack.enter_async_context(opening)
                except SessionFailedError as failure:
                    if failure.kind not in _OTHER_KEYS or credentials is candidates[-1]:
                        raise
                    continue
                session.key_id, session.by_new_secret = credentials.key_id, credentials.by_new_secret
                if client.ciphered:
                    meter.proves(credentials.key_id, session.association.peer_counter)
                break
            if waiting is not None:
                waiting.expected = session.key_id == waiting.key_id
            yield session

    # -- the pool of open associations -----------------------------------------------------------------------------

    def _usable_association(self, meter: Meter) -> PooledAssociation | None:
        """The pooled association, if a session can continue in it; otherwise it is dropped and None returned."""
        title = meter.entry.system_title
        pooled = self.pool.get(title)
        if pooled is None:
            return None
        there = isinstance(pooled.connection, DialledConnection) or self._proven(meter) is pooled.connection
        if there and pooled.usable and pooled.key_id == meter.key_id and meter.next is None:
            return pooled
        self.pool.drop(title)
        return None

    def _idle(self, title: bytes) -> None:
        task = asyncio.get_running_loop().create_task(self._release(title))
        self._releasing.add(task)
        task.add_done_callback(self._releasing.discard)

    async def _release(self, title: bytes) -> None:
        """Release the pooled association of a meter."""
        pooled, trips = self.pool.get(title), RoundTrips()
        async with self._locks[title]:
            # Meanwhile a session may have taken it.
            if pooled is None or self.pool.get(title) is not pooled:
                return
            try:
                if pooled.usable and pooled.connection.on_answer is None:
                    with WrapperChannel(pooled.connection, pooled.server_sap) as channel:
                        await pooled.peer.resume(channel, pooled.association, trips).close()
            finally:
                self.pool.drop(title)
                self._note(trips)

    async def close(self) -> None:
        """Release all pooled associations, as far as that takes no longer than `RELEASE_TIMEOUT_S` seconds."""
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT_S):
                await asyncio.gather(*map(self._release, self.pool.titles), *self._releasing)
        except TimeoutError:
            log.info("associations were left open", count=len(self.pool))
        for title in self.pool.titles:
            self.pool.drop(title)

    @asynccontextmanager
    async def _lease(self, key: str, what: str) -> AsyncIterator[None]:
        # The lock in `session` excludes other sessions of this process; the lease (120 s by the broker's clock) those
        # of other head ends.
        revision = await self._broker.take_lease(key, self._owner)
        if revision is None:
            raise SessionFailedError(FailureKind.ELSEWHERE, f"another head end is in session with {what}")
        try:
            yield
        finally:
            giving = asyncio.ensure_future(self._give_back(key, revision))
            try:
                await asyncio.shield(giving)
            except asyncio.CancelledError:
                # A head end that stops must free its leases: until a lease expires, no other head end can reach the meter.
                await giving
                raise

    async def _give_back(self, key: str, revision: int) -> None:
        try:
            await self._broker.free_lease(key, revision)
        except StreamError:
            # It expires by itself, and this head end may take it again before.
            return

    @asynccontextmanager
    async def _channel(self, meter: Meter, *, urgent: bool) -> AsyncIterator[ApduChannel]:
        # A connection that the meter has opened goes before any address.
        address = None if self._proven(meter) is not None else _address(meter)
        server_sap = meter.compiled.device_type.associations.server_sap
        if isinstance(address, HdlcLinkAddress):
            # Hashed, because the link's name has characters that keys of the broker's store may not have.
            key = f"line-{hashlib.sha256(address.link.name.encode()).hexdigest()[:32]}"
            async with (
                self.links.turn(address, urgent=urgent) as link,
                self._lease(key, f"a meter behind {address.link.name}"),
                link.channel(address, server_sap) as channel,
            ):
                yield channel
            return
        async with self._wrapper_channel(meter, address, server_sap) as channel:
            yield channel

    @asynccontextmanager
    async def _wrapper_channel(
        self, meter: Meter, address: WrapperAddress | None, server_sap: int
    ) -> AsyncIterator[WrapperChannel]:
        pooled = self._usable_association(meter)
        claimed = None if pooled else self._claimed(meter)
        carrier = pooled.connection if pooled else claimed or await self._connection(meter, address)
        proven = False
        try:
            with WrapperChannel(carrier, server_sap) as channel:
                yield channel
            proven = True
        except SessionFailedError as failure:
            # Out of step or without an answer: the next session begins with a fresh connection.
            if claimed is not None:
                carrier.close()
                # The other side need not be this meter: its failure must not end an order to the meter.
                raise SessionFailedError(
                    FailureKind.UNREACHABLE, f"the connection that claims to be the meter: {failure}"
                ) from failure
            if failure.kind in _ENDS_CONNECTION:
                carrier.close()
            raise
        finally:
            if claimed is not None:
                self.identifier.settle(meter, claimed, proven=proven)
            pooled = self.pool.get(meter.entry.system_title)
            if isinstance(carrier, DialledConnection) and (
                pooled is None or pooled.connection is not carrier
            ):
                carrier.close()

    def _claimed(self, meter: Meter) -> MeterConnection | None:
        """A connection that has yet to prove that it is the meter, where no other way to the meter is known."""
        if self._proven(meter) is not None or meter.entry.address is not None:
            return None
        return self.identifier.claimed(meter)

    def _proven(self, meter: Meter) -> MeterConnection | None:
        """The meter's own connection, if no session uses it."""
        connection = self._wrapper_port.by_slot.get(meter.slot)
        free = connection is not None and connection.transport is not None and connection.on_answer is None
        return connection if free else None

    async def _connection(
        self, meter: Meter, address: WrapperAddress | None
    ) -> MeterConnection | DialledConnection:
        dialled_in = self._proven(meter)
        if dialled_in is not None:
            return dialled_in
        if address is None:
            raise SessionFailedError(FailureKind.UNREACHABLE, "the meter has not dialled in")
        push_sap = meter.compiled.device_type.associations.push_sap
        on_push = self._wrapper_port.pushes_of(f"{address.host}:{address.port}")
        return await dial(address.host, address.port, on_push, push_sap)


def _address(meter: Meter) -> MeterAddress | None:
    """The meter's address, or None where it dials in. Raises SessionFailedError (ours) for an invalid one."""
    if meter.entry.address is None:
        return None
    try:
        return parse_meter_address(meter.entry.address)
    except ValueError as error:
        raise SessionFailedError(FailureKind.OURS, str(error)) from error


_OTHER_KEYS = frozenset(
    {FailureKind.WRONG_KEY, FailureKind.REFUSED, FailureKind.PROTOCOL, FailureKind.TIMEOUT}
)
"""Failures by which a meter may show that it does not have the keys that the session was opened with."""

_ENDS_CONNECTION = frozenset({FailureKind.TIMEOUT, FailureKind.PROTOCOL, FailureKind.WRONG_KEY})
"""Failures after which a connection cannot be used any more."""


@dataclass(frozen=True, slots=True)
class _Credentials:
    """Keys and secret with which a session may be opened."""

    client: Client
    key_id: bytes
    by_new_secret: bool = False


def _credentials_to_try(meter: Meter, client: Client) -> list[_Credentials]:
    """The keys to try, the likeliest first: more than one while the meter is being given new ones."""
    candidates, waiting = [_Credentials(client, meter.key_id)], meter.next
    if waiting is None:
        return candidates
    secret = waiting.hls_secret or client.secret
    new = _Credentials(replace(client, keys=waiting.keys, secret=secret), waiting.key_id, by_new_secret=True)
    candidates.insert(0 if waiting.expected else 1, new)
    if waiting.hls_secret is not None:
        # The secret is transferred before the keys, and a process may die between the two steps.
        candidates.append(_Credentials(replace(client, secret=secret), meter.key_id, by_new_secret=True))
    return candidates


def client_of(meter: Meter, title: bytes) -> Client:
    """The head end's client of a meter under a system title (8 bytes): the utility association of the meter's type.

    Raises SessionFailedError (ours) where the association's mechanism takes a secret and this meter's is not known.
    """
    saps = meter.compiled.device_type.associations
    if saps.needs_secret and meter.hls_secret is None:
        raise SessionFailedError(
            FailureKind.OURS,
            f"a {meter.entry.device_type} opens its association by an HLS secret (mechanism {saps.hls_mechanism}), and "
            "none is stored for this meter: load it with a file of devices",
        )
    return replace(utility_client(saps, title), keys=meter.keys, secret=meter.hls_secret or b"")
