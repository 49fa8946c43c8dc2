"""Commissioning calls, and the layouts of pushes that meters reported."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from urja.apps.commissioning.kinds import UNFINISHED, CallState


class Call(models.Model):
    """One commissioning of an installed meter: the commands, their results and the outcome of each check."""

    id = models.BigIntegerField(primary_key=True)
    device = models.ForeignKey("assets.Device", on_delete=models.PROTECT, related_name="commissioning_calls")
    service_point = models.ForeignKey(
        "network.ServicePoint", on_delete=models.PROTECT, related_name="commissioning_calls"
    )
    device_period_id = models.BigIntegerField()
    """Number of the installation. Not a foreign key: an installation that was a mistake is undone after a call."""
    state = models.CharField(max_length=16, choices=CallState, default=CallState.ASKED)
    asked_at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    relay_test = models.BooleanField(default=False)
    """Whether the relay is opened and closed."""
    payment_mode = models.CharField(max_length=16, blank=True, default="")
    """The payment mode that is set; empty: it stays as it is until an agreement begins."""
    commands = models.JSONField(default=dict)
    """Numbers of the commands, by the check that they are for."""
    checks = models.JSONField(default=list)
    """Outcomes as JSON: `check`, `passed`, `found`, `says`."""
    ended_at = models.DateTimeField(null=True)
    operation_id = models.BigIntegerField(null=True)
    """The operation that put the meter into service."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["device_period_id"], condition=Q(ended_at=None), name="commissioning_one_call"
            ),
            models.CheckConstraint(
                condition=Q(state__in=UNFINISHED, ended_at=None)
                | (~Q(state__in=UNFINISHED) & Q(ended_at__isnull=False)),
                name="commissioning_ended_when_over",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["device_period_id"], name="commissioning_period"),
            models.Index(fields=["id"], condition=Q(ended_at=None), name="commissioning_under_way"),
        ]

    def __str__(self) -> str:
        return f"call {self.id}: {self.state}"


class PushLayout(models.Model):
    """The layout of pushes that a meter reported, with its firmware. Rows are only added; the newest counts."""

    id = models.BigIntegerField(primary_key=True)
    device = models.ForeignKey("assets.Device", on_delete=models.PROTECT, related_name="push_layouts")
    call = models.ForeignKey(Call, on_delete=models.PROTECT, related_name="push_layouts")
    firmware = models.CharField(max_length=32)
    read_at = models.DateTimeField()
    pushes = models.JSONField()
    """Object lists with scalers and units, as in `urja.cosem.push_object_list`."""

    class Meta:
        db_table = "commissioning_push_layout"
        indexes: ClassVar = [models.Index(fields=["device", "-read_at"], name="commissioning_newest_layout")]

    def __str__(self) -> str:
        return f"pushes of device {self.device_id} as read at {self.read_at}"
