"""Choices of instalment plans and final bills."""

from django.db.models import TextChoices


class Every(TextChoices):
    """How often an instalment is due."""

    DAY = "day"
    MONTH = "month"


class FinalWay(TextChoices):
    """Where goes what is left when a supply has ended."""

    REFUND = "refund"
    TRANSFER = "transfer"
