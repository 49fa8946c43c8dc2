"""Accounts and credit requests. Entries are a raw SQL table (see migration 0002): no model can edit one.

Signs: an account's balance is what the utility owes it. A consumer with credit is positive, a consumer who has
used more than they paid for is negative (which is normal and never refused); revenue collected is positive on
its contra account. Each entry moves `amount_minor` onto the account and the same amount off its contra account,
so all balances of an installation sum to zero.
"""

from typing import ClassVar

from django.db import models

CHAIN_START = bytes(32)
"""What the first entry of an account is chained to."""


class AccountKind(models.TextChoices):
    """Whose book an account is."""

    CONSUMER = "consumer"
    CONTRA = "contra"


class Account(models.Model):
    """A balance with its chain's head; changed by `operations.post_entries` alone."""

    id = models.BigIntegerField(primary_key=True)
    bucket = models.SmallIntegerField()
    kind = models.CharField(max_length=16, choices=AccountKind)
    code = models.CharField(max_length=64, blank=True, default="")
    """What a contra account collects, such as `revenue:energy`; a consumer's account has none."""
    currency = models.CharField(max_length=3)
    balance_minor = models.BigIntegerField(default=0)
    last_seq = models.BigIntegerField(default=0)
    last_hash = models.BinaryField(max_length=32, default=CHAIN_START)
    last_batch = models.BigIntegerField(default=0)
    opened_at = models.DateTimeField()

    class Meta:
        db_table = "ledger_account"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["bucket", "code", "currency"],
                condition=models.Q(kind="contra"),
                name="ledger_one_contra_per_bucket",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="consumer", code="") | (models.Q(kind="contra") & ~models.Q(code="")),
                name="ledger_contra_has_code",
            ),
        ]

    def __str__(self) -> str:
        return self.code or f"account {self.id}"


class CreditRequest(models.Model):
    """Money that somebody (web, command line, adoption) has recorded, to be posted by the pipeline."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="credit_requests")
    amount_minor = models.BigIntegerField()
    kind = models.CharField(max_length=32)
    """What it is, such as `opening-credit` or `payment`: the contra account is `clearing:<kind>`."""
    reference = models.CharField(max_length=200, blank=True, default="")
    idempotency_key = models.CharField(max_length=200, unique=True)
    input_hash = models.BinaryField(max_length=32)
    correlation = models.BigIntegerField(default=0)
    requested_at = models.DateTimeField()
    posted_at = models.DateTimeField(null=True)
    posted_seq = models.BigIntegerField(null=True)
    arrears_minor = models.BigIntegerField(default=0, db_default=0)
    """What of it stands against arrears (`ledger.arrears`)."""

    class Meta:
        db_table = "ledger_credit_request"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="ledger_credit_is_positive"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(posted_at=None), name="ledger_credit_unposted"),
            models.Index(fields=["posted_at"], name="ledger_credit_posted"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.amount_minor} to account {self.account_id}"


class DebitRequest(models.Model):
    """Money that went back to whoever had paid it, to be taken off the account by the pipeline: a new entry."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="debit_requests")
    amount_minor = models.BigIntegerField()
    """What is taken off, above zero; the balance may go below zero."""
    kind = models.CharField(max_length=32)
    """What it is, such as `reversal`."""
    reverses = models.CharField(max_length=32)
    """The kind of credit that it takes back: the contra account is `clearing:<reverses>`."""
    credit = models.ForeignKey(CreditRequest, on_delete=models.PROTECT, null=True, related_name="debits")
    """The credit that it takes back, in part or whole; none where it is of no single one."""
    reference = models.CharField(max_length=200, blank=True, default="")
    idempotency_key = models.CharField(max_length=200, unique=True)
    input_hash = models.BinaryField(max_length=32)
    correlation = models.BigIntegerField(default=0)
    requested_at = models.DateTimeField()
    posted_at = models.DateTimeField(null=True)
    posted_seq = models.BigIntegerField(null=True)

    class Meta:
        db_table = "ledger_debit_request"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="ledger_debit_is_positive"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(posted_at=None), name="ledger_debit_unposted"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.amount_minor} off account {self.account_id}"


class ArrearPayment(models.Model):
    """What an entry of the line `arrears` has paid of a bill; negative where a reversal gave it back. Only added to."""

    arrear = models.ForeignKey("registry.Arrear", on_delete=models.PROTECT, related_name="payments")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    seq = models.BigIntegerField()
    """Of the entry."""
    surcharge_minor = models.BigIntegerField()
    principal_minor = models.BigIntegerField()

    class Meta:
        db_table = "ledger_arrear_payment"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "seq", "arrear"], name="ledger_arrear_paid_once"),
        ]

    def __str__(self) -> str:
        return f"{self.surcharge_minor} and {self.principal_minor} of arrear {self.arrear_id}"


class Instalment(models.Model):
    """An instalment of a plan that was posted: on which due day, and by which entry of the line `arrears`. Only added to.

    A plan has one for each due day from its first on, without a hole, until nothing is owed or it has ended.
    """

    plan = models.ForeignKey("registry.InstalmentPlan", on_delete=models.PROTECT, related_name="instalments")
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="+")
    seq = models.BigIntegerField()
    """Of the entry."""
    due_on = models.DateField()

    class Meta:
        db_table = "ledger_instalment"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["plan", "due_on"], name="ledger_instalment_once"),
            models.UniqueConstraint(fields=["account", "seq"], name="ledger_instalment_entry"),
        ]

    def __str__(self) -> str:
        return f"instalment of {self.due_on}"


class FinalWay(models.TextChoices):
    """Where goes what is left when a supply has ended."""

    REFUND = "refund"
    TRANSFER = "transfer"


class FinalSettlement(models.Model):
    """What is to become of what is left on an account, once every day of its ended agreement is charged.

    What a later correction gives back goes the same way. What is owed stays on the account.
    """

    id = models.BigIntegerField(primary_key=True)
    agreement_id = models.BigIntegerField(unique=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="final_settlements")
    last_day = models.DateField()
    """The last local day that is the agreement's."""
    way = models.CharField(max_length=16, choices=FinalWay)
    to_account = models.ForeignKey(Account, on_delete=models.PROTECT, null=True, related_name="+")
    asked_at = models.DateTimeField()
    operation_id = models.BigIntegerField()
    """The operation of the registry that has ended the agreement."""
    settled_at = models.DateTimeField(null=True)
    """When it was settled first."""
    amount_minor = models.BigIntegerField(default=0)
    """What went that way so far."""

    class Meta:
        db_table = "ledger_final_settlement"
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=models.Q(way=FinalWay.TRANSFER, to_account__isnull=False)
                | models.Q(way=FinalWay.REFUND, to_account=None),
                name="ledger_final_transfer_goes_somewhere",
            ),
            models.CheckConstraint(condition=models.Q(amount_minor__gte=0), name="ledger_final_amount"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["operation_id"], name="ledger_final_operation"),
        ]

    def __str__(self) -> str:
        return f"{self.way} of agreement {self.agreement_id}"
