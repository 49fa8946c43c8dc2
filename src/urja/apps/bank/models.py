"""The society's bank accounts, uploaded files, statements with their entries, claims, and what was credited by them.

Statements and entries are only added. An entry is credited at most once at a time: a constraint of the database says
so, for each role. Amounts are in minor units, credits to the society's bank account positive.
"""

from typing import ClassVar, Final

from django.db import models
from django.db.models import Q

from urja.apps.bank.kinds import ClaimState

LARGEST_FILE: Final = 4 * 1024 * 1024
"""Limit of a statement's file in bytes; a year of a society's account has a few hundred thousand."""


class SocietyAccount(models.Model):
    """A bank account into which consumers may pay. Written by commands on the machine itself."""

    name = models.CharField(max_length=60, unique=True)
    """What staff call it."""
    holder = models.CharField(max_length=100)
    number = models.CharField(max_length=34, unique=True)
    """Account number or IBAN, without spaces."""
    ifsc = models.CharField(max_length=11, blank=True)
    vpa = models.CharField(max_length=100, blank=True)
    """UPI address; empty where there is none."""
    currency = models.CharField(max_length=3)
    opened_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)
    """Since when no consumer is asked to pay into it."""
    actor = models.CharField(max_length=100)

    class Meta:
        db_table = "bank_account"

    def __str__(self) -> str:
        return self.name


class Upload(models.Model):
    """A file that the web has stored. It is no statement before a person's passkey has approved its hash."""

    id = models.BigIntegerField(primary_key=True)
    bank_account = models.ForeignKey(SocietyAccount, on_delete=models.PROTECT, related_name="+")
    file_name = models.CharField(max_length=200)
    body = models.BinaryField()
    user_id = models.BigIntegerField()
    uploaded_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"upload {self.id}: {self.file_name}"


class Statement(models.Model):
    """A statement of the bank that was accepted, with its bytes. Never changed."""

    bank_account = models.ForeignKey(SocietyAccount, on_delete=models.PROTECT, related_name="statements")
    file_name = models.CharField(max_length=200)
    body = models.BinaryField()
    sha256 = models.CharField(max_length=64)
    format = models.CharField(max_length=16)
    """`csv`, `mt940` or `camt053`."""
    headings = models.JSONField(db_default=[])
    """Columns that were named by hand, each with its heading: the newest ones are the account's map."""
    approval = models.OneToOneField(
        "approvals.Waiting", on_delete=models.PROTECT, null=True, related_name="+"
    )
    """The approval with the actor's assertion over `sha256`; None in a dry run alone."""
    operation_id = models.BigIntegerField(unique=True)
    actor = models.CharField(max_length=100)
    loaded_at = models.DateTimeField()
    from_on = models.DateField()
    """First day that it covers; a statement covers each day up to `through_on`."""
    through_on = models.DateField()
    opening_minor = models.BigIntegerField()
    closing_minor = models.BigIntegerField()
    entries = models.IntegerField()
    """Number of entries in the file."""
    repeated = models.IntegerField()
    """Number of those that earlier statements had already."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["sha256"], name="bank_statement_once"),
            models.CheckConstraint(
                condition=Q(from_on__lte=models.F("through_on")), name="bank_statement_days"
            ),
        ]

    def __str__(self) -> str:
        return f"statement {self.pk} of {self.from_on} to {self.through_on}"


class Entry(models.Model):
    """An entry of a bank statement, once for all statements that have it. Never changed."""

    bank_account = models.ForeignKey(SocietyAccount, on_delete=models.PROTECT, related_name="+")
    statement = models.ForeignKey(Statement, on_delete=models.PROTECT, related_name="rows")
    """The first statement that had it."""
    booked_on = models.DateField()
    value_on = models.DateField()
    amount_minor = models.BigIntegerField()
    utr = models.CharField(max_length=22, blank=True)
    """Unique transaction reference (NEFT, RTGS) or retrieval reference number (IMPS, UPI), where one was found."""
    narration = models.TextField()
    """The bank's text. The web's role may not read it: it has the references by which transfers are claimed."""
    shown = models.TextField()
    """The same without references: what pages show."""
    reversal = models.BooleanField()
    """Whether the bank calls it a reversal."""
    reference_sha256 = models.BinaryField(max_length=32)
    nth = models.SmallIntegerField()
    """Which one of several with the same day, amount and reference it is, from 1."""

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["bank_account", "booked_on", "amount_minor", "reference_sha256", "nth"],
                name="bank_entry_once",
            ),
            models.CheckConstraint(condition=~Q(amount_minor=0), name="bank_entry_has_an_amount"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["utr"], condition=~Q(utr=""), name="bank_entry_by_utr"),
            models.Index(fields=["bank_account", "booked_on"], name="bank_entry_by_day"),
        ]

    def __str__(self) -> str:
        return f"entry {self.pk} of {self.booked_on}: {self.amount_minor}"


class Claim(models.Model):
    """A person's statement that a transfer was made for an account; it credits nothing by itself."""

    id = models.BigIntegerField(primary_key=True)
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="+")
    bank_account = models.ForeignKey(SocietyAccount, on_delete=models.PROTECT, related_name="+")
    utr = models.CharField(max_length=22)
    amount_minor = models.BigIntegerField()
    paid_on = models.DateField()
    """Local day of the transfer, as the person says."""
    actor = models.CharField(max_length=100)
    claimed_at = models.DateTimeField()
    """As the web says, and shown by it; nothing is decided by it."""
    received_at = models.DateTimeField(null=True)
    """When the pipeline first saw it, by its own clock."""
    state = models.CharField(max_length=8, choices=ClaimState, db_default=ClaimState.WAITING)
    reason = models.CharField(max_length=32, db_default="")
    """Why a clerk decides; one of `matching.REASONS`."""
    note = models.TextField(db_default="")
    """What a clerk wrote when deciding."""
    judged_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["account", "utr"], name="bank_claim_once"),
            models.CheckConstraint(condition=Q(amount_minor__gt=0), name="bank_claim_is_positive"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["account", "-claimed_at"], name="bank_claim_by_account"),
            models.Index(fields=["id"], condition=Q(state__in=["waiting", "clerk"]), name="bank_claim_open"),
        ]

    def __str__(self) -> str:
        return f"claim {self.id} of {self.amount_minor}: {self.state}"


