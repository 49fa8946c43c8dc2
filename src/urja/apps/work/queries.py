"""Queries on work orders and their photographs."""

from collections.abc import Iterable

from django.db.models import QuerySet

from urja.apps.work.kinds import UNFINISHED, WorkOrderKind
from urja.apps.work.models import Photo, WorkOrder

type WorkOrderRow = WorkOrder
"""A row of `work_order`, for annotations outside this app."""


def open_at(service_point_id: int) -> list[WorkOrder]:
    """Return the unfinished work orders at a service point, oldest first."""
    found = WorkOrder.objects.filter(service_point_id=service_point_id, closed_at=None)
    return list(found.order_by("opened_at", "id"))


def places_of(work_order_ids: Iterable[int]) -> list[int]:
    """Return the service points of work orders."""
    return list(
        WorkOrder.objects.filter(id__in=list(work_order_ids)).values_list("service_point_id", flat=True)
    )


def photos_of(work_order_id: int) -> list[Photo]:
    """Return a work order's photos without their bytes, oldest first."""
    found = Photo.objects.filter(work_order_id=work_order_id).defer("content")
    return list(found.order_by("recorded_at", "id"))


def photo(photo_id: int) -> Photo | None:
    """Return a photo with its work order; None where the id is unknown."""
    return Photo.objects.filter(id=photo_id).select_related("work_order").first()


def unfinished_at(service_point_id: int, kind: WorkOrderKind) -> WorkOrder | None:
    """Return the unfinished work order of a kind at a service point, for whichever meter; None without one."""
    found = WorkOrder.objects.filter(service_point_id=service_point_id, kind=kind, state__in=UNFINISHED)
    return found.order_by("opened_at", "id").first()


def opened_by(operation_id: int) -> QuerySet[WorkOrder]:
    """Return the query for work orders that a registry operation opened."""
    return WorkOrder.objects.filter(operation_id=operation_id).order_by("id")


def newest_manual_switch_orders(device_ids: Iterable[int]) -> dict[int, WorkOrder]:
    """Return the newest work order to switch by hand for each meter, in any state, by device id."""
    kinds = (WorkOrderKind.SWITCH_OFF_BY_HAND, WorkOrderKind.SWITCH_ON_BY_HAND)
    found = (
        WorkOrder.objects.filter(device_id__in=list(device_ids), kind__in=kinds)
        .order_by("device_id", "-opened_at", "-id")
        .distinct("device_id")
    )
    return {order.device_id: order for order in found if order.device_id is not None}
