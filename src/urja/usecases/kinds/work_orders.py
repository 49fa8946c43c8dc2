"""Visits: work orders from their opening to their end."""

from datetime import datetime
from typing import ClassVar, Final

from urja.apps.journal.operation import Operation
from urja.apps.work.kinds import WorkOrderKind

BY_OPERATION: Final = {
    WorkOrderKind.INSTALL: "install_meter",
    WorkOrderKind.EXCHANGE: "exchange_meter",
    WorkOrderKind.DISCONNECT_BY_HAND: "remove_meter",
}
"""Orders that are closed by doing what they ask for, and the kind that does it."""


class OpenWorkOrder(Operation, kw_only=True):
    """Send somebody to a connection."""

    consumer_number: str
    kind_of_work: str
    """`inspect`, `exchange`, `install` ..."""
    note: str
    """What is to be done or looked at."""
    due_at: datetime | None = None


class AssignWorkOrder(Operation, kw_only=True):
    """Give a work order to somebody who works here, also one that somebody else has."""

    undoable: ClassVar[bool] = False

    work_order_id: int
    email: str


class WithdrawWorkOrder(Operation, kw_only=True):
    """Nobody need go any more."""

    undoable: ClassVar[bool] = False

    work_order_id: int
    reason: str


class CloseWorkOrder(Operation, kw_only=True):
    """Somebody has been there: what they found, what the register read, which seals they put on and took off."""

    undoable: ClassVar[bool] = False

    work_order_id: int
    closed_at: datetime
    note: str
    """What was found and done."""
    register_wh: int | None = None
    """The import register as read at that moment; none where nobody read it."""
    seals: tuple[str, ...] = ()
    """Numbers of the seals that were put on the meter."""
    removed_seals: tuple[str, ...] = ()
    photos: tuple[int, ...] = ()
    """Numbers of photographs that were recorded for this order."""
