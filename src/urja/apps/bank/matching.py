"""Claims and entries of statements: what is credited by rule, what a clerk decides, and what the bank takes back.

A claim is credited where reference, amount and day stand on an entry that is a credit, and no other account claims it.
What a person learns of a claim that is not credited is the same whether the reference exists or not, and comes at
the same time: once the statements cover the days of the transfer.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final

import structlog
from django.db import transaction
from django.db.models import Max, Q
from django.db.models.query import QuerySet

from urja.apps.bank.claiming import OLDEST
from urja.apps.bank.kinds import PROVIDER, ClaimState
from urja.apps.bank.loading import lock
from urja.apps.bank.models import Claim, Entry, Match, SocietyAccount, Statement, Upload
from urja.apps.bank.transfers import is_explained
from urja.apps.books import operations as books
from urja.apps.books.queries import payment_kind
from urja.apps.contracts import queries as contracts
from urja.apps.counter.kinds import Instrument
from urja.apps.counter.operations import issue_receipt, return_receipt
from urja.apps.local_zone import local_zone
from urja.apps.maintenance.queries import consumer_account
from urja.apps.network import queries as network
from urja.apps.payments import differences
from urja.core.calendar import ONE_DAY, local_day

log = structlog.get_logger()

REVERSAL: Final = "reversal"

BOOKED_BEFORE: Final = timedelta(days=2)
"""The bank may book a transfer on an earlier day than the person says."""
BOOKED_AFTER: Final = timedelta(days=5)
"""The bank may book it later: over a weekend and a holiday."""
UPLOADS_KEPT: Final = timedelta(days=35)
"""An approval may wait for 31 days."""
GUESSES: Final = 3
"""Claims of an account that no entry had, within `GUESSES_WITHIN`, after which a clerk decides each further one."""
GUESSES_WITHIN: Final = timedelta(days=30)
AT_ONCE: Final = 500
CHEQUE_ZEROS: Final = "00000"

COMPETING: Final = "bank_competing"
OTHER_AMOUNT: Final = "bank_other_amount"
OTHER_DAY: Final = "bank_other_day"
NOT_FOUND: Final = "bank_not_found"
TAKEN_BACK: Final = "bank_taken_back"
GUESSING: Final = "bank_many_not_found"
REASONS: Final = (COMPETING, OTHER_AMOUNT, OTHER_DAY, NOT_FOUND, TAKEN_BACK, GUESSING)


@dataclass(frozen=True, slots=True)
class Matched:
    """How many claims were credited, given to a clerk, and taken back by the bank."""

    credited: int = 0
    to_clerk: int = 0
    taken_back: int = 0


def run(now: datetime) -> Matched:
    """Judge claims that are open and entries that take money back; `now` is business time in UTC."""
    credited = to_clerk = taken_back = 0
    for account_id in SocietyAccount.objects.order_by("id").values_list("id", flat=True):
        with transaction.atomic():
            lock()
            # Times of claims are the web's: a stolen one would date its guesses back.
            Claim.objects.filter(bank_account_id=account_id, received_at=None).update(received_at=now)
            taken_back += _take_back(account_id, now)
            for claim in _waiting(account_id):
                state = _judge(claim, now)
                credited += state == ClaimState.CREDITED
                to_clerk += state == ClaimState.CLERK
    # Times of uploads are the web's: files that are dated ahead would keep their places for ever.
    out_of_time = Q(uploaded_at__lt=now - UPLOADS_KEPT) | Q(uploaded_at__gt=now + ONE_DAY)
    Upload.objects.filter(out_of_time).delete()
    return Matched(credited, to_clerk, taken_back)


def _waiting(account_id: int) -> Iterable[Claim]:
    """Return claims that wait and are due: an entry has their reference, or statements cover their days."""
    through = _covered_through(account_id)
    if through is None:
        return []
    found = Claim.objects.filter(bank_account_id=account_id, state=ClaimState.WAITING)
    has_entry = Entry.objects.filter(bank_account_id=account_id, utr__in=found.values("utr")).values("utr")
    due = found.filter(utr__in=has_entry) | found.filter(paid_on__lte=through - BOOKED_AFTER)
    return due.order_by("received_at", "id")[:AT_ONCE]


def _covered_through(account_id: int) -> date | None:
    newest: date | None = Statement.objects.filter(bank_account_id=account_id).aggregate(
        through=Max("through_on")
    )["through"]
    return newest


def _judge(claim: Claim, now: datetime) -> str:
    """Credit a claim, give it to a clerk, or leave it waiting; return its state."""
    claim = Claim.objects.get(id=claim.id)
    if claim.state != ClaimState.WAITING:
        return ClaimState.WAITING
    entry, reason = _entry_for(claim, now)
    if reason == COMPETING:
        # All who claim it hear the same: none of them is believed before the others.
        for one in _rivals(claim).filter(state=ClaimState.WAITING):
            _to_clerk(one, COMPETING, entry, now)
        _to_clerk(claim, COMPETING, entry, now)
        return ClaimState.CLERK
    if not reason and entry is not None:
        credit(claim, entry, now=now)
        return ClaimState.CREDITED
    through = _covered_through(claim.bank_account_id)
    if through is None or through < claim.paid_on + BOOKED_AFTER:
        return ClaimState.WAITING
    _to_clerk(claim, reason, entry, now)
    return ClaimState.CLERK


def _entry_for(claim: Claim, now: datetime) -> tuple[Entry | None, str]:
    """Return the entry that a claim speaks of, and why it is not credited by it ("" where it is)."""
    entries = list(
        Entry.objects.filter(
            bank_account_id=claim.bank_account_id, utr=claim.utr, amount_minor__gt=0, reversal=False
        )
        # Older versions took a cheque number filled with zeros for a reference.
        .exclude(utr__startswith=CHEQUE_ZEROS)
        .order_by("id")
    )
    # A payout or a cheque is not found: the web's role reads reasons, and would learn that it is on the statement.
    entries = [one for one in entries if not is_explained(one.pk)]
    if not entries:
        return None, NOT_FOUND
    of_amount = [one for one in entries if one.amount_minor == claim.amount_minor and of_currency(claim)]
    if not of_amount:
        return entries[0], OTHER_AMOUNT
    if not _day_is_plausible(claim, now):
        return of_amount[0], OTHER_DAY
    in_time = [
        one
        for one in of_amount
        if claim.paid_on - BOOKED_BEFORE <= one.booked_on <= claim.paid_on + BOOKED_AFTER
    ]
    if not in_time:
        return of_amount[0], OTHER_DAY
    entry = in_time[0]
    rivals = _rivals(claim).exclude(state=ClaimState.REFUSED)
    if len(in_time) > 1 or rivals.exists() or open_matches(entry.pk).exists():
        return entry, COMPETING
    if _returns_of(entry).exists():
        return entry, TAKEN_BACK
    if _guesses(claim, now) >= GUESSES:
        return entry, GUESSING
    return entry, ""


def _day_is_plausible(claim: Claim, now: datetime) -> bool:
    """Return whether a claim's day was not in the future, and is at most 90 days old.

    The web checks it as well, but rows of claims can be written past its code.
    """
    zone = local_zone()
    claimed_on, today = local_day(claim.received_at or now, zone), local_day(now, zone)
    return bool(today - OLDEST <= claim.paid_on <= claimed_on)


def of_currency(claim: Claim) -> bool:
    """Return whether a claim's account is in the currency of the bank account."""
    return bool(claim.account.currency == claim.bank_account.currency)


