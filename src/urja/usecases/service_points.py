"""Service points by consumer number, as guards look them up."""

from urja.apps.network.models import ServicePoint
from urja.base.sentences import say


def service_points_of(consumer_numbers: list[str]) -> dict[str, ServicePoint]:
    """Return service points by consumer number, locked until the transaction ends: of two move-ins at once, one is
    refused.
    """
    # Locked in the order of ids, so that two transactions that lock several service points cannot deadlock. The weaker
    # lock (no_key) lets rows that only refer to a service point be inserted meanwhile.
    found = ServicePoint.objects.select_for_update(of=("self",), no_key=True).select_related("premise")
    return {
        service_point.consumer_number: service_point
        for service_point in found.filter(consumer_number__in=consumer_numbers).order_by("id")
    }


def service_point_of(consumer_number: str) -> ServicePoint | None:
    """Return the service point of a consumer number, locked until the transaction ends, or None."""
    return service_points_of([consumer_number]).get(consumer_number)


def no_service_point_fault(consumer_number: str) -> str:
    """Return the fault of an unknown consumer number."""
    return say("there is no service point {consumer_number}", consumer_number=consumer_number)
