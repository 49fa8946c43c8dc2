"""A supply's total divided by what was in force when it flowed: a tariff zone, or the generator."""

from dataclasses import dataclass, field
from typing import Final, NamedTuple

from urja.meter.load import Draw

GENERATOR: Final = 0
"""The label of what a generator supplied; 1 to 8 are the tariff zones of the grid's."""


class Flowed(NamedTuple):
    """What flowed, and the seconds with supply."""

    draw: Draw
    powered_s: int

    def since(self, earlier: "Flowed") -> "Flowed":
        """Return the difference to an earlier total."""
        return Flowed(self.draw.since(earlier.draw), self.powered_s - earlier.powered_s)

    def __add__(self, other: object) -> "Flowed":
        if not isinstance(other, Flowed):
            return NotImplemented
        return Flowed(self.draw + other.draw, self.powered_s + other.powered_s)


NOTHING: Final = Flowed(Draw(), 0)


@dataclass(slots=True)
class SplitTotals:
    """The parts of a growing total by label. Exact: the parts sum to the total, whenever the label changes."""

    label: int = 1
    _closed: dict[int, Flowed] = field(default_factory=dict)
    _opened: Flowed = NOTHING

    def enter(self, label: int, total: Flowed) -> None:
        """Count what flows from now on, when `total` has flowed, under another label."""
        if label == self.label:
            return
        self._closed[self.label] = self.of(self.label, total)
        self.label, self._opened = label, total

    def of(self, label: int, total: Flowed) -> Flowed:
        """Return the part of a label, when `total` has flowed."""
        closed = self._closed.get(label, NOTHING)
        return closed + total.since(self._opened) if label == self.label else closed