def _rivals(claim: Claim) -> QuerySet[Claim]:
    """Return claims of the same transfer by other accounts, whichever bank account they name."""
    return Claim.objects.filter(utr=claim.utr).exclude(account_id=claim.account_id)


def open_matches(entry_id: int) -> QuerySet[Match]:
    """Return the credit of an entry that was not taken back."""
    return Match.objects.filter(entry_id=entry_id, reversed_at=None)


def _returns_of(entry: Entry) -> QuerySet[Entry]:
    """Return entries with the reference of this one by which money went out: it was taken back, or is itself the
    return of a payment of the society.
    """
    return Entry.objects.filter(
        bank_account_id=entry.bank_account_id, utr=entry.utr, amount_minor__lt=0
    ).exclude(utr="")


def _guesses(claim: Claim, now: datetime) -> int:
    """Return how many other claims of the account no entry had."""
    return Claim.objects.filter(
        account_id=claim.account_id, reason=NOT_FOUND, received_at__gt=now - GUESSES_WITHIN
    ).count()


def _to_clerk(claim: Claim, reason: str, entry: Entry | None, now: datetime) -> None:
    Claim.objects.filter(id=claim.id).update(state=ClaimState.CLERK, reason=reason, judged_at=now)
    detail: dict[str, object] = {
        "claim": claim.id,
        "account": claim.account_id,
        "paid_on": str(claim.paid_on),
    }
    if entry is not None:
        detail |= {"bank_entry": entry.pk, "entry_amount_minor": entry.amount_minor}
    differences.open_difference(
        PROVIDER, difference_key(claim.id), claim.amount_minor, reason, detail=detail, at=now
    )
    log.info("claim of a transfer left to a clerk", claim=claim.id, account=claim.account_id, reason=reason)


