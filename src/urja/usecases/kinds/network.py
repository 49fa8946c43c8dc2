"""The trees: nodes, what they hang on, and what hangs on them."""

from datetime import datetime
from typing import Final

from urja.apps.journal.operation import Operation

PHASES: Final = ("", "R", "Y", "B", "RYB")


class AddTransformer(Operation, kw_only=True):
    """A transformer on a feeder; the feeder too, where nobody has heard of it."""

    code: str
    feeder: str
    name: str = ""


class MoveNode(Operation, kw_only=True):
    """From an instant on a feeder hangs on another substation, a transformer on another feeder, a section on another
    subdivision; with all that hangs below.
    """

    node: str
    """A level and a code, such as `feeder F1`."""
    parent: str
    """What it hangs on from then on, such as `substation SS2`."""
    moved_at: datetime


class MoveServicePoint(Operation, kw_only=True):
    """A service point to another section, another transformer or pole, or another phase: from an instant on."""

    consumer_number: str
    moved_at: datetime
    administration: str = ""
    """A level and a code, such as `section North-2`; empty: as it is."""
    grid: str = ""
    """A level and a code, such as `transformer T1` or `pole P-77`; empty: as it is."""
    phase: str = ""
    """`R`, `Y`, `B` or `RYB`; empty: as it is."""
