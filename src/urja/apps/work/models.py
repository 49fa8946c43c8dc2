"""Work orders and their photographs.

A work order's state only moves forward (open, assigned, then done or withdrawn) and the end is final: a trigger refuses
anything else. The request never changes; the result is stored beside it.
"""

from typing import ClassVar, Final

from django.conf import settings
from django.db import models
from django.db.models import Q

from urja.apps.work.kinds import UNFINISHED, PhotoKind, WorkOrderKind, WorkOrderState

MOST_PHOTO_BYTES: Final = 2 * 1024 * 1024
"""Largest size of a photo in bytes."""
MOST_PHOTOS: Final = 8
"""Most photos of one work order."""


class WorkOrder(models.Model):
    """A task at a service point that no command can do.

    At most one per meter (or service point, without a meter) and kind is unfinished.
    """

    id = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=32, choices=WorkOrderKind)
    service_point = models.ForeignKey(
        "network.ServicePoint", on_delete=models.PROTECT, related_name="work_orders"
    )
    device = models.ForeignKey(
        "assets.Device", on_delete=models.PROTECT, null=True, related_name="work_orders"
    )
    """The meter concerned; None where there is none yet."""
    state = models.CharField(max_length=16, choices=WorkOrderState, default=WorkOrderState.OPEN)
    assignee = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="work_orders"
    )
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    asked = models.JSONField(default=dict)
    """What is to be done, and why."""
    result = models.JSONField(default=dict)
    """What was done and found; for a withdrawn one, why it was withdrawn."""
    operation_id = models.BigIntegerField(null=True, db_index=True)
    """The registry operation that opened it, if one did."""

    class Meta:
        db_table = "work_order"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["device", "kind"], condition=Q(closed_at=None), name="work_one_open_at_a_meter"
            ),
            models.UniqueConstraint(
                fields=["service_point", "kind"],
                condition=Q(closed_at=None, device=None),
                name="work_one_open_at_a_place",
            ),
            models.CheckConstraint(
                condition=Q(state__in=UNFINISHED, closed_at=None)
                | (~Q(state__in=UNFINISHED) & Q(closed_at__isnull=False)),
                name="work_closed_when_ended",
            ),
            models.CheckConstraint(
                condition=~Q(state=WorkOrderState.ASSIGNED) | Q(assignee__isnull=False),
                name="work_assigned_to_somebody",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["opened_at", "id"], condition=Q(closed_at=None), name="work_order_unfinished"
            ),
            models.Index(fields=["assignee", "opened_at"], name="work_order_assignee"),
        ]

    def __str__(self) -> str:
        return f"work order {self.id}: {self.kind}"

    @property
    def done(self) -> bool:
        """Whether it was carried out; a withdrawn one is closed and not done."""
        return self.state == WorkOrderState.DONE

    @property
    def unfinished(self) -> bool:
        """Whether it is open or assigned."""
        return self.state in UNFINISHED


class Photo(models.Model):
    """A photograph of a work order. Never changed."""

    id = models.BigIntegerField(primary_key=True)
    work_order = models.ForeignKey(WorkOrder, on_delete=models.PROTECT, related_name="photos")
    kind = models.CharField(max_length=16, choices=PhotoKind)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=100)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["work_order", "sha256"], name="work_photo_once"),
        ]

    def __str__(self) -> str:
        return f"photo {self.id} of work order {self.work_order_id}"
