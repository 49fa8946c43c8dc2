"""Invocation counters of this head end as a DLMS client: a (system title, key) pair never sends two APDUs under one
counter.

AES-GCM loses its secrecy and its authentication where a nonce repeats, and the nonce is title and counter (IEC
62056-5-3). Each head-end process has a random title of its own, so that this holds even where stored counters are
lost. Meters, however, refuse a counter that is lower than the last one they saw. Counters are therefore reserved in
the broker's key-value store, in blocks and before use: a crash wastes the rest of a block, and two head ends that
reserve at once are told apart by the revision. Counters start again with a key change, so the key's fingerprint is
part of the name.

Where a reservation is known, the meter's own counter is not read: all counters ever used lie below the reservation. A
meter's statement of its counter is not authenticated, and anyone on the link can forge it: it never takes us below
the reservation, and above it only by a bounded step at a time.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from urja.base.restored import Restored
from urja.cosem.security import MAX_COUNTER
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.metrics import Metrics
from urja.headend.sealed_state import Seal, UnsealedError
from urja.stream.broker import Broker
from urja.stream.errors import RevisionConflictError
from urja.stream.subjects import COUNTERS

log = structlog.get_logger()

BLOCK: Final = 1000
"""Counters reserved at once: enough for some dozens of sessions."""
LOST_RESERVATION_MARGIN: Final = 1 << 16
"""Counters left out above the meter's own where no reservation is known (first contact, or a reservation that was
lost or overwritten): more than can have been used without the meter having seen a later one."""
RESTORE_MARGIN: Final = 1 << 16
"""Counters left out after a restore, and one more for each second since the copy was made: a meter in daily use takes
some hundreds a day. Where that is not enough, the meter refuses and its counter is read."""
MAX_CLAIM_STEP: Final = 1 << 16
"""How far above the reservation a meter's statement is believed, each time. Forged statements would need 65,000
sessions to use up a key; with a meter that another head end has taken further we catch up in steps."""
_LAST_SANE: Final = MAX_COUNTER - (1 << 24)
"""A first contact is refused where the meter's counter is above this: the remaining counters are needed to change its
keys."""
_END: Final = MAX_COUNTER + 1


class Counters(Protocol):
    """A source of invocation counters for sessions. A block is `(first, limit)`: `first` may be used, `limit` may
    not.
    """

    async def known(self, name: str) -> tuple[int, int] | None:
        """Return a block above all used counters; None where these are not known for certain."""
        ...

    async def above(self, name: str, last_seen: int) -> tuple[int, int]:
        """Return a block above all counters known to have been used, and above `last_seen`, the meter's own."""
        ...

    def next_of(self, name: str) -> int:
        """The lowest counter known to be unused."""
        ...

    def give_back(self, name: str, unused_from: int, limit: int) -> None:
        """Take back the counters of a block that a session did not use."""
        ...

    def doubt(self, name: str) -> None:
        """Note that a message under a known counter got no answer: the meter's counter is read before the next use."""
        ...

    def trust(self, name: str) -> None:
        """Note that the meter has answered under the known counter."""
        ...


