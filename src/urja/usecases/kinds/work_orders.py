"""Operations on work orders: open, assign, withdraw, close."""

from datetime import datetime
from typing import ClassVar, Final

from urja.apps.journal.operation import Operation
from urja.apps.work.kinds import WorkOrderKind

BY_OPERATION: Final = {
    WorkOrderKind.INSTALL: "install_meter",
    WorkOrderKind.EXCHANGE: "exchange_meter",
    WorkOrderKind.DISCONNECT_BY_HAND: "remove_meter",
}
"""Kinds of work order that an operation closes by carrying them out, with that operation's kind."""


BY_PEOPLE: Final = (
    WorkOrderKind.INSPECT,
    WorkOrderKind.INSTALL,
    WorkOrderKind.EXCHANGE,
    WorkOrderKind.DISCONNECT_BY_HAND,
)
"""Kinds that a person opens; the others are opened by what the system has found, and end with it."""


class OpenWorkOrder(Operation, kw_only=True):
    """Open a work order for a service point."""

    consumer_number: str
    kind_of_work: str
    """`inspect`, `install`, `exchange` or `disconnect_by_hand`."""
    note: str
    """What is to be done or inspected."""
    due_at: datetime | None = None


class AssignWorkOrder(Operation, kw_only=True):
    """Assign a work order to a member of staff, also one that is assigned already."""

    undoable: ClassVar[bool] = False

    work_order_id: int
    email: str


class WithdrawWorkOrder(Operation, kw_only=True):
    """Withdraw a work order."""

    undoable: ClassVar[bool] = False

    work_order_id: int
    reason: str


class CloseWorkOrder(Operation, kw_only=True):
    """Close a work order with its result: findings, register, and seals put on and removed."""

    undoable: ClassVar[bool] = False

    work_order_id: int
    closed_at: datetime
    note: str
    """What was found and done."""
    register_wh: int | None = None
    """Import register read at that instant, in Wh; left out where it was not read."""
    register_l: int | None = None
    """The same of a gas meter, in litres."""
    seals: tuple[str, ...] = ()
    """Numbers of the seals that were put on the meter."""
    removed_seals: tuple[str, ...] = ()
    photos: tuple[int, ...] = ()
    """Numbers of photographs that were recorded for this work order."""
