"""Our own invocation counters: a (title, key) pair must never send two APDUs under one counter.

Each head-end process has a title of its own, so that this holds whatever becomes of what is kept here. Meters, though, refuse
a counter that goes back. They are reserved in blocks in the broker's key-value store before they are used; a crash wastes the rest of a
block, two head ends that reserve at once are told apart by the revision. Counters begin anew with a key change,
so the key's fingerprint is part of the name.

Where a reservation is known, the meter is not asked where it stands: all that was ever used lies below. What a meter
says of its counter is never authenticated, so whoever sits on the link can say it: a claim never takes us below what
was reserved, and above it by a bounded step at a time.
"""

from collections.abc import Awaitable, Callable
from typing import Final, Protocol

import structlog

from urja.base.restored import Restored
from urja.cosem.security import MAX_COUNTER
from urja.headend.failures import FailureKind, SessionFailedError
from urja.headend.metrics import Metrics
from urja.headend.sealed_state import Seal, UnsealedError
from urja.stream import Broker
from urja.stream.errors import RevisionConflictError
from urja.stream.subjects import COUNTERS

log = structlog.get_logger()

BLOCK: Final = 1000
"""Counters reserved at once: some dozens of sessions."""
LOST_RESERVATION_MARGIN: Final = 1 << 16
"""Where no reservation is known (a first contact, or one that was lost or overwritten), so many counters above the
meter's own are left out: more than can have been used without the meter's having seen a later one."""
RESTORE_MARGIN: Final = 1 << 16
"""After a restore so many counters are left out, and one more for each second since the copy: a meter in daily use takes
some hundreds a day. Where that is not enough the meter refuses, and is asked."""
MAX_CLAIM_STEP: Final = 1 << 16
"""So far above what is reserved a claim is believed, each time. Forged claims would need 65,000 sessions to use up a
key; a meter that another head end has led further is caught up with in steps."""
_LAST_SANE: Final = MAX_COUNTER - (1 << 24)
"""A meter that begins beyond it is not begun with: what is left is for changing its keys."""
_END: Final = MAX_COUNTER + 1


class Counters(Protocol):
    """Where a session gets its counters. Blocks are `(first, limit)`: first may be used, limit may not."""

    async def known(self, name: str) -> tuple[int, int] | None:
        """A block above all that was used; None where that is not known, or in doubt."""
        ...

    async def above(self, name: str, last_seen: int) -> tuple[int, int]:
        """A block above all that is known to have been used, and above what the meter is said to have seen."""
        ...

    def next_of(self, name: str) -> int:
        """The least counter that was not used yet, as far as is known here."""
        ...

    def give_back(self, name: str, unused_from: int, limit: int) -> None:
        """What a session did not use of its block."""
        ...

    def doubt(self, name: str) -> None:
        """The meter gave no answer to what came under a known counter: ask it before the next use."""
        ...

    def trust(self, name: str) -> None:
        """The meter has answered."""
        ...


class ReservedCounters:
    """Blocks from the broker, the remainder of each kept for the meter's next session."""

    def __init__(
        self,
        broker: Broker,
        seal: Seal,
        metrics: Metrics,
        lost: Callable[[str], Awaitable[None]],
        restored: Restored | None = None,
    ) -> None:
        """`lost` is told the meter (its title in hex) of a reservation that cannot be read or has vanished, before another takes its place."""
        self._broker = broker
        self._lost = lost
        self._restored = restored
        self._seal = seal
        self._metrics = metrics
        self._left: dict[str, tuple[int, int]] = {}
        """What is left of the last block of each; its end is the highest that was reserved here."""
        self._doubted: set[str] = set()

    async def known(self, name: str) -> tuple[int, int] | None:
        """See `Counters`. Raises StreamError, or SessionFailedError where the counters are at their end."""
        if name in self._doubted:
            return None
        return self._rest(name, 0) or await self._reserve(name, None)

    async def above(self, name: str, last_seen: int) -> tuple[int, int]:
        """See `Counters`. Raises StreamError, or SessionFailedError where the counters are at their end."""
        block = self._rest(name, last_seen + 1) or await self._reserve(name, last_seen)
        assert block is not None
        return block

    def next_of(self, name: str) -> int:
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
        """What is left of the last block, if that is enough; taken."""
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
            state = self._seal.close(f"counters/{name}", self._written(start + BLOCK))
            try:
                await self._broker.put(COUNTERS, name, state, revision)
            except RevisionConflictError:
                continue
            self._left[name] = (start + BLOCK, start + BLOCK)
            return start, start + BLOCK

    def _written(self, reserved: int) -> bytes:
        """A reservation, and on which restore it rests."""
        return f"{reserved} {self._restored.id}".encode() if self._restored else str(reserved).encode()

    def _read(self, written: bytes) -> int:
        """Up to where counters may have been used: beyond a reservation where the store was put back since it was made."""
        reserved, *restored = written.decode().split()
        if self._restored is None or restored == [self._restored.id]:
            return int(reserved)
        away = self._restored.at - self._restored.since_at
        return int(reserved) + RESTORE_MARGIN + int(away.total_seconds())

    def _reserved(self, name: str, sealed: bytes | None) -> tuple[int | None, bool]:
        """Up to where counters may have been used, as far as is known; whether another head end may have reserved more."""
        here = self._left.get(name, (0, 0))[1] or None
        if sealed is None:
            return here, here is not None
        try:
            return max(here or 0, self._read(self._seal.open(f"counters/{name}", sealed))), False
        except (UnsealedError, ValueError) as error:
            log.error("a reservation of counters cannot be read", name=name, why=str(error))  # noqa: TRY400
            return here, True

    def _start(self, name: str, reserved: int | None, last_seen: int | None, *, lost: bool) -> int | None:
        """Where the next block begins; None where that is not known and the meter was not asked."""
        if last_seen is None:
            return None if lost else reserved
        if reserved is None:
            if last_seen >= _LAST_SANE:
                raise _used_up(f"the meter's counter stands at {last_seen}")
            return last_seen + 1 + LOST_RESERVATION_MARGIN
        if last_seen >= reserved:
            self._metrics.counter_steps.inc()
            log.warning(
                "the meter's counter is said to be above ours", name=name, said=last_seen, ours=reserved
            )
        return max(reserved, min(last_seen + 1, reserved + MAX_CLAIM_STEP)) + (
            LOST_RESERVATION_MARGIN if lost else 0
        )


def _used_up(where: str) -> SessionFailedError:
    return SessionFailedError(FailureKind.REFUSED, f"{where}: the keys must be changed")


class UnreservedCounters:
    """For an engineer's tool: the meter's own counter says where to go on; nothing is kept."""

    async def known(self, name: str) -> tuple[int, int] | None:  # noqa: ARG002 - the protocol's
        """Nothing is."""
        return None

    async def above(self, name: str, last_seen: int) -> tuple[int, int]:  # noqa: ARG002
        """From the meter's counter to the end."""
        return last_seen + 1, _END

    def next_of(self, name: str) -> int:  # noqa: ARG002
        return 0

    def give_back(self, name: str, unused_from: int, limit: int) -> None:
        """Nothing is kept."""

    def doubt(self, name: str) -> None:
        """Nothing is kept."""

    def trust(self, name: str) -> None:
        """Nothing is kept."""
