"""Associations that stay open a while for their meter's next order, which then needs no association of its own.

Between two sessions nothing holds the connection: pushes, and sessions with other meters behind it, go on. A meter that
ends the association meanwhile refuses the next request, and it is opened again (`Session`). The lease is given back:
another head end may open an association of its own, under counters of its own.
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
"""Kept at once; beyond it an association is released with its session."""

Connection = MeterConnection | DialledConnection


@dataclass(frozen=True, slots=True, eq=False)
class PooledAssociation:
    """One open association, and what it takes to go on in it."""

    association: ClientAssociation
    peer: AssociationOpener
    key_id: bytes
    connection: Connection
    server_sap: int

    @property
    def usable(self) -> bool:
        """Whether it is open, its connection too, and counters are left for a session."""
        room = self.association.invocation_limit - self.association.invocation_counter
        return self.association.state is State.READY and room >= BLOCK // 4 and _is_open(self.connection)


class AssociationPool:
    """One association a meter at most, by its system title, each for `idle_s` seconds (0: none is kept)."""

    def __init__(self, idle_s: float, at_end: Callable[[bytes], None]) -> None:
        """`at_end` is called with the title of each that was idle for so long."""
        self._idle_s = idle_s
        self._at_end = at_end
        self._kept: dict[bytes, tuple[PooledAssociation, asyncio.TimerHandle]] = {}
        self._silent: set[bytes] = set()
        """Meters that once gave no answer in a kept association: what they have ended they do not refuse."""

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def titles(self) -> list[bytes]:
        """The meters of which one is kept."""
        return [*self._kept]

    def get(self, title: bytes) -> PooledAssociation | None:
        """What is kept of a meter."""
        kept, _ = self._kept.get(title, (None, None))
        return kept

    def keep(self, title: bytes, kept: PooledAssociation) -> bool:
        """Take an association, unless there is no room for it."""
        if not self._idle_s or title in self._silent or len(self._kept) >= MAX_POOLED or not kept.usable:
            return False
        timer = asyncio.get_running_loop().call_later(self._idle_s, self._at_end, title)
        self._kept[title] = kept, timer
        return True

    def take(self, title: bytes) -> PooledAssociation | None:
        """What is kept of a meter, and no longer."""
        kept, timer = self._kept.pop(title, (None, None))
        if timer is not None:
            timer.cancel()
        return kept

    def drop(self, title: bytes) -> None:
        """Forget an association that cannot be gone on with; the meter ends it with its connection, or the next."""
        kept = self.take(title)
        if kept is not None:
            kept.association.lost()
            kept.peer.give_back(kept.association)
            if isinstance(kept.connection, DialledConnection):
                kept.connection.close()

    def is_silent(self, title: bytes) -> None:
        """A meter gave no answer in a kept association: none is kept with it any more."""
        self._silent.add(title)


def _is_open(connection: Connection) -> bool:
    """Whether a connection stands, as far as is known here."""
    if isinstance(connection, DialledConnection):
        return not connection.lost
    return connection.transport is not None and not connection.transport.is_closing()
