"""People: in tables of their own, so that they can be exported, corrected and made nameless without touching the rest."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from urja.apps.ledger.models import Account
from urja.apps.registry.models.base import Period, Recorded, ends_after_it_begins
from urja.apps.registry.models.network import Node
from urja.apps.registry.models.places import Premise

PHONE = r"^\+?[0-9]{8,15}$"
"""What a telephone number looks like."""


class Person(Recorded):
    """Somebody, or a firm, that a supply is agreed with. Money and readings know only the number."""

    id = models.BigIntegerField(primary_key=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="person"
    )
    """With what they sign in."""
    name = models.CharField(max_length=200)
    email = models.CharField(max_length=254, blank=True, default="")
    phone = models.CharField(max_length=16, null=True)  # noqa: DJ001 - none is not an empty number
    language = models.CharField(max_length=8, default="en")
    address = models.CharField(max_length=300, blank=True, default="")
    """Where letters go, if not to the premise."""
    nameless_at = models.DateTimeField(null=True)
    """When what could name them was taken away."""

    class Meta:
        db_table = "registry_person"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(phone=None) | Q(phone__regex=PHONE), name="registry_person_phone_is_a_number"
            ),
        ]
        # Words of the name are indexed too, by an expression (migration 0010).
        indexes: ClassVar = [
            models.Index(fields=["phone"], condition=Q(phone__isnull=False), name="registry_person_phone"),
        ]

    def __str__(self) -> str:
        return f"person {self.id}"


class AddressChangeState(models.TextChoices):
    """How far a change of the address that somebody signs in with has come."""

    WAITING = "waiting"
    DONE = "done"
    REFUSED = "refused"
    """By whoever reads the old address."""
    WITHDRAWN = "withdrawn"
    """Another one was asked for, or what asked for it was undone."""
    EXPIRED = "expired"
    IMPOSSIBLE = "impossible"
    """When it was confirmed it could not be done any more, such as where somebody else has the address by now."""


class AddressChange(models.Model):
    """A new address to sign in with. Until it is confirmed the old one stays.

    Of the words that are sent to both addresses only the digests (SHA-256) are kept.
    """

    id = models.BigIntegerField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    person = models.ForeignKey(Person, on_delete=models.PROTECT, null=True, related_name="+")
    old_email = models.CharField(max_length=254)
    new_email = models.CharField(max_length=254)
    system = models.CharField(max_length=32, blank=True, default="")
    """The outside system that asked for it; empty for our own people."""
    of_staff = models.BooleanField(default=False)
    """Asked for by a command on the machine itself, which alone changes a staff identity."""
    asked_at = models.DateTimeField()
    asked_by = models.CharField(max_length=100)
    operation_id = models.BigIntegerField()
    state = models.CharField(max_length=16, choices=AddressChangeState, default=AddressChangeState.WAITING)
    mailed_at = models.DateTimeField(null=True)
    new_digest = models.BinaryField(max_length=32, null=True)
    old_digest = models.BinaryField(max_length=32, null=True)
    refusal_digest = models.BinaryField(max_length=32, null=True)
    new_confirmed_at = models.DateTimeField(null=True)
    old_confirmed_at = models.DateTimeField(null=True)
    approved_at = models.DateTimeField(null=True)
    approved_by = models.CharField(max_length=100, blank=True, default="")
    approval_counts_from = models.DateTimeField(null=True)
    """From then on the approval stands for the old address."""
    approval_told_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)
    end_told_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "registry_address_change"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["user"],
                condition=Q(state=AddressChangeState.WAITING),
                name="registry_one_address_change",
            ),
        ]

    def __str__(self) -> str:
        return f"address change {self.id} of user {self.user_id}"


class AddressAnswer(models.Model):
    """A word that somebody brought from a mail: the web writes it down as it came, the pipeline judges it."""

    word = models.CharField(max_length=64)
    received_at = models.DateTimeField()

    class Meta:
        db_table = "registry_address_answer"

    def __str__(self) -> str:
        return f"answer {self.id}"


class Consent(Recorded):
    """What a person has agreed to, and when they took it back."""

    id = models.BigIntegerField(primary_key=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="consents")
    purpose = models.CharField(max_length=32)
    """`sms`, `whatsapp`, `load_curve` ..."""
    given_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "registry_consent"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person", "purpose"], condition=Q(withdrawn_at=None), name="registry_one_consent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} of person {self.person_id}"


class ProtectionKind(models.TextChoices):
    """Why somebody's supply is not cut. The first two are flags of `core.policy`."""

    MEDICAL = "medical"
    NEVER_CUT = "never_cut"


class Protection(Period):
    """A person's protected status, with what proves it and until when it holds."""

    id = models.BigIntegerField(primary_key=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="protections")
    kind = models.CharField(max_length=16, choices=ProtectionKind)
    evidence = models.CharField(max_length=300)

    class Meta:
        db_table = "registry_protection"
        constraints: ClassVar = [ends_after_it_begins("registry_protection")]

    def __str__(self) -> str:
        return f"{self.kind} of person {self.person_id}"


class AccessRole(models.TextChoices):
    """What a person is to an account."""

    OWNER = "owner"
    MEMBER = "member"


class AccountAccess(Recorded):
    """A person who may see an account. They sign in, and are written to, as the person says."""

    id = models.BigIntegerField(primary_key=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="accesses")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="accesses")
    role = models.CharField(max_length=16, choices=AccessRole)

    class Meta:
        db_table = "registry_account_access"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["person", "account"], name="registry_one_access"),
        ]

    def __str__(self) -> str:
        return f"{self.role} of account {self.account_id}"


class StaffRole(models.TextChoices):
    """What somebody is employed as. Consumers and household members have `AccountAccess` instead."""

    SECRETARY = "secretary"
    """Of a society: sees totals, not load curves."""
    CLERK = "clerk"
    FIELD_ENGINEER = "field_engineer"
    CONTROL_ROOM = "control_room"
    REVENUE_OFFICER = "revenue_officer"
    AUDITOR = "auditor"
    ADMINISTRATOR = "administrator"


class Employment(Period):
    """Somebody's role for a time, everywhere or in one area: a node of the administration, or a society."""

    id = models.BigIntegerField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="employments")
    role = models.CharField(max_length=16, choices=StaffRole)
    node = models.ForeignKey(Node, on_delete=models.PROTECT, null=True, related_name="+")
    premise = models.ForeignKey(Premise, on_delete=models.PROTECT, null=True, related_name="+")

    class Meta:
        db_table = "registry_employment"
        constraints: ClassVar = [
            ends_after_it_begins("registry_employment"),
            models.CheckConstraint(
                condition=~Q(role=StaffRole.SECRETARY) | Q(premise__isnull=False),
                name="registry_secretary_of_a_society",
            ),
            models.CheckConstraint(
                condition=Q(node=None) | Q(premise=None), name="registry_employment_one_area"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.role} {self.user_id}"


class PersonalRead(models.Model):
    """Somebody has read another's personal data: kept, and never changed."""

    id = models.BigIntegerField(primary_key=True)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+")
    token = models.ForeignKey("registry.Token", on_delete=models.PROTECT, null=True, related_name="+")
    """The key that was used; one that is a program's stands alone."""
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="+")
    what = models.CharField(max_length=100)
    """The page or the resource."""
    read_at = models.DateTimeField()

    class Meta:
        db_table = "registry_personal_read"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(user__isnull=False) | Q(token__isnull=False), name="registry_read_by_somebody"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.user_id or self.token_id} read {self.person_id}"
