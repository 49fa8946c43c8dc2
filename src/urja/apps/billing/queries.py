"""Ledger entries with the facts they were calculated from, dues, plans, closed days, reviews and refused charges."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Final, NamedTuple

from django.db import connection
from django.db.models import Q

from urja.apps.billing import arrears, evidence, plans, rating_basis
from urja.apps.billing.agreement_periods import current_period
from urja.apps.billing.arrears import ARREARS_LINE
from urja.apps.billing.balances import Balance, Reserve, charges_so_far, fresh_balance
from urja.apps.billing.banked_units import BankedUnits, banked_units
from urja.apps.billing.common_shares import ShareOfPeriod
from urja.apps.billing.evidence import causes_of
from urja.apps.billing.kinds import Cause, RefusedCharge, ReviewRow, UnsignedList
from urja.apps.billing.models import InstalmentPlan
from urja.apps.billing.open_days import read_so_far
from urja.apps.billing.opening_balances import csv_of, unsigned_list
from urja.apps.billing.unit_banks import StoredUnits
from urja.apps.books.chain import parse_json
from urja.apps.contracts.kinds import Agreement
from urja.base.ids import bucket_of
from urja.base.untyped_values import JsonObject
from urja.core.arrears import Due
from urja.core.calendar import ONE_DAY
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


def is_unratable(agreement: Agreement, now: datetime) -> bool:
    """Return whether an agreement cannot be rated, because no tariff for it is in force.

    Then nothing is calculated or decided for it.
    """
    return rating_basis.unratable_reason(agreement, now) != ""


type PlanRow = InstalmentPlan


def plan(account_id: int, at: datetime) -> PlanRow | None:
    """Return the instalment plan of an account in force at an instant (UTC), or None; its amount is in minor units."""
    return next(iter(plans.plans_at([account_id], at)), None)


def unended_plans(account_id: int, at: datetime) -> list[PlanRow]:
    """Return the instalment plans of an account that end after an instant (UTC) or never, by their beginning."""
    unended = Q(valid_to=None) | Q(valid_to__gt=at)
    return list(InstalmentPlan.objects.filter(unended, account_id=account_id).order_by("valid_from"))


def dues(account_id: int) -> Sequence[Due]:
    """Return what is still owed of the bills of an account, the oldest first."""
    return arrears.dues_of([account_id]).get(account_id, ())


@dataclass(frozen=True, slots=True)
class SecurityDeposits:
    """Security deposits of an agreement, in minor units."""

    held_minor: int
    due: tuple[tuple[date, int], ...]
    """What becomes due, by due date."""


def security_deposits(agreement_id: int) -> SecurityDeposits:
    """Return what an agreement's security deposits are."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT coalesce((SELECT sum(amount_minor) FROM billing_deposit WHERE agreement_id = %(agreement)s "
            "AND returned_at IS NULL), 0)::bigint, d.due_on, d.amount_minor "
            "FROM (SELECT) held LEFT JOIN billing_deposit_demand d ON d.agreement_id = %(agreement)s AND d.ended_at IS NULL "
            "ORDER BY d.due_on, d.id",
            {"agreement": agreement_id},
        )
        rows = cursor.fetchall()
    return SecurityDeposits(rows[0][0], tuple((day, minor) for _, day, minor in rows if day is not None))


def closed_through(agreement_ids: Sequence[int]) -> dict[int, date]:
    """Return the last closed local day of each agreement that has one."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, closed_through FROM billing_close WHERE agreement_id = ANY(%s)",
            [list(agreement_ids)],
        )
        return dict(cursor.fetchall())


def is_charged_before(agreement_id: int, day: date) -> bool:
    """Return whether all days of an agreement before `day` are closed, the last closed one not provisionally.

    Readings that come in after a provisional close are charged on days that may begin before `day`.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT FROM billing_close WHERE agreement_id = %s AND closed_through >= %s AND NOT provisional",
            [agreement_id, day - ONE_DAY],
        )
        return cursor.fetchone() is not None


