"""Causes of switching."""

from django.db.models import TextChoices


class Cause(TextChoices):
    """Why a supply was switched."""

    CREDIT = "credit"
    """The policy's cut, and its end."""
    HOLD = "hold"
    """An operator's order."""
    UNHELD = "unheld"
    """Off with nothing to hold it, or a cut that was called back on its way."""
