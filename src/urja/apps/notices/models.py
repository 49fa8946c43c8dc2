"""Notices to accounts, receipts of services, and the outbox of a demonstration."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from urja.apps.notices.kinds import Failure, NoticeState


class Notice(models.Model):
    """A message to the people of an account, or to a member of staff. The same dedupe key is the same notice."""

    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, null=True, related_name="notices")
    staff = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    """The member of staff whom it is for; None where it is for the people of an account."""
    kind = models.CharField(max_length=32)
    """As policies name it: `low-30`, `days-3`, `below-100`, `zero`, `cut`; or `letter`."""
    params = models.JSONField(default=dict)
    dedupe_key = models.CharField(max_length=200, unique=True)
    requested_at = models.DateTimeField()
    state = models.CharField(max_length=16, choices=NoticeState, default=NoticeState.REQUESTED)
    sent_at = models.DateTimeField(null=True)
    delivered_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    """When it failed, or became unconfirmed."""
    failure = models.CharField(max_length=16, choices=Failure, blank=True, default="")
    detail = models.CharField(max_length=200, blank=True, default="")
    """The last answer or error of the service; of a letter its number."""
    text = models.TextField(blank=True, default="")
    """The text as sent or to be sent; empty until it is composed."""
    language = models.CharField(max_length=8, blank=True, default="")
    channel = models.CharField(max_length=16, blank=True, default="")
    """`sms`, `email` or `letter`: the name that policies have for the medium."""
    service = models.CharField(max_length=32, blank=True, default="", db_default="")
    """Name of its channel in the settings; empty for a letter."""
    recipient = models.CharField(max_length=320, blank=True, default="")
    provider_id = models.CharField(max_length=100, blank=True, default="")
    """The service's own number for the message."""
    attempts = models.IntegerField(default=0)
    """How many times it was handed to the service."""
    questions = models.IntegerField(default=0)
    """How many times the service was queried for its outcome."""
    due_at = models.DateTimeField(null=True)
    """When it is to be sent or queried next; None while it can be sent at once."""

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(account=None, staff__isnull=False)
                | models.Q(account__isnull=False, staff=None),
                name="notices_notice_is_for_one",
            ),
        ]
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
        whom = f"account {self.account_id}" if self.staff_id is None else f"user {self.staff_id}"
        return f"{self.kind} to {whom}"


class Receipt(models.Model):
    """A receipt as received: stored by the web unverified, then verified and applied by the stage `notify`.

    The same body with the same headers is the same receipt, however often and under whatever event id it is sent.
    """

    provider = models.CharField(max_length=32)
    """Name of the channel in the settings."""
    digest = models.BinaryField(max_length=32)
    """SHA-256 of headers and body: a forged receipt cannot take the place of a genuine one."""
    body = models.BinaryField()
    headers = models.JSONField(default=dict, db_default={})
    """The headers that its provider names, by name in lower case."""
    received_at = models.DateTimeField()
    applied_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=16, blank=True, default="", db_default="")
    """`delivered` or `failed`; `nothing` where the outcome was known; `unknown` and `unreadable` where none applies."""

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
    """An e-mail in the outbox of a demonstration (docs/portal.md)."""

    sent_at = models.DateTimeField()
    sender = models.CharField(max_length=320)
    recipient = models.CharField(max_length=320)
    subject = models.TextField()
    body = models.TextField()

    class Meta:
        indexes = (models.Index(fields=["recipient", "-id"], name="notices_message_recipient"),)

    def __str__(self) -> str:
        return f"{self.subject} → {self.recipient}"