class ReservedCounters:
    """Counters reserved in the broker in blocks; the unused rest of a block serves the meter's next session."""

    def __init__(
        self,
        broker: Broker,
        seal: Seal,
        metrics: Metrics,
        lost: Callable[[str], Awaitable[None]],
        restored: Restored | None = None,
    ) -> None:
        """`lost` is called with the meter's system title in hex when its reservation cannot be read or has vanished,
        before another one is made.
        """
        self._broker = broker
        self._lost = lost
        self._restored = restored
        self._seal = seal
        self._metrics = metrics
        self._left: dict[str, tuple[int, int]] = {}
        """The unused rest of each meter's last block; its end is the highest counter reserved here."""
        self._doubted: set[str] = set()

    async def known(self, name: str) -> tuple[int, int] | None:
        """See `Counters`. Raises StreamError, and SessionFailedError where the counters are used up."""
        if name in self._doubted:
            return None
        return self._rest(name, 0) or await self._reserve(name, None)

    async def above(self, name: str, last_seen: int) -> tuple[int, int]:
        """See `Counters`. Raises StreamError, and SessionFailedError where the counters are used up."""
        block = self._rest(name, last_seen + 1) or await self._reserve(name, last_seen)
        assert block is not None
        return block

    def next_of(self, name: str) -> int:
        """The lowest counter known to be unused; 0 where nothing is reserved here."""
        return self._left.get(name, (0, 0))[0]

    def give_back(self, name: str, unused_from: int, limit: int) -> None:
        """See `Counters`."""
        if unused_from < limit == self._left.get(name, (0, 0))[1]:
            self._left[name] = (unused_from, limit)

    def doubt(self, name: str) -> None:
        self._doubted.add(name)

    def trust(self, name: str) -> None:
        self._doubted.discard(name)

    def _rest(self, name: str, at_least: int) -> tuple[int, int] | None:
        """Take the unused rest of the last block; None where it is too short for a session."""
        first, limit = self._left.get(name, (0, 0))
        if max(first, at_least) + BLOCK // 4 > limit:
            return None
        self._left[name] = (limit, limit)
        return max(first, at_least), limit

    async def _reserve(self, name: str, last_seen: int | None) -> tuple[int, int] | None:
        while True:
            sealed, revision = await self._broker.get(COUNTERS, name)
            reserved, lost = self._reserved(name, sealed)
            if lost:
                await self._lost(name.partition("-")[0])
            start = self._start(name, reserved, last_seen, lost=lost)
            if start is None:
                return None
            if start + BLOCK > _END:
                raise _used_up(f"our counter stands at {start}")
            # Stored before a counter of the block is used, so that a crash wastes counters and never repeats one.
            state = self._seal.close(f"counters/{name}", self._written(start + BLOCK))
            try:
                await self._broker.put(COUNTERS, name, state, revision)
            except RevisionConflictError:
                continue
            self._left[name] = (start + BLOCK, start + BLOCK)
            return start, start + BLOCK

    def _written(self, reserved: int) -> bytes:
        """The stored form of a reservation: its end, and the id of the restore it was made under."""
        return f"{reserved} {self._restored.id}".encode() if self._restored else str(reserved).encode()

    def _read(self, written: bytes) -> int:
        """The end of a reservation, moved on by a margin where the store was restored since it was made."""
        reserved, *restored = written.decode().split()
        if self._restored is None or restored == [self._restored.id]:
            return int(reserved)
        away = self._restored.at - self._restored.since_at
        return int(reserved) + RESTORE_MARGIN + int(away.total_seconds())

    def _reserved(self, name: str, sealed: bytes | None) -> tuple[int | None, bool]:
        """The highest counter that may have been used, as far as is known, and whether another head end may have
        reserved more.
        """
        here = self._left.get(name, (0, 0))[1] or None
        if sealed is None:
            return here, here is not None
        try:
            return max(here or 0, self._read(self._seal.open(f"counters/{name}", sealed))), False
        except (UnsealedError, ValueError) as error:
            log.error("a reservation of counters cannot be read", name=name, why=str(error))  # noqa: TRY400 - an expected cause
            return here, True

    def _start(self, name: str, reserved: int | None, last_seen: int | None, *, lost: bool) -> int | None:
        """The first counter of the next block; None where it is not known and the meter's counter was not read."""
        if last_seen is None:
            return None if lost else reserved
        if reserved is None:
            # The meter's statement is not authenticated: a forged one near the end must not use up the counters that
            # a key change needs.
            if last_seen >= _LAST_SANE:
                raise _used_up(f"the meter's counter stands at {last_seen}")
            return last_seen + 1 + LOST_RESERVATION_MARGIN
        if last_seen >= reserved:
            self._metrics.counter_steps.inc()
            log.warning(
                "the meter states a counter above our reservation", name=name, stated=last_seen, ours=reserved
            )
        # The statement is not authenticated: a forged one must not use up the 32-bit counter in one session.
        return max(reserved, min(last_seen + 1, reserved + MAX_CLAIM_STEP)) + (
            LOST_RESERVATION_MARGIN if lost else 0
        )


def _used_up(where: str) -> SessionFailedError:
    return SessionFailedError(FailureKind.REFUSED, f"{where}: the keys must be changed")


class UnreservedCounters:
    """Counters for an engineer's tool: the meter's own counter says where to continue, and nothing is stored."""

    async def known(self, name: str) -> tuple[int, int] | None:  # noqa: ARG002 - the protocol has the argument
        """Always None."""
        return None

    async def above(self, name: str, last_seen: int) -> tuple[int, int]:  # noqa: ARG002 - the protocol has the argument
        """All counters above the meter's own."""
        return last_seen + 1, _END

    def next_of(self, name: str) -> int:  # noqa: ARG002 - the protocol has the argument
        """Always 0."""
        return 0

    def give_back(self, name: str, unused_from: int, limit: int) -> None:
        """Nothing is stored."""

    def doubt(self, name: str) -> None:
        """Nothing is stored."""

    def trust(self, name: str) -> None:
        """Nothing is stored."""
