"""Commands, and releases of disconnections that head ends hold above their ceilings.

A command's state only goes forward and a final state stays: the table's trigger refuses anything else, so that a late
or repeated report cannot change what was known. Business times end in `_at`. Beside them stand wall-clock
milliseconds (Unix), because a demonstration runs on a fast clock over links that do not.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from urja.apps.commands.kinds import OPEN_RELEASES, SUPPLY_KINDS, TERMINAL, UNFINISHED, ReleaseState, State


class Command(models.Model):
    """One command to one meter. The upper bits of its key are the bucket of its service point."""

    id = models.BigIntegerField(primary_key=True)
    device = models.ForeignKey("assets.Device", on_delete=models.PROTECT, related_name="commands")
    service_point = models.ForeignKey(
        "network.ServicePoint", on_delete=models.PROTECT, related_name="commands"
    )
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, null=True, related_name="commands")
    kind = models.CharField(max_length=32)
    """Name of a module of `urja.headend.commands`."""
    arguments = models.JSONField(default=dict)
    sequence = models.BigIntegerField()
    """Increases with each command of a device; the head end carries them out in this order."""
    state = models.CharField(max_length=32, choices=State, default=State.QUEUED)
    reason = models.CharField(max_length=200)
    """Why it was issued."""
    cause_correlation = models.BigIntegerField()
    """Correlation number of its cause: a payment, a decision, an operator's order."""
    issued_at = models.DateTimeField()
    issued_wall_ms = models.BigIntegerField()
    expires_at = models.DateTimeField()
    awake_at = models.DateTimeField(null=True)
    """The planned wake-up at which its meter can carry it out; none where the meter always can.

    A person at the meter may wake it earlier.
    """
    sent_at = models.DateTimeField(null=True)
    sent_wall_ms = models.BigIntegerField(null=True)
    acknowledged_at = models.DateTimeField(null=True)
    acknowledged_wall_ms = models.BigIntegerField(null=True)
    ended_at = models.DateTimeField(null=True)
    ended_wall_ms = models.BigIntegerField(null=True)
    detail = models.TextField(blank=True, default="")
    """Why it ended as it did, where the state alone does not say it."""
    evidence = models.JSONField(default=dict)
    """What the meter reported: control state, load, register, or the object that was read."""
    attempts = models.IntegerField(default=0)
    last_error = models.TextField(blank=True, default="")
    """What the last attempt failed on; empty once one has succeeded."""
    again_at = models.DateTimeField(null=True)
    """When the next attempt is due."""
    signature = models.BinaryField(max_length=64, null=True)
    """Ed25519 signature of the order, 64 bytes."""
    published = models.BooleanField(default=False)
    """Whether the broker is known to have stored its order."""

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
        """Whether load was measured after a connect; None where it was not measured."""
        proven: bool | None = self.evidence.get("load_proven")
        return proven


class HeldCuts(models.Model):
    """The last report of one head end about disconnections above its ceilings, and about releases."""

    headend = models.CharField(max_length=32, primary_key=True)
    told = models.JSONField()
    """The report as JSON (`urja.stream.releases.HeldDisconnections`)."""
    told_at = models.DateTimeField()

    class Meta:
        db_table = "commands_held_cuts"

    def __str__(self) -> str:
        return f"held by {self.headend}"


class CutRelease(models.Model):
    """A requested release of held disconnections. Passkeys sign its content (`urja.base.cut_release`)."""

    id = models.CharField(max_length=32, primary_key=True)
    cuts = models.IntegerField()
    """How many disconnections may pass beside the ceilings."""
    areas = models.JSONField()
    """Areas in which they may: the names of administrative nodes."""
    until = models.CharField(max_length=20)
    """`until_at` as text, in the form that is signed."""
    until_at = models.DateTimeField()
    nonce = models.BinaryField(max_length=32)
    """The head ends' nonce when it was requested, 32 bytes."""
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
    """A person's authenticator's answer to a release, as the browser sent it. The head end verifies it."""

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
