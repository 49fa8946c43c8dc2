"""The writing side of the work orders. What somebody does with one is an operation of the registry (`CloseWorkOrder`)."""

import hashlib
from datetime import datetime
from typing import Any

from django.db import connection, transaction

from urja.apps.work.errors import NoPhoto
from urja.apps.work.kinds import UNFINISHED, WorkOrderKind, WorkOrderState
from urja.apps.work.models import MOST_PHOTOS, Photo, WorkOrder
from urja.apps.work.photos import kind_of
from urja.base.ids import bucket_of, compose_id


def open_order(
    kind: WorkOrderKind,
    *,
    service_point_id: int,
    device_id: int | None = None,
    opened_at: datetime,
    asked: dict[str, Any],
    due_at: datetime | None = None,
    operation_id: int | None = None,
) -> WorkOrder:
    """Send somebody to a meter or a place; the unfinished order of this kind where there is one."""
    with transaction.atomic():
        WorkOrder.objects.bulk_create(
            [
                WorkOrder(
                    id=_next_id(bucket_of(service_point_id)),
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
        at_place = {"service_point_id": service_point_id} if device_id is None else {}
        return WorkOrder.objects.get(kind=kind, device_id=device_id, closed_at=None, **at_place)


def report_weld(
    *, device_id: int, service_point_id: int, opened_at: datetime, asked: dict[str, Any]
) -> WorkOrder:
    """Open an order for a register that runs on after a confirmed cut; the unfinished one where there is one."""
    return open_order(
        WorkOrderKind.WELD_OR_BYPASS,
        device_id=device_id,
        service_point_id=service_point_id,
        opened_at=opened_at,
        asked=asked,
    )


def assign(work_order_id: int, user_id: int) -> bool:
    """Give an order to somebody, also one that somebody else has; False where it has ended."""
    return bool(_unfinished(work_order_id).update(state=WorkOrderState.ASSIGNED, assignee_id=user_id))


def close(work_order_id: int, closed_at: datetime, result: dict[str, Any] | None = None) -> bool:
    """Somebody has been there; False where it had ended before."""
    return bool(
        _unfinished(work_order_id).update(state=WorkOrderState.DONE, closed_at=closed_at, result=result or {})
    )


def withdraw(work_order_id: int, closed_at: datetime, why: str) -> bool:
    """Nobody need go any more; False where somebody has been there."""
    return bool(
        _unfinished(work_order_id).update(
            state=WorkOrderState.WITHDRAWN, closed_at=closed_at, result={"withdrawn": why}
        )
    )


def forget(work_order_id: int) -> None:
    """Let an order go that nobody has ended, because the place that it was for was made by mistake."""
    _unfinished(work_order_id).delete()


def add_photo(work_order_id: int, content: bytes, *, recorded_at: datetime, actor: str) -> Photo:
    """Keep a photograph of an unfinished order; the one that is there where it is the same.

    Raises NoPhoto for what is no picture, too large, one too many, or of an order that has ended.
    """
    kind, digest = kind_of(content), hashlib.sha256(content).hexdigest()
    with transaction.atomic():
        order = WorkOrder.objects.filter(id=work_order_id).first()
        if order is None or not order.unfinished:
            raise NoPhoto(f"there is no unfinished work order {work_order_id}")
        known = Photo.objects.filter(work_order_id=work_order_id)
        same = known.filter(sha256=digest).first()
        if same is not None:
            return same
        if known.count() >= MOST_PHOTOS:
            raise NoPhoto(f"work order {work_order_id} has {MOST_PHOTOS} photos already")
        return Photo.objects.create(
            id=_next_id(bucket_of(work_order_id)),
            work_order_id=work_order_id,
            kind=kind,
            content=content,
            sha256=digest,
            recorded_at=recorded_at,
            actor=actor,
        )


def _unfinished(work_order_id: int) -> Any:
    return WorkOrder.objects.filter(id=work_order_id, state__in=UNFINISHED)


def _next_id(bucket: int) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT nextval('work_number')")
        return compose_id(bucket, cursor.fetchone()[0])
