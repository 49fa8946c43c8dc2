"""What an operation does that thresholds apply to: money moved by hand, supplies disconnected, protection ended.

A field of the operation says so where one does; the effect of reads, ratios and terms for past days is found by a dry
run of the operation, the same as the console shows.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.db.models import Q, Sum

from urja.apps.billing import arrears as dues
from urja.apps.billing.models import Deposit
from urja.apps.books.models import CreditRequest, DebitRequest
from urja.apps.contracts.models import Agreement
from urja.apps.journal.errors import RefusedError
from urja.apps.journal.models import AuditEntry
from urja.apps.payments import differences
from urja.apps.people.models import Protection
from urja.core.approvals import OperationMeasure
from urja.core.arrears import total_owed
from urja.core.policy import Standing
from urja.usecases.dry_run import Effects, dry_run_effects
from urja.usecases.kinds.decoding import decode
from urja.usecases.operations import (
    BY_KIND,
    AgreeInstalments,
    ChangeCategory,
    ChangeLoad,
    ChangePolicy,
    ChangeRatio,
    CloseDifference,
    ConvertToPostpaid,
    ConvertToPrepaid,
    CorrectLastRead,
    DisconnectPermanently,
    DisconnectTemporarily,
    EndInstalments,
    EndProtection,
    ExchangeMeter,
    MoveIn,
    MoveOut,
    Protect,
    RemoveMeter,
    SetClocks,
    ShowText,
    SwapMeters,
    TestRelays,
    TransferOwnership,
    Undo,
    UseCase,
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
    return OperationMeasure(
        operation.kind(),
        _money(operation) + posted_minor,
        len(_disconnected(operation, now)) + disconnections,
        _protected(operation, now),
        _told(operation, now),
    )


def _money(operation: UseCase) -> int:
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
            billed = sum(bill.principal_minor + bill.surcharge_minor for bill in operation.bills)
            deposit = 0 if operation.deposit == "keep" else _deposits(operation.consumer_number)
            return operation.credit_minor + billed + deposit
        case ConvertToPostpaid():
            return operation.deposit_minor
        case AgreeInstalments() | EndInstalments():
            return _owed(operation.consumer_number)
        case CloseDifference():
            difference = differences.lock(operation.difference_id)
            return 0 if difference is None else abs(difference.amount_minor)
        case Undo():
            undone = _undone(operation)
            return max(_given_back(operation), 0 if undone is None else _money(undone))
        case _:
            return 0


def _told(operation: UseCase, now: datetime) -> int:
    """Return how many meters an operation sends a command by hand."""
    match operation:
        case SetClocks() | ShowText():
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
            return _held_again(operation)
        case _:
            return []


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


def _agreements(numbers: Iterable[str]) -> Any:
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
    return abs(agreement.account.balance_minor) + _deposits(consumer_number)


def _deposits(consumer_number: str) -> int:
    agreement = _current(consumer_number)
    kept = Deposit.objects.filter(agreement=agreement, returned_at=None)
    return 0 if agreement is None else kept.aggregate(sum=Sum("amount_minor"))["sum"] or 0


def _owed(consumer_number: str) -> int:
    agreement = _current(consumer_number)
    if agreement is None:
        return 0
    return total_owed(dues.dues_of([agreement.account_id]).get(agreement.account_id, ()))
