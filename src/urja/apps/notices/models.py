"""Notices to accounts, and messages kept instead of being sent."""

from typing import ClassVar

from django.db import models

from urja.apps.notices.kinds import Failure, NoticeState


class Notice(models.Model):
    """Something that an account is told. The same dedupe key is the same notice: it is asked for once."""

    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="notices")
    kind = models.CharField(max_length=32)
    """As policies name it: `low-30`, `days-3`, `below-100`, `zero`, `cut`; or `letter`."""
    params = models.JSONField(default=dict)
    dedupe_key = models.CharField(max_length=200, unique=True)
    requested_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=NoticeState, default=NoticeState.REQUESTED)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    """When it failed, or was given up."""
    failure = models.CharField(max_length=16, choices=Failure, blank=True, default="")
    detail = models.CharField(max_length=200, blank=True, default="")
    """What the service or the line said last."""
    text = models.TextField(blank=True, default="")
    """As it was or would have been sent; empty until it has been worded."""
    language = models.CharField(max_length=8, blank=True, default="")
    channel = models.CharField(max_length=16, blank=True, default="")
    """`sms`, `email` or `letter`: what policies know it by."""
    service = models.CharField(max_length=32, blank=True, default="", db_default="")
    """The name in the settings of the channel that carries it; none of a letter."""
    recipient = models.CharField(max_length=320, blank=True, default="")
    provider_id = models.CharField(max_length=100, blank=True, default="")
    """The service's own name for the message."""
    attempts = models.IntegerField(default=0)
    """How often it was handed to the service."""
    questions = models.IntegerField(default=0)
    """How often the service was asked what has become of it."""
    due_at = models.DateTimeField(null=True)
    """When it is to be sent, or asked after, next; none at once while it is requested."""

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["account", "-requested_at"], name="notices_notice_account"),
            models.Index(
                fields=["id"], condition=models.Q(state=NoticeState.REQUESTED), name="notices_notice_unsent"
            ),
            models.Index(fields=["sent_at"], name="notices_notice_sent"),
            models.Index(
                fields=["due_at"], condition=models.Q(state=NoticeState.SENT), name="notices_notice_awaited"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} to account {self.account_id}"


class Receipt(models.Model):
    """A receipt as it came in: recorded by the web, which verifies nothing; verified and applied by the stage `notify`.

    The same body with the same headers is the same receipt, however often and under whatever name it is sent.
    """

    provider = models.CharField(max_length=32)
    """The channel's name in the settings."""
    digest = models.BinaryField(max_length=32)
    """SHA-256 of headers and body: what is forged takes no genuine one's place."""
    body = models.BinaryField()
    headers = models.JSONField(default=dict, db_default={})
    """Those that its provider names, by name in small letters."""
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, blank=True, default="", db_default="")
    """`delivered`, `failed`; `nothing` where the notice had its end; `unknown` and `unreadable` where there is none."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["provider", "digest"], name="notices_receipt_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(applied_at=None), name="notices_receipt_waiting"),
        ]

    def __str__(self) -> str:
        return f"receipt {self.id} of {self.provider}"


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
