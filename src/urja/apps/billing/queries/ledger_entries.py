"""Ledger entries of an account, with the facts that each was calculated from."""

from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import NamedTuple

from django.db import connection

from urja.apps.billing import evidence
from urja.apps.billing.arrears import ARREARS_LINE
from urja.apps.billing.common_shares import ShareOfPeriod
from urja.apps.billing.kinds import Cause
from urja.apps.books.chain import parse_json
from urja.base.ids import bucket_of
from urja.base.untyped_values import JsonObject
from urja.core.rating import ROUNDING
from urja.core.rating.inputs_and_results import BankRow


class Entry(NamedTuple):
    """A ledger entry. `amount_minor` is its effect on the account in minor units: a charge is negative."""

    account_id: int
    seq: int
    line: str
    title: str
    origin: str
    amount_minor: int
    balance_after_minor: int
    currency: str
    service_date: date
    posted_at: datetime
    accounting_month: date


@dataclass(frozen=True, slots=True)
class Read:
    """A register read that an entry was calculated from."""

    read_at: datetime
    register_wh: int
    kind: str
    status: str
    source: str
    version: int
    correlation: int
    device_id: int


@dataclass(frozen=True, slots=True)
class MeterUse:
    """What one meter counted in the billing period up to an entry, times its transformer ratio."""

    serial: str
    ratio: Fraction
    opening: Read
    closing: Read
    energy_wh: int
    """Closing less opening register, each times the ratio and rounded down to the Wh."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row of an entry's calculation: `quantity` in `unit` times `rate` (minor units) is the charge.

    `amount_minor` is the effect on the account, so the negative charge, rounded half-up to the minor unit. A row of
    the unit `rounding` is an amount without a quantity.
    """

    key: str
    label: str
    quantity: Fraction
    unit: str
    rate: Fraction
    amount_minor: int


@dataclass(frozen=True, slots=True)
class TariffUsed:
    """A tariff version that an entry was rated by."""

    code: str
    version: str
    title: str
    valid_from: date
    sha256: str


@dataclass(frozen=True, slots=True)
class RechargeShare:
    """Facts of an entry by which a recharge pays dues; its rows are the bills."""

    recharge_minor: int
    """Amount of the recharge; of a reversal the part that is not reversed."""
    percent: int
    policy: str
    owed_minor: int | None
    """Dues before the entry; None for a reversal."""


@dataclass(frozen=True, slots=True)
class FinalShare:
    """Facts of an entry by which the remaining balance of an ended supply pays dues; its rows are the bills."""

    left_minor: int
    """Balance before the entry."""
    owed_minor: int
    """Dues before the entry."""


@dataclass(frozen=True, slots=True)
class Instalment:
    """Facts of an entry by which an instalment pays dues; its rows are the bills."""

    every: str
    """`day` or `month`."""
    instalment_minor: int
    """Amount as agreed; the last instalment is the rest of the dues."""
    owed_minor: int
    """Dues before the entry."""


type ArrearsSource = RechargeShare | FinalShare | Instalment


@dataclass(frozen=True, slots=True)
class EntryExplanation:
    """Everything that an entry was calculated from. A credit has no reads."""

    entry: Entry
    rows: tuple[Row, ...]
    """Calculation rows; their amounts add up to the entry's amount."""
    reads: tuple[Read, ...]
    """Register reads at the entry before and at this one."""
    opening: Read | None
    """Register read at the beginning of the period."""
    meters: tuple[MeterUse, ...]
    """Use by meter, where the period had several or one with a ratio; they add up to `energy_wh`."""
    tariffs: tuple[TariffUsed, ...]
    advance_wh: int
    """Energy of this entry: the register's advance since the entry before."""
    energy_wh: int
    """Energy of the billing period up to this entry."""
    blocks_wh: int
    """Sum of the intervals over the time of `energy_wh`."""
    residual_wh: int
    """`energy_wh` less `blocks_wh`: meters truncate each interval, and the register has the remainders."""
    arrears: ArrearsSource | None
    """How the entry pays dues or takes such a payment back; None for other entries."""
    provisional: bool
    """Whether the day was closed without the register read of its midnight."""
    notes: tuple[str, ...]
    correlations: tuple[int, ...]
    """Correlation numbers of the pushes and commands that the energy came from."""
    reference: str
    """Of a credit or debit, what it rests on: a payment's order, a receipt's number, or a person's reason."""
    faults: tuple[str, ...] = ()
    """Where the calculation that the entry names comes to something else; none where the amount is proven."""
    cause: Cause | None = None
    """Why a charge changes what was charged before; None where it charges another day."""
    units: tuple[tuple[str, BankRow], ...] = ()
    """What net metering has banked in the period up to this entry: the zone's name, empty for a bank of all times, and Wh."""
    shares: tuple[ShareOfPeriod, ...] = ()
    """The share of common areas that a charge is for, in the period up to this entry."""
    one_bill: bool = False
    """Whether it was posted with the statement of its period, because the period as one bill came to more or less."""


