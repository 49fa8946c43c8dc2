"""Deposits, dues, instalment plans and final settlements: what is owed and agreed beside the ledger."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from urja.apps.billing.kinds import Every, FinalWay
from urja.apps.journal.periods import Period, Recorded, ends_after_it_begins, one_at_a_time, same


class Deposit(Recorded):
    """A security deposit: taken, and returned or set against what is owed."""

    id = models.BigIntegerField(primary_key=True)
    agreement = models.ForeignKey("contracts.Agreement", on_delete=models.PROTECT, related_name="deposits")
    amount_minor = models.BigIntegerField()
    taken_at = models.DateTimeField()
    returned_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="billing_deposit_amount"),
            models.CheckConstraint(
                condition=Q(returned_at=None) | Q(returned_at__gte=F("taken_at")),
                name="billing_deposit_times",
            ),
        ]

    def __str__(self) -> str:
        return f"deposit {self.id}"


class Arrear(Recorded):
    """What a bill owed when the account came here: principal and surcharge, in minor units, with its due date."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="arrears")
    bill = models.CharField(max_length=32)
    due_on = models.DateField()
    principal_minor = models.BigIntegerField()
    surcharge_minor = models.BigIntegerField(default=0)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "bill"], name="billing_one_arrear"),
            models.CheckConstraint(
                condition=Q(principal_minor__gte=0, surcharge_minor__gte=0), name="billing_arrear_amounts"
            ),
        ]

    def __str__(self) -> str:
        return f"arrear of bill {self.bill}"


class OpeningBalance(Recorded):
    """An opening balance that a file brought or changed, or its sign-off. Only added: the newest row of an agreement says.

    Amounts are those of the opening credit, the deposits and the dues.
    """

    id = models.BigIntegerField(primary_key=True)
    agreement = models.ForeignKey(
        "contracts.Agreement", on_delete=models.PROTECT, related_name="opening_balances"
    )
    content_sha256 = models.CharField(max_length=64, blank=True, default="", db_default="")
    """SHA-256 of the list that was signed off; empty where the row says that a file brought or changed the balance."""

    class Meta:
        db_table = "billing_opening_balance"
        indexes: ClassVar = [
            models.Index(fields=["agreement", "-id"], name="billing_opening_newest"),
        ]

    def __str__(self) -> str:
        return f"opening balance of agreement {self.agreement_id}"


class InstalmentPlan(Period):
    """An amount that pays off dues each day, or each month on the day of the first instalment.

    It begins at the midnight of the day on which the first instalment is due. What was posted by it is in the ledger.
    """

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="instalment_plans")
    every = models.CharField(max_length=8, choices=Every)
    amount_minor = models.BigIntegerField()

    class Meta:
        db_table = "billing_instalment_plan"
        constraints: ClassVar = [
            ends_after_it_begins("billing_instalment_plan"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="billing_instalment_amount"),
            one_at_a_time("billing_one_instalment_plan", same("account")),
        ]

    def __str__(self) -> str:
        return f"{self.amount_minor} each {self.every} from {self.valid_from}"


class ArrearPayment(models.Model):
    """What an entry of the line `arrears` has paid of a bill; negative where a reversal took it back. Only added."""

    arrear = models.ForeignKey("billing.Arrear", on_delete=models.PROTECT, related_name="payments")
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="+")
    seq = models.BigIntegerField()
    """Sequence number of the entry on the account."""
    surcharge_minor = models.BigIntegerField()
    principal_minor = models.BigIntegerField()

    class Meta:
        db_table = "billing_arrear_payment"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "seq", "arrear"], name="billing_arrear_paid_once"),
        ]

    def __str__(self) -> str:
        return f"{self.surcharge_minor} and {self.principal_minor} of arrear {self.arrear_id}"


class Instalment(models.Model):
    """A posted instalment of a plan: its due day, and its entry of the line `arrears`. Only added.

    A plan has one for each due day from its first on, without a gap, until nothing is owed or it has ended.
    """

    plan = models.ForeignKey("billing.InstalmentPlan", on_delete=models.PROTECT, related_name="instalments")
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="+")
    seq = models.BigIntegerField()
    """Sequence number of the entry on the account."""
    due_on = models.DateField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "due_on"], name="billing_instalment_once"),
            models.UniqueConstraint(fields=["account", "seq"], name="billing_instalment_entry"),
        ]

    def __str__(self) -> str:
        return f"instalment of {self.due_on}"


class FinalSettlement(models.Model):
    """Where the remaining balance goes once every day of an ended agreement is charged.

    Money that a later correction gives back goes the same way. A debt stays on the account.
    """

    id = models.BigIntegerField(primary_key=True)
    agreement_id = models.BigIntegerField(unique=True)
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="final_settlements")
    last_day = models.DateField()
    """The last local day of the agreement."""
    way = models.CharField(max_length=16, choices=FinalWay)
    """Refunded to the consumer, or transferred to another account."""
    to_account = models.ForeignKey("books.Account", on_delete=models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    operation_id = models.BigIntegerField()
    """The operation that ended the agreement."""
    settled_at = models.DateTimeField(null=True)
    """When it was settled for the first time."""
    amount_minor = models.BigIntegerField(default=0)
    """What was settled so far, in minor units."""

    class Meta:
        db_table = "billing_final_settlement"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(way=FinalWay.TRANSFER, to_account__isnull=False)
                | models.Q(way=FinalWay.REFUND, to_account=None),
                name="billing_final_transfer_goes_somewhere",
            ),
            models.CheckConstraint(condition=models.Q(amount_minor__gte=0), name="billing_final_amount"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["operation_id"], name="billing_final_operation"),
        ]

    def __str__(self) -> str:
        return f"{self.way} of agreement {self.agreement_id}"
