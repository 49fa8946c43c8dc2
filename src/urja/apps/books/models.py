"""Accounts, and requests of credits and debits. Entries are a table of raw SQL: no model can change one."""

from typing import ClassVar

from django.db import models

from urja.apps.books.kinds import AccountKind

CHAIN_START = bytes(32)
"""What the first entry of an account is chained to."""


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
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["bucket", "code", "currency"],
                condition=models.Q(kind="contra"),
                name="books_one_contra_per_bucket",
            ),
            models.CheckConstraint(
                condition=models.Q(kind="consumer", code="") | (models.Q(kind="contra") & ~models.Q(code="")),
                name="books_contra_has_code",
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
        db_table = "books_debit_request"
        constraints: ClassVar = [
            models.CheckConstraint(condition=models.Q(amount_minor__gt=0), name="books_debit_is_positive"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(posted_at=None), name="books_debit_unposted"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.amount_minor} off account {self.account_id}"
