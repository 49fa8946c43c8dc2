"""What an operation would do that thresholds ask about: money moved by hand, supplies disconnected, protection ended.

A field of the operation says it where one does; what reads, ratios and terms for past days come to is found out by
rehearsing the operation, as the console shows it.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final

from django.db.models import Q, Sum

from urja.apps.ledger import arrears as dues
from urja.apps.payments import differences
from urja.apps.registry import requests
from urja.apps.registry.effects import effects
from urja.apps.registry.models import Agreement, AuditEntry, Deposit, Protection
from urja.apps.registry.operations import (
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
    Operation,
    Protect,
    RemoveMeter,
    SwapMeters,
    TransferOwnership,
    Undo,
)
from urja.core.approvals import Measure
from urja.core.arrears import owed
from urja.core.policy import Standing

REPRICING: Final = (
    ChangeCategory,
    ChangeLoad,
    ChangePolicy,
    ChangeRatio,
    ConvertToPostpaid,
    ConvertToPrepaid,
    CorrectLastRead,
    ExchangeMeter,
    RemoveMeter,
    SwapMeters,
    Undo,
)
"""Operations that may change what past days were charged, or how a supply stands: they are rehearsed."""


_CUT: Final = (Standing.TO_BE_CUT, Standing.CUT)


def measure(operation: Operation, *, actor: str, now: datetime) -> Measure:
    """What an operation would do; raises Refused where it could not be done anyway."""
    money_minor, disconnections = _money(operation), len(_disconnected(operation))
    if isinstance(operation, REPRICING):
        moved = effects(operation, recorded_at=now, actor=actor)
        by_account: dict[int, int] = {}
        for posting in moved.postings:
            by_account[posting.account_id] = by_account.get(posting.account_id, 0) + posting.amount_minor
        money_minor += sum(map(abs, by_account.values()))
        disconnections += sum(
            decision.after.standing in _CUT and decision.before.standing not in _CUT
            for decision in moved.decisions
        )
    return Measure(operation.kind(), money_minor, disconnections, _protected(operation, now))


def _money(operation: Operation) -> int:
    """Minor units that an operation moves by what its fields say and what it settles."""
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
            difference = differences.held(operation.difference_id)
            return 0 if difference is None else abs(difference.amount_minor)
        case Undo():
            undone = _undone(operation)
            return 0 if undone is None else _money(undone)
        case _:
            return 0


def _disconnected(operation: Operation) -> list[str]:
    """Consumer numbers of the supplies that an operation holds off."""
    match operation:
        case DisconnectTemporarily() | DisconnectPermanently():
            return [operation.consumer_number]
        case MoveOut():
            return [operation.consumer_number] if operation.hold_vacant else []
        case Undo():
            return _held_again(operation)
        case _:
            return []


def _protected(operation: Operation, now: datetime) -> int:
    """Protected households that an operation disconnects, or takes the protection from."""
    match operation:
        case EndProtection():
            return 1
        case Undo() if isinstance(_undone(operation), Protect):
            return 1
        case _:
            return _protected_among(_disconnected(operation), now)


def _protected_among(numbers: Iterable[str], now: datetime) -> int:
    customers = _agreements(numbers).filter(Q(valid_to=None) | Q(valid_to__gt=now)).values("customer_id")
    held = Protection.objects.filter(Q(valid_to=None) | Q(valid_to__gt=now), person_id__in=customers)
    return held.values("person_id").distinct().count()


def _undone(operation: Undo) -> Operation | None:
    """The operation that is taken back, as it was asked for; none where it is not one of requests."""
    entry = AuditEntry.objects.filter(id=operation.entry_id).first()
    if entry is None or entry.kind not in requests.BY_KIND or entry.kind in _WITH_SECRETS:
        return None
    return requests.decode(entry.kind, entry.content)


_WITH_SECRETS: Final = frozenset(kind for kind, known in requests.BY_KIND.items() if known.secret)
"""Their audit does not keep all that was asked for, and they move nothing."""


def _held_again(operation: Undo) -> list[str]:
    """A release that is taken back holds the supply off again."""
    asked: list[list[Any]] = (
        AuditEntry.objects.filter(id=operation.entry_id).values_list("outcome__outside", flat=True).first()
        or []
    )
    released = [rest[0] for what, *rest in asked if what == "release"]
    numbers = Agreement.objects.filter(service_point_id__in=released)
    return list(numbers.values_list("service_point__consumer_number", flat=True).distinct())


def _agreements(numbers: Iterable[str]) -> Any:
    return Agreement.objects.filter(service_point__consumer_number__in=list(numbers))


def _current(consumer_number: str) -> Agreement | None:
    found = _agreements([consumer_number]).select_related("account").order_by("-valid_from")
    agreement: Agreement | None = found.first()
    return agreement


def _left(consumer_number: str) -> int:
    """What lies on the account of whoever has a supply, with the deposit: it is paid back or goes elsewhere."""
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
    return owed(dues.left([agreement.account_id]).get(agreement.account_id, ()))
