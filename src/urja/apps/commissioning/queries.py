"""The reading side of the commissioning."""

from collections.abc import Iterable

import msgspec
from django.db.models import QuerySet

from urja.apps.commissioning.models import UNFINISHED, Call, PushLayout
from urja.apps.registry.models import DevicePeriod, DeviceRole
from urja.cosem.pushlist import PushList


def calls_of(device_period_id: int) -> QuerySet[Call]:
    """Every call of a meter at its place, newest first."""
    return Call.objects.filter(device_period_id=device_period_id).order_by("-asked_at", "-id")


def under_way() -> QuerySet[Call]:
    return Call.objects.filter(state__in=UNFINISHED).select_related("device", "service_point").order_by("id")


def waiting() -> QuerySet[DevicePeriod]:
    """Billing meters that hang somewhere and are not billed by, because they have not passed; the oldest first."""
    return (
        DevicePeriod.objects.filter(role=DeviceRole.BILLING, valid_to=None, commissioned_at=None)
        .select_related("device", "service_point__premise")
        .order_by("valid_from", "id")
    )


def told_pushes(device_ids: Iterable[int]) -> dict[int, tuple[PushList, ...]]:
    """What each meter has last told of its pushes; none where it was never asked."""
    newest = (
        PushLayout.objects.filter(device_id__in=list(device_ids))
        .order_by("device_id", "-read_at", "-id")
        .distinct("device_id")
    )
    return {
        device_id: msgspec.convert(pushes, tuple[PushList, ...])
        for device_id, pushes in newest.values_list("device_id", "pushes")
    }
