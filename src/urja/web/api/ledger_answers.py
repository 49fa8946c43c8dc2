"""Answers about what was posted: entries with their arithmetic, statements of account, claims of subsidies."""

from datetime import date, datetime

from urja.apps.statements.kinds import StatementContent
from urja.web.api.answers import Shown
from urja.web.api.tariff_answers import TariffUsed


class Entry(Shown, frozen=True, kw_only=True):
    """A ledger entry. Its amount is the change of the account: a charge is negative."""

    account_id: int
    seq: int
    """Number of the entry in its account, from 1 without a gap: what was posted since one that you know has a greater one."""
    line: str
    """Line of the tariff that charged it, or the kind of another amount, such as `recharge`."""
    title: str
    origin: str
    """`engine` for what was rated by a tariff; `credit` for other amounts."""
    amount_minor: int
    """In minor units."""
    balance_after_minor: int
    currency: str
    service_date: date
    """Local day that it charges or credits."""
    posted_at: datetime
    accounting_month: date
    """First day of the local month in whose accounts it is."""


class Row(Shown, frozen=True, kw_only=True):
    """A row of a calculation: `quantity` in `unit` times `rate_minor`, rounded half-up; `amount_minor` is the result."""

    label: str
    quantity: str
    unit: str
    rate_minor: str
    amount_minor: int


class RegisterRead(Shown, frozen=True, kw_only=True):
    """A register read on which an entry is based."""

    read_at: datetime
    register_wh: int | None
    """Null for gas."""
    register_l: int | None
    """Litres at the conditions of the meter; null for electricity."""
    kind: str
    status: str
    source: str
    device_id: int


class UnitsOfCharge(Shown, frozen=True, kw_only=True):
    """The units of a bank that a charge was calculated from, of its period so far: opening + exported = used + settled + closing."""

    zone: str | None
    """Name of the time zone; null for a bank of all times."""
    opening_wh: int
    imported_wh: int
    exported_wh: int
    used_wh: int
    settled_wh: int
    closing_wh: int


class ShareOfCommonAreas(Shown, frozen=True, kw_only=True):
    """The share of a building's common areas that a charge is for, in its period so far."""

    quantity: str
    """`common_import_wh`, or `common_dg_import_wh` of a generator."""
    by: str
    """How it is shared: `flat`, `area` or `load`."""
    common_areas_wh: int
    own_wh: int
    share: str | None
    """An exact fraction such as 1/40; null where it changed within the period."""


class EntryWithArithmetic(Shown, frozen=True, kw_only=True):
    """A ledger entry with the reads, rows and tariffs from which it was calculated."""

    entry: Entry
    rows: list[Row]
    """The rows of the calculation; their amounts add up to the entry's."""
    opening: RegisterRead | None
    reads: list[RegisterRead]
    tariffs: list[TariffUsed]
    advance_wh: int | None
    """This and the other energies are null for gas, the volumes (litres) null for electricity."""
    energy_wh: int | None
    blocks_wh: int | None
    residual_wh: int | None
    advance_l: int | None
    volume_l: int | None
    blocks_l: int | None
    residual_l: int | None
    units: list[UnitsOfCharge]
    """Empty without net metering."""
    shares: list[ShareOfCommonAreas]
    """Empty but for charges for common areas."""
    provisional: bool
    notes: list[str]
    cause: str | None
    """Why a charge changes what was charged before: late-reading, edited-reading, backdated-tariff, changed-terms,
    moved-days or exchange. Null where it charges another day."""
    faults: list[str]
    """What the entry says and what its calculation comes to when it is made again, where they differ. Empty where the
    amount is proven."""


class StatementOfAccount(Shown, frozen=True, kw_only=True):
    """A numbered statement of an agreement's billing period, without what it consists of. Amounts are in minor units."""

    number: str
    """Series and number in it, such as 7-42; numbers of a series have no gap."""
    account_id: int
    agreement_id: int
    period_from: date
    """First day of the billing period."""
    period_to: date
    """The day after the last one that it states."""
    total_minor: int
    """What was charged for the period."""
    opening_minor: int
    closing_minor: int
    made_at: datetime
    revises: str | None
    """Number of the statement that it revises."""
    revised_by: str | None
    """Number of the statement that revises it; null for the newest of a period."""
    final: bool
    """Whether it states what was posted after the agreement's last period: it charges none, and the bill in its content is empty."""


class StatementsOfAccount(Shown, frozen=True, kw_only=True):
    """The statements of an account, the newest period first."""

    account_id: int
    currency: str
    items: list[StatementOfAccount]


class WholeStatement(Shown, frozen=True, kw_only=True):
    """A statement with everything that it states, as it was frozen; its instants are in UTC."""

    statement: StatementOfAccount
    content: StatementContent
    sha256: str
    """SHA-256 over the 32 bytes of `previous_sha256` and the content as canonical JSON: sorted keys, no spaces, UTF-8."""
    previous_sha256: str
    """Hash of the statement before it in its series."""


class SubsidyClaimSum(Shown, frozen=True, kw_only=True):
    """What a body owes for subsidies, in minor units."""

    body: str
    currency: str
    net_minor: int
    """By this claim."""
    through_minor: int
    """By this claim and all earlier ones."""
    paid_minor: int
    """What is recorded as paid to date, whatever the claim."""
    outstanding_minor: int
    """Of this claim and all earlier ones; below zero where more was paid, as for later ones."""


class SubsidyPayment(Shown, frozen=True, kw_only=True):
    """A payment of subsidy claims as it was recorded."""

    operation_id: int
    body: str
    currency: str
    amount_minor: int
    """Below zero it takes back what was recorded wrongly under its reference."""
    paid_on: date
    reference: str
    """The bank's."""


class SubsidyClaimRow(Shown, frozen=True, kw_only=True):
    """What a claim has for a tariff line and the billing periods that began in a month, in minor units."""

    body: str
    """Who owes it; empty where no tariff names a body."""
    line: str
    commodity: str
    currency: str
    periods_from: str
    """A local month: 2026-03."""
    consumers: int
    use: int
    """Billed energy in Wh, or gas in litres, of these consumers' periods as known now."""
    given_minor: int
    taken_back_minor: int
    net_minor: int
    """What is claimed: for periods that were claimed before, the difference."""
    claimed_before_minor: int


class SubsidyClaim(Shown, frozen=True, kw_only=True):
    """What other bodies owe for subsidies by the claim of a month."""

    month: str
    final_on: date
    """From this local day on the claim does not change."""
    is_final: bool
    sums: list[SubsidyClaimSum]
    rows: list[SubsidyClaimRow]
    payments: list[SubsidyPayment]
    """The newest 50 payments that are recorded, the newest day first."""
    payment_count: int
    """How many payments are recorded."""
