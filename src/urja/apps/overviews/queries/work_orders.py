"""Work orders that somebody may see: those of their area, and those that they were given wherever they are."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from urja.apps.identity.queries.access import Area
from urja.apps.overviews.queries import areas
from urja.apps.work.models import WorkOrder

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
    "service_point__premise",
    *(f"device__{name}" for name in _DEVICE),
)
"""The web may not read all that is known of a device."""


def orders(shelf: str, area: Area, user_id: int | None, at: datetime, limit: int) -> list[WorkOrder]:
    """Those on a shelf: what is due first in front, of what is done the last."""
    found = _shelf(shelf, area, user_id, at)
    found = found.order_by("-closed_at") if shelf == "done" else found.order_by("due_at", "opened_at", "id")
    return list(_shown(found)[:limit])


def count(shelf: str, area: Area, user_id: int | None, at: datetime) -> int:
    """How many are on a shelf."""
    return _shelf(shelf, area, user_id, at).count()


def order(order_id: int, area: Area, user_id: int | None, at: datetime) -> WorkOrder | None:
    """One of them."""
    return _shown(_there(area, user_id, at).filter(id=order_id)).first()


@dataclass(frozen=True, slots=True)
class Order:
    """A work order, with where and about which meter it is."""

    id: int
    kind: str
    state: str
    consumer_number: str
    premise: str
    serial: str | None
    assignee: str | None
    """The address of whoever was given it."""
    opened_at: datetime
    due_at: datetime | None
    closed_at: datetime | None
    asked: dict[str, Any]
    result: dict[str, Any]


@dataclass(frozen=True, slots=True)
class OpenOrder:
    """What somebody must go and do."""

    id: int
    kind: str
    premise: str
    number: str
    """The meter's serial; the consumer number where it is about none."""
    opened_at: datetime
    asked: dict[str, Any]


def open_orders(limit: int, *, but_for: Iterable[str]) -> list[OpenOrder]:
    """The oldest open orders everywhere, but for those of some kinds."""
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
    """Open orders, the oldest first; with those that have ended the newest first."""
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
    return there if area.everywhere else there | WorkOrder.objects.filter(assignee_id=user_id)


def _shown(found: QuerySet[WorkOrder]) -> QuerySet[WorkOrder]:
    return found.select_related("device", "service_point__premise").only(*_OF_AN_ORDER)
