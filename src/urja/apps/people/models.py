"""People, consents and protected statuses: tables of their own, so that they can be exported, corrected, erased."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from urja.apps.journal.periods import Period, Recorded, ends_after_it_begins
from urja.apps.people.kinds import ProtectionKind

PHONE = r"^\+?[0-9]{8,15}$"
"""Pattern of a telephone number."""


class Person(Recorded):
    """A person or organisation that has or had an agreement, or staff. Ledger and readings refer to the id alone."""

    id = models.BigIntegerField(primary_key=True)
    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, related_name="person"
    )
    """The login."""
    name = models.CharField(max_length=200)
    email = models.CharField(max_length=254, blank=True, default="")
    phone = models.CharField(max_length=16, null=True)  # noqa: DJ001 - none is not an empty number
    language = models.CharField(max_length=8, default="en")
    address = models.CharField(max_length=300, blank=True, default="")
    """Where letters are sent; empty for the premise."""
    nameless_at = models.DateTimeField(null=True)
    """When the personal data were erased."""

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(phone=None) | Q(phone__regex=PHONE), name="people_person_phone_is_a_number"
            ),
        ]
        # Words of the name are indexed too, by an expression (migration `people.0002_rules`).
        indexes: ClassVar = [
            models.Index(fields=["phone"], condition=Q(phone__isnull=False), name="people_person_phone"),
        ]

    def __str__(self) -> str:
        return f"person {self.id}"


class Consent(Recorded):
    """A consent of a person, and when it was withdrawn."""

    id = models.BigIntegerField(primary_key=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="consents")
    purpose = models.CharField(max_length=32)
    """`sms`, `whatsapp`, `load_curve` and others."""
    given_at = models.DateTimeField()
    withdrawn_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["person", "purpose"], condition=Q(withdrawn_at=None), name="people_one_consent"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} of person {self.person_id}"


class Protection(Period):
    """A person's protected status for a period, with its evidence."""

    id = models.BigIntegerField(primary_key=True)
    person = models.ForeignKey(Person, on_delete=models.PROTECT, related_name="protections")
    kind = models.CharField(max_length=16, choices=ProtectionKind)
    evidence = models.CharField(max_length=300)

    class Meta:
        constraints: ClassVar = [ends_after_it_begins("people_protection")]

    def __str__(self) -> str:
        return f"{self.kind} of person {self.person_id}"
