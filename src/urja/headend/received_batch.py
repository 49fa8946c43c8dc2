"""Frames that are decoded together, and where each came from."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

import numpy as np

from urja.cosem.layout import Ints
from urja.headend.roster import Meter
from urja.stream.records import OwnEvent

CORRELATION_RANDOM_MASK: Final = (1 << 21) - 1
"""The drawn part of a correlation."""


class Origin(Protocol):
    """Where a frame came from."""

    slot: int
    """The meter that has proven to be at this origin; -1 before the first authentic push."""

    def describe(self) -> str:
        """Transport and address, for people: `tcp 10.0.0.7:51234`."""
        ...

    @property
    def network(self) -> str:
        """What bounds this origin's share of the quarantine."""
        ...

    def recognise(self, meter: Meter) -> None:
        """A push from here was authentic for this meter."""
        ...


@dataclass(slots=True)
class ReceivedBatch:
    """Frames of one batch. Push i has the correlation `correlation(i)`."""

    frames: list[bytes]
    origins: list[Origin]
    size: int
    datagrams: int
    began_at: datetime
    began_s: float
    base: int
    offset: int
    replayed: bool = False
    """An operator's replay: what is wrong is answered, not set aside once more."""
    which: Ints | None = None
    """The places of these pushes in the batch that they were gathered in, where they are some of it."""
    accepted: int = 0
    duplicates: int = 0
    unauthenticated: int = 0
    """Pushes without a tag that were told to the pipeline."""
    fault: tuple[str, str] | None = None
    misfits: list[tuple[Meter, OwnEvent, int]] = field(default_factory=list)
    """Meters that a person is to look at, why, and the push that says so."""

    @property
    def received_at_ms(self) -> int:
        return int(self.began_at.timestamp() * 1000)

    def correlations(self, index: Ints | np.ndarray) -> Ints:
        places = index if self.which is None else self.which[index]
        return self.base | (self.offset + places.astype(np.int64) & CORRELATION_RANDOM_MASK)

    def correlation(self, index: int) -> int:
        place = index if self.which is None else int(self.which[index])
        return self.base | (self.offset + place & CORRELATION_RANDOM_MASK)

    def those(self, which: list[int]) -> "ReceivedBatch":
        """Some of these pushes, which are judged by themselves."""
        return replace(
            self,
            frames=[self.frames[index] for index in which],
            origins=[self.origins[index] for index in which],
            which=np.array(which, np.int64),
            accepted=0,
            duplicates=0,
            fault=None,
            misfits=[],
        )
