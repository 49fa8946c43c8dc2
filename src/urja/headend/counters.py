"""Our own invocation counters: a (title, key) pair must never send two APDUs under one counter.

They are reserved in blocks in the broker's key-value store before they are used; a crash wastes the rest of a
block, two head ends that reserve at once are told apart by the revision. Counters begin anew with a key change,
so the key's fingerprint is part of the name.
"""

from typing import Final, Protocol

import structlog

from urja.cosem.security import MAX_COUNTER
from urja.headend.failures import FailureKind, SessionFailed
from urja.headend.sealed_state import Seal, UnsealedError
from urja.stream import Broker
from urja.stream.errors import RevisionConflict

log = structlog.get_logger()

BLOCK: Final = 1000
"""Counters reserved at once: some dozens of sessions."""
LOST: Final = 1 << 16
"""Where a reservation was overwritten, so many counters above the meter's own are left out: more than can have been
used without the meter's having seen a later one."""
_LAST_SANE: Final = MAX_COUNTER - (1 << 24)


class Counters(Protocol):
    """Where a session gets its counters."""

    async def reserve(self, name: str, at_least: int) -> tuple[int, int]:
        """`(first, limit)`: first may be used, limit may not; first is not below `at_least`."""
        ...

    def give_back(self, name: str, unused_from: int, limit: int) -> None:
        """What a session did not use of its block."""
        ...


class ReservedCounters:
    """Blocks from the broker, the remainder of each kept for the meter's next session."""

    def __init__(self, broker: Broker, seal: Seal) -> None:
        self._broker = broker
        self._seal = seal
        self._left: dict[str, tuple[int, int]] = {}

    async def reserve(self, name: str, at_least: int) -> tuple[int, int]:
        """See `Counters`. Raises StreamError, or SessionFailed where the meter's own counter is at its end."""
        if at_least > _LAST_SANE:
            raise SessionFailed(
                FailureKind.REFUSED, f"the meter's counter stands at {at_least}: its keys must be changed"
            )
        first, limit = self._left.pop(name, (0, 0))
        if max(first, at_least) + BLOCK // 4 <= limit:
            return max(first, at_least), limit
        while True:
            reserved, revision = await self._reserved(name, at_least)
            start = max(reserved, at_least)
            state = self._seal.close(f"counters/{name}", str(start + BLOCK).encode())
            try:
                await self._broker.set_counter(name, state, revision)
            except RevisionConflict:
                continue
            return start, start + BLOCK

    async def _reserved(self, name: str, at_least: int) -> tuple[int, int]:
        """Up to where counters are reserved, and the revision of that."""
        state, revision = await self._broker.get_counter(name)
        if state is None:
            return 0, revision
        try:
            return int(self._seal.open(f"counters/{name}", state)), revision
        except UnsealedError as error:
            log.error("a reservation of counters was overwritten", name=name, why=str(error))  # noqa: TRY400
            return at_least + LOST, revision

    def give_back(self, name: str, unused_from: int, limit: int) -> None:
        """See `Counters`."""
        if unused_from < limit:
            self._left[name] = (unused_from, limit)


class LoneCounters:
    """For an engineer's tool: the meter's own counter says where to go on; nothing is kept."""

    async def reserve(self, name: str, at_least: int) -> tuple[int, int]:  # noqa: ARG002 - the protocol's
        """From the meter's counter to the end."""
        return at_least, MAX_COUNTER + 1

    def give_back(self, name: str, unused_from: int, limit: int) -> None:
        """Nothing is kept."""
