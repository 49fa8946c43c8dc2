"""Work orders that a user may see: those of the user's area, and those assigned to the user anywhere."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from urja.apps.identity.queries.access import Area
from urja.apps.overviews.queries import areas
from urja.apps.work.models import WorkOrder
from urja.base.untyped_values import JsonObject

_DEVICE: Final = ("serial", "device_type", "firmware")
_OF_AN_ORDER: Final = (
    "kind",
    "state",
    "assignee_id",
    "opened_at",
    "due_at",
    "closed_at",
    "asked",
    "result",
    "service_point__consumer_number",
    "service_point__commodity",
    "service_point__premise",
    *(f"device__{name}" for name in _DEVICE),
)
"""The columns read: the web's database role may not read all columns of a device."""


def orders(shelf: str, area: Area, user_id: int | None, at: datetime, limit: int) -> list[WorkOrder]:
    """Return the work orders of a list (`mine`, `open` or `done`), due ones first; done ones newest first."""
    found = _shelf(shelf, area, user_id, at)
    found = found.order_by("-closed_at") if shelf == "done" else found.order_by("due_at", "opened_at", "id")
    return list(_shown(found)[:limit])


def count(shelf: str, area: Area, user_id: int | None, at: datetime) -> int:
    """Return the number of work orders in a list."""
    return _shelf(shelf, area, user_id, at).count()


def order(order_id: int, area: Area, user_id: int | None, at: datetime) -> WorkOrder | None:
    """Return a work order by id; None where the user may not see it or it does not exist."""
    return _shown(_there(area, user_id, at).filter(id=order_id)).first()


@dataclass(frozen=True, slots=True)
class Order:
    """A work order with its service point, meter and assignee."""

    id: int
    kind: str
    state: str
    consumer_number: str
    premise: str
    serial: str | None
    assignee: str | None
    """E-mail address of the assignee; None where it is not assigned."""
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    asked: JsonObject
    result: JsonObject


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """An open work order, for the list of what field staff have to do."""

    id: int
    kind: str
    premise: str
    number: str
    """Serial of the meter; the consumer number where the order names no meter."""
    opened_at: datetime
    asked: JsonObject


def open_orders(limit: int, *, but_for: Iterable[str]) -> list[OpenOrder]:
    """Return the oldest open work orders of all areas, without those of some kinds."""
    found = WorkOrder.objects.filter(closed_at=None).exclude(kind__in=list(but_for))
    rows = found.order_by("opened_at", "id").values_list(
        "id",
        "kind",
        "service_point__premise__name",
        Coalesce("device__serial", "service_point__consumer_number"),
        "opened_at",
        "asked",
    )
    return [OpenOrder(*row) for row in rows[:limit]]


def everywhere(limit: int, *, kind: str | None = None, ended: bool = False) -> list[Order]:
    """Return open work orders of all areas, oldest first; with `ended` all of them, newest first."""
    found = WorkOrder.objects.select_related("device", "service_point__premise", "assignee")
    found = (
        found.order_by("-opened_at", "-id")
        if ended
        else found.filter(closed_at=None).order_by("opened_at", "id")
    )
    return [
        Order(
            id=one.id,
            kind=one.kind,
            state=one.state,
            consumer_number=one.service_point.consumer_number,
            premise=one.service_point.premise.name,
            serial=one.device.serial if one.device else None,
            assignee=one.assignee.email if one.assignee else None,
            opened_at=one.opened_at,
            due_at=one.due_at,
            closed_at=one.closed_at,
            asked=one.asked,
            result=one.result,
        )
        for one in (found if kind is None else found.filter(kind=kind))[:limit]
    ]


def _shelf(shelf: str, area: Area, user_id: int | None, at: datetime) -> QuerySet[WorkOrder]:
    there = _there(area, user_id, at)
    if shelf == "done":
        return there.exclude(closed_at=None)
    unfinished = there.filter(closed_at=None)
    return unfinished.filter(assignee_id=user_id) if shelf == "mine" else unfinished


def _there(area: Area, user_id: int | None, at: datetime) -> QuerySet[WorkOrder]:
    there = WorkOrder.objects.filter(areas.service_points(area, at, "service_point_id"))
    # An assignee sees a work order outside of the own area too.
    return there if area.everywhere else there | WorkOrder.objects.filter(assignee_id=user_id)


def _shown(found: QuerySet[WorkOrder]) -> QuerySet[WorkOrder]:
    return found.select_related("device", "service_point__premise").only(*_OF_AN_ORDER)
