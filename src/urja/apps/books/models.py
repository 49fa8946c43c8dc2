"""Accounts, and requests for credits and debits. Entries are in a table of raw SQL, so that no model can change one."""

from typing import ClassVar

from django.db import models

from urja.apps.books.kinds import AccountKind

CHAIN_START = bytes(32)
"""The previous hash of an account's first entry."""


class Account(models.Model):
    """An account with its balance in minor units and the head of its hash chain.

    Changed by `posting.post_entries` alone.
    """

    id = models.BigIntegerField(primary_key=True)
    bucket = models.SmallIntegerField()
    kind = models.CharField(max_length=16, choices=AccountKind)
    code = models.CharField(max_length=64, blank=True, default="")
    """What a contra account collects, such as `revenue:energy`; empty for a consumer's account."""
    currency = models.CharField(max_length=3)
    balance_minor = models.BigIntegerField(default=0)
    last_seq = models.BigIntegerField(default=0)
    """Sequence number of the last entry, 0 before the first."""
    last_hash = models.BinaryField(max_length=32, default=CHAIN_START)
    last_batch = models.BigIntegerField(default=0)
    """Number of the last batch that moved it."""
    opened_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["bucket", "code", "currency"],
                condition=models.Q(kind="contra"),
                name="books_one_contra_per_bucket",
            ),
            models.CheckConstraint(
                condition=models.Q(kind__in=["consumer", "maintenance"], code="")
                | (models.Q(kind="contra") & ~models.Q(code="")),
                name="books_contra_has_code",
            ),
        ]

    def __str__(self) -> str:
        return self.code or f"account {self.id}"


class CreditRequest(models.Model):
    """A credit that an operation, a payment or an adoption has recorded, for the pipeline to post."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="credit_requests")
    amount_minor = models.BigIntegerField()
    kind = models.CharField(max_length=32)
    """Such as `opening-credit` or `payment`; the contra account is `clearing:<kind>`."""
    reference = models.CharField(max_length=200, blank=True, default="")
    idempotency_key = models.CharField(max_length=200, unique=True)
    input_hash = models.BinaryField(max_length=32)
    correlation = models.BigIntegerField(default=0)
    requested_at = models.DateTimeField()
    posted_at = models.DateTimeField(null=True)
    posted_seq = models.BigIntegerField(null=True)
    """Sequence number of its entry on the account."""
    arrears_minor = models.BigIntegerField(default=0, db_default=0)
    """How much of it has paid dues (`urja.apps.billing.arrears`)."""

    class Meta:
        db_table = "books_credit_request"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="books_credit_is_positive"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(posted_at=None), name="books_credit_unposted"),
            models.Index(fields=["posted_at"], name="books_credit_posted"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.amount_minor} to account {self.account_id}"


class DebitRequest(models.Model):
    """Money that went back to its payer, to be taken off the account by the pipeline with a new entry."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey(Account, on_delete=models.PROTECT, related_name="debit_requests")
    amount_minor = models.BigIntegerField()
    """Amount to take off, in minor units, above zero; the balance may go below zero."""
    kind = models.CharField(max_length=32)
    """Such as `reversal`."""
    reverses = models.CharField(max_length=32)
    """Kind of the credit that it takes back; the contra account is `clearing:<reverses>`."""
    credit = models.ForeignKey(CreditRequest, on_delete=models.PROTECT, null=True, related_name="debits")
    """The credit that it takes back in part or in full; None where it belongs to no single one."""
    reference = models.CharField(max_length=200, blank=True, default="")
    idempotency_key = models.CharField(max_length=200, unique=True)
    input_hash = models.BinaryField(max_length=32)
    correlation = models.BigIntegerField(default=0)
    requested_at = models.DateTimeField()
    posted_at = models.DateTimeField(null=True)
    posted_seq = models.BigIntegerField(null=True)

    class Meta:
        db_table = "books_debit_request"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="books_debit_is_positive"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(posted_at=None), name="books_debit_unposted"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.amount_minor} off account {self.account_id}"
