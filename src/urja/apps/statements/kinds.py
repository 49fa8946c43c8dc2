"""A statement of account as a value, and what it is made of, without models."""

from datetime import date, datetime
from typing import Final

import msgspec

NO_SHA256: Final = bytes(32)
"""The previous hash of a series' first statement."""

AFTER_ALL: Final = date.max
"""Stands, where a final statement is due, for the first day of a period: all periods come before it."""


class StatementRow(msgspec.Struct, frozen=True, kw_only=True):
    """One row of a line's arithmetic: `quantity` in `unit` times `rate_minor` is `charged_minor`."""

    label: str
    quantity: str
    """Exact: a decimal or a fraction."""
    unit: str
    rate_minor: str
    charged_minor: int


class StatementLine(msgspec.Struct, frozen=True, kw_only=True):
    """What a period's line comes to in minor units; a subsidy is below zero."""

    line: str
    title: str
    charged_minor: int
    subsidy: bool = False
    """Whether another body pays it (`claim_on`)."""
    rows: tuple[StatementRow, ...] = ()


class AccountMovement(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the account that is no charge of the period; `amount_minor` goes onto the account."""

    seq: int
    day: date
    line: str
    title: str
    amount_minor: int
    reference: str = ""


class PeriodCorrection(msgspec.Struct, frozen=True, kw_only=True):
    """A line's entries for an earlier period, as far as they moved the balance in this one."""

    period_from: date
    line: str
    title: str
    charged_minor: int


class LateCharge(msgspec.Struct, frozen=True, kw_only=True):
    """An entry for the period that was posted after it: a difference of the period as one bill, or a correction."""

    seq: int
    day: date
    line: str
    title: str
    charged_minor: int
    one_bill: bool
    """Whether it was posted with a statement, because the period as one bill came to more or less."""
    cause: str = ""
    """A `billing.kinds.Cause`; empty where the entry tells none."""


class StatementRead(msgspec.Struct, frozen=True, kw_only=True):
    """A register read that the period's energy begins or ends with, in Wh or litres."""

    read_at: datetime
    value: int
    kind: str
    status: str


class StatementTariff(msgspec.Struct, frozen=True, kw_only=True):
    """A tariff version that the period was rated by."""

    code: str
    version: str
    title: str
    sha256: str


class OneBill(msgspec.Struct, frozen=True, kw_only=True):
    """A period calculated as one bill, with what it was calculated from."""

    lines: tuple[StatementLine, ...]
    billed_from: date
    billed_to: date
    """The day after the last billed one."""
    use: int
    """Billed quantity in Wh or litres."""
    determinants: dict[str, int]
    """By the names of their quantities, in their units."""
    opening_read: StatementRead | None
    closing_read: StatementRead | None
    tariffs: tuple[StatementTariff, ...]
    provisional: bool

    @property
    def total_minor(self) -> int:
        """The sum of all lines, in minor units."""
        return sum(line.charged_minor for line in self.lines)


class RevisedStatement(msgspec.Struct, frozen=True, kw_only=True):
    """The statement that a statement revises."""

    number: str
    sha256: str
    total_minor: int


class StatementContent(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that a statement states. Amounts are in minor units of its currency.

    opening + (total − late) of the period as charged, payments, adjustments and corrections = closing.
    """

    number: str
    """Series and number in it, such as `7-42`."""
    made_at: datetime
    agreement_id: int
    account_id: int
    consumer_number: str
    commodity: str
    currency: str
    period_from: date
    """First day of the billing period."""
    period_to: date
    """The day after the last one that is stated."""
    bill: OneBill
    """The period as one bill; its total is `total_minor`."""
    total_minor: int
    """What the ledger has charged for the period."""
    opening_minor: int
    closing_minor: int
    payments: tuple[AccountMovement, ...]
    adjustments: tuple[AccountMovement, ...]
    corrections: tuple[PeriodCorrection, ...]
    late: tuple[LateCharge, ...]
    """Charges for the period that were posted after its last day: they are in the total and not in the closing balance."""
    revises: RevisedStatement | None = None
    final: bool = False
    """Whether it states what moved the account after its agreement's last period: it charges no period, and its bill is empty."""

    @property
    def charged_minor(self) -> int:
        """What was charged for the period until its last day was over: what the closing balance has."""
        return self.total_minor - sum(one.charged_minor for one in self.late)

    @property
    def difference_minor(self) -> int:
        """By how much the total is more than that of the statement that it revises; 0 where it revises none."""
        return 0 if self.revises is None else self.total_minor - self.revises.total_minor


def number_of(series: int, number: int) -> str:
    """Return a statement's number as it is printed."""
    return f"{series}-{number}"
