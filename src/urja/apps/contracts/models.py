"""Agreements and their terms."""

from datetime import datetime
from functools import cached_property
from operator import attrgetter
from typing import ClassVar

from django.db import models
from django.db.models import Q

from urja.apps.contracts.kinds import OTHER_LOADS, MeteringMode, PaymentMode
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

    class Meta:
        db_table = "contracts_agreement_terms"
        constraints: ClassVar = [
            ends_after_it_begins("contracts_agreement_terms"),
            models.CheckConstraint(condition=Q(sanctioned_load_w__gt=0), name="contracts_terms_load"),
            *(
                models.CheckConstraint(
                    condition=Q(**{name: None}) | Q(**{f"{name}__gt": 0}), name=f"contracts_terms_{name}"
                )
                for name in OTHER_LOADS
            ),
            one_at_a_time("contracts_terms_one_at_a_time", same("agreement")),
        ]

    def __str__(self) -> str:
        return f"{self.tariff_code} of agreement {self.agreement_id} from {self.valid_from}"