def contra_and_title(account_id: int, seq: int) -> tuple[str, str]:
    """Return the code of an entry's contra account, and the title of its line."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.code, coalesce(e.inputs->>'title', e.line) FROM books.entry e JOIN books.account a "
            "ON a.id = e.contra_id WHERE e.bucket = %s AND e.account_id = %s AND e.seq = %s",
            [bucket_of(account_id), account_id, seq],
        )
        code, title = cursor.fetchone()
    return code, title


_ENTRY = (
    "e.account_id, e.seq, e.line, coalesce(e.inputs->>'title', e.line), e.origin, e.amount_minor, "
    "e.balance_after_minor, (SELECT a.currency FROM books.account a WHERE a.id = %(account)s), "
    "coalesce(e.service_date, e.accounting_month), e.posted_at, e.accounting_month"
)
_OF_ACCOUNT = "FROM books.entry e WHERE e.bucket = %(bucket)s AND e.account_id = %(account)s"
_LAST = 2**63 - 1
"""Greater than the sequence number of any entry."""


def entries(account_id: int, limit: int, before_seq: int | None = None) -> list[Entry]:
    """Return the entries of an account with sequence numbers below `before_seq`, newest first."""
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_ENTRY} {_OF_ACCOUNT} AND e.seq < %(before)s ORDER BY e.seq DESC LIMIT %(limit)s",
            {
                "bucket": bucket_of(account_id),
                "account": account_id,
                "before": _LAST if before_seq is None else before_seq,
                "limit": limit,
            },
        )
        return list(map(Entry._make, cursor.fetchall()))


def explain_entry(account_id: int, seq: int) -> EntryExplanation | None:
    """Return everything that an entry was calculated from; None where there is no such entry.

    As stored with it, or where it names its calculation, calculated again.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            f"SELECT {_ENTRY}, e.inputs {_OF_ACCOUNT} AND e.seq = %(seq)s",
            {"bucket": bucket_of(account_id), "account": account_id, "seq": seq},
        )
        found = cursor.fetchone()
    if found is None:
        return None
    entry = Entry(*found[:-1])
    stored = parse_json(found[-1])
    charge = evidence.full_charge(account_id, seq, stored)
    inputs = charge.inputs
    opening = inputs.get("opening")
    return EntryExplanation(
        entry=entry,
        rows=tuple(_row(row) for row in inputs.get("rows", [])) or (_bare(entry),),
        reads=tuple(_read(read) for read in inputs.get("reads", [])),
        opening=_read(opening) if opening else None,
        meters=tuple(_meter(used) for used in inputs.get("meters", [])),
        tariffs=tuple(_tariff(used) for used in inputs.get("tariffs", [])),
        advance_wh=inputs.get("advance_wh", 0),
        energy_wh=inputs.get("energy_wh", 0),
        blocks_wh=inputs.get("blocks_wh", 0),
        residual_wh=inputs.get("residual_wh", 0),
        arrears=_set_against(entry, inputs),
        provisional=inputs.get("provisional", False),
        notes=tuple(inputs.get("notes", [])),
        correlations=tuple(inputs.get("correlations", [])),
        units=tuple(inputs.get("units", [])),
        shares=tuple(inputs.get("shares", [])),
        reference=inputs.get("reference", ""),
        faults=charge.faults,
        cause=charge.cause,
        one_bill=stored.get("one_bill", False),
    )


def _set_against(entry: Entry, inputs: JsonObject) -> ArrearsSource | None:
    if entry.line != ARREARS_LINE:
        return None
    if "final" in inputs:
        return FinalShare(inputs["left_minor"], inputs["owed_minor"])
    if "plan" in inputs:
        return Instalment(inputs["every"], inputs["instalment_minor"], inputs["owed_minor"])
    return RechargeShare(
        inputs["recharge_minor"], inputs["percent"], inputs["policy"], inputs.get("owed_minor")
    )


def _bare(entry: Entry) -> Row:
    amount = Fraction(entry.amount_minor)
    return Row(entry.line, entry.title, amount, ROUNDING, Fraction(1), entry.amount_minor)


def _row(row: JsonObject) -> Row:
    return Row(
        key=row["key"],
        label=row["label"],
        quantity=Fraction(row["quantity"]),
        unit=row["unit"],
        rate=Fraction(row["rate_minor"]),
        amount_minor=row["amount_minor"],
    )


def _read(read: JsonObject) -> Read:
    return Read(**{**read, "read_at": datetime.fromisoformat(read["read_at"])})


def _meter(used: JsonObject) -> MeterUse:
    return MeterUse(
        serial=used["serial"],
        ratio=Fraction(*used["ratio"]),
        opening=_read(used["opening"]),
        closing=_read(used["closing"]),
        energy_wh=used["energy_wh"],
    )


def _tariff(used: JsonObject) -> TariffUsed:
    return TariffUsed(**{**used, "valid_from": date.fromisoformat(used["valid_from"])})
