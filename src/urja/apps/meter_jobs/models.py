"""Jobs and tasks: a job is one request for one meter or many, a task is one of its meters with its outcome.

A job's key is the number of the operation that requested it, so that the audit entry says by whom and why. The kinds
of jobs, and what is sent to a meter for each, are in `urja.apps.meter_jobs.steps_by_kind`.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from urja.apps.meter_jobs.kinds import UNFINISHED, TaskState


class Job(models.Model):
    """One request for meters: its kind, arguments, reason and end."""

    id = models.BigIntegerField(primary_key=True)
    """Number of the operation that requested it (`journal_operation`)."""
    kind = models.CharField(max_length=32)
    """Kind of that operation: `read_meters`, `set_clocks` ..."""
    arguments = models.JSONField(default=dict)
    """What is asked of every meter."""
    reason = models.TextField()
    actor = models.CharField(max_length=100)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    """After this nothing more is sent, and its commands are not begun any more."""
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
    """Place in the list of the request, from 1."""
    named = models.CharField(max_length=64)
    """The meter as the request names it: a serial number or a consumer number."""
    device = models.ForeignKey("assets.Device", on_delete=models.PROTECT, null=True, related_name="+")
    service_point = models.ForeignKey(
        "network.ServicePoint", on_delete=models.PROTECT, null=True, related_name="+"
    )
    state = models.CharField(max_length=16, choices=TaskState, default=TaskState.WAITING)
    command = models.ForeignKey("commands.Command", on_delete=models.PROTECT, null=True, related_name="+")
    """The newest command that was issued for it."""
    progress = models.JSONField(default=dict)
    """Notes of its steps, where it takes more than one command."""
    result = models.JSONField(default=dict)
    """The meter's answer."""
    detail = models.JSONField(default=str)
    """Why it ended as it did, where the state alone does not say it: a sentence as `base.sentences` stores it."""
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
