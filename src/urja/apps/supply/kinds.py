"""Causes of switching."""

from django.db.models import TextChoices


class Cause(TextChoices):
    """Why a supply was switched."""

    CREDIT = "credit"
    """Disconnected by the policy for credit, or reconnected after that."""
    HOLD = "hold"
    """Ordered by an operator."""
    UNHELD = "unheld"
    """Reconnected because no hold is left, or because a disconnection was cancelled on its way."""
