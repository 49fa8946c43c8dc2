"""Agreements and their terms, and orders that change the payment mode of many."""

from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import ClassVar

from django.db import models
from django.db.models import Q

from urja.apps.contracts.kinds import OTHER_TERMS, MeteringMode, ModeChangeState, PaymentMode
from urja.apps.journal.periods import Period, ends_after_it_begins, one_at_a_time, same


class Agreement(Period):
    """A supply agreement: the payer for a service point over a period.

    Every page of use and money goes through it, so that a new consumer never sees the data of the one before. A
    trigger refuses an agreement at a service point that is not a consumer's.
    """

    id = models.BigIntegerField(primary_key=True)
    service_point = models.ForeignKey(
        "network.ServicePoint", on_delete=models.PROTECT, related_name="agreements"
    )
    account = models.ForeignKey("books.Account", on_delete=models.PROTECT, related_name="agreements")
    customer = models.ForeignKey(
        "people.Person", on_delete=models.PROTECT, null=True, related_name="agreements"
    )
    billing_day = models.SmallIntegerField(null=True)
    """First day of its billing periods, 1 to 28; None where its tariff says so."""
    bill_from = models.DateField(null=True)
    """Local day from which it has fixed charges although its supply may not be in service yet; None for none."""

    class Meta:
        constraints: ClassVar = [
            ends_after_it_begins("contracts_agreement"),
            models.CheckConstraint(
                condition=Q(billing_day__isnull=True) | Q(billing_day__range=(1, 28)),
                name="contracts_agreement_billing_day",
            ),
            one_at_a_time("contracts_one_agreement", same("service_point")),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["valid_to"], condition=Q(valid_to__isnull=False), name="contracts_agreement_ended"
            )
        ]

    def __str__(self) -> str:
        return f"agreement {self.id} from {self.valid_from}"

    @cached_property
    def all_terms(self) -> tuple["AgreementTerms", ...]:
        """Its terms in their order."""
        return tuple(sorted(self.terms.all(), key=attrgetter("valid_from")))

    def terms_at(self, at: datetime) -> "AgreementTerms":
        """Return the terms at an instant (UTC): before the agreement its first, after it its last."""
        begun = [terms for terms in self.all_terms if terms.valid_from <= at]
        return begun[-1] if begun else self.all_terms[0]


class AgreementTerms(Period):
    """Terms of an agreement, for a period. A change takes effect at a local midnight.

    The terms of an agreement follow each other without a gap from its beginning to its end: a trigger at the end of
    each transaction refuses anything else.
    """

    id = models.BigIntegerField(primary_key=True)
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, related_name="terms")
    tariff_code = models.CharField(max_length=64)
    sanctioned_load_w = models.IntegerField()
    """Sanctioned load in W."""
    category = models.CharField(max_length=32, blank=True, default="", db_default="")
    """Consumer category, which selects the policy (`rulebook_policy_assignment`); empty for the default."""
    policy = models.CharField(max_length=64, blank=True, default="", db_default="")
    """Code of a policy that applies whatever the category; empty where the category selects it."""
    payment_mode = models.CharField(
        max_length=16, choices=PaymentMode, default=PaymentMode.PREPAID, db_default=PaymentMode.PREPAID
    )
    converted_at = models.DateTimeField(null=True)
    """When the supply became prepaid; None where it always was, or is not."""
    metering_mode = models.CharField(
        max_length=16, choices=MeteringMode, default=MeteringMode.FORWARD, db_default=MeteringMode.FORWARD
    )
    sanctioned_load_va = models.IntegerField(null=True)
    """Sanctioned load in VA; None where the terms do not state it, as for the two below."""
    contracted_load_w = models.IntegerField(null=True)
    contracted_load_va = models.IntegerField(null=True)
    carpet_area_dm2 = models.IntegerField(null=True)
    """Carpet area in hundredths of a square metre; None where the terms do not state it."""

    class Meta:
        db_table = "contracts_agreement_terms"
        constraints: ClassVar = [
            ends_after_it_begins("contracts_agreement_terms"),
            models.CheckConstraint(condition=Q(sanctioned_load_w__gt=0), name="contracts_terms_load"),
            *(
                models.CheckConstraint(
                    condition=Q(**{name: None}) | Q(**{f"{name}__gt": 0}), name=f"contracts_terms_{name}"
                )
                for name in OTHER_TERMS
            ),
            one_at_a_time("contracts_terms_one_at_a_time", same("agreement")),
        ]

    def __str__(self) -> str:
        return f"{self.tariff_code} of agreement {self.agreement_id} from {self.valid_from}"


