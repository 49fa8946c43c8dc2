"""A pool of associations that stay open for their meter's next order, which then needs no association of its own.

Between two sessions the pool does not occupy the connection: pushes, and sessions with other meters behind it,
continue. A meter that ends the association meanwhile refuses the next request, and the association is opened again
(`Session`). The lease is given back: another head end may open an association of its own, under counters of its own.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from urja.cosem.association import ClientAssociation
from urja.cosem.association_table import State
from urja.headend.apdu_channel import DialledConnection
from urja.headend.invocation_counters import BLOCK
from urja.headend.session import AssociationOpener
from urja.headend.wrapper_port import MeterConnection

MAX_POOLED: Final = 1000
"""Associations in the pool at once; beyond it an association is released with its session."""

Connection = MeterConnection | DialledConnection


@dataclass(frozen=True, slots=True, eq=False)
class PooledAssociation:
    """One open association and what a session needs to continue in it."""

    association: ClientAssociation
    peer: AssociationOpener
    key_id: bytes
    connection: Connection
    server_sap: int

    @property
    def usable(self) -> bool:
        """Whether the association and its connection are open and enough counters for a session remain."""
        # A session must not run out of the association's reserved counters before its end.
        room = self.association.invocation_limit - self.association.invocation_counter
        return self.association.state is State.READY and room >= BLOCK // 4 and _is_open(self.connection)


class AssociationPool:
    """At most one association for each meter, by system title, each for `idle_s` seconds (0: no pool)."""

    def __init__(self, idle_s: float, at_end: Callable[[bytes], None]) -> None:
        """`at_end` is called with the system title of each association that was idle for `idle_s` seconds."""
        self._idle_s = idle_s
        self._at_end = at_end
        self._pooled: dict[bytes, tuple[PooledAssociation, asyncio.TimerHandle]] = {}
        self._unresponsive: set[bytes] = set()
        """Meters that once did not answer in a pooled association: such a meter does not refuse requests in an
        association that it has ended, and would cost each order a time-out."""

    def __len__(self) -> int:
        return len(self._pooled)

    @property
    def titles(self) -> list[bytes]:
        """System titles (8 bytes) of the meters with an association in the pool."""
        return [*self._pooled]

    def get(self, title: bytes) -> PooledAssociation | None:
        """The association of a meter by its system title (8 bytes); it stays in the pool. None without one."""
        pooled, _ = self._pooled.get(title, (None, None))
        return pooled

    def keep(self, title: bytes, pooled: PooledAssociation) -> bool:
        """Put an association into the pool for `idle_s` seconds; return False where the pool is full, off, or the
        association not usable.
        """
        if (
            not self._idle_s
            or title in self._unresponsive
            or len(self._pooled) >= MAX_POOLED
            or not pooled.usable
        ):
            return False
        timer = asyncio.get_running_loop().call_later(self._idle_s, self._at_end, title)
        self._pooled[title] = pooled, timer
        return True

    def take(self, title: bytes) -> PooledAssociation | None:
        """Remove and return the association of a meter; None without one."""
        pooled, timer = self._pooled.pop(title, (None, None))
        if timer is not None:
            timer.cancel()
        return pooled

    def drop(self, title: bytes) -> None:
        """Remove an association that cannot be used any more; the meter ends it with its connection or the next
        association.
        """
        pooled = self.take(title)
        if pooled is not None:
            pooled.association.lost()
            pooled.peer.give_back(pooled.association)
            if isinstance(pooled.connection, DialledConnection):
                pooled.connection.close()

    def note_no_answer(self, title: bytes) -> None:
        """Note that a meter did not answer in a pooled association: none of its associations is pooled any more."""
        self._unresponsive.add(title)


def _is_open(connection: Connection) -> bool:
    """Return whether a connection is open, as far as this side knows."""
    if isinstance(connection, DialledConnection):
        return not connection.lost
    return connection.transport is not None and not connection.transport.is_closing()
