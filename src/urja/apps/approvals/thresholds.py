"""Stored versions of the thresholds document, and the one in force on a day."""

from datetime import date, datetime
from functools import lru_cache

from django.db import transaction

from urja.apps.approvals.models import ThresholdsVersion
from urja.core.approvals import Thresholds, bundled_thresholds, parse_thresholds


class ThresholdsConflictError(ValueError):
    """A version that is stored with another text."""


def load(text: str, *, recorded_at: datetime, actor: str) -> Thresholds:
    """Store a version of the thresholds and return it; loading the same text again changes nothing.

    Raises `urja.core.approvals.ThresholdsError` with every fault of the text, and ThresholdsConflictError where the
    version is stored with another text.
    """
    thresholds = parse_thresholds(text)
    fresh = ThresholdsVersion(
        version=thresholds.version,
        valid_from=thresholds.valid_from,
        text=text,
        sha256=thresholds.sha256,
        recorded_at=recorded_at,
        actor=actor,
    )
    with transaction.atomic():
        ThresholdsVersion.objects.bulk_create([fresh], ignore_conflicts=True)
        stored = ThresholdsVersion.objects.get(version=thresholds.version)
        if stored.sha256 != thresholds.sha256:
            raise ThresholdsConflictError(f"thresholds {thresholds.version} are stored with another text")
    return thresholds


def in_force(day: date) -> Thresholds:
    """Return the thresholds in force on a local day: the bundled ones where none are loaded for it."""
    return _parsed(text_in_force(day))


def text_in_force(day: date) -> str:
    """Return the text of the thresholds document in force on a local day."""
    stored = ThresholdsVersion.objects.filter(valid_from__lte=day).order_by("-valid_from", "-id").first()
    return bundled_thresholds() if stored is None else stored.text


@lru_cache(maxsize=8)
def _parsed(text: str) -> Thresholds:
    return parse_thresholds(text)
