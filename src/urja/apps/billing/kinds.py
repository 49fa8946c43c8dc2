"""Choices of instalment plans and final settlements, and the parts of their models that the pipeline uses."""

from typing import Protocol

from django.db.models import TextChoices


class Every(TextChoices):
    """The interval between instalments."""

    DAY = "day"
    MONTH = "month"


class FinalWay(TextChoices):
    """Where the remaining balance of an ended supply goes."""

    REFUND = "refund"
    TRANSFER = "transfer"


class FinalSettlement(Protocol):
    """Where the remaining balance of an ended supply goes (`models.FinalSettlement`)."""

    id: int
    account_id: int
    to_account_id: int | None
    way: str
    amount_minor: int
    """What was settled so far, in minor units."""
