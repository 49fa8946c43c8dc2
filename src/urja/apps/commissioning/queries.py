"""The reading side of the commissioning."""

from django.db.models import QuerySet

from urja.apps.commissioning.models import UNFINISHED, Call
from urja.apps.registry.models import DevicePeriod, DeviceRole


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
