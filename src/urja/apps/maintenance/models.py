"""Maintenance accounts and dues. What was paid is in the ledger; rules of the database: `migrations/0002_rules.sql`."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower

from urja.apps.journal.periods import Recorded


class MaintenanceAccount(models.Model):
    """The account for maintenance that stands beside a consumer's account for electricity."""

    account = models.OneToOneField(
        "books.Account", primary_key=True, on_delete=models.PROTECT, related_name="+"
    )
    electricity = models.OneToOneField("books.Account", on_delete=models.PROTECT, related_name="+")
    """The consumer's account for electricity: who sees that one sees this one."""

    class Meta:
        db_table = "maintenance_account"

    def __str__(self) -> str:
        return f"account {self.account_id} beside {self.electricity_id}"


class MaintenanceDue(Recorded):
    """What a flat owes its society for a month, under one name."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(MaintenanceAccount, on_delete=models.PROTECT, related_name="dues")
    premise = models.ForeignKey("network.Premise", on_delete=models.PROTECT, related_name="+")
    """The society."""
    service_point = models.ForeignKey("network.ServicePoint", on_delete=models.PROTECT, related_name="+")
    month = models.DateField()
    """First day of the local month that it is for."""
    name = models.CharField(max_length=60)
    amount_minor = models.BigIntegerField()

    class Meta:
        db_table = "maintenance_due"
        constraints: ClassVar = [
            models.UniqueConstraint(
                "service_point", "month", Lower("name"), name="maintenance_one_due_of_a_name"
            ),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="maintenance_due_amount"),
            models.CheckConstraint(condition=Q(month__day=1), name="maintenance_due_month"),
        ]
        indexes: ClassVar = [models.Index(fields=["account", "month"], name="maintenance_due_of")]

    def __str__(self) -> str:
        return f"{self.name} of {self.month:%Y-%m}"
