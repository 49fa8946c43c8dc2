"""Versions of meter types. A version is its files; their meaning is in `urja.cosem.companion`."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models


class MeterTypeVersion(models.Model):
    """One version of a type, in force from a local day until a later version of its name for the same firmware."""

    name = models.CharField(max_length=48)
    version = models.CharField(max_length=32)
    valid_from = models.DateField()
    firmware = ArrayField(models.CharField(max_length=100))
    """Firmware versions that it is for."""
    text = models.TextField()
    """Its files as one JSON object, by file name."""
    sha256 = models.CharField(max_length=64)
    loaded_at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    """The command that loaded it, and the user of this machine who ran it."""

    class Meta:
        db_table = "meter_types_version"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["name", "version"], name="meter_types_one_text_per_version"),
        ]

    def __str__(self) -> str:
        return f"{self.name} {self.version}"
