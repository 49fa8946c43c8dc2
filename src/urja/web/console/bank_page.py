"""What the pages of the society's bank account show: statements, unclaimed payments, and claims to decide."""

from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy as _

from urja.apps.bank import queries as bank, requests as uploads
from urja.apps.bank.kinds import ClaimState
from urja.apps.bank.queries import ClaimRow, EntryRow, SocietyAccountRow
from urja.apps.contracts import queries as contracts
from urja.apps.identity.queries.access import Caller
from urja.apps.identity.queries.roles import write_scope
from urja.apps.journal import requests
from urja.apps.journal.queries import Requested
from urja.apps.maintenance.queries import consumer_account
from urja.apps.overviews.queries import service_points
from urja.core.statements import FirstRows, StatementError, first_rows_unknown
from urja.usecases.kinds import Operation
from urja.usecases.kinds.bank import DecideClaim, LoadStatement, ReverseClaim
from urja.web.console import wording
from urja.web.console.fields import FieldError, fields_of, parse
from urja.web.console.operation_page import allowed_operation
from urja.web.console.time_formats import moment_of
from urja.web.shared import formats

STATES: Final[dict[str, Promise]] = {
    ClaimState.WAITING: _("waiting for a statement"),
    ClaimState.CLERK: _("waiting for a decision"),
    ClaimState.REFUSED: _("refused"),
    ClaimState.CREDITED: _("credited"),
    ClaimState.REVERSED: _("credited and taken back"),
}


@dataclass(frozen=True, slots=True)
class StatementView:
    days: str
    account: str
    opening: str
    closing: str
    entries: int
    repeated: int
    file_name: str
    sha256: str
    loaded: str


@dataclass(frozen=True, slots=True)
class EntryView:
    id: int
    day: str
    amount: str
    text: str


@dataclass(frozen=True, slots=True)
class ClaimView:
    id: int
    href: str
    consumer: str
    amount: str
    day: str
    utr: str
    reason: str
    claimed: str


@dataclass(frozen=True, slots=True)
class GapView:
    account: str
    after: str
    before: str
    difference: str


@dataclass(frozen=True, slots=True)
class BankPage:
    accounts: tuple[SocietyAccountRow, ...]
    statements: list[StatementView]
    gaps: list[GapView]
    claims: list[ClaimView]
    waiting_claims: int
    unclaimed: list[EntryView]
    entries: int
    credited: int
    may_load: bool
    opening: str
    """What was typed as the opening balance of the file to load."""
    waiting: bool
    faults: list[str]


def bank_page(
    caller: Caller, now: datetime, *, opening: str = "", waiting: bool = False, faults: Iterable[str] = ()
) -> BankPage:
    """Return the page of statements and claims as of `now`."""
    entries, credited = bank.entry_counts()
    claims = bank.claims_for_clerk()
    numbers = _numbers([one.account_id for one in claims], now)
    return BankPage(
        accounts=bank.society_accounts(),
        statements=[_statement(one, now) for one in bank.statements()],
        gaps=[
            GapView(
                account,
                formats.day(gap.after_on),
                formats.day(gap.before_on),
                formats.money(gap.difference_minor, signed=True),
            )
            for account, gap in bank.missing()
        ],
        claims=[_claim(one, numbers, now) for one in claims],
        waiting_claims=bank.waiting_claims(),
        unclaimed=[entry_view(one) for one in bank.unclaimed()],
        entries=entries,
        credited=credited,
        may_load=may(caller, LoadStatement),
        opening=opening,
        waiting=waiting,
        faults=[wording.sentence(fault) for fault in faults],
    )


def may(caller: Caller, operation: type[Operation]) -> bool:
    """Return whether a caller may request an operation somewhere."""
    return caller.area(write_scope(operation.kind())) is not None


def _numbers(account_ids: list[int], now: datetime) -> dict[int, str]:
    """Return the consumer number of each account's last agreement, and what it is for where that is maintenance."""
    consumers = {account_id: consumer_account(account_id) for account_id in account_ids}
    found = {
        one.account_id: service_points.consumer_number(one.service_point_id)
        for one in contracts.last_begun(consumers.values(), now)
    }
    return {
        account_id: found[consumer]
        if consumer == account_id
        else gettext("%(number)s for maintenance") % {"number": found[consumer]}
        for account_id, consumer in consumers.items()
        if consumer in found
    }


def _statement(one: bank.StatementRow, now: datetime) -> StatementView:
    return StatementView(
        gettext("%(first)s to %(last)s")
        % {"first": formats.day(one.from_on), "last": formats.day(one.through_on)},
        one.account,
        formats.money(one.opening_minor),
        formats.money(one.closing_minor),
        one.entries,
        one.repeated,
        one.file_name,
        one.sha256,
        moment_of(one.loaded_at, now),
    )


def entry_view(one: EntryRow) -> EntryView:
    """Return an entry in words, without references."""
    return EntryView(one.id, formats.day(one.booked_on), formats.money(one.amount_minor), one.shown)


def _claim(one: ClaimRow, numbers: Mapping[int, str], now: datetime) -> ClaimView:
    return ClaimView(
        one.id,
        address_of(one.id),
        numbers.get(one.account_id, str(one.account_id)),
        formats.money(one.amount_minor),
        formats.day(one.paid_on),
        one.utr,
        wording.words_for(wording.UNMATCHED.get(one.reason), one.reason),
        moment_of(one.claimed_at, now),
    )


