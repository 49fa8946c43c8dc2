"""The versions of tariffs. A version is its document's text; what it means is `urja.core.rating`'s to say."""

from typing import ClassVar

from django.db import models


class TariffVersion(models.Model):
    """One document, in force from a local day until the next version of its code."""

    code = models.CharField(max_length=64)
    version = models.CharField(max_length=64)
    valid_from = models.DateField()
    text = models.TextField()
    sha256 = models.CharField(max_length=64)
    loaded_at = models.DateTimeField()

    class Meta:
        db_table = "tariffs_version"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["code", "version"], name="tariffs_one_text_per_version"),
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.version}"