class Match(models.Model):
    """A credit to an account by an entry of a statement, and its reversal."""

    entry = models.ForeignKey(Entry, on_delete=models.PROTECT, related_name="matches")
    claim = models.ForeignKey(Claim, on_delete=models.PROTECT, related_name="matches")
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="+")
    amount_minor = models.BigIntegerField()
    credit = models.OneToOneField("books.CreditRequest", on_delete=models.PROTECT, related_name="+")
    matched_at = models.DateTimeField()
    operation_id = models.BigIntegerField(null=True)
    """The clerk's decision; None where the rule matched."""
    reversed_at = models.DateTimeField(null=True)
    debit = models.OneToOneField("books.DebitRequest", on_delete=models.PROTECT, null=True, related_name="+")
    reversed_by = models.OneToOneField(Entry, on_delete=models.PROTECT, null=True, related_name="+")
    """The bank's entry that took the money back; None where a clerk corrected a decision."""
    reversal_operation_id = models.BigIntegerField(null=True)

    class Meta:
        constraints: ClassVar = [
            # No entry is credited twice, whatever asks for it.
            models.UniqueConstraint(
                fields=["entry"], condition=Q(reversed_at=None), name="bank_match_one_credit"
            ),
            models.UniqueConstraint(
                fields=["claim"], condition=Q(reversed_at=None), name="bank_match_one_entry"
            ),
            models.CheckConstraint(
                condition=Q(reversed_at=None, debit=None) | Q(reversed_at__isnull=False, debit__isnull=False),
                name="bank_match_reversed_by_debit",
            ),
        ]

    def __str__(self) -> str:
        return f"entry {self.entry_id} for claim {self.claim_id}"


class ChequePayment(models.Model):
    """The entry of a statement which proves that the bank has paid a cheque. Never changed."""

    entry = models.OneToOneField(Entry, on_delete=models.PROTECT, primary_key=True, related_name="+")
    receipt = models.OneToOneField("counter.Receipt", on_delete=models.PROTECT, related_name="+")
    operation_id = models.BigIntegerField()
    recorded_at = models.DateTimeField()

    class Meta:
        db_table = "bank_cheque_payment"

    def __str__(self) -> str:
        return f"entry {self.entry_id} for receipt {self.receipt_id}"
