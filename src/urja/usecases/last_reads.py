"""The last register of a removed meter: read at removal, read later, or estimated from its own past.

A register that may still be read is not estimated: until an operator says that it cannot be read, the last read stays
pending and the account is not settled (`readings.queries.unread`). An exchange estimates at once and goes on.
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
    period: DevicePeriod, at: datetime, register: int | None, *, estimated: bool
) -> Iterator[str]:
    """Yield why a meter's last register, in Wh or litres, cannot be right, or cannot be estimated."""
    if register is not None and estimated:
        yield say("a last register is either read or estimated: give the register, or set estimated")
    elif register is not None:
        yield from read_faults(period.service_point_id, period.device, at, register)
    elif estimated and known_instants_around(period.service_point_id, period.device_id, at)[0] == at:
        yield say(
            "the register of meter {device} at {at} is known or estimated already: leave estimated out",
            device=period.device,
            at=at.isoformat(),
        )


def record_last_read(
    execution: Execution, period: DevicePeriod, at: datetime, register: int | None, *, estimated: bool
) -> None:
    """Store a last register, in Wh or litres, as read or as estimated; with neither it stays pending."""
    if register is not None:
        read_register(execution, period.service_point, period.device, at, register)
    elif estimated:
        since = max(period.valid_from, _agreed_since(period, at))
        estimate = estimate_register(execution, period.service_point, period.device, at, since)
        execution.outcome["estimated"] = estimate.detail()


def unread_faults(device: Device) -> Iterator[str]:
    """Yield why a meter must not be scrapped: an account is still waiting for its last read."""
    for one in missing_final_reads.of_device(device.id):
        yield say(
            "meter {serial} was removed without a read on {removed_at}, and an account needs its last register: correct_last_read first, with a reading or an estimate",
            serial=one.serial,
            removed_at=one.removed_at.isoformat(),
        )


def _agreed_since(period: DevicePeriod, at: datetime) -> datetime:
    """Return since when the current consumer has had the service point."""
    agreement = (
        Agreement.objects.filter(service_point=period.service_point, valid_from__lt=at)
        .order_by("-valid_from")
        .first()
    )
    return period.valid_from if agreement is None else agreement.valid_from
