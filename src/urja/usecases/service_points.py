"""Connections by their numbers, as guards look for them."""

from urja.apps.network.models import ServicePoint
from urja.base.sentences import say


def service_points_of(consumer_numbers: list[str]) -> dict[str, ServicePoint]:
    """Connections, held until the transaction ends: two who move in at once are told apart."""
    found = ServicePoint.objects.select_for_update(of=("self",), no_key=True).select_related("premise")
    return {
        place.consumer_number: place
        for place in found.filter(consumer_number__in=consumer_numbers).order_by("id")
    }


def service_point_of(consumer_number: str) -> ServicePoint | None:
    """As `places_of`, of one."""
    return service_points_of([consumer_number]).get(consumer_number)


def no_service_point_fault(consumer_number: str) -> str:
    """What is said where there is none."""
    return say("there is no connection {consumer_number}", consumer_number=consumer_number)
