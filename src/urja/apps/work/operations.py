"""Opening and ending work orders, by the pipeline. Actions of field staff are registry operations (`CloseWorkOrder`)."""

from datetime import datetime

from django.db import transaction
from django.db.models import QuerySet

from urja.apps.work.kinds import UNFINISHED, WorkOrderKind, WorkOrderState
from urja.apps.work.models import WorkOrder
from urja.apps.work.numbers import next_id
from urja.base.ids import bucket_of
from urja.base.untyped_values import JsonObject


def open_order(
    kind: WorkOrderKind,
    *,
    service_point_id: int,
    device_id: int | None = None,
    opened_at: datetime,
    asked: JsonObject,
    due_at: datetime | None = None,
    operation_id: int | None = None,
) -> WorkOrder:
    """Open a work order at a meter or a service point and return it.

    Where an unfinished one of this kind exists, that one is returned.
    """
    with transaction.atomic():
        WorkOrder.objects.bulk_create(
            [
                WorkOrder(
                    id=next_id(bucket_of(service_point_id)),
                    kind=kind,
                    device_id=device_id,
                    service_point_id=service_point_id,
                    opened_at=opened_at,
                    due_at=due_at,
                    asked=asked,
                    operation_id=operation_id,
                )
            ],
            ignore_conflicts=True,
        )
        # A unique index on unfinished work orders decides; the loser of a race reads the winner's row.
        subject = (
            {"service_point_id": service_point_id, "device_id": None}
            if device_id is None
            else {"device_id": device_id}
        )
        return WorkOrder.objects.get(kind=kind, closed_at=None, **subject)


def report_weld(
    *, device_id: int, service_point_id: int, opened_at: datetime, asked: dict[str, object]
) -> WorkOrder:
    """Open a work order for a register that advances after a confirmed disconnection, or return the unfinished one."""
    return open_order(
        WorkOrderKind.WELD_OR_BYPASS,
        device_id=device_id,
        service_point_id=service_point_id,
        opened_at=opened_at,
        asked=asked,
    )


def assign(work_order_id: int, user_id: int) -> bool:
    """Assign a work order to a user, also from another one; returns False where it has ended."""
    return bool(_unfinished(work_order_id).update(state=WorkOrderState.ASSIGNED, assignee_id=user_id))


def close(work_order_id: int, closed_at: datetime, result: JsonObject | None = None) -> bool:
    """Close a work order as done; returns False where it had ended before."""
    return bool(
        _unfinished(work_order_id).update(state=WorkOrderState.DONE, closed_at=closed_at, result=result or {})
    )


def withdraw(work_order_id: int, closed_at: datetime, why: str) -> bool:
    """Withdraw a work order that is not needed any more; returns False where it had ended before."""
    return bool(
        _unfinished(work_order_id).update(
            state=WorkOrderState.WITHDRAWN, closed_at=closed_at, result={"withdrawn": why}
        )
    )


def withdraw_of_device(kind: WorkOrderKind, device_id: int, closed_at: datetime, why: str) -> None:
    """Withdraw the unfinished work order of a kind at a meter, where there is one."""
    for order_id in WorkOrder.objects.filter(
        kind=kind, device_id=device_id, state__in=UNFINISHED
    ).values_list("id", flat=True):
        withdraw(order_id, closed_at, why)


def delete_unfinished(work_order_id: int) -> None:
    """Delete an unfinished work order, because its service point was created by mistake."""
    _unfinished(work_order_id).delete()


def _unfinished(work_order_id: int) -> QuerySet[WorkOrder]:
    return WorkOrder.objects.filter(id=work_order_id, state__in=UNFINISHED)
