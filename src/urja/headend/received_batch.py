"""A batch of frames that are decoded together, and the origin of each."""

from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, Protocol

import numpy as np

from urja.cosem.layout import Ints
from urja.headend.roster import Meter
from urja.stream.records import OwnEvent

CORRELATION_RANDOM_MASK: Final = (1 << 21) - 1
"""The random part of a correlation id."""


class Origin(Protocol):
    """The sender of a frame."""

    slot: int
    """Slot of the meter that has proven to be at this origin; -1 before the first authentic push."""

    def describe(self) -> str:
        """Transport and address in words: `tcp 10.0.0.7:51234`."""
        ...

    @property
    def network(self) -> str:
        """The network by which this origin's share of the quarantine is limited."""
        ...

    def recognise(self, meter: Meter) -> None:
        """Note that a push from here was authentic for this meter."""
        ...


@dataclass(slots=True)
class ReceivedBatch:
    """The frames of one batch. Push i has the correlation id `correlation(i)`."""

    frames: list[bytes]
    origins: list[Origin]
    size: int
    datagrams: int
    began_at: datetime
    began_s: float
    base: int
    offset: int
    replayed: bool = False
    """Whether an operator replays the frame: then a fault is returned to the operator and not quarantined again."""
    which: Ints | None = None
    """Positions of these pushes in the batch they were taken from, where they are a part of one."""
    accepted: int = 0
    duplicates: int = 0
    unauthenticated: int = 0
    """Pushes without a tag that were reported to the pipeline."""
    fault: tuple[str, str] | None = None
    misfits: list[tuple[Meter, OwnEvent, int]] = field(default_factory=list)
    """Meters that an operator should inspect, the reason, and the position of the push that shows it."""

    @property
    def received_at_ms(self) -> int:
        """When the batch began, in milliseconds since the Unix epoch (business time)."""
        return int(self.began_at.timestamp() * 1000)

    def correlations(self, index: Ints | np.ndarray) -> Ints:
        """The correlation ids of the pushes at these positions."""
        places = index if self.which is None else self.which[index]
        # `+` binds tighter than `&`: the running offset wraps around within the random part.
        return self.base | (self.offset + places.astype(np.int64) & CORRELATION_RANDOM_MASK)

    def correlation(self, index: int) -> int:
        """The correlation id of the push at a position."""
        place = index if self.which is None else int(self.which[index])
        return self.base | (self.offset + place & CORRELATION_RANDOM_MASK)

    def subset(self, which: list[int]) -> "ReceivedBatch":
        """A batch of some of these pushes, with counts of its own."""
        return replace(
            self,
            frames=[self.frames[index] for index in which],
            origins=[self.origins[index] for index in which],
            which=np.array(which, np.int64),
            accepted=0,
            duplicates=0,
            unauthenticated=0,
            fault=None,
            misfits=[],
        )
