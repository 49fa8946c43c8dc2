"""Connections by their numbers, as guards look for them."""

from urja.apps.network.models import ServicePoint
from urja.base.sentences import say


def place_of(consumer_number: str) -> ServicePoint | None:
    """A connection, held until the transaction ends: two who move in at once are told apart."""
    return (
        ServicePoint.objects.select_for_update(of=("self",), no_key=True)
        .filter(consumer_number=consumer_number)
        .first()
    )


def no_place(consumer_number: str) -> str:
    """What is said where there is none."""
    return say("there is no connection {consumer_number}", consumer_number=consumer_number)
