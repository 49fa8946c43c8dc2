"""Passkeys and how they come, operations that wait for them, answers of authenticators, and what was done by hand."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from urja.apps.approvals.kinds import OPEN, Action, Judged, WaitingState
from urja.apps.journal.fields import SentencesField
from urja.core.approvals import Need


class ThresholdsVersion(models.Model):
    """A stored document of thresholds; never changed."""

    version = models.CharField(max_length=64, unique=True)
    valid_from = models.DateField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=100)

    class Meta:
        db_table = "approvals_document"

    def __str__(self) -> str:
        return self.version


class Invitation(models.Model):
    """A one-time code by which a person may enrol a passkey; what is kept of the code is its hash."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    code_sha256 = models.BinaryField(max_length=32, unique=True)
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    actor = models.CharField(max_length=100)

    def __str__(self) -> str:
        return f"invitation {self.pk}"


class Enrolment(models.Model):
    """The answer of an authenticator that was asked to make a passkey, as it came."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    """What its owner calls it: my telephone."""
    client_data = models.BinaryField()
    attestation = models.BinaryField()
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=Judged, db_default=Judged.WAITING)
    faults = SentencesField(db_default=[])
    judged_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(state="waiting"), name="approvals_enrolment_waiting"),
        ]

    def __str__(self) -> str:
        return f"enrolment {self.pk}"


class Credential(models.Model):
    """A passkey: a public key and whose it is. Made by the pipeline, revoked at the box."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    credential_id = models.BinaryField(unique=True)
    public_key = models.BinaryField()
    """COSE_Key, CBOR."""
    sign_count = models.BigIntegerField()
    name = models.CharField(max_length=60)
    enrolled_at = models.DateTimeField()
    invitation = models.OneToOneField(Invitation, on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"passkey {self.pk}"


class Waiting(models.Model):
    """An operation that waits for passkeys, with the nonce and the hash that they have to be given over."""

    request = models.OneToOneField(
        "journal.Request", primary_key=True, on_delete=models.PROTECT, related_name="approval"
    )
    need = models.SmallIntegerField(choices=[(need.value, need.name.lower()) for need in Need])
    nonce = models.BinaryField(max_length=32)
    content_sha256 = models.BinaryField(max_length=32)
    """Of the request as the pipeline first saw it: what was changed since is not performed."""
    why = SentencesField(default=list)
    """Which thresholds it reaches, in sentences."""
    state = models.CharField(max_length=9, choices=WaitingState, default=WaitingState.WAITING)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    actor_credential = models.ForeignKey(Credential, on_delete=models.PROTECT, null=True, related_name="+")
    second_credential = models.ForeignKey(Credential, on_delete=models.PROTECT, null=True, related_name="+")
    told_at = models.DateTimeField(null=True)
    """When the staff was told that it is delayed; the delay counts from then on."""
    due_at = models.DateTimeField(null=True)
    """When the delay is over."""
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], condition=Q(ended_at=None), name="approvals_waiting_open"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=OPEN, ended_at=None) | (~Q(state__in=OPEN) & Q(ended_at__isnull=False)),
                name="approvals_ended_when_over",
            ),
            # Two passkeys of an operation are two passkeys; that they are two people's the pipeline sees to.
            models.CheckConstraint(
                condition=Q(actor_credential=None)
                | Q(second_credential=None)
                | ~Q(actor_credential=models.F("second_credential")),
                name="approvals_two_passkeys",
            ),
        ]

    def __str__(self) -> str:
        return f"approval of request {self.pk}: {self.state}"


class Answer(models.Model):
    """What a person said of an operation that waits: an authenticator's answer as it came, or that it be cancelled."""

    waiting = models.ForeignKey(Waiting, on_delete=models.PROTECT, related_name="answers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    """Who was signed in. Whose approval it is, the passkey says and not this."""
    action = models.CharField(max_length=7, choices=Action)
    credential_id = models.BinaryField(db_default=b"")
    client_data = models.BinaryField(db_default=b"")
    authenticator_data = models.BinaryField(db_default=b"")
    signature = models.BinaryField(db_default=b"")
    given_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=Judged, db_default=Judged.WAITING)
    faults = SentencesField(db_default=[])
    judged_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(state="waiting"), name="approvals_answer_waiting"),
        ]

    def __str__(self) -> str:
        return f"answer {self.pk} to {self.waiting_id}"


class Measured(models.Model):
    """What an operation did that thresholds count: the sums of a day are made of these."""

    request_id = models.BigIntegerField(primary_key=True)
    actor = models.CharField(max_length=100)
    """The person, whichever key they used: `user 17`; or the key of a program: `token 4`."""
    done_at = models.DateTimeField()
    money_minor = models.BigIntegerField()
    disconnections = models.IntegerField()
    meters = models.IntegerField(default=0, db_default=0)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["done_at", "actor"], name="approvals_measured_when")]

    def __str__(self) -> str:
        return f"request {self.request_id} of {self.actor}"