class ModeChange(models.Model):
    """An order that changes the payment mode of many agreements from a day on.

    Its number is that of the operation that requested it, so that the audit entry says by whom and why.
    """

    id = models.BigIntegerField(primary_key=True)
    payment_mode = models.CharField(max_length=16, choices=PaymentMode)
    """The mode that its agreements have afterwards."""
    effective_on = models.DateField()
    effective_at = models.DateTimeField()
    """Midnight at which that day begins: it is not carried out before."""
    spares_from_at = models.DateTimeField(null=True)
    """From then on no balance disconnects an agreement whose turn has not come; None where it becomes prepaid."""
    spared_at = models.DateTimeField(null=True)
    """When disconnections under way were called back for that; None before."""
    arguments = models.JSONField(default=dict)
    """What is done with each agreement: tariff, deposits, instalments."""
    reason = models.TextField()
    actor = models.CharField(max_length=100)
    asked_at = models.DateTimeField()
    agreements = models.IntegerField()
    """How many rows it has."""
    stopped_at = models.DateTimeField(null=True)
    stopped_by = models.CharField(max_length=100, blank=True, default="")
    ended_at = models.DateTimeField(null=True)
    """When its last row ended."""

    class Meta:
        db_table = "contracts_mode_change"
        constraints: ClassVar = [
            models.CheckConstraint(condition=Q(agreements__gt=0), name="contracts_mode_change_has_rows"),
            models.CheckConstraint(
                condition=Q(payment_mode=PaymentMode.POSTPAID, spares_from_at__isnull=False)
                | Q(payment_mode=PaymentMode.PREPAID, spares_from_at=None),
                name="contracts_mode_change_spares",
            ),
        ]
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=Q(ended_at=None), name="contracts_mode_change_open"),
        ]

    def __str__(self) -> str:
        return f"change to {self.payment_mode} on {self.effective_on}"


class ModeChangeRow(models.Model):
    """One agreement of an order that changes payment modes."""

    id = models.BigAutoField(primary_key=True)
    mode_change = models.ForeignKey(ModeChange, on_delete=models.PROTECT, related_name="rows")
    position = models.IntegerField()
    """Place in the order, from 1."""
    named = models.CharField(max_length=64)
    """Consumer number of its service point, or what the request has in its place."""
    agreement = models.ForeignKey(Agreement, on_delete=models.PROTECT, null=True, related_name="+")
    account_id = models.BigIntegerField(null=True)
    service_point_id = models.BigIntegerField(null=True)
    state = models.CharField(max_length=16, choices=ModeChangeState, default=ModeChangeState.WAITING)
    told_at = models.DateTimeField(null=True)
    """When its consumer's notice of the change was requested."""
    operation_id = models.BigIntegerField(null=True)
    """The operation that converted it."""
    result = models.JSONField(default=dict)
    """Amounts at the conversion, in minor units, and what became of a plan of instalments."""
    detail = models.JSONField(default=str)
    """Why it was refused: a sentence as `base.sentences` stores it."""
    ended_at = models.DateTimeField(null=True)

    class Meta:
        db_table = "contracts_mode_change_row"
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["mode_change", "position"], name="contracts_mode_change_one_position"
            ),
            models.UniqueConstraint(
                fields=["agreement"],
                condition=Q(state=ModeChangeState.WAITING),
                name="contracts_mode_change_one_order",
            ),
            models.CheckConstraint(
                condition=Q(state=ModeChangeState.WAITING, ended_at=None)
                | (~Q(state=ModeChangeState.WAITING) & Q(ended_at__isnull=False)),
                name="contracts_mode_change_ended",
            ),
            models.CheckConstraint(
                condition=Q(agreement__isnull=False, account_id__isnull=False, service_point_id__isnull=False)
                | Q(state=ModeChangeState.REFUSED),
                name="contracts_mode_change_names_one",
            ),
            models.CheckConstraint(
                condition=~Q(state=ModeChangeState.DONE) | Q(operation_id__isnull=False),
                name="contracts_mode_change_done_by",
            ),
        ]
        indexes: ClassVar = [
            models.Index(
                fields=["mode_change", "position"],
                condition=Q(state=ModeChangeState.WAITING),
                name="contracts_mode_change_waiting",
            ),
            models.Index(
                fields=["account_id"],
                condition=Q(state=ModeChangeState.WAITING),
                name="contracts_mode_change_account",
            ),
            models.Index(fields=["service_point_id"], name="contracts_mode_change_place"),
        ]

    def __str__(self) -> str:
        return f"{self.named} of mode change {self.mode_change_id}: {self.state}"
