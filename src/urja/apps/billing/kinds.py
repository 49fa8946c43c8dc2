"""Choices of instalment plans and final settlements, and what the pipeline sees of one."""

from typing import Protocol

from django.db.models import TextChoices


class Every(TextChoices):
    """How often an instalment is due."""

    DAY = "day"
    MONTH = "month"


class FinalWay(TextChoices):
    """Where goes what is left when a supply has ended."""

    REFUND = "refund"
    TRANSFER = "transfer"


class FinalSettlement(Protocol):
    """Where goes what is left when a supply has ended (`models.FinalSettlement`)."""

    id: int
    account_id: int
    to_account_id: int | None
    way: str
    amount_minor: int
    """What went that way so far."""
