"""Storing of an accepted statement, and of each of its entries once."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from urja.apps.bank.models import Entry, Match, SocietyAccount, Statement, Upload
from urja.apps.payments import queries as payments
from urja.core.statements import (
    BankStatement,
    Covered,
    StatementError,
    adjoins,
    new_entries,
    parse,
    without_references,
)
from urja.core.statements.statement import EntryKey

_STATEMENTS: Final = 0x75726A62
"""First key of the advisory lock under which entries and credits of bank accounts are written."""


def lock() -> None:
    """Serialise statements and credits of all bank accounts until the transaction ends.

    Two files at once would each find the other's entries missing. One lock for all accounts: a file is accepted once
    over all of them, and rival claims of a transfer may name different ones.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s, 0)", [_STATEMENTS])


@dataclass(frozen=True, slots=True)
class Prepared:
    """An uploaded file as it was read: a statement with the entries that are new, or why it is refused."""

    upload: Upload
    statement: BankStatement | None
    new: tuple[tuple[Any, int], ...] = ()
    fault: str = ""
    first: bool = False
    """Whether no statement of the account is stored."""
    adjoins: bool = False
    """Whether it begins with a balance of a stored statement of the account."""

    @property
    def unproven_opening(self) -> bool:
        """Whether neither the file nor an earlier statement says with which balance it begins."""
        return self.statement is not None and not (self.statement.opening_stated or self.adjoins)

    @property
    def after_a_gap(self) -> bool:
        """Whether statements of the account are stored, and none has the balance with which this one begins."""
        return self.statement is not None and not (self.first or self.adjoins)

    def credited_minor(self) -> int:
        """Return what its new entries may credit to accounts without a further decision, in minor units.

        These are payments with a reference. One without is credited by a decision of a clerk, which counts itself, and
        the payout of a gateway is credited to no account.
        """
        paid = [
            entry for entry, _nth in self.new if entry.amount_minor > 0 and entry.utr and not entry.reversal
        ]
        payouts = payments.payout_references(entry.utr for entry in paid)
        return sum(entry.amount_minor for entry in paid if entry.utr not in payouts)

    def taken_back(self) -> dict[int, int]:
        """Return what its new entries take back of credited transfers, by account, in minor units."""
        returned = {(entry.utr, -entry.amount_minor) for entry, _nth in self.new if entry.amount_minor < 0}
        credited = Match.objects.filter(
            entry__bank_account=self.upload.bank_account,
            entry__utr__in={utr for utr, _minor in returned if utr},
            reversed_at=None,
        )
        found: Counter[int] = Counter()
        for account_id, utr, minor in credited.values_list("account_id", "entry__utr", "amount_minor"):
            if (utr, minor) in returned:
                found[account_id] += minor
        return found


def uploads(upload_ids: list[int]) -> dict[int, Upload]:
    """Return uploaded files by number."""
    return {one.id: one for one in Upload.objects.filter(id__in=upload_ids).select_related("bank_account")}


def prepare(upload: Upload, named: Iterable[tuple[str, str]]) -> Prepared:
    """Read an uploaded file, with columns named by hand, and compare it with the statements of its account, whose lock is
    held.
    """
    try:
        statement = parse(bytes(upload.body), named)
        _of_account(statement, upload.bank_account)
        known = [
            Covered(*row)
            for row in Statement.objects.filter(bank_account=upload.bank_account).values_list(
                "from_on", "through_on", "opening_minor", "closing_minor"
            )
        ]
        new = new_entries(statement, known, _stored(upload.bank_account_id, statement, known))
    except StatementError as error:
        return Prepared(upload, None, fault=str(error))
    return Prepared(upload, statement, tuple(new), first=not known, adjoins=adjoins(statement, known))


def _of_account(statement: BankStatement, account: SocietyAccount) -> None:
    """Refuse a statement of another account; some banks write only the last digits, after X or *."""
    said = statement.account.upper().replace(" ", "").partition("/")[2] or statement.account.upper().replace(
        " ", ""
    )
    visible = said.lstrip("X*").lstrip("0")
    if visible and not account.number.endswith(visible):
        raise StatementError(f"it is a statement of account {statement.account}, not of {account.number}")
    if statement.currency and statement.currency != account.currency:
        raise StatementError(
            f"it is in {statement.currency}, the account {account.name} is in {account.currency}"
        )


def _stored(bank_account_id: int, statement: BankStatement, known: list[Covered]) -> dict[EntryKey, int]:
    """Return how many entries of each key are stored, from the first day whose balance a comparison may begin at."""
    overlapping = [one for one in known if one.through_on >= statement.from_on]
    since = min([statement.from_on, *(one.from_on for one in overlapping)])
    rows = Entry.objects.filter(bank_account_id=bank_account_id, booked_on__gte=since).values_list(
        "booked_on", "amount_minor", "reference_sha256"
    )
    return Counter((on, minor, bytes(reference)) for on, minor, reference in rows)


def store(
    prepared: Prepared,
    *,
    sha256: str,
    headings: list[dict[str, str]],
    approval_id: int | None,
    operation_id: int,
    actor: str,
    now: datetime,
) -> Statement:
    """Store a statement with the entries that no earlier one had, and delete the upload."""
    found, upload = prepared.statement, prepared.upload
    assert found is not None, "a fault was refused before"
    statement = Statement.objects.create(
        bank_account=upload.bank_account,
        file_name=upload.file_name,
        body=bytes(upload.body),
        sha256=sha256,
        headings=headings,
        format=found.format,
        approval_id=approval_id,
        operation_id=operation_id,
        actor=actor,
        loaded_at=now,
        from_on=found.from_on,
        through_on=found.through_on,
        opening_minor=found.opening_minor,
        closing_minor=found.closing_minor,
        entries=len(found.entries),
        repeated=len(found.entries) - len(prepared.new),
    )
    Entry.objects.bulk_create(
        [
            Entry(
                bank_account=upload.bank_account,
                statement=statement,
                booked_on=entry.booked_on,
                value_on=entry.value_on,
                amount_minor=entry.amount_minor,
                utr=entry.utr,
                narration=entry.narration,
                shown=without_references(entry.narration),
                reversal=entry.reversal,
                reference_sha256=entry.reference_sha256,
                nth=nth,
            )
            for entry, nth in prepared.new
        ],
        batch_size=1_000,
    )
    upload.delete()
    return statement
