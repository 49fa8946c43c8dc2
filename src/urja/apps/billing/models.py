"""Deposits, dues, instalment plans and final settlements: what is owed and agreed beside the ledger."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from urja.apps.billing.kinds import DECIDED, Every, FinalWay, ReviewOutcome
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


class DepositDemand(Recorded):
    """A security deposit that becomes due on a day, or one instalment of it.

    On that day it is charged to the account and held. It is withdrawn before where the supply becomes prepaid or its
    agreement ends.
    """

    id = models.BigIntegerField(primary_key=True)
    agreement = models.ForeignKey(
        "contracts.Agreement", on_delete=models.PROTECT, related_name="deposit_demands"
    )
    amount_minor = models.BigIntegerField()
    due_on = models.DateField()
    ended_at = models.DateTimeField(null=True)
    """When it was charged or withdrawn."""
    deposit = models.OneToOneField(Deposit, on_delete=models.PROTECT, null=True, related_name="demand")
    """The deposit that it was charged as; None where it is open or withdrawn."""

    class Meta:
        db_table = "billing_deposit_demand"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="billing_deposit_demand_amount"),
            models.CheckConstraint(
                condition=Q(deposit=None) | Q(ended_at__isnull=False), name="billing_deposit_demand_charged"
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_on"], condition=Q(ended_at=None), name="billing_deposit_demand_open"),
        ]

    def __str__(self) -> str:
        return f"deposit of {self.amount_minor} due on {self.due_on}"


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


class Review(models.Model):
    """The review of a day's charge that is abnormal by the policy, with its clock.

    While it runs, the supply is not disconnected. A person decides it, or it ends by itself. An account has one at a time.
    """

    id = models.BigIntegerField(primary_key=True)
    agreement_id = models.BigIntegerField()
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="+")
    day = models.DateField()
    """The local day that the charge was posted on."""
    charge_minor = models.BigIntegerField()
    before_minor = models.BigIntegerField()
    """What the `days` days before it were charged together."""
    days = models.SmallIntegerField()
    policy = models.CharField(max_length=130)
    """Code and version of the document with the rule."""
    undecided = models.CharField(max_length=8)
    """What becomes of the part above the mean where no person decides: `credited` or `stands`."""
    opened_at = models.DateTimeField()
    due_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)
    outcome = models.CharField(max_length=9, choices=ReviewOutcome, blank=True, default="", db_default="")
    note = models.TextField(blank=True, default="", db_default="")
    operation_id = models.BigIntegerField(null=True)
    """The operation that decided it; none where its clock ended it."""
    credited_minor = models.BigIntegerField(default=0, db_default=0)
    """What was given back when it ended undecided, in minor units."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["agreement_id", "day"], name="billing_review_once"),
            models.UniqueConstraint(
                fields=["account"], condition=Q(ended_at=None), name="billing_review_one_at_a_time"
            ),
            models.CheckConstraint(
                condition=Q(charge_minor__gt=0, days__gt=0, credited_minor__gte=0),
                name="billing_review_amounts",
            ),
            models.CheckConstraint(
                condition=Q(due_at__gt=F("opened_at"), ends_at__gte=F("due_at")), name="billing_review_clock"
            ),
            models.CheckConstraint(
                condition=Q(ended_at=None, outcome="", operation_id=None)
                | Q(ended_at__isnull=False, outcome__in=DECIDED, operation_id__isnull=False, credited_minor=0)
                | Q(
                    ended_at__gte=F("ends_at"),
                    outcome__in=[ReviewOutcome.CREDITED, ReviewOutcome.STOOD],
                    operation_id=None,
                ),
                name="billing_review_outcome",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["ends_at"], condition=Q(ended_at=None), name="billing_review_open"),
        ]

    def __str__(self) -> str:
        return f"review of {self.day} of agreement {self.agreement_id}"


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