def difference_key(claim_id: int) -> str:
    """Return the name of a claim in the list of payment differences."""
    return f"claim-{claim_id}"


def credit(claim: Claim, entry: Entry, *, now: datetime, operation_id: int | None = None) -> Match:
    """Request the credit of an entry to a claim's account, once; the account's lock is held.

    The key is `bank:<entry>`; after a credit that was taken back a number follows.
    """
    earlier = Match.objects.filter(entry=entry).count()
    request = books.request_credit(
        account_id=claim.account_id,
        amount_minor=entry.amount_minor,
        kind=payment_kind(claim.account_id),
        idempotency_key=f"bank:{entry.pk}" + (f":{earlier}" if earlier else ""),
        requested_at=now,
        reference=claim.utr,
    )
    match = Match.objects.create(
        entry=entry,
        claim=claim,
        account_id=claim.account_id,
        amount_minor=entry.amount_minor,
        credit=request,
        matched_at=now,
        operation_id=operation_id,
    )
    issue_receipt(
        account_id=claim.account_id,
        consumer_number=_consumer_number(claim.account_id, now),
        instrument=Instrument.TRANSFER,
        amount_minor=entry.amount_minor,
        source=request.idempotency_key,
        recorded_at=now,
        actor=claim.actor,
        operation_id=operation_id,
    )
    Claim.objects.filter(id=claim.id).update(state=ClaimState.CREDITED, reason="", judged_at=now)
    log.info("transfer credited", claim=claim.id, account=claim.account_id, entry=entry.pk)
    return match


def _consumer_number(account_id: int, now: datetime) -> str:
    """Return the supply that an account is for; empty where it has no agreement yet."""
    agreement = contracts.agreement_at(consumer_account(account_id), now)
    return (
        network.consumer_numbers([agreement.service_point_id])[agreement.service_point_id]
        if agreement
        else ""
    )


def take_back(
    match: Match, *, now: datetime, by_entry: Entry | None = None, operation_id: int | None = None
) -> None:
    """Request the debit of what was credited by an entry, once; the account's lock is held."""
    debit = books.request_debit(
        account_id=match.account_id,
        amount_minor=match.amount_minor,
        kind=REVERSAL,
        reverses=payment_kind(match.account_id),
        idempotency_key=f"bank:match-{match.pk}",
        requested_at=now,
        reference=match.claim.utr,
        credit_id=match.credit_id,
    )
    Match.objects.filter(pk=match.pk).update(
        reversed_at=now, debit=debit, reversed_by=by_entry, reversal_operation_id=operation_id
    )
    return_receipt(match.credit.idempotency_key, match.claim.utr, now)
    Claim.objects.filter(id=match.claim_id).update(state=ClaimState.REVERSED, judged_at=now)
    log.info("credit of a transfer taken back", claim=match.claim_id, account=match.account_id)


def _take_back(account_id: int, now: datetime) -> int:
    """Debit what was credited by entries that a later entry reverses: the same reference, the opposite amount."""
    done = 0
    standing = Match.objects.filter(entry__bank_account_id=account_id, reversed_at=None)
    used = Match.objects.exclude(reversed_by=None).values("reversed_by_id")
    reversing = Entry.objects.filter(bank_account_id=account_id, amount_minor__lt=0).exclude(utr="")
    for entry in reversing.exclude(id__in=used).filter(utr__in=standing.values("entry__utr")).order_by("id"):
        match = (
            standing.filter(
                entry__utr=entry.utr, amount_minor=-entry.amount_minor, entry__booked_on__lte=entry.booked_on
            )
            .select_related("claim")
            .order_by("id")
            .first()
        )
        if match is not None:
            take_back(match, now=now, by_entry=entry)
            done += 1
    return done
