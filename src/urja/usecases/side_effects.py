"""Requests of an operation to other apps: credits and debits, holds, letters, configuration of meters, registers.

These are no rows of the registry, so its history does not contain them. Each request is recorded in the operation's
outcome (`outside`), and `take_back` requests the opposite when the operation is undone:

- money is never deleted: a debit reverses a credit and a credit a debit, whether it was posted by then or is pending;
- a hold is released, a release is held again;
- a letter is marked as entered by mistake;
- an open work order is withdrawn; one that is done stays, and `Undo` refuses;
- a register read is withdrawn, since it was part of that operation alone;
- a closed difference of payments is open again;
- the earlier configuration of a meter is requested again.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from django.conf import settings
from django.db import connection

from urja.apps.assets import configuration
from urja.apps.assets.kinds import ConfigurationItem
from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.books import operations as books
from urja.apps.books.models import CreditRequest, DebitRequest
from urja.apps.journal.operation import Execution
from urja.apps.network.models import ServicePoint
from urja.apps.notices import operations as notices
from urja.apps.payments import differences
from urja.apps.readings import estimating, operations as readings
from urja.apps.readings.estimating import Estimate
from urja.apps.readings.kinds import Status
from urja.apps.readings.operations import IntervalKey
from urja.apps.supply import operations as supply
from urja.stream.records import Source

UNDONE = "undone"
"""Kind of the credits and debits that reverse an undone operation's money."""


def credit(
    execution: Execution, account_id: int, amount_minor: int, kind: str, key: str, reference: str = ""
) -> None:
    """Request a credit, in minor units; `key` is unique in the installation, so that it is posted once."""
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
    of_key: str | None = None,
) -> None:
    """Request a debit, in minor units, that reverses a credit of the kind `reverses`; `of_key` is the key of that credit
    where it is one credit, so that what it paid of dues is taken back as well.
    """
    reversed_credit = None if of_key is None else CreditRequest.objects.get(idempotency_key=of_key)
    asked = books.request_debit(
        account_id=account_id,
        amount_minor=amount_minor,
        kind=kind,
        reverses=reverses,
        idempotency_key=key,
        requested_at=execution.recorded_at,
        reference=reference,
        credit_id=None if reversed_credit is None else reversed_credit.id,
    )
    execution.outside.append(["debit", asked.id])


def hold(execution: Execution, service_point_id: int, reason: str, note: str = "") -> None:
    """Request a hold on a supply; the stage `decide` disconnects it."""
    supply.request_hold(
        service_point_id, reason, actor=execution.actor, requested_at=execution.recorded_at, note=note
    )
    execution.outside.append(["hold", service_point_id, reason])


def release(execution: Execution, service_point_id: int, reason: str, note: str = "") -> None:
    """Request the release of one hold on a supply."""
    supply.request_release(
        service_point_id, reason, actor=execution.actor, requested_at=execution.recorded_at, note=note
    )
    execution.outside.append(["release", service_point_id, reason])


def letter(execution: Execution, account_id: int, posted_at: datetime, reference: str) -> None:
    """Record a posted letter beside the messages of an account."""
    posted = notices.record_letter(account_id, posted_at, reference)
    execution.outside.append(["letter", posted.id])


def read_register(
    execution: Execution, service_point: ServicePoint, device: Device, at: datetime, register: int
) -> None:
    """Store an import register, in Wh, as a person read it at a meter."""
    with connection.cursor() as cursor:
        version = readings.record_installation(
            cursor,
            service_point_id=service_point.id,
            device_id=device.id,
            read_at=at,
            register=register,
            recorded_at=execution.recorded_at,
        )
    _was_read(execution, service_point, device, at, version)


def estimate_register(
    execution: Execution, service_point: ServicePoint, device: Device, at: datetime, since: datetime
) -> Estimate:
    """Store an import register that could not be read, estimated from the meter's own past since an instant (UTC); return
    the estimate.
    """
    with connection.cursor() as cursor:
        estimate = estimating.estimate_register(
            cursor, service_point_id=service_point.id, device_id=device.id, at=at, since=since
        )
        version = readings.record_installation(
            cursor,
            service_point_id=service_point.id,
            device_id=device.id,
            read_at=at,
            register=estimate.import_wh,
            recorded_at=execution.recorded_at,
            status=Status.ESTIMATED,
            source=Source.ESTIMATE,
        )
        estimating.record_method(
            cursor,
            estimate,
            service_point_id=service_point.id,
            device_id=device.id,
            read_at=at,
            version=version,
            actor=execution.actor,
            recorded_at=execution.recorded_at,
        )
    _was_read(execution, service_point, device, at, version)
    return estimate


def _was_read(
    execution: Execution, service_point: ServicePoint, device: Device, at: datetime, version: int
) -> None:
    execution.outside.append(["read", service_point.id, device.id, at.isoformat(), version])
    execution.reassess_from[service_point.id] = min(at, execution.reassess_from.get(service_point.id, at))


def edit_interval(
    execution: Execution, period: DevicePeriod, start_at: datetime, value: int, reason: str
) -> int:
    """Store another value of an interval, in Wh or litres as the meter counts; return its version."""
    with connection.cursor() as cursor:
        version = readings.edit_interval(
            cursor,
            IntervalKey(period.service_point_id, period.device_id, start_at),
            billed=value,
            reason=reason,
            actor=execution.actor,
            recorded_at=execution.recorded_at,
            zone=settings.URJA_TIMEZONE,
        )
    execution.reassess_from[period.service_point_id] = start_at
    return version


def desire(execution: Execution, device_id: int, item: str, value: str | None) -> None:
    """Request that a device's configuration item has a value; the stage `configure` sends it."""
    before = configuration.set_desired(
        device_id, ConfigurationItem(item), value, at=execution.recorded_at, actor=execution.actor
    )
    execution.outside.append(["desire", device_id, item, before])


def closed_difference(execution: Execution, difference_id: int) -> None:
    """Record that a difference of payments was closed."""
    execution.outside.append(["difference", difference_id])


def take_back(execution: Execution, asked: list[list[Any]]) -> None:
    """Request the opposite of everything that an operation has requested, the last first."""
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


def _withdraw_read(
    execution: Execution, service_point_id: int, device_id: int, at: str, version: int
) -> None:
    read_at = datetime.fromisoformat(at)
    with connection.cursor() as cursor:
        readings.withdraw_installation(
            cursor,
            service_point_id=service_point_id,
            device_id=device_id,
            read_at=read_at,
            version=version,
            recorded_at=execution.recorded_at,
        )
    execution.reassess_from[service_point_id] = min(
        read_at, execution.reassess_from.get(service_point_id, read_at)
    )


def _withdraw_letter(execution: Execution, notice_id: int) -> None:
    notices.withdraw_letter(notice_id, execution.recorded_at)


def _reopen_difference(_doing: Execution, difference_id: int) -> None:
    differences.reopen(difference_id)


_TAKE_BACK: Final[Mapping[str, Callable[..., None]]] = {
    "credit": _credit_back,
    "debit": _debit_back,
    "hold": release,
    "release": hold,
    "letter": _withdraw_letter,
    "read": _withdraw_read,
    "desire": desire,
    "difference": _reopen_difference,
}
