"""What an operation does that thresholds apply to: money moved by hand, supplies disconnected, protection ended.

A field of the operation says so where one does; the effect of reads, ratios and terms for past days is found by a dry
run of the operation, the same as the console shows.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Final

from django.db import transaction
from django.db.models import Q, QuerySet, Sum

from urja.apps.bank import cheques, loading, queries as bank
from urja.apps.billing import arrears as dues, reviews
from urja.apps.billing.balances import DAYS_OF_COST, fresh_balances
from urja.apps.billing.queries import is_unratable
from urja.apps.books import queries as books
from urja.apps.books.models import CreditRequest, DebitRequest
from urja.apps.contracts import queries as contracts
from urja.apps.contracts.kinds import PaymentMode
from urja.apps.contracts.models import Agreement
from urja.apps.counter import queries as counter
from urja.apps.journal.errors import RefusedError
from urja.apps.journal.models import AuditEntry
from urja.apps.network.queries import consumer_numbers
from urja.apps.payments import differences
from urja.apps.people.models import Protection
from urja.core.approvals import Ground, OperationMeasure
from urja.core.arrears import total_owed
from urja.core.policy import Standing
from urja.usecases import deposits
from urja.usecases.deposits import Held
from urja.usecases.dry_run import Effects, dry_run_effects
from urja.usecases.kinds.decoding import decode
from urja.usecases.operation_execution import execute
from urja.usecases.operations import (
    BY_KIND,
    AdjustBalance,
    AgreeInstalments,
    CancelReceipt,
    ChangeCategory,
    ChangeLoad,
    ChangeModes,
    ChangePolicy,
    ChangeRatio,
    ClearCheque,
    CloseDifference,
    ConvertToPostpaid,
    ConvertToPrepaid,
    CorrectLastRead,
    DecideClaim,
    DecideReview,
    DisconnectPermanently,
    DisconnectTemporarily,
    EditInterval,
    EndInstalments,
    EndProtection,
    ExchangeMeter,
    LoadStatement,
    MoveIn,
    MoveOut,
    OpenDrawer,
    PostMaintenance,
    Protect,
    RecordSubsidyPayment,
    RefundCredit,
    RemoveMeter,
    ResetDemands,
    ReturnCheque,
    ReverseClaim,
    SetCalendars,
    SetClocks,
    ShowText,
    SignOffOpeningBalances,
    SwapMeters,
    TestRelays,
    TransferOwnership,
    Undo,
    UseCase,
    WaiveCharges,
    WriteOff,
)

REPRICING: Final = (
    ChangeCategory,
    ChangeLoad,
    ChangePolicy,
    ChangeRatio,
    ConvertToPostpaid,
    ConvertToPrepaid,
    CorrectLastRead,
    DisconnectPermanently,
    EditInterval,
    ExchangeMeter,
    MoveOut,
    RemoveMeter,
    SwapMeters,
    TransferOwnership,
    Undo,
)
"""Operations that may change the charges of past days, or the decision about a supply: they are measured by a dry
run.
"""


_CUT: Final = (Standing.TO_BE_CUT, Standing.CUT)


def measure(operation: UseCase, *, actor: str, now: datetime) -> OperationMeasure:
    """Return what an operation would do. Raises RefusedError where it would be refused."""
    if isinstance(operation, REPRICING):
        return measure_dry_run(operation, dry_run_effects(operation, recorded_at=now, actor=actor), now)
    return _measured(operation, now, 0, 0)


def measure_dry_run(operation: UseCase, moved: Effects, now: datetime) -> OperationMeasure:
    """Return what an operation would do, from the effects of its dry run."""
    if not isinstance(operation, REPRICING):
        return _measured(operation, now, 0, 0)
    by_account: dict[int, int] = {}
    for posting in moved.postings:
        by_account[posting.account_id] = by_account.get(posting.account_id, 0) + posting.amount_minor
    disconnected = [
        one for one in moved.decisions if one.after.standing in _CUT and one.before.standing not in _CUT
    ]
    return _measured(operation, now, sum(map(abs, by_account.values())), len(disconnected))


def _measured(operation: UseCase, now: datetime, posted_minor: int, disconnections: int) -> OperationMeasure:
    if isinstance(operation, ClearCheque | DecideClaim | LoadStatement | ReverseClaim):
        # Before the lock of the sums, which follows, as each of them takes both.
        loading.lock()
    if isinstance(operation, LoadStatement):
        return _of_statement(operation, now)
    if isinstance(operation, ChangeModes):
        return _of_mode_change(operation, now)
    return OperationMeasure(
        _kind(operation),
        _money(operation, now) + posted_minor,
        len(_disconnected(operation, now)) + disconnections,
        _protected(operation, now),
        _told(operation, now),
        _unproven(operation),
    )


def _unproven(operation: UseCase) -> Ground | None:
    """Return why a second person has to look at what an operation rests on, or None."""
    if isinstance(operation, ClearCheque) and cheques.is_unproven(operation.receipt_id):
        return Ground.CHEQUE_UNPROVEN
    return None


def _of_statement(operation: LoadStatement, now: datetime) -> OperationMeasure:
    """Return what a statement credits to accounts and takes back from them, by its entries that are not stored yet."""
    upload = loading.uploads([operation.upload_id]).get(operation.upload_id)
    if upload is None:
        return OperationMeasure(operation.kind())
    prepared = loading.prepare(upload, [one.pair for one in operation.headings])
    taken_back = prepared.taken_back()
    disconnected = _left_short(taken_back, now)
    return OperationMeasure(
        operation.kind(),
        prepared.credited_minor() + sum(taken_back.values()),
        len(disconnected),
        _protected_among(disconnected, now),
        unproven=Ground.STATEMENT_GAP if prepared.after_a_gap else None,
    )


def _of_mode_change(operation: ChangeModes, now: datetime) -> OperationMeasure:
    """Return what an order moves, and the supplies whose balance decides about them from then on: each one counts."""
    rows = [row for row in operation.targets(now) if row.figures is not None]
    numbers = [row.named for row in rows]
    disconnected = numbers if operation.manner.payment_mode == PaymentMode.PREPAID else []
    return OperationMeasure(
        operation.kind(),
        sum(row.figures.moved_minor for row in rows if row.figures is not None),
        len(disconnected),
        _protected_among(disconnected, now),
        len(numbers),
    )


def _kind(operation: UseCase) -> str:
    """Return the kind by which an operation needs passkeys: an undo of dues needs those of the dues."""
    undone = _undone(operation) if isinstance(operation, Undo) else None
    return undone.kind() if isinstance(undone, PostMaintenance) else operation.kind()


def _money(operation: UseCase, now: datetime) -> int:
    """Return the minor units that an operation moves, by its fields and by the account that it settles."""
    match operation:
        case MoveIn():
            return operation.credit_minor + operation.deposit_minor
        case TransferOwnership():
            given = operation.credit_minor + operation.deposit_minor
            return given + _left(operation.consumer_number)
        case MoveOut() | DisconnectPermanently():
            return _left(operation.consumer_number)
        case ConvertToPrepaid():
            deposit_minor = _deposits(operation.consumer_number).used(operation.deposit)
            return operation.credit_minor + _billed(operation) + deposit_minor
        case ConvertToPostpaid():
            return operation.deposit_minor + operation.deposit_due_minor + _billed(operation)
        case SignOffOpeningBalances():
            return operation.credit_minor + operation.deposit_minor + operation.dues_minor
        case AgreeInstalments() | EndInstalments():
            return _owed(operation.consumer_number)
        case CloseDifference():
            difference = differences.lock(operation.difference_id)
            return 0 if difference is None else abs(difference.amount_minor)
        case AdjustBalance():
            return abs(operation.adjustment_minor)
        case WaiveCharges():
            return operation.waived_minor + operation.waived_dues_minor
        case WriteOff():
            return operation.written_off_minor
        case DecideReview():
            return _reviewed(operation.review_id)
        case RecordSubsidyPayment():
            return abs(operation.subsidy_paid_minor)
        case RefundCredit():
            return operation.refunded_minor
        case PostMaintenance():
            return operation.total_minor(now)
        case OpenDrawer():
            # Counted once, with the passkey; its receipts are within it and count nothing.
            return operation.ceiling_minor
        case ClearCheque():
            return _not_credited(operation.receipt_id)
        case CancelReceipt():
            return _credited(operation.receipt_id)
        case ReturnCheque():
            return _credited(operation.receipt_id) + operation.charge_minor
        case DecideClaim():
            return 0 if operation.decision == "refuse" else bank.amount_of_entry(operation.bank_entry_id)
        case ReverseClaim():
            return bank.credited_minor(operation.claim_id)
        case Undo():
            undone = _undone(operation)
            return max(_given_back(operation), 0 if undone is None else _money(undone, now))
        case _:
            return 0


def _billed(operation: ConvertToPrepaid | ConvertToPostpaid) -> int:
    return sum(bill.principal_minor + bill.surcharge_minor for bill in operation.bills)


def _reviewed(review_id: int) -> int:
    """Return the charge that a running review is about, in minor units."""
    review = reviews.lock(review_id)
    return 0 if review is None or review.ended_at is not None else review.charge_minor


def _credited(receipt_id: int) -> int:
    """Return what of a receipt is on the account, in minor units."""
    receipt = counter.receipt(receipt_id)
    return receipt.amount_minor if receipt is not None and receipt.credited else 0


def _not_credited(receipt_id: int) -> int:
    """Return what of a receipt is not on the account yet, in minor units."""
    receipt = counter.receipt(receipt_id)
    return 0 if receipt is None or receipt.credited else receipt.amount_minor


def _told(operation: UseCase, now: datetime) -> int:
    """Return how many meters an operation sends a command by hand."""
    match operation:
        case ResetDemands() | SetCalendars() | SetClocks() | ShowText():
            return sum(row.period is not None for row in operation.targets(now))
        case _:
            return 0


def _disconnected(operation: UseCase, now: datetime) -> list[str]:
    """Return the consumer numbers of the supplies that an operation disconnects."""
    match operation:
        case DisconnectTemporarily() | DisconnectPermanently():
            return [operation.consumer_number]
        case MoveOut():
            return [operation.consumer_number] if operation.hold_vacant else []
        case TestRelays():
            return operation.consumer_numbers(now)
        case Undo():
            return [*_held_again(operation), *_left_short(_debits(operation, now), now)]
        case _:
            return _left_short(_debits(operation, now), now)


def _debits(operation: UseCase, now: datetime) -> dict[int, int]:
    """Return what an operation takes off accounts that stay in use, by account, in minor units."""
    match operation:
        case AdjustBalance() | RefundCredit():
            agreement = _current(operation.consumer_number)
            return {} if agreement is None else {agreement.account_id: _taken_off(operation)}
        case AgreeInstalments():
            # The first instalment is taken off the balance on the day that the operation names.
            agreement = _current(operation.consumer_number)
            first = min(operation.amount_minor, _money(operation, now))
            return {} if agreement is None else {agreement.account_id: first}
        case CancelReceipt() | ReturnCheque():
            receipt = counter.receipt(operation.receipt_id)
            return {} if receipt is None else {receipt.account_id: _money(operation, now)}
        case ReverseClaim():
            claim = bank.claim(operation.claim_id)
            return {} if claim is None else {claim.account_id: _money(operation, now)}
        case DecideReview():
            # Takes nothing off, but the charge that was reviewed disconnects from then on.
            agreement = _current(operation.consumer_number)
            return {} if agreement is None else {agreement.account_id: min(_reviewed(operation.review_id), 1)}
        case EditInterval():
            return _charged_more(operation, now)
        case Undo():
            given = CreditRequest.objects.filter(id__in=_outside(operation, "credit"))
            return dict(given.values_list("account_id").annotate(Sum("amount_minor")))
        case _:
            return {}


def _charged_more(operation: EditInterval, now: datetime) -> dict[int, int]:
    """Return what an edit that raises an interval takes off a balance until a register read bills, in minor units."""
    paying = operation.agreement_charged_more()
    if paying is None:
        return {}
    before_minor = _pending(paying.id, now)
    with transaction.atomic():
        execute(operation, recorded_at=now, actor="approvals")
        after_minor = _pending(paying.id, now)
        transaction.set_rollback(True)
    # Below the limit each edit counts, also one that costs less than a minor unit.
    return {paying.account_id: max(after_minor - before_minor, 1)}


def _pending(agreement_id: int, now: datetime) -> int:
    """Return what is used under an agreement and not posted, in minor units; 0 where it cannot be rated."""
    rated = [one for one in contracts.agreements([agreement_id]) if not is_unratable(one, now)]
    return sum(one.pending_minor for one in fresh_balances(rated, now).values())


def _taken_off(operation: AdjustBalance | RefundCredit) -> int:
    return operation.refunded_minor if isinstance(operation, RefundCredit) else -operation.adjustment_minor


def _left_short(debits: Mapping[int, int], now: datetime) -> list[str]:
    """Return the consumer numbers of prepaid supplies whose balance after debits is below the cost of a week's usual use:
    their policy disconnects them, as an order would, at once or as soon as the consumer has used up the remaining balance.

    The balance is the one that decisions use, with all requests that are not posted yet: several debits may be.
    """
    taken = {account_id: minor for account_id, minor in debits.items() if minor > 0}
    prepaid = [
        one for one in contracts.in_force(taken, now) if one.terms_at(now).payment_mode == PaymentMode.PREPAID
    ]
    used = fresh_balances([one for one in prepaid if not is_unratable(one, now)], now)
    settled = books.settled_balances(one.account_id for one in prepaid)
    short = []
    for one in prepaid:
        now_used = used.get(one.account_id)
        pending_minor, week_minor = (
            (0, 0)
            if now_used is None
            else (now_used.pending_minor, DAYS_OF_COST * (now_used.daily_cost_minor or 0))
        )
        if settled[one.account_id] - pending_minor - taken[one.account_id] < week_minor:
            short.append(one.service_point_id)
    return list(consumer_numbers(short).values())


def _protected(operation: UseCase, now: datetime) -> int:
    """Return how many protected households an operation disconnects, or takes the protection from."""
    match operation:
        case EndProtection():
            return 1
        case Undo() if isinstance(_undone(operation), Protect):
            return 1
        case _:
            return _protected_among(_disconnected(operation, now), now)


def _protected_among(numbers: Iterable[str], now: datetime) -> int:
    customers = _agreements(numbers).filter(Q(valid_to=None) | Q(valid_to__gt=now)).values("customer_id")
    held = Protection.objects.filter(Q(valid_to=None) | Q(valid_to__gt=now), person_id__in=customers)
    return held.values("person_id").distinct().count()


def _undone(operation: Undo) -> UseCase | None:
    """Return the operation that is undone, as it was requested; None where the audit does not store all of its
    fields.
    """
    entry = AuditEntry.objects.filter(id=operation.entry_id).first()
    if entry is None:
        return None
    try:
        return decode(entry.kind, entry.content, BY_KIND)
    except RefusedError:
        return None


def _outside(operation: Undo, what: str) -> list[int]:
    """Return the numbers of the requests to other apps that the undone operation had made."""
    entry = AuditEntry.objects.filter(id=operation.entry_id).first()
    asked: list[list[Any]] = entry.outcome.get("outside", []) if entry is not None else []
    return [rest[0] for asked_for, *rest in asked if asked_for == what]


def _given_back(operation: Undo) -> int:
    """Return the amount of credits and debits that are reversed, in minor units."""
    credit = CreditRequest.objects.filter(id__in=_outside(operation, "credit"))
    debit = DebitRequest.objects.filter(id__in=_outside(operation, "debit"))
    return sum(int(rows.aggregate(sum=Sum("amount_minor"))["sum"] or 0) for rows in (credit, debit))


def _held_again(operation: Undo) -> list[str]:
    """Return the consumer numbers of supplies that are disconnected again, since their release is undone."""
    released = _outside(operation, "release")
    numbers = Agreement.objects.filter(service_point_id__in=released)
    return list(numbers.values_list("service_point__consumer_number", flat=True).distinct())


def _agreements(numbers: Iterable[str]) -> QuerySet[Agreement]:
    return Agreement.objects.filter(service_point__consumer_number__in=list(numbers))


def _current(consumer_number: str) -> Agreement | None:
    found = _agreements([consumer_number]).select_related("account").order_by("-valid_from")
    agreement: Agreement | None = found.first()
    return agreement


def _left(consumer_number: str) -> int:
    """Return the size of the current balance of a supply with its deposit, in minor units: it is refunded or
    transferred.
    """
    agreement = _current(consumer_number)
    if agreement is None:
        return 0
    return abs(agreement.account.balance_minor) + _deposits(consumer_number).used("balance")


def _deposits(consumer_number: str) -> Held:
    agreement = _current(consumer_number)
    return Held() if agreement is None else deposits.held([agreement.id]).get(agreement.id, Held())


def _owed(consumer_number: str) -> int:
    agreement = _current(consumer_number)
    if agreement is None:
        return 0
    return total_owed(dues.dues_of([agreement.account_id]).get(agreement.account_id, ()))
