"""Another value for one stored interval, from a person with a reason (the E of VEE: validation, estimation, editing)."""

from collections.abc import Iterator
from datetime import timedelta

from django.db.models import Q

from urja.apps.assets.models import DevicePeriod
from urja.apps.contracts.models import Agreement
from urja.apps.journal.operation import Execution, UseCase
from urja.apps.readings.queries.stored_intervals import stored_interval
from urja.base.sentences import say
from urja.core.rating import Commodity
from urja.usecases.agreements_in_force import agreement_at
from urja.usecases.kinds import meters
from urja.usecases.kinds.registers import one_of
from urja.usecases.register_reads import unit_faults
from urja.usecases.side_effects import edit_interval


class EditInterval(meters.EditInterval, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        if not self.reason.strip():
            yield say("give a reason for the edit")
        period = self._period()
        if period is None:
            yield say(
                "meter {serial} was installed nowhere at {at}",
                serial=self.serial,
                at=self.start_at.isoformat(),
            )
            return
        yield from unit_faults(
            period.service_point.commodity, self.energy_wh, self.energy_l, name="energy", needed=True
        )
        stored = stored_interval(period.service_point_id, period.device_id, self.start_at)
        if stored is None:
            yield say(
                "no interval of meter {serial} that begins at {at} is stored: a missing one is filled by what the meter sends",
                serial=self.serial,
                at=self.start_at.isoformat(),
            )
            return
        value = one_of(self.energy_wh, self.energy_l)
        unit = Commodity(period.service_point.commodity).meter_unit
        most = int(period.device.max_power_w * stored.length / timedelta(hours=1))
        if value is None:
            return
        if not 0 <= value <= most:
            yield say(
                "meter {serial} can have counted 0 to {most} {unit} in this interval, not {value} {unit}",
                serial=self.serial,
                most=most,
                unit=unit,
                value=value,
            )
        elif value == stored.value:
            yield say(
                "meter {serial} has {value} {unit} in this interval already",
                serial=self.serial,
                value=value,
                unit=unit,
            )

    def carry_out(self, execution: Execution) -> None:
        period = self._period()
        value = one_of(self.energy_wh, self.energy_l)
        assert period is not None, "its absence is a fault"
        assert value is not None, "its absence is a fault"
        before = stored_interval(period.service_point_id, period.device_id, self.start_at)
        assert before is not None, "its absence is a fault"
        version = edit_interval(execution, period, self.start_at, value, self.reason)
        execution.service_point_id = period.service_point_id
        execution.outcome |= {
            "service_point_id": period.service_point_id,
            "device_id": period.device_id,
            "version": version,
            "before": before.value,
        }

    def agreement_charged_more(self) -> Agreement | None:
        """Return the agreement that pays for the interval where the edit raises its value, else None."""
        period = self._period()
        value = one_of(self.energy_wh, self.energy_l)
        if period is None or value is None:
            return None
        stored = stored_interval(period.service_point_id, period.device_id, self.start_at)
        raised = stored is not None and value > stored.value
        return agreement_at(period.service_point, self.start_at) if raised else None

    def _period(self) -> DevicePeriod | None:
        """Return where the meter was installed when the interval began."""
        installed = DevicePeriod.objects.filter(
            Q(valid_to=None) | Q(valid_to__gt=self.start_at),
            device__serial=self.serial,
            valid_from__lte=self.start_at,
        )
        return installed.select_related("device", "service_point").first()
