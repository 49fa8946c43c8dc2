"""The operation that undoes another one."""

from typing import ClassVar

from urja.apps.journal.operation import Operation


class Undo(Operation, kw_only=True):
    """Undo an operation that was a mistake. What has happened at a meter or with money is corrected by another
    operation.
    """

    undoable: ClassVar[bool] = False

    entry_id: int
    """Number of the operation."""
    reason: str
