"""Choices of instalment plans and final settlements, the parts of their models that the pipeline uses, and unsigned
opening balances.
"""

import hashlib
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from typing import Final, Protocol

import msgspec
from django.db.models import TextChoices


class Cause(StrEnum):
    """Why an entry changes what was charged for days before."""

    LATE_READING = "late-reading"
    EDITED_READING = "edited-reading"
    BACKDATED_TARIFF = "backdated-tariff"
    CHANGED_TERMS = "changed-terms"
    MOVED_DAYS = "moved-days"
    EXCHANGE = "exchange"


NO_DETERMINANTS: Final = "and names no determinants"
"""End of the fault of a charge of energy that does not name what it was calculated from."""


class RefusalCause(StrEnum):
    """Why a period that is older than the look-back limit would have been charged more."""

    READINGS = "readings"
    """A reading came late or was edited."""
    PRICES = "prices"
    """A tariff or other terms were recorded for past days."""
    DAYS = "days"
    """Days were found to be the agreement's."""
    LATE_CLOSE = "late-close"
    """The days were not charged in time."""


@dataclass(frozen=True, slots=True)
class RefusedCharge:
    """A charge that was not made, because its billing period is older than the look-back limit."""

    agreement_id: int
    account_id: int
    period_start: date
    period_end: date | None
    """The day after the last one of the period; None where no close of it is stored."""
    amount_minor: int
    currency: str
    recorded_at: datetime
    charged_from: date
    """The limit then: the local day before whose periods nothing more was charged."""
    months: int
    policy: str
    """Code and version of the document with the limit."""
    cause: str
    """A `RefusalCause`."""


class ReviewOutcome(TextChoices):
    """How the review of an abnormal charge ended."""

    CONFIRMED = "confirmed"
    """By a person: the charge is right."""
    CORRECTED = "corrected"
    """By a person: a reading was corrected, and the difference posted."""
    WAIVED = "waived"
    """By a person: a part of it, or all, was waived."""
    CREDITED = "credited"
    """By its clock: the part above the usual was given back."""
    STOOD = "stood"
    """By its clock, under a policy that lets the charge stand."""


DECIDED: Final = (ReviewOutcome.CONFIRMED, ReviewOutcome.CORRECTED, ReviewOutcome.WAIVED)
"""How a person decides a review."""


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """The review of a day's charge, amounts in minor units."""

    id: int
    account_id: int
    agreement_id: int
    day: date
    """The local day that the charge was posted on."""
    charge_minor: int
    before_minor: int
    """What the days before it were charged together."""
    days: int
    """Number of these days."""
    currency: str
    policy: str
    """Code and version of the document with the rule."""
    opened_at: datetime
    due_at: datetime
    ends_at: datetime
    ended_at: datetime | None
    outcome: str
    """A `ReviewOutcome`; empty while it runs."""
    note: str
    credited_minor: int
    undecided: str
    """What becomes of it undecided (`core.policy.Undecided`)."""

    @property
    def mean_minor(self) -> int:
        """What a day before it was charged on the average, rounded down; not below zero."""
        return max(self.before_minor, 0) // self.days


class Every(TextChoices):
    """The interval between instalments."""

    DAY = "day"
    MONTH = "month"


class FinalWay(TextChoices):
    """Where the remaining balance of an ended supply goes."""

    REFUND = "refund"
    TRANSFER = "transfer"


class FinalSettlement(Protocol):
    """Where the remaining balance of an ended supply goes (`models.FinalSettlement`)."""

    id: int
    account_id: int
    to_account_id: int | None
    way: str
    amount_minor: int
    """What was settled so far, in minor units."""


@dataclass(frozen=True, slots=True)
class BroughtBill:
    """A bill of before: its number, its due date (local day), principal and surcharge in minor units."""

    bill: str
    due_on: str
    principal_minor: int
    surcharge_minor: int


@dataclass(frozen=True, slots=True)
class UnsignedBalance:
    """The opening balance of one supply, in minor units."""

    agreement_id: int
    consumer_number: str
    premise: str
    """Name of the premise, such as the number of a flat."""
    currency: str
    credit_minor: int
    deposit_minor: int
    bills: tuple[BroughtBill, ...]
    holds_charges: bool
    """Whether it holds the first charge back; an account that is charged already goes on."""
    in_service: bool

    @property
    def dues_minor(self) -> int:
        """Principal and surcharge of all bills together, in minor units."""
        return sum(bill.principal_minor + bill.surcharge_minor for bill in self.bills)

    @property
    def sum_minor(self) -> int:
        """What the consumer has here, in minor units: credit and deposit less the dues."""
        return self.credit_minor + self.deposit_minor - self.dues_minor


@dataclass(frozen=True, slots=True)
class UnsignedList:
    """All opening balances that are to be signed off, by consumer number."""

    rows: tuple[UnsignedBalance, ...]

    @property
    def credit_minor(self) -> int:
        return sum(row.credit_minor for row in self.rows)

    @property
    def deposit_minor(self) -> int:
        return sum(row.deposit_minor for row in self.rows)

    @property
    def dues_minor(self) -> int:
        return sum(row.dues_minor for row in self.rows)

    @property
    def uncharged(self) -> int:
        """How many supplies are in service and not charged, because their opening balance is not signed off."""
        return sum(row.holds_charges and row.in_service for row in self.rows)

    @property
    def sha256(self) -> str:
        """SHA-256 of the canonical content, in hexadecimal: what a sign-off names."""
        content = [
            [
                row.consumer_number,
                row.agreement_id,
                row.currency,
                row.credit_minor,
                row.deposit_minor,
                [[bill.bill, bill.due_on, bill.principal_minor, bill.surcharge_minor] for bill in row.bills],
            ]
            for row in self.rows
        ]
        return hashlib.sha256(msgspec.json.encode(content)).hexdigest()
