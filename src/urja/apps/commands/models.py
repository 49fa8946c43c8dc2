"""Commands.

A command's state only goes forward, and a terminal state is final: the table's trigger refuses anything else, so
that a late or repeated report cannot rewrite what was known. Business times end in `_at`; beside them stand wall
milliseconds (Unix), because a demonstration runs on a fast clock over links that do not.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from urja.apps.commands.kinds import OPEN_RELEASES, SUPPLY_KINDS, TERMINAL, UNFINISHED, ReleaseState, State


class Command(models.Model):
    """One command to one meter. Its key carries the bucket of its service point."""

    id = models.BigIntegerField(primary_key=True)
    device = models.ForeignKey("assets.Device", on_delete=models.PROTECT, related_name="commands")
    service_point = models.ForeignKey(
        "network.ServicePoint", on_delete=models.PROTECT, related_name="commands"
    )
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, null=True, related_name="commands")
    kind = models.CharField(max_length=32)
    """A module of `urja.headend.commands`."""
    arguments = models.JSONField(default=dict)
    sequence = models.BigIntegerField()
    """Grows with each command of a device; the head end carries them out in this order."""
    state = models.CharField(max_length=32, choices=State, default=State.QUEUED)
    reason = models.CharField(max_length=200)
    """Why it was given."""
    cause_correlation = models.BigIntegerField()
    """The correlation of what it follows from: a payment, a decision, an operator's order."""
    issued_at = models.DateTimeField()
    issued_wall_ms = models.BigIntegerField()
    expires_at = models.DateTimeField()
    sent_at = models.DateTimeField(null=True)
    sent_wall_ms = models.BigIntegerField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_wall_ms = models.BigIntegerField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_wall_ms = models.BigIntegerField(null=True)
    detail = models.TextField(blank=True, default="")
    """Why it ended as it did, where that is not plain from the state."""
    evidence = models.JSONField(default=dict)
    """What the meter said: control state, load, register, or the object that was read."""
    attempts = models.IntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    """What the last attempt met; empty once one has gone well."""
    again_at = models.DateTimeField(null=True)
    """When the next attempt is due."""
    signature = models.BinaryField(max_length=64, null=True)
    published = models.BooleanField(default=False)
    """Whether the broker is known to have its order."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["device", "sequence"], name="commands_one_sequence"),
            models.CheckConstraint(
                condition=Q(state__in=UNFINISHED, ended_at=None)
                | (Q(state__in=TERMINAL) & Q(ended_at__isnull=False)),
                name="commands_ended_when_terminal",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=models.F("issued_at")), name="commands_expires_after_issue"
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["device", "sequence"],
                condition=Q(state__in=UNFINISHED),
                name="commands_unfinished",
            ),
            models.Index(fields=["expires_at"], condition=Q(state__in=UNFINISHED), name="commands_expiring"),
            models.Index(
                fields=["id"], condition=Q(state__in=UNFINISHED, published=False), name="commands_unpublished"
            ),
            models.Index(
                fields=["device", "-sequence"],
                condition=Q(kind__in=SUPPLY_KINDS),
                name="commands_supply",
            ),
            models.Index(fields=["ended_at"], name="commands_ended"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.id}: {self.state}"

    @property
    def finished(self) -> bool:
        return self.state in TERMINAL

    @property
    def load_proven(self) -> bool | None:
        """Whether load was seen after a connect; None where nobody looked."""
        return self.evidence.get("load_proven")


class HeldCuts(models.Model):
    """What one head end has told last of cuts above its ceilings, and of releases (`urja.stream.releases.HeldDisconnections`)."""

    headend = models.CharField(max_length=32, primary_key=True)
    told = models.JSONField()
    told_at = models.DateTimeField()

    class Meta:
        db_table = "commands_held_cuts"

    def __str__(self) -> str:
        return f"held by {self.headend}"


class CutRelease(models.Model):
    """A release that somebody asks the head ends for: what it contains is what the passkeys sign."""

    id = models.CharField(max_length=32, primary_key=True)
    cuts = models.IntegerField()
    areas = models.JSONField()
    until = models.CharField(max_length=20)
    """As it is signed."""
    until_at = models.DateTimeField()
    nonce = models.BinaryField(max_length=32)
    """Of the head ends, when it was asked for."""
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    cancelled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", null=True
    )
    cancelled_at = models.DateTimeField(null=True)
    state = models.CharField(max_length=9, choices=ReleaseState, db_default=ReleaseState.ASKED)
    detail = models.TextField(db_default="")
    effective_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "commands_cut_release"
        indexes: ClassVar = [
            models.Index(
                fields=["asked_at"], condition=Q(state__in=OPEN_RELEASES), name="commands_open_release"
            ),
        ]

    def __str__(self) -> str:
        return f"release {self.id}: {self.state}"


class CutReleaseAnswer(models.Model):
    """The answer of somebody's authenticator to a release, as it came from the browser. The head end verifies it."""

    release = models.ForeignKey(CutRelease, on_delete=models.PROTECT, related_name="answers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    credential_id = models.BinaryField()
    client_data = models.BinaryField()
    authenticator_data = models.BinaryField()
    signature = models.BinaryField()
    given_at = models.DateTimeField()

    class Meta:
        db_table = "commands_cut_release_answer"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["release", "user"], name="commands_one_answer"),
        ]

    def __str__(self) -> str:
        return f"answer to {self.release_id}"
