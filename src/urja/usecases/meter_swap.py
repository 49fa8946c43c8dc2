"""Swap the records of two meters that were recorded at each other's service point, also for the past.

Reads, intervals, events and gaps go with the meter, since serial number and display are one thing. The role, the
ratio and the day of commissioning stay with the service point: transformers and fuses are on its wall.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db import connection

from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.readings import reassignment
from urja.apps.readings.reassignment import Move
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.usecases.kinds import meters
from urja.usecases.meter_exchange import continued_ratio, continued_service_at
from urja.usecases.meter_installation import commodity_faults
from urja.usecases.register_reads import known_instants_around


class SwapMeters(meters.SwapMeters, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        if not self.reason.strip():
            yield say("state how it was found")
        if self.serial_a == self.serial_b:
            yield say("{serial_a} cannot be swapped with itself", serial_a=self.serial_a)
            return
        if self.since > execution.recorded_at:
            yield say("{since} is in the future", since=self.since.isoformat())
        first, second = _current_installation(self.serial_a), _current_installation(self.serial_b)
        if first is not None and second is not None:
            for own, other in ((first, second), (second, first)):
                yield from commodity_faults(other.device.serial, other.device.commodity, own.service_point)
        for serial, period in ((self.serial_a, first), (self.serial_b, second)):
            if period is None:
                yield say("meter {serial} is not installed", serial=serial)
            elif self.since < period.valid_from:
                yield say(
                    "the recorded installation of meter {serial} at {service_point} began only on {valid_from}: swap from then on, and the time before separately",
                    serial=serial,
                    service_point=period.service_point,
                    valid_from=period.valid_from.isoformat(),
                )
            else:
                yield from _unknown_faults(period, self.since)

    def carry_out(self, execution: Execution) -> None:
        first, second = _current_installation(self.serial_a), _current_installation(self.serial_b)
        assert first is not None, "its absence is a fault"
        assert second is not None, "its absence is a fault"
        moved = reassignment.Moved()
        with connection.cursor() as cursor:
            reassignment.lock_service_points(cursor, first.service_point_id, second.service_point_id)
            for own, other in ((first, second), (second, first)):
                moved += reassignment.reassign(
                    cursor, Move(own.device_id, own.service_point_id, other.service_point_id, self.since)
                )
            numbers = {period.id: self._end(execution, period) for period in (first, second)}
            for own, other in ((first, second), (second, first)):
                _begin(execution, numbers[own.id], own, other.device, self.since)
            reassignment.hand_over_coverage(
                cursor, {first.id: numbers[second.id], second.id: numbers[first.id]}
            )
        execution.service_point_id = first.service_point_id
        execution.outcome |= {
            "service_point_ids": [first.service_point_id, second.service_point_id],
            "intervals_moved": moved.intervals,
            "registers_moved": moved.registers,
        }

    def _end(self, execution: Execution, period: DevicePeriod) -> int:
        """End a period for the other meter, and return the number of the new one; a period that is replaced whole
        keeps its number.
        """
        if period.valid_from < self.since:
            execution.change(period, valid_to=self.since)
            return next_id(bucket_of(period.service_point_id))
        number = period.id
        # Both periods are deleted before either is created: the database refuses a meter at two service points at any moment.
        DevicePeriod.objects.filter(id=number).delete()
        return number


def _begin(
    execution: Execution, number: int, service_point: DevicePeriod, device: Device, since: datetime
) -> None:
    primary, secondary = continued_ratio(service_point, device)
    DevicePeriod.objects.create(
        id=number,
        service_point_id=service_point.service_point_id,
        device=device,
        role=service_point.role,
        ratio_primary=primary,
        ratio_secondary=secondary,
        valid_from=since,
        commissioned_at=continued_service_at(service_point.commissioned_at, since),
        taken_over_at=continued_service_at(service_point.taken_over_at, since),
        **execution.stamp,
    )


def _unknown_faults(period: DevicePeriod, since: datetime) -> Iterator[str]:
    """Yield why the energy before an instant cannot be told from the energy since.

    Earlier data stay at the recorded service point, and late data arrive there too: so all of them must be here, up
    to the instant or to the end of its interval.
    """
    before, after = known_instants_around(period.service_point_id, period.device_id, since)
    interval = timedelta(seconds=period.device.interval_s)
    if before is None or (before < since and (after is None or after - before > interval)):
        known = (
            ""
            if before is None
            else say("; choose {before}, up to which it is known", before=before.isoformat())
        )
        yield say(
            "the energy of meter {device} up to {since} is not known yet{known}",
            device=period.device,
            since=since.isoformat(),
            known=known,
        )


def _current_installation(serial: str) -> DevicePeriod | None:
    return (
        DevicePeriod.objects.filter(device__serial=serial, valid_to=None)
        .select_related("device", "service_point")
        .first()
    )
