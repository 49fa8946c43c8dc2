"""Operations on the network and areas: nodes, their parents, and the service points placed under them."""

from datetime import datetime
from typing import Final

from urja.apps.journal.operation import Operation

PHASES: Final = ("", "R", "Y", "B", "RYB")


class AddTransformer(Operation, kw_only=True):
    """Add a transformer to a feeder; the feeder is created where it is not known."""

    code: str
    feeder: str
    name: str = ""


class MoveNode(Operation, kw_only=True):
    """Place a node under another parent from an instant on, such as a feeder under another substation, with all below
    it.
    """

    node: str
    """Level and code, such as `feeder F1`."""
    parent: str
    """New parent as level and code, such as `substation SS2`."""
    moved_at: datetime


class MoveServicePoint(Operation, kw_only=True):
    """Place a service point under another section, transformer or pole, or on another phase, from an instant on."""

    consumer_number: str
    moved_at: datetime
    administration: str = ""
    """Level and code, such as `section North-2`; empty leaves it unchanged."""
    grid: str = ""
    """Level and code, such as `transformer T1` or `pole P-77`; empty leaves it unchanged."""
    phase: str = ""
    """`R`, `Y`, `B` or `RYB`; empty leaves it unchanged."""
