"""Versions of tariffs, policies, calendars and heat values, and which policy applies to whom.

A version is the text of its document; its meaning is defined by `urja.core.rating`, `urja.core.policy`,
`urja.core.calendars` and `urja.core.heat_values`.
"""

from typing import ClassVar

from django.db import models


class TariffVersion(models.Model):
    """A tariff document, in force from a local day until the next version of its code."""

    code = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    valid_from = models.DateField()
    commodity = models.CharField(max_length=16, default="electricity", db_default="electricity")
    """As the document says; the commodity of the service points that it may bill."""
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    loaded_at = models.DateTimeField()

    class Meta:
        db_table = "rulebook_tariff_version"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code", "version"], name="rulebook_one_text_per_version"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.version}"


class DocumentVersion(models.Model):
    """A document as loaded, in force from a local day. Never changed: a correction is a later version."""

    code = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    valid_from = models.DateField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=100)

    class Meta:
        abstract = True

    def __str__(self) -> str:
        return f"{self.code} {self.version}"


class PolicyVersion(DocumentVersion):
    """A policy, in force until the next version of its code."""

    class Meta:
        db_table = "rulebook_policy_version"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code", "version"], name="rulebook_policy_one_text"),
        ]


class CalendarVersion(DocumentVersion):
    """A calendar of time of day, in force until the next version of its code."""

    class Meta:
        db_table = "rulebook_calendar_version"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code", "version"], name="rulebook_calendar_one_text"),
        ]


class HeatValuesVersion(DocumentVersion):
    """Heat values of gas; of versions that cover a day the one loaded last corrects the others."""

    class Meta:
        db_table = "rulebook_heat_values_version"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code", "version"], name="rulebook_heat_values_one_text"),
        ]


class PolicyAssignment(models.Model):
    """The policy of a consumer category; the empty category is the default. An agreement's own policy precedes it."""

    category = models.CharField(max_length=32, primary_key=True)
    code = models.CharField(max_length=64)
    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=100)

    class Meta:
        db_table = "rulebook_policy_assignment"

    def __str__(self) -> str:
        return f"{self.category or 'everybody'}: {self.code}"
