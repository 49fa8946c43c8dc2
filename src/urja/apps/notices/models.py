"""Notices to accounts, and messages kept instead of being sent."""

from typing import ClassVar

from django.db import models

from urja.apps.ledger.models import Account


class NoticeState(models.TextChoices):
    """Where a notice stands; only a receipt makes it delivered."""

    REQUESTED = "requested"
    SENT = "sent"
    DELIVERED = "delivered"
    FAILED = "failed"


class Notice(models.Model):
    """Something that an account is told. The same dedupe key is the same notice: it is asked for once."""

    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=32)
    """As policies name it: `low-30`, `days-3`, `below-100`, `zero`, `cut`."""
    params = models.JSONField(default=dict)
    dedupe_key = models.CharField(max_length=200, unique=True)
    requested_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=NoticeState, default=NoticeState.REQUESTED)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "notices_notice"
        indexes: ClassVar = [
            models.Index(fields=["account", "-requested_at"], name="notices_notice_account"),
            models.Index(
                fields=["id"], condition=models.Q(state=NoticeState.REQUESTED), name="notices_notice_unsent"
            ),
            models.Index(fields=["sent_at"], name="notices_notice_sent"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to account {self.account_id}"


class Message(models.Model):
    """One e-mail as it would have left: the demonstration's outbox shows it (docs/portal.md)."""

    sent_at = models.DateTimeField()
    sender = models.CharField(max_length=320)
    recipient = models.CharField(max_length=320)
    subject = models.TextField()
    body = models.TextField()

    class Meta:
        indexes = (models.Index(fields=["recipient", "-id"], name="notices_message_recipient"),)

    def __str__(self) -> str:
        return f"{self.subject} → {self.recipient}"
