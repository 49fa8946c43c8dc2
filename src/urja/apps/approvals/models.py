"""Thresholds, invitations, passkeys, operations that need approval, and answers of authenticators."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from urja.apps.approvals.kinds import OPEN_STATES, Action, AnswerState, WaitingState
from urja.apps.journal.fields import SentencesField
from urja.core.approvals import PasskeyNeed


class ThresholdsVersion(models.Model):
    """A stored version of the thresholds document; never changed."""

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
    """A one-time code by which a person may enrol one passkey. Only the hash of the code is stored."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    code_sha256 = models.BinaryField(max_length=32, unique=True)
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)
    actor = models.CharField(max_length=100)

    def __str__(self) -> str:
        return f"invitation {self.pk}"


class Enrolment(models.Model):
    """A new passkey as an authenticator and the web returned it, not verified yet."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    name = models.CharField(max_length=60)
    """The person's own name for it, such as "my telephone"."""
    client_data = models.BinaryField()
    attestation = models.BinaryField()
    asked_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=AnswerState, db_default=AnswerState.WAITING)
    faults = SentencesField(db_default=[])
    judged_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(state="waiting"), name="approvals_enrolment_waiting"),
        ]

    def __str__(self) -> str:
        return f"enrolment {self.pk}"


class Credential(models.Model):
    """A passkey: the public key of one user. Created by the pipeline, revoked by a command on the machine itself."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    credential_id = models.BinaryField(unique=True)
    public_key = models.BinaryField()
    """COSE_Key (RFC 9052), encoded in CBOR."""
    sign_count = models.BigIntegerField()
    name = models.CharField(max_length=60)
    enrolled_at = models.DateTimeField()
    invitation = models.OneToOneField(Invitation, on_delete=models.PROTECT, related_name="+")
    revoked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"passkey {self.pk}"


class Waiting(models.Model):
    """An operation that needs passkeys, with the nonce and the content hash that they are given over."""

    request = models.OneToOneField(
        "journal.Request", primary_key=True, on_delete=models.PROTECT, related_name="approval"
    )
    need = models.SmallIntegerField(choices=[(need.value, need.name.lower()) for need in PasskeyNeed])
    nonce = models.BinaryField(max_length=32)
    content_sha256 = models.BinaryField(max_length=32)
    """Hash of the request as the pipeline first saw it. A request with another content is not performed."""
    why = SentencesField(default=list)
    """The thresholds that it reaches, as sentences."""
    state = models.CharField(max_length=9, choices=WaitingState, default=WaitingState.WAITING)
    asked_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    actor_credential = models.ForeignKey(Credential, on_delete=models.PROTECT, null=True, related_name="+")
    second_credential = models.ForeignKey(Credential, on_delete=models.PROTECT, null=True, related_name="+")
    told_at = models.DateTimeField(null=True)
    """When the notice of the delay was handed to the mail relay; the delay counts from here."""
    due_at = models.DateTimeField(null=True)
    """When the delay ends and the operation is done."""
    ended_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["expires_at"], condition=Q(ended_at=None), name="approvals_waiting_open"),
        ]
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(state__in=OPEN_STATES, ended_at=None)
                | (~Q(state__in=OPEN_STATES) & Q(ended_at__isnull=False)),
                name="approvals_ended_when_over",
            ),
            # The same passkey cannot be counted twice. That the two belong to different people is checked by the pipeline.
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
    """One person's answer to an operation that needs approval: an authenticator's signature, or a cancellation."""

    waiting = models.ForeignKey(Waiting, on_delete=models.PROTECT, related_name="answers")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    """The user who was signed in. The approving person is the owner of the passkey, which may be another user."""
    action = models.CharField(max_length=7, choices=Action)
    credential_id = models.BinaryField(db_default=b"")
    client_data = models.BinaryField(db_default=b"")
    authenticator_data = models.BinaryField(db_default=b"")
    signature = models.BinaryField(db_default=b"")
    given_at = models.DateTimeField()
    state = models.CharField(max_length=8, choices=AnswerState, db_default=AnswerState.WAITING)
    faults = SentencesField(db_default=[])
    judged_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(state="waiting"), name="approvals_answer_waiting"),
        ]

    def __str__(self) -> str:
        return f"answer {self.pk} to {self.waiting_id}"


class Measured(models.Model):
    """What one performed operation counted towards the thresholds; the totals of a day are sums of these rows."""

    request_id = models.BigIntegerField(primary_key=True)
    actor = models.CharField(max_length=100)
    """`user 17` for a person with whichever token, `token 4` for a program."""
    done_at = models.DateTimeField()
    money_minor = models.BigIntegerField()
    """Money that it moved, in minor units."""
    disconnections = models.IntegerField()
    """Supplies that it may have disconnected."""
    meters = models.IntegerField(default=0, db_default=0)
    """Meters that it sent a command to."""

    class Meta:
        indexes: ClassVar = [models.Index(fields=["done_at", "actor"], name="approvals_measured_when")]

    def __str__(self) -> str:
        return f"request {self.request_id} of {self.actor}"
