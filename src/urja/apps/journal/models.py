"""Requests, the audit of operations, rows as they were before, and names of outside systems."""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from urja.apps.journal.fields import SentencesField
from urja.apps.journal.kinds import HistoryAction, RequestState


class AuditEntry(models.Model):
    """An operation on the registry that was carried out.

    Rows that it created refer to it; rows that it changed are in `journal_history` as they were before. Never
    changed, but for the number of the operation that has undone it.
    """

    id = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=32)
    """`move_in`, `exchange_meter` ...: the operation's name in the API."""
    content = models.JSONField()
    """What was requested, as given, without secret fields."""
    outcome = models.JSONField(default=dict)
    """Numbers of the rows that it created, by name."""
    actor = models.CharField(max_length=100)
    recorded_at = models.DateTimeField()
    idempotency_key = models.CharField(max_length=100, null=True, unique=True)  # noqa: DJ001 - none is no key
    undone_by = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="undoes")
    service_point_id = models.BigIntegerField(null=True, db_index=True)
    """The service point whose history it belongs to, where there is one."""

    class Meta:
        db_table = "journal_operation"

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class History(models.Model):
    """A row of the registry as it was until `known_to`, written by a trigger."""

    id = models.BigAutoField(primary_key=True)
    table_name = models.CharField(max_length=64)
    row_id = models.BigIntegerField()
    action = models.CharField(max_length=8, choices=HistoryAction)
    row = models.JSONField()
    known_to = models.DateTimeField()
    operation_id = models.BigIntegerField()

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["table_name", "row_id", "known_to"], name="journal_history_row"),
            models.Index(fields=["operation_id"], name="journal_history_operation"),
        ]

    def __str__(self) -> str:
        return f"{self.table_name} {self.row_id} until {self.known_to}"


class Request(models.Model):
    """An operation requested through the web, which records it and carries out nothing.

    The pipeline's stage `register` carries it out and stores the outcome.
    """

    id = models.BigIntegerField(primary_key=True)
    kind = models.CharField(max_length=32)
    content = models.JSONField()
    dry_run = models.BooleanField(default=False)
    """Whether it is a dry run, which reports what it would change."""
    actor = models.CharField(max_length=100)
    requested_at = models.DateTimeField()
    idempotency_key = models.CharField(max_length=100, null=True, unique=True)  # noqa: DJ001 - none is no key
    state = models.CharField(max_length=8, choices=RequestState, default=RequestState.WAITING)
    answered_at = models.DateTimeField(null=True)
    faults = SentencesField(default=list)
    """Why it was refused, as sentences."""
    operation_id = models.BigIntegerField(null=True)
    """The operation that was carried out (`AuditEntry`)."""
    effects = models.JSONField(default=dict)
    """What it changed, or in a dry run would change, as JSON."""

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(state="waiting"), name="journal_request_waiting"),
        ]

    def __str__(self) -> str:
        return f"request {self.id}: {self.kind}"


class External(models.Model):
    """An object's name in an outside system (a utility's CIS), and the attributes that the system owns."""

    id = models.BigIntegerField(primary_key=True)
    system = models.CharField(max_length=32)
    kind = models.CharField(max_length=32)
    """Table of the object without its prefix: `person`, `service_point` ..."""
    external_id = models.CharField(max_length=64)
    object_id = models.BigIntegerField()
    owned = models.JSONField(default=list)
    """Attributes that only the system may change."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["system", "kind", "external_id"], name="journal_one_external"),
            models.UniqueConstraint(
                fields=["system", "kind", "object_id"], name="journal_one_external_object"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.external_id} of {self.system}"


class Failure(models.Model):
    """An account, device or agreement for which a step of the pipeline fails. Removed once the step succeeds."""

    id = models.BigAutoField(primary_key=True)
    stage = models.CharField(max_length=32)
    step = models.CharField(max_length=32)
    """What of the stage's work fails: others go on for it."""
    subject = models.CharField(max_length=16)
    """`account`, `agreement`, `device` ..."""
    subject_id = models.BigIntegerField()
    error = models.TextField()
    """Type and first line of the last error."""
    tries = models.IntegerField()
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    again_at = models.DateTimeField()
    """When it is tried again at the earliest."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["stage", "step", "subject", "subject_id"], name="journal_one_failure"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.stage}, {self.step}: {self.subject} {self.subject_id}"