def charged_agreements(agreement_ids: Sequence[int]) -> list[int]:
    """Return those of these agreements for which the engine has posted an entry or closed a day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM unnest(%s::bigint[]) AS given (id) "
            "WHERE EXISTS (SELECT FROM billing_close c WHERE c.agreement_id = given.id) "
            "OR EXISTS (SELECT FROM books.entry e WHERE e.agreement_id = given.id AND e.origin = 'engine') ORDER BY id",
            [list(agreement_ids)],
        )
        return [agreement_id for (agreement_id,) in cursor.fetchall()]


def charged_after(agreement_ids: Sequence[int], period_start: date) -> set[int]:
    """Return those of these agreements that are charged for a later period than the one that begins on a day."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT DISTINCT agreement_id FROM billing_rated WHERE agreement_id = ANY(%s) AND period_start > %s",
            [list(agreement_ids), period_start],
        )
        return {agreement_id for (agreement_id,) in cursor.fetchall()}


class LinePosted(NamedTuple):
    """What the engine has posted on a line of an agreement's period."""

    charged_minor: int
    seq: int
    """Sequence number of the last entry."""
    through: date
    """The latest day that an entry is of."""


def posted_lines(agreement_ids: Sequence[int], period_start: date) -> dict[int, dict[str, LinePosted]]:
    """Return what the engine has posted for a period, by agreement and line."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT agreement_id, line, -sum(amount_minor), max(seq), max(service_date) FROM books.entry "
            "WHERE origin = 'engine' AND agreement_id = ANY(%s) AND period_start = %s "
            "GROUP BY agreement_id, line ORDER BY max(seq)",
            [list(agreement_ids), period_start],
        )
        posted: dict[int, dict[str, LinePosted]] = {}
        for agreement_id, line, charged_minor, *of_entries in cursor.fetchall():
            posted.setdefault(agreement_id, {})[line] = LinePosted(int(charged_minor), *of_entries)
    return posted


_WHOLE: Final = """
SELECT last.account_id, last.seq, whole.seq, whole.inputs->'calculation' FROM unnest(%s::bigint[], %s::bigint[]) AS g (account_id, seq)
JOIN books.entry last USING (account_id, seq)
JOIN books.entry named ON named.account_id = last.account_id
    AND named.seq = last.seq - coalesce((last.inputs->>'calculated_with')::bigint, 0)
JOIN books.entry whole ON whole.account_id = last.account_id
    AND whole.seq = coalesce((named.inputs->'calculation'->>'like')::bigint, named.seq)
WHERE whole.inputs->'calculation' IS NOT NULL
"""


def whole_calculations(entries: Sequence[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, JsonObject]]:
    """Return the calculation behind each entry that names no earlier one, with the number of the entry that has it.

    Entries are given by account and sequence number. Those of 0.1 have none.
    """
    with connection.cursor() as cursor:
        cursor.execute(_WHOLE, [[account_id for account_id, _ in entries], [seq for _, seq in entries]])
        return {
            (account_id, seq): (whole_seq, parse_json(stored))
            for account_id, seq, whole_seq, stored in cursor.fetchall()
        }


def settled_at_close(agreement_id: int, period_start: date) -> dict[str, int]:
    """Return what the engine has posted at the close of a period, by line, in minor units: parts of the entries' charges."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT line, sum((inputs->>'at_close')::bigint) FROM books.entry WHERE origin = 'engine' "
            "AND agreement_id = %s AND period_start = %s AND inputs->'at_close' IS NOT NULL GROUP BY line",
            [agreement_id, period_start],
        )
        return {line: int(minor) for line, minor in cursor.fetchall()}


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


