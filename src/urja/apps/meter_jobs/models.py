"""A job is one request about one meter or many; a task is one of its meters, with its state and what came of it.

A job's key is the number of the operation that asked for it, so that the audit entry says who asked for what and why.
Which kinds there are, and what a meter is told for each, is `urja.apps.meter_jobs.steps_by_kind`.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from urja.apps.meter_jobs.kinds import UNFINISHED, TaskState


class Job(models.Model):
    """What was asked for, by whom, and until when."""

    id = models.BigIntegerField(primary_key=True)
    """The number of the operation that asked for it (`journal_operation`)."""
    kind = models.CharField(max_length=32)
    """The kind of that operation: `read_meters`, `set_clocks` ..."""
    arguments = models.JSONField(default=dict)
    """What every meter of it is asked."""
    reason = models.TextField()
    actor = models.CharField(max_length=100)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    """What is not sent by then is not sent any more, and a command of it is not begun any more."""
    meters = models.IntegerField()
    """How many tasks it has."""
    cancelled_at = models.DateTimeField(null=True)
    cancelled_by = models.CharField(max_length=100, blank=True, default="")
    ended_at = models.DateTimeField(null=True)
    """When its last task ended."""

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(meters__gt=0), name="meter_jobs_has_meters"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(ended_at=None), name="meter_jobs_open"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class Task(models.Model):
    """One meter of a job."""

    id = models.BigAutoField(primary_key=True)
    job = models.ForeignKey(Job, on_delete=models.PROTECT, related_name="tasks")
    position = models.IntegerField()
    """Its place in the list that was given, from 1."""
    named = models.CharField(max_length=64)
    """The meter as the request named it: a serial or a consumer number."""
    device = models.ForeignKey("assets.Device", on_delete=models.PROTECT, null=True, related_name="+")
    service_point = models.ForeignKey(
        "network.ServicePoint", on_delete=models.PROTECT, null=True, related_name="+"
    )
    state = models.CharField(max_length=16, choices=TaskState, default=TaskState.WAITING)
    command = models.ForeignKey("commands.Command", on_delete=models.PROTECT, null=True, related_name="+")
    """The newest command that was given for it."""
    progress = models.JSONField(default=dict)
    """What its steps remember on the way, where a task takes more than one command."""
    result = models.JSONField(default=dict)
    """What the meter said."""
    detail = models.JSONField(default=str)
    """Why it ended as it did, where that is not plain from the state: a sentence as `base.sentences` keeps it."""
    sent_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["job", "position"], name="meter_jobs_one_position"),
            models.CheckConstraint(
                condition=Q(state__in=UNFINISHED, ended_at=None)
                | (~Q(state__in=UNFINISHED) & Q(ended_at__isnull=False)),
                name="meter_jobs_ended_when_over",
            ),
            models.CheckConstraint(
                condition=Q(device__isnull=False, service_point__isnull=False) | Q(state=TaskState.REFUSED),
                name="meter_jobs_names_a_meter",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["job", "position"], condition=Q(state=TaskState.WAITING), name="meter_jobs_waiting"
            ),
            models.Index(fields=["job"], condition=Q(state=TaskState.SENT), name="meter_jobs_sent"),
            models.Index(fields=["service_point", "-id"], name="meter_jobs_of_place"),
        ]

    def __str__(self) -> str:
        return f"{self.named} of job {self.job_id}: {self.state}"
