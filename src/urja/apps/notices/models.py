"""Messages kept instead of being sent."""

from django.db import models


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
