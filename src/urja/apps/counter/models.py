"""Drawers, receipts and deposits.

Rules that hold whichever code writes (no receipt without an approved and open drawer of its cashier, none beyond the
ceiling, numbers without a gap, states only forward) are triggers: `migrations/0002_rules.sql`.
"""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q

from urja.apps.counter.kinds import AT_A_DRAWER, Instrument, ReceiptState


class Drawer(models.Model):
    """A cashier's drawer, from its opening to its closing."""

    id = models.BigIntegerField(primary_key=True)
    cashier = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    premise = models.ForeignKey("network.Premise", on_delete=models.PROTECT, null=True, related_name="+")
    """The society whose supplies alone it takes receipts for; None for all."""
    approval = models.OneToOneField(
        "approvals.Waiting", on_delete=models.PROTECT, null=True, related_name="+"
    )
    """The approval by the cashier's passkey. None only within a dry run: no receipt is taken into such a drawer."""
    currency = models.CharField(max_length=3)
    ceiling_minor = models.BigIntegerField()
    """Most that its receipts come to together, cancelled ones included, in minor units."""
    float_minor = models.BigIntegerField()
    """Cash that was in it at the opening, in minor units."""
    opened_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    """When it takes no more receipts, though it is not closed."""
    closed_at = models.DateTimeField(null=True)
    counted_minor = models.BigIntegerField(null=True)
    """Cash counted at the closing, in minor units."""
    difference_minor = models.BigIntegerField(null=True)
    """Counted less expected cash, in minor units: below zero where cash is missing."""
    counts = models.JSONField(default=list)
    """Pieces counted by denomination: rows of `value_minor` and `pieces`."""
    explanation = models.CharField(max_length=500, blank=True, default="")
    """How the difference came about, in the cashier's words."""
    closed_by = models.CharField(max_length=100, blank=True, default="")
    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    operation_id = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["cashier"],
                condition=Q(closed_at=None, approval__isnull=False),
                name="counter_one_open_drawer",
            ),
            models.CheckConstraint(
                condition=Q(ceiling_minor__gt=0, float_minor__gte=0, expires_at__gt=F("opened_at")),
                name="counter_drawer_amounts",
            ),
            models.CheckConstraint(
                condition=Q(closed_at=None, counted_minor=None, difference_minor=None)
                | Q(closed_at__isnull=False, counted_minor__gte=0, difference_minor__isnull=False),
                name="counter_counted_when_closed",
            ),
            models.CheckConstraint(
                condition=Q(difference_minor=None) | Q(difference_minor=0) | ~Q(explanation=""),
                name="counter_difference_is_explained",
            ),
        ]
        indexes: ClassVar = [models.Index(fields=["cashier", "opened_at"], name="counter_drawer_of")]

    def __str__(self) -> str:
        return f"drawer {self.pk}"


class Deposit(models.Model):
    """Takings that were brought to the bank with one slip."""

    id = models.BigIntegerField(primary_key=True)
    number = models.BigIntegerField(unique=True)
    """Number of the slip; without a gap."""
    deposited_on = models.DateField()
    reference = models.CharField(max_length=100, blank=True, default="")
    """The bank's own number of the slip."""
    currency = models.CharField(max_length=3)
    cash_minor = models.BigIntegerField()
    """Cash of all drawers together, in minor units."""
    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    operation_id = models.BigIntegerField()

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(cash_minor__gte=0), name="counter_deposit_amount"),
        ]

    def __str__(self) -> str:
        return f"deposit {self.number}"


class DepositCash(models.Model):
    """Cash of one drawer in a deposit."""

    id = models.BigAutoField(primary_key=True)
    deposit = models.ForeignKey(Deposit, on_delete=models.PROTECT, related_name="cash")
    drawer = models.ForeignKey(Drawer, on_delete=models.PROTECT, related_name="deposited")
    amount_minor = models.BigIntegerField()
    from_open = models.BooleanField()
    """Whether the drawer was open: then the cash was not counted at its closing."""

    class Meta:
        db_table = "counter_deposit_cash"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["deposit", "drawer"], name="counter_deposit_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="counter_deposit_cash_amount"),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} of drawer {self.drawer_id}"


class Receipt(models.Model):
    """A numbered receipt for an amount that a consumer has paid. Never deleted; its state alone changes."""

    id = models.BigIntegerField(primary_key=True)
    series = models.CharField(max_length=64, blank=True, default="")
    """Code of the society whose receipts are numbered together; empty for those of the utility."""
    number = models.BigIntegerField()
    """Without a gap in its series, from 1 on."""
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="+")
    consumer_number = models.CharField(max_length=32)
    """The supply that it was paid for, as printed."""
    drawer = models.ForeignKey(Drawer, on_delete=models.PROTECT, null=True, related_name="receipts")
    """None for what was paid to the bank account."""
    instrument = models.CharField(max_length=8, choices=Instrument)
    amount_minor = models.BigIntegerField()
    received_at = models.DateTimeField()
    cheque_number = models.CharField(max_length=20, blank=True, default="")
    cheque_bank = models.CharField(max_length=100, blank=True, default="")
    cheque_date = models.DateField(null=True)
    source = models.CharField(max_length=100, blank=True, default="")
    """Idempotency key of the credit that it is for, where it is not of a drawer."""
    state = models.CharField(max_length=9, choices=ReceiptState, default=ReceiptState.TAKEN)
    state_at = models.DateTimeField()
    """When it came into its state."""
    reason = models.CharField(max_length=500, blank=True, default="")
    """Why it was cancelled or returned."""
    deposit = models.ForeignKey(Deposit, on_delete=models.PROTECT, null=True, related_name="cheques")
    """The slip with which the cheque was brought to the bank."""
    recorded_at = models.DateTimeField()
    actor = models.CharField(max_length=100)
    operation_id = models.BigIntegerField(null=True)
    """None where a transfer was matched by rule."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["series", "number"], name="counter_one_number"),
            models.UniqueConstraint(fields=["source"], condition=~Q(source=""), name="counter_one_source"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="counter_receipt_amount"),
            models.CheckConstraint(
                condition=Q(instrument__in=AT_A_DRAWER, drawer__isnull=False, source="")
                | (~Q(instrument__in=AT_A_DRAWER) & Q(drawer=None) & ~Q(source="")),
                name="counter_receipt_of_a_drawer",
            ),
            models.CheckConstraint(
                condition=~Q(instrument=Instrument.CHEQUE)
                | (~Q(cheque_number="") & ~Q(cheque_bank="") & Q(cheque_date__isnull=False)),
                name="counter_cheque_is_named",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "received_at"], name="counter_receipt_of"),
            models.Index(fields=["received_at"], name="counter_receipt_at"),
        ]

    def __str__(self) -> str:
        return f"receipt {self.series}-{self.number}"
