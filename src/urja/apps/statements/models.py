"""Statements of account, and periods for which one is to be made. Rules of the database: `migrations/0002_rules.sql`, `0004_final.sql`."""

from typing import ClassVar

from django.db import models
from django.db.models import Q


class Statement(models.Model):
    """A statement of account of one agreement and billing period, or its revision. Never changed or deleted."""

    id = models.BigIntegerField(primary_key=True)
    bucket = models.SmallIntegerField()
    """Its series: numbers of one bucket have no gap, and no statement waits for those of another."""
    number = models.BigIntegerField()
    """From 1 on."""
    agreement = models.ForeignKey("contracts.Agreement", on_delete=models.PROTECT, related_name="+")
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="+")
    period_start = models.DateField()
    """First day of the billing period."""
    period_end = models.DateField()
    """The day after the last one that is stated: of the period, or of the agreement. A revision keeps it."""
    final = models.BooleanField(db_default=False)
    """Whether it states what moved the account after its agreement's last period, from the end of the statement before it on."""
    revises = models.OneToOneField("self", on_delete=models.PROTECT, null=True, related_name="revision")
    through_seq = models.BigIntegerField()
    """Number of the account's last entry when it was made: what was posted later is in none of its amounts."""
    opening_minor = models.BigIntegerField()
    closing_minor = models.BigIntegerField()
    total_minor = models.BigIntegerField()
    """What was charged for the period, in minor units."""
    content = models.TextField()
    """Everything that it states (`kinds.StatementContent`), as canonical JSON."""
    previous_sha256 = models.BinaryField(max_length=32)
    """Hash of the statement before it in its series."""
    sha256 = models.BinaryField(max_length=32)
    """SHA-256 over the hash before and the content."""
    made_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["bucket", "number"], name="statements_one_number"),
            models.UniqueConstraint(
                fields=["agreement", "period_start"],
                condition=Q(revises=None),
                name="statements_one_of_a_period",
            ),
            models.CheckConstraint(
                condition=Q(period_end__gt=models.F("period_start")), name="statements_period_has_days"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "-period_start", "-number"], name="statements_of_account"),
        ]

    def __str__(self) -> str:
        return f"statement {self.bucket}-{self.number}"


class DueStatement(models.Model):
    """A period that was closed, or charged otherwise since its statement was made. Removed once that is stated."""

    id = models.BigAutoField(primary_key=True)
    agreement = models.ForeignKey("contracts.Agreement", on_delete=models.PROTECT, related_name="+")
    period_start = models.DateField()
    """First day of the period; `kinds.AFTER_ALL` where a final statement is due."""
    bucket = models.SmallIntegerField()
    closed = models.BooleanField()
    """Whether the period's last day was closed; without it, a statement that exists may have to be revised."""
    due_at = models.DateTimeField()
    """When it is made at the earliest: a day that was closed provisionally waits for its read."""
    recorded_at = models.DateTimeField()
    """When it was closed, or charged otherwise. A statement that is held back moves `due_at` and not this."""
    problem = models.TextField(db_default="")
    """Why the database refused it the last time, as a sentence; empty where it did not."""

    class Meta:
        db_table = "statements_due"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agreement", "period_start"], name="statements_due_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at"], name="statements_due_at"),
            models.Index(fields=["agreement"], condition=~Q(problem=""), name="statements_due_refused"),
        ]

    def __str__(self) -> str:
        return f"statement of agreement {self.agreement_id} from {self.period_start}"