@dataclass(frozen=True, slots=True)
class ClaimPage:
    claim: ClaimView
    state: str
    note: str
    candidates: list[EntryView]
    credited_by: EntryView | None
    may_decide: bool
    may_reverse: bool
    may_refuse: bool
    waiting: bool
    reason: str
    faults: list[str]


def claim_page(
    found: ClaimRow,
    caller: Caller,
    now: datetime,
    *,
    reason: str = "",
    waiting: bool = False,
    faults: Iterable[str] = (),
) -> ClaimPage:
    """Return one claim with the entries by which it may be credited."""
    credited_by = bank.credited_entry(found.id)
    decided = found.state in {ClaimState.CLERK, ClaimState.REFUSED, ClaimState.REVERSED}
    return ClaimPage(
        claim=_claim(found, _numbers([found.account_id], now), now),
        state=wording.words_for(STATES.get(found.state), found.state),
        note=found.note,
        candidates=[entry_view(one) for one in bank.candidates(found)] if decided else [],
        credited_by=None if credited_by is None else entry_view(credited_by),
        may_decide=decided and may(caller, DecideClaim),
        may_reverse=credited_by is not None and may(caller, ReverseClaim),
        may_refuse=found.state == ClaimState.CLERK,
        waiting=waiting,
        reason=reason,
        faults=[wording.sentence(fault) for fault in faults],
    )


_OPENING: Final = next(field for field in fields_of(LoadStatement) if field.name == "opening_minor")
COLUMNS: Final[dict[str, Promise]] = {
    "date": _("Date"),
    "narration": _("Narration"),
    "reference": _("Reference (UTR, cheque number)"),
    "debit": _("Debit: money out"),
    "credit": _("Credit: money in"),
    "amount": _("Amount with its sign"),
    "balance": _("Balance after the entry"),
}


LARGEST_CARRIED: Final = 1_500_000
"""Bytes of a file that the form of its columns carries; the web server takes 2.5 MB of a form."""


@dataclass(frozen=True, slots=True)
class ColumnView:
    name: str
    label: str
    chosen: str


@dataclass(frozen=True, slots=True)
class ColumnsView:
    """The first rows of a file, and which heading each column has."""

    first: FirstRows
    columns: list[ColumnView]
    carried: str
    """The file in base64; empty where it is too large for a form."""
    wrong: bool
    """Whether columns were named, and not so that the file can be read."""


def named_columns(
    account: SocietyAccountRow, body: bytes, form: Mapping[str, str]
) -> list[dict[str, str]] | ColumnsView:
    """Return the columns of a file that are named by hand: by the form, else as for the account's last such statement.

    Where its headings stay unknown, return what asks for them.
    """
    asked = "carried" in form
    typed = [
        {"column": name, "heading": form[f"column-{name}"]} for name in COLUMNS if form.get(f"column-{name}")
    ]
    for named in [typed] if asked else [bank.named_columns(account.id), []]:
        try:
            first = first_rows_unknown(body, [(one["column"], one["heading"]) for one in named])
        except StatementError:
            continue
        if first is None:
            return named
    try:
        first = first_rows_unknown(body)
    except StatementError:
        first = None
    if first is None:
        # Its refusal names the line.
        return typed
    chosen = {one["column"]: one["heading"] for one in typed}
    return ColumnsView(
        first,
        [ColumnView(name, str(label), chosen.get(name, "")) for name, label in COLUMNS.items()],
        b64encode(body).decode() if len(body) <= LARGEST_CARRIED else "",
        asked,
    )


def request_load(
    account: SocietyAccountRow,
    file_name: str,
    body: bytes,
    headings: list[dict[str, str]],
    opening: str,
    caller: Caller,
    now: datetime,
) -> Requested | list[str]:
    """Store an uploaded file and submit the request to load it; return the reasons if it is refused.

    `headings` are columns named by hand, and `opening` is the typed opening balance, or empty. Raises BankError where the file is not stored.
    """
    assert caller.user_id is not None, "a page has a person"
    try:
        opening_minor = parse(_OPENING, opening)
    except FieldError as error:
        return [gettext("Opening balance: %(why)s") % {"why": error}]
    stored = uploads.upload(account.id, file_name, body, user_id=caller.user_id, now=now)
    content = {
        "upload_id": stored.id,
        "sha256": stored.sha256,
        "bank_account": account.name,
        "account_number": account.number,
        "opening_minor": opening_minor,
        "headings": headings,
    }
    asked = allowed_operation(LoadStatement, content, caller, now)
    if not isinstance(asked, Operation):
        return asked
    return requests.submit(asked, actor=caller.actor, requested_at=now)


def request_decision(
    found: ClaimRow, form: Mapping[str, str], caller: Caller, now: datetime
) -> Requested | list[str]:
    """Submit a decision about a claim, or the reversal of its credit; return the reasons if it is refused."""
    reason = form.get("reason", "")
    if "reverse" in form:
        asked = allowed_operation(ReverseClaim, {"claim_id": found.id, "reason": reason}, caller, now)
    else:
        entry = form.get("entry", "")
        number = int(entry) if entry.isascii() and entry.isdecimal() and len(entry) <= 18 else None
        content = {
            "claim_id": found.id,
            "decision": "refuse" if "refuse" in form else "credit",
            "bank_entry_id": None if "refuse" in form else number,
            "reason": reason,
        }
        asked = allowed_operation(DecideClaim, content, caller, now)
    if not isinstance(asked, Operation):
        return asked
    return requests.submit(asked, actor=caller.actor, requested_at=now)


def address_of(claim_id: int) -> str:
    """Return the address of a claim."""
    return reverse("console:bank-claim", args=[claim_id])
