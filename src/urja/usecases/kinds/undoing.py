"""An operation is taken back."""

from typing import ClassVar

from urja.apps.journal.operation import Operation


class Undo(Operation, kw_only=True):
    """Take an operation back that was a mistake. What has happened in the world is corrected by another operation."""

    undoable: ClassVar[bool] = False

    entry_id: int
    """Number of the operation."""
    reason: str