__all__ = [
    "ArrearsSource",
    "Balance",
    "BankedUnits",
    "Entry",
    "EntryExplanation",
    "FinalShare",
    "Instalment",
    "LinePosted",
    "MeterUse",
    "Read",
    "RechargeShare",
    "Reserve",
    "Row",
    "ShareOfPeriod",
    "StoredUnits",
    "TariffUsed",
    "banked_units",
    "causes_of",
    "charges_so_far",
    "closed_through",
    "contra_and_title",
    "current_period",
    "entries",
    "explain_entry",
    "fresh_balance",
    "posted_lines",
    "read_so_far",
    "settled_at_close",
]


def unsigned_opening_balances(now: datetime) -> UnsignedList:
    """Return the opening balances that wait for their sign-off at `now` (UTC)."""
    return unsigned_list(now)


def opening_balances_csv(listed: UnsignedList) -> str:
    """Return the list as a CSV file, amounts in major units."""
    return csv_of(listed)


_REVIEWS: Final = """
SELECT r.id, r.account_id, r.agreement_id, r.day, r.charge_minor, r.before_minor, r.days, a.currency, r.policy, r.opened_at,
    r.due_at, r.ends_at, r.ended_at, r.outcome, r.note, r.credited_minor, r.undecided
FROM billing.review r JOIN books.account a ON a.id = r.account_id
"""


def running_reviews() -> list[ReviewRow]:
    """Return the reviews that wait for a decision, the first to be due at the front."""
    return _review_rows("WHERE r.ended_at IS NULL ORDER BY r.due_at, r.id", [])


def ended_reviews(limit: int) -> list[ReviewRow]:
    """Return the last reviews that have ended, the newest first."""
    return _review_rows("WHERE r.ended_at IS NOT NULL ORDER BY r.ended_at DESC, r.id DESC LIMIT %s", [limit])


def newest_review(account_id: int) -> ReviewRow | None:
    """Return the newest review of an account; None where there is none."""
    return next(
        iter(_review_rows("WHERE r.account_id = %s ORDER BY r.opened_at DESC LIMIT 1", [account_id])), None
    )


def overdue_reviews(now: datetime) -> int:
    """Return how many reviews are running that were to be decided by now."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM billing_review WHERE ended_at IS NULL AND due_at <= %s", [now])
        (count,) = cursor.fetchone()
    return int(count)


def _review_rows(where: str, values: list[int]) -> list[ReviewRow]:
    with connection.cursor() as cursor:
        cursor.execute(_REVIEWS + where, values)
        return [ReviewRow(*row) for row in cursor.fetchall()]


_REFUSED: Final = """
SELECT r.agreement_id, r.account_id, r.period_start, p.period_end, r.amount_minor, a.currency, r.recorded_at, r.charged_from,
    r.months, r.policy, r.cause
FROM billing.refusal r JOIN books.account a ON a.id = r.account_id
LEFT JOIN billing_rated p ON p.agreement_id = r.agreement_id AND p.period_start = r.period_start
"""


def refused_charges(account_id: int) -> list[RefusedCharge]:
    """Return the refused charges of an account that are in force, the newest first; amounts in minor units."""
    return _refused("WHERE r.account_id = %s ORDER BY r.recorded_at DESC, r.period_start DESC", [account_id])


def newest_refused_charges(limit: int) -> list[RefusedCharge]:
    """Return the newest refused charges that are in force, of all accounts; amounts in minor units."""
    return _refused("ORDER BY r.recorded_at DESC, r.agreement_id, r.period_start DESC LIMIT %s", [limit])


def _refused(where: str, values: list[int]) -> list[RefusedCharge]:
    with connection.cursor() as cursor:
        cursor.execute(_REFUSED + where, values)
        return [RefusedCharge(*row) for row in cursor.fetchall()]


def refused_totals() -> list[tuple[str, int, int]]:
    """Return the currency, number and sum (minor units) of the refused charges that are in force."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT a.currency, count(*), sum(r.amount_minor)::bigint FROM billing.refusal r "
            "JOIN books.account a ON a.id = r.account_id GROUP BY 1 ORDER BY 1"
        )
        return [(currency, count, minor) for currency, count, minor in cursor.fetchall()]
