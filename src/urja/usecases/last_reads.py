"""The last register of a meter that goes: read there, read later, or estimated from its own past.

Nothing is estimated that may still be read: until somebody says that nobody will, what the meter counted last is
waited for, and the account is not settled (`readings.queries.missing_final_reads`). An exchange goes on at once and estimates at once.
"""

from collections.abc import Iterator
from datetime import datetime

from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution
from urja.apps.readings.queries import missing_final_reads
from urja.base.sentences import say
from urja.usecases.register_reads import known_instants_around, read_faults
from urja.usecases.side_effects import estimate_register, read_register


def last_read_faults(
    period: DevicePeriod, at: datetime, register_wh: int | None, *, estimated: bool
) -> Iterator[str]:
    """Why the last register of a meter cannot have been so, or cannot be estimated."""
    if register_wh is not None and estimated:
        yield say("a last register was read, or it is estimated: not both")
    elif register_wh is not None:
        yield from read_faults(period.service_point_id, period.device, at, register_wh)
    elif estimated and known_instants_around(period.service_point_id, period.device_id, at)[0] == at:
        yield say(
            "where the register of meter {device} stood at {at} is known, or estimated already: there is nothing to estimate",
            device=period.device,
            at=at.isoformat(),
        )


def record_last_read(
    execution: Execution, period: DevicePeriod, at: datetime, register_wh: int | None, *, estimated: bool
) -> None:
    """Keep a last register as it was read, or as it is estimated; where neither is said it is waited for."""
    if register_wh is not None:
        read_register(execution, period.service_point, period.device, at, register_wh)
    elif estimated:
        since = max(period.valid_from, _agreed_since(period, at))
        estimate = estimate_register(execution, period.service_point, period.device, at, since)
        execution.outcome["estimated"] = estimate.detail()


def unread_faults(device: Device) -> Iterator[str]:
    """Why a meter must not go for good: then nobody can read what somebody's account waits for."""
    for one in missing_final_reads.of_device(device.id):
        yield say(
            "meter {serial} was taken away unread on {removed_at}, and an account waits for its last register: correct_last_read first, with what it reads or as an estimate",
            serial=one.serial,
            removed_at=one.removed_at.isoformat(),
        )


def _agreed_since(period: DevicePeriod, at: datetime) -> datetime:
    """Since when whoever uses energy at an instant has had the place."""
    agreement = (
        Agreement.objects.filter(service_point=period.service_point, valid_from__lt=at)
        .order_by("-valid_from")
        .first()
    )
    return period.valid_from if agreement is None else agreement.valid_from
