"""What an operation asks of others: money of the ledger, a hold of the supply, somebody's way to a meter, a register.

None of this is a row of the registry, so its history does not know it. Each request is written into the operation's
outcome (`outside`), and `take_back` asks for the opposite when the operation is undone:

- money is never deleted: what a credit put on the account a debit takes off, and the other way round, whether it was
  posted by then or waits to be;
- a hold is released, a release is held again;
- a letter is said to have been entered by mistake;
- an open work order is withdrawn; one that somebody has done stands, and `Undo` refuses;
- a register read is withdrawn, for it was true of that operation alone;
- a difference of payments that was closed is open again;
- a meter is wanted to be what was wanted of it before.
"""

from datetime import datetime
from typing import Any

from django.db import connection

from urja.apps.assets import configuration
from urja.apps.assets.kinds import ConfigurationItem
from urja.apps.assets.models import Device
from urja.apps.books import operations as books
from urja.apps.books.models import CreditRequest, DebitRequest
from urja.apps.journal.operation import Execution
from urja.apps.network.models import ServicePoint
from urja.apps.notices import operations as notices
from urja.apps.payments import differences
from urja.apps.readings import estimating, operations as readings
from urja.apps.readings.estimating import Estimate
from urja.apps.readings.kinds import Status
from urja.apps.supply import operations as supply
from urja.stream.records import Source

UNDONE = "undone"
"""The kind of credits and debits that take an undone operation's money back."""


def credit(
    execution: Execution, account_id: int, amount_minor: int, kind: str, key: str, reference: str = ""
) -> None:
    """Ask the ledger for a credit; the key is unique in the installation."""
    asked = books.request_credit(
        account_id=account_id,
        amount_minor=amount_minor,
        kind=kind,
        idempotency_key=key,
        requested_at=execution.recorded_at,
        reference=reference,
    )
    execution.outside.append(["credit", asked.id])


def debit(
    execution: Execution,
    account_id: int,
    amount_minor: int,
    kind: str,
    reverses: str,
    key: str,
    reference: str = "",
) -> None:
    """Ask the ledger to take back a credit of the kind `reverses`."""
    asked = books.request_debit(
        account_id=account_id,
        amount_minor=amount_minor,
        kind=kind,
        reverses=reverses,
        idempotency_key=key,
        requested_at=execution.recorded_at,
        reference=reference,
    )
    execution.outside.append(["debit", asked.id])


def hold(execution: Execution, service_point_id: int, reason: str, note: str = "") -> None:
    """Ask that a supply be held off; the stage `decide` switches."""
    supply.request_hold(
        service_point_id, reason, actor=execution.actor, requested_at=execution.recorded_at, note=note
    )
    execution.outside.append(["hold", service_point_id, reason])


def release(execution: Execution, service_point_id: int, reason: str, note: str = "") -> None:
    """Ask that one reason to hold a supply off be taken away."""
    supply.request_release(
        service_point_id, reason, actor=execution.actor, requested_at=execution.recorded_at, note=note
    )
    execution.outside.append(["release", service_point_id, reason])


def letter(execution: Execution, account_id: int, posted_at: datetime, reference: str) -> None:
    """Let a posted letter be kept beside the messages of an account."""
    posted = notices.record_letter(account_id, posted_at, reference)
    execution.outside.append(["letter", posted.id])


def read_register(
    execution: Execution, place: ServicePoint, device: Device, at: datetime, import_wh: int
) -> None:
    """Keep a register as somebody read it at a meter."""
    with connection.cursor() as cursor:
        version = readings.record_installation(
            cursor,
            service_point_id=place.id,
            device_id=device.id,
            read_at=at,
            import_wh=import_wh,
            recorded_at=execution.recorded_at,
        )
    _was_read(execution, place, device, at, version)


def estimate_register(
    execution: Execution, place: ServicePoint, device: Device, at: datetime, since: datetime
) -> Estimate:
    """Keep the register that nobody could read, as estimated from the meter's own past since an instant."""
    with connection.cursor() as cursor:
        estimate = estimating.estimate_register(
            cursor, service_point_id=place.id, device_id=device.id, at=at, since=since
        )
        version = readings.record_installation(
            cursor,
            service_point_id=place.id,
            device_id=device.id,
            read_at=at,
            import_wh=estimate.import_wh,
            recorded_at=execution.recorded_at,
            status=Status.ESTIMATED,
            source=Source.ESTIMATE,
        )
        estimating.record_method(
            cursor,
            estimate,
            service_point_id=place.id,
            device_id=device.id,
            read_at=at,
            version=version,
            actor=execution.actor,
            recorded_at=execution.recorded_at,
        )
    _was_read(execution, place, device, at, version)
    return estimate


def _was_read(execution: Execution, place: ServicePoint, device: Device, at: datetime, version: int) -> None:
    execution.outside.append(["read", place.id, device.id, at.isoformat(), version])
    execution.reassess_from[place.id] = min(at, execution.reassess_from.get(place.id, at))


def desire(execution: Execution, device_id: int, item: str, value: str | None) -> None:
    """Let a device be told to be something; the stage `configure` tells it."""
    before = configuration.set_desired(
        device_id, ConfigurationItem(item), value, at=execution.recorded_at, actor=execution.actor
    )
    execution.outside.append(["desire", device_id, item, before])


def closed_difference(execution: Execution, difference_id: int) -> None:
    """Note that a difference of payments was closed."""
    execution.outside.append(["difference", difference_id])


def take_back(execution: Execution, asked: list[list[Any]]) -> None:
    """Ask for the opposite of what an operation has asked for."""
    for what, *rest in reversed(asked):
        _TAKE_BACK[what](execution, *rest)


def _credit_back(execution: Execution, request_id: int) -> None:
    given = CreditRequest.objects.get(id=request_id)
    debit(
        execution,
        given.account_id,
        given.amount_minor,
        UNDONE,
        given.kind,
        f"{UNDONE}:credit:{request_id}",
        given.reference,
    )


def _debit_back(execution: Execution, request_id: int) -> None:
    taken = DebitRequest.objects.get(id=request_id)
    credit(
        execution,
        taken.account_id,
        taken.amount_minor,
        taken.reverses,
        f"{UNDONE}:debit:{request_id}",
        taken.reference,
    )


def _withdraw_read(execution: Execution, place_id: int, device_id: int, at: str, version: int) -> None:
    read_at = datetime.fromisoformat(at)
    with connection.cursor() as cursor:
        readings.withdraw_installation(
            cursor,
            service_point_id=place_id,
            device_id=device_id,
            read_at=read_at,
            version=version,
            recorded_at=execution.recorded_at,
        )
    execution.reassess_from[place_id] = min(read_at, execution.reassess_from.get(place_id, read_at))


def _withdraw_letter(execution: Execution, notice_id: int) -> None:
    notices.withdraw_letter(notice_id, execution.recorded_at)


def _reopen_difference(_doing: Execution, difference_id: int) -> None:
    differences.reopen(difference_id)


_TAKE_BACK = {
    "credit": _credit_back,
    "debit": _debit_back,
    "hold": release,
    "release": hold,
    "letter": _withdraw_letter,
    "read": _withdraw_read,
    "desire": desire,
    "difference": _reopen_difference,
}
