"""Reads of the society's bank accounts, statements and claims, as values."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

from django.db.models.query import QuerySet

from urja.apps.bank.kinds import PROVIDER, ClaimState
from urja.apps.bank.models import Claim, Entry, Match, SocietyAccount, Statement
from urja.apps.bank.transfers import transfers
from urja.apps.payments import queries as payments
from urja.core.statements import Covered, Gap, gaps

CANDIDATES_WITHIN: Final = timedelta(days=15)
"""Days around a claim's in which a clerk is shown entries of its amount."""


@dataclass(frozen=True, slots=True)
class SocietyAccountRow:
    """A bank account of the society into which consumers may pay."""

    id: int
    name: str
    holder: str
    number: str
    ifsc: str
    """Empty where there is none."""
    vpa: str
    """UPI address; empty where there is none."""
    currency: str


def society_accounts() -> tuple[SocietyAccountRow, ...]:
    """Return the open bank accounts of the society, the oldest first: the first one is what consumers are shown."""
    return tuple(map(_row, SocietyAccount.objects.filter(closed_at=None).order_by("id")))


def _row(found: SocietyAccount) -> SocietyAccountRow:
    return SocietyAccountRow(
        found.pk, found.name, found.holder, found.number, found.ifsc, found.vpa, found.currency
    )


def amount_of_entry(entry_id: int | None) -> int:
    """Return the amount of a statement's entry in minor units, whatever its sign; 0 where there is none."""
    if entry_id is None:
        return 0
    found = Entry.objects.filter(pk=entry_id).values_list("amount_minor", flat=True).first()
    return 0 if found is None else abs(found)


def credited_minor(claim_id: int) -> int:
    """Return what is credited by a claim, in minor units."""
    found = Match.objects.filter(claim_id=claim_id, reversed_at=None)
    return found.values_list("amount_minor", flat=True).first() or 0


@dataclass(frozen=True, slots=True)
class ClaimRow:
    """A claim of a transfer. Its reason is for staff: a consumer who learned it could try references."""

    id: int
    account_id: int
    bank_account_id: int
    utr: str
    amount_minor: int
    paid_on: date
    claimed_at: datetime
    state: str
    """One of `kinds.ClaimState`."""
    reason: str
    note: str
    judged_at: datetime | None


def _claims() -> QuerySet[Claim]:
    return Claim.objects.order_by("-claimed_at", "-id")


def _claim_row(found: Claim) -> ClaimRow:
    return ClaimRow(
        found.id,
        found.account_id,
        found.bank_account_id,
        found.utr,
        found.amount_minor,
        found.paid_on,
        found.claimed_at,
        found.state,
        found.reason,
        found.note,
        found.judged_at,
    )


def claims_of(account_id: int, limit: int = 20) -> list[ClaimRow]:
    """Return the claims of an account, newest first."""
    return [_claim_row(one) for one in _claims().filter(account_id=account_id)[:limit]]


def undecided_claims(account_ids: Iterable[int]) -> int:
    """Return how many claims of these accounts are neither credited nor refused."""
    undecided = [ClaimState.WAITING, ClaimState.CLERK]
    return Claim.objects.filter(account_id__in=list(account_ids), state__in=undecided).count()


def claims_for_clerk(limit: int = 100) -> list[ClaimRow]:
    """Return the claims that a clerk has to decide, oldest first."""
    found = Claim.objects.filter(state=ClaimState.CLERK).order_by("claimed_at", "id")
    return [_claim_row(one) for one in found[:limit]]


def waiting_claims() -> int:
    """Return the number of claims that no statement has yet."""
    return Claim.objects.filter(state=ClaimState.WAITING).count()


def claim(claim_id: int) -> ClaimRow | None:
    """Return a claim by number."""
    found = Claim.objects.filter(id=claim_id).first()
    return None if found is None else _claim_row(found)


@dataclass(frozen=True, slots=True)
class StatementRow:
    """An accepted statement, with balances in minor units."""

    id: int
    account: str
    file_name: str
    sha256: str
    actor: str
    loaded_at: datetime
    from_on: date
    through_on: date
    opening_minor: int
    closing_minor: int
    entries: int
    repeated: int


def statements(limit: int = 30) -> list[StatementRow]:
    """Return accepted statements, the newest days first."""
    rows = Statement.objects.order_by("-through_on", "-id").values_list(
        "id",
        "bank_account__name",
        "file_name",
        "sha256",
        "actor",
        "loaded_at",
        "from_on",
        "through_on",
        "opening_minor",
        "closing_minor",
        "entries",
        "repeated",
    )
    return [StatementRow(*row) for row in rows[:limit]]


def named_columns(account_id: int) -> list[dict[str, str]]:
    """Return the columns that were named by hand for the newest statement of an account that needed it, with headings."""
    found = Statement.objects.filter(bank_account_id=account_id).exclude(headings=[]).order_by("-id")
    return list(found.values_list("headings", flat=True).first() or [])


def missing() -> list[tuple[str, Gap]]:
    """Return where statements are missing: the name of the account, and the days between two that do not connect."""
    found = []
    for number, name in SocietyAccount.objects.order_by("id").values_list("id", "name"):
        rows = Statement.objects.filter(bank_account_id=number).values_list(
            "from_on", "through_on", "opening_minor", "closing_minor"
        )
        found += [(name, gap) for gap in gaps(Covered(*row) for row in rows)]
    return found


@dataclass(frozen=True, slots=True)
class EntryRow:
    """An entry of a statement as pages show it: without references. Its amount is in minor units."""

    id: int
    bank_account_id: int
    booked_on: date
    amount_minor: int
    shown: str
    reversal: bool


_SHOWN: Final = ("id", "bank_account_id", "booked_on", "amount_minor", "shown", "reversal")


def unclaimed(limit: int = 50) -> list[EntryRow]:
    """Return payments to the society's accounts that are credited to no account, newest first."""
    rows = _free().order_by("-booked_on", "-id").values_list(*_SHOWN)
    return [EntryRow(*row) for row in rows[:limit]]


def candidates(about: ClaimRow) -> list[EntryRow]:
    """Return the entries by which a claim may be credited: the one that has its reference, and those of its amount in
    the days around it.
    """
    named = [
        one.detail.get("bank_entry")
        for one in payments.unmatched()
        if one.provider == PROVIDER and one.payment_id == f"claim-{about.id}"
    ]
    near = _free().filter(
        bank_account_id=about.bank_account_id,
        amount_minor=about.amount_minor,
        booked_on__range=(about.paid_on - CANDIDATES_WITHIN, about.paid_on + CANDIDATES_WITHIN),
    )
    found = _free().filter(id__in=[one for one in named if one is not None]) | near
    return [EntryRow(*row) for row in found.order_by("booked_on", "id").values_list(*_SHOWN)[:20]]


def _free() -> QuerySet[Entry]:
    credited = Match.objects.filter(reversed_at=None).values("entry_id")
    return transfers().exclude(id__in=credited)


def credited_entry(claim_id: int) -> EntryRow | None:
    """Return the entry that a claim is credited by."""
    held = Match.objects.filter(claim_id=claim_id, reversed_at=None).values("entry_id")
    row = Entry.objects.filter(id__in=held).values_list(*_SHOWN).first()
    return None if row is None else EntryRow(*row)


def entry_counts() -> tuple[int, int]:
    """Return the number of entries, and of those that are credited to an account."""
    return Entry.objects.count(), Match.objects.filter(reversed_at=None).count()
