"""The passkeys that an operation needs, by its own effect and that of the operations before it."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final

from urja.core.approvals.document import PasskeyNeed, Thresholds, ThresholdSteps

ALWAYS: Final[Mapping[str, PasskeyNeed]] = {
    "load_statement": PasskeyNeed.ACTOR,
    "open_drawer": PasskeyNeed.ACTOR,
    "post_maintenance": PasskeyNeed.ACTOR,
}
"""Kinds that need passkeys whatever a document says: what follows of them credits accounts without any, or all flats of a
society owe by one of them.
"""


class Ground(Enum):
    """The kind of threshold that an operation reaches."""

    KIND = "kind"
    PROTECTED = "protected"
    MONEY = "money"
    MONEY_OF_ALL = "money_of_all"
    DISCONNECTIONS = "disconnections"
    DISCONNECTIONS_OF_ALL = "disconnections_of_all"
    METERS = "meters"
    METERS_OF_ALL = "meters_of_all"
    STATEMENT_GAP = "statement_gap"
    """A statement that begins with the balance of no earlier one."""
    CHEQUE_UNPROVEN = "cheque_unproven"
    """A cheque that no entry of a statement shows as paid, where statements are loaded."""


@dataclass(frozen=True, slots=True)
class OperationMeasure:
    """The effect of an operation, as far as thresholds consider it."""

    kind: str
    money_minor: int = 0
    """Amount that a person moves, in minor units, whatever its sign."""
    disconnections: int = 0
    protected: int = 0
    """Protected consumers among those disconnected, or consumers whose protection it ends."""
    meters: int = 0
    """Meters that something is set on: their clock, a text."""
    unproven: Ground | None = None
    """Why its evidence of money is not proven by the bank's other records; a second person then looks at it."""


@dataclass(frozen=True, slots=True)
class DoneBefore:
    """What was done before, by the actor and by all together.

    Money counts in the local day, disconnections and meters in the document's `within`.
    """

    money_minor: int = 0
    disconnections: int = 0
    everybody_money_minor: int = 0
    everybody_disconnections: int = 0
    meters: int = 0
    everybody_meters: int = 0


@dataclass(frozen=True, slots=True)
class ReachedThreshold:
    """A threshold that an operation reaches: its limit, and the total of this operation and those before it."""

    ground: Ground
    need: PasskeyNeed
    sum: int = 0
    limit: int = 0


@dataclass(frozen=True, slots=True)
class Requirement:
    """Whose passkeys an operation needs, and because of which thresholds."""

    reached: tuple[ReachedThreshold, ...]

    @property
    def need(self) -> PasskeyNeed:
        return max((one.need for one in self.reached), default=PasskeyNeed.NOBODY)


def requirement_for(thresholds: Thresholds, measure: OperationMeasure, before: DoneBefore) -> Requirement:
    """Return the passkeys that an operation needs by a document."""
    return Requirement(tuple(_reached(thresholds, measure, before)))


def _reached(
    thresholds: Thresholds, measure: OperationMeasure, before: DoneBefore
) -> Iterator[ReachedThreshold]:
    kind = max(
        thresholds.kinds.get(measure.kind, PasskeyNeed.NOBODY), ALWAYS.get(measure.kind, PasskeyNeed.NOBODY)
    )
    if kind is not PasskeyNeed.NOBODY:
        yield ReachedThreshold(Ground.KIND, kind)
    if measure.unproven is not None:
        yield ReachedThreshold(measure.unproven, PasskeyNeed.SECOND)
    if measure.protected:
        yield ReachedThreshold(Ground.PROTECTED, thresholds.protected)
    if measure.money_minor:
        yield from _by_steps(
            thresholds.money,
            (Ground.MONEY, before.money_minor + measure.money_minor),
            (Ground.MONEY_OF_ALL, before.everybody_money_minor + measure.money_minor),
        )
    if measure.disconnections:
        yield from _by_steps(
            thresholds.disconnections,
            (Ground.DISCONNECTIONS, before.disconnections + measure.disconnections),
            (Ground.DISCONNECTIONS_OF_ALL, before.everybody_disconnections + measure.disconnections),
        )
    if measure.meters:
        yield from _by_steps(
            thresholds.meters,
            (Ground.METERS, before.meters + measure.meters),
            (Ground.METERS_OF_ALL, before.everybody_meters + measure.meters),
        )


def _by_steps(
    steps: ThresholdSteps, own: tuple[Ground, int], everybody: tuple[Ground, int]
) -> Iterator[ReachedThreshold]:
    ground, total = own
    if total >= steps.second:
        yield ReachedThreshold(ground, PasskeyNeed.SECOND, total, steps.second)
    elif total >= steps.actor:
        yield ReachedThreshold(ground, PasskeyNeed.ACTOR, total, steps.actor)
    ground, total = everybody
    if total >= steps.everybody:
        yield ReachedThreshold(ground, PasskeyNeed.ACTOR, total, steps.everybody)


def beyond_caps(
    thresholds: Thresholds, measure: OperationMeasure, before: DoneBefore
) -> tuple[ReachedThreshold, ...]:
    """Return the limits that stop a person who is the only staff member, even after the delay."""
    alone = thresholds.alone
    money = before.everybody_money_minor + measure.money_minor
    disconnections = before.everybody_disconnections + measure.disconnections
    found = []
    if measure.money_minor and money > alone.money_minor:
        found.append(ReachedThreshold(Ground.MONEY_OF_ALL, PasskeyNeed.SECOND, money, alone.money_minor))
    if measure.disconnections and disconnections > alone.disconnections:
        found.append(
            ReachedThreshold(
                Ground.DISCONNECTIONS_OF_ALL, PasskeyNeed.SECOND, disconnections, alone.disconnections
            )
        )
    return tuple(found)
