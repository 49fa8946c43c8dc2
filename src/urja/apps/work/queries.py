"""The reading side of the work orders."""

from collections.abc import Iterable

from django.db.models import QuerySet

from urja.apps.work.kinds import UNFINISHED, WorkOrderKind
from urja.apps.work.models import Photo, WorkOrder


def open_at(service_point_id: int) -> list[WorkOrder]:
    """What somebody must go and do at a place, oldest first."""
    found = WorkOrder.objects.filter(service_point_id=service_point_id, closed_at=None)
    return list(found.order_by("opened_at", "id"))


def places_of(work_order_ids: Iterable[int]) -> list[int]:
    """The service points of some orders."""
    return list(
        WorkOrder.objects.filter(id__in=list(work_order_ids)).values_list("service_point_id", flat=True)
    )


def photos_of(work_order_id: int) -> list[Photo]:
    """An order's photographs without their bytes, oldest first."""
    found = Photo.objects.filter(work_order_id=work_order_id).defer("content")
    return list(found.order_by("recorded_at", "id"))


def photo(photo_id: int) -> Photo | None:
    return Photo.objects.filter(id=photo_id).select_related("work_order").first()


def unfinished_at(service_point_id: int, kind: WorkOrderKind) -> WorkOrder | None:
    """The unfinished order of a kind at a place, whichever meter it is about."""
    found = WorkOrder.objects.filter(service_point_id=service_point_id, kind=kind, state__in=UNFINISHED)
    return found.order_by("opened_at", "id").first()


def opened_by(operation_id: int) -> QuerySet[WorkOrder]:
    """The orders that an operation of the registry has asked for."""
    return WorkOrder.objects.filter(operation_id=operation_id).order_by("id")


def newest_manual_switch_orders(device_ids: Iterable[int]) -> dict[int, WorkOrder]:
    """The newest errand to the switch beside each of these meters, open or done or withdrawn."""
    kinds = (WorkOrderKind.SWITCH_OFF_BY_HAND, WorkOrderKind.SWITCH_ON_BY_HAND)
    found = (
        WorkOrder.objects.filter(device_id__in=list(device_ids), kind__in=kinds)
        .order_by("device_id", "-opened_at", "-id")
        .distinct("device_id")
    )
    return {order.device_id: order for order in found if order.device_id is not None}
