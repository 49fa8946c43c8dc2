"""Premises of an area with their parts and service points, for totals."""

from collections.abc import Collection
from datetime import datetime

from django.db.models import Q

from urja.apps.identity.queries.access import Area
from urja.apps.network.models import Premise, ServicePoint
from urja.apps.overviews.queries import areas


def premises_wholly_in(kinds: Collection[str], area: Area, at: datetime, limit: int) -> list[Premise]:
    """Return the premises of some kinds that are in an area with all their parts, by name, of the first `limit`."""
    found = Premise.objects.filter(kind__in=kinds).order_by("name", "id")
    if not area.everywhere and not area.nodes:
        found = found.filter(areas.premises(area))
    return [one for one in found[:limit] if areas.holds_premise(area, one.id, at)]


def premise(premise_id: int) -> Premise | None:
    """Return a premise by id; None where it is unknown."""
    return Premise.objects.filter(id=premise_id).first()


def parts(premise_id: int) -> list[Premise]:
    """Return the premises directly below one, by name."""
    return list(Premise.objects.filter(parent_id=premise_id).order_by("name", "id"))


def parents(premise_id: int) -> dict[int, int | None]:
    """Return the parent of each premise at or below one, by id; None for one without a parent."""
    found = Premise.objects.filter(_in(premise_id, "id"))
    return dict(found.values_list("id", "parent_id"))


def names(premise_ids: Collection[int]) -> dict[int, str]:
    """Return names of premises by id."""
    return dict(Premise.objects.filter(id__in=premise_ids).values_list("id", "name"))


def service_points(premise_id: int, *order: str) -> list[ServicePoint]:
    """Return the service points at or below a premise, each with its own premise."""
    found = ServicePoint.objects.filter(_in(premise_id, "premise_id"))
    return list(found.select_related("premise").order_by(*order))


def _in(premise_id: int, path: str) -> Q:
    return areas.premises(Area(premises=frozenset({premise_id})), path)
