"""Uploaded spreadsheets and what is asked of them.

The web adds uploads and requests and can change neither; the pipeline writes the answers, and deletes both.
"""

from typing import ClassVar

from django.db import models
from django.db.models import Q

from urja.apps.journal.fields import SentencesField
from urja.apps.sheets.kinds import SheetState, SheetTask


class Upload(models.Model):
    """A file as it was uploaded. The web never parses it."""

    id = models.BigIntegerField(primary_key=True)
    file_name = models.CharField(max_length=200)
    content = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    actor = models.CharField(max_length=100)
    uploaded_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"upload {self.id}"


class Layout(models.Model):
    """The map by which sheets with the same headings were loaded last."""

    layout = models.CharField(max_length=64, primary_key=True)
    """SHA-256 of the headings."""
    map = models.JSONField()
    loaded_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"layout {self.layout}"


class SheetRequest(models.Model):
    """A request to check or load an upload by a map."""

    id = models.BigIntegerField(primary_key=True)
    upload = models.ForeignKey(Upload, on_delete=models.CASCADE, related_name="requests")
    task = models.CharField(max_length=8, choices=SheetTask)
    map = models.JSONField(null=True)
    """A `SheetMap`; None to guess it."""
    good_rows = models.BooleanField()
    language = models.CharField(max_length=8)
    """Language of the marked copy."""
    actor = models.CharField(max_length=100)
    requested_at = models.DateTimeField()
    state = models.CharField(
        max_length=8, choices=SheetState, default=SheetState.WAITING, db_default=SheetState.WAITING
    )
    answered_at = models.DateTimeField(null=True)
    refusal = SentencesField(default=list, db_default=[])
    """Why it was refused, as sentences."""
    answer = models.JSONField(default=dict, db_default={})
    marked = models.BinaryField(null=True)
    """The file with its faults marked, where it has any."""

    class Meta:
        db_table = "sheets_request"
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(state="waiting"), name="sheets_request_waiting"),
        ]

    def __str__(self) -> str:
        return f"request {self.id}: {self.task}"
