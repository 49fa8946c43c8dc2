"""Meter exchange and change of ratio: consumption continues exactly, to the Wh, across the instant of the change.

The old meter's last read and the new meter's first read are taken at the same instant, so that registers bill the
whole day and no interval has to be divided. The agreement, its balance and its progress through the slabs are not
affected.
"""

from collections.abc import Iterator
from datetime import datetime

from urja.apps.assets.kinds import DeviceRole, Stock
from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.network.models import ServicePoint
from urja.apps.work.kinds import WorkOrderKind
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.usecases.agreements_in_force import agreement_at, net_faults
from urja.usecases.kinds import meters
from urja.usecases.last_reads import last_read_faults, record_last_read
from urja.usecases.meter_installation import (
    end_installation,
    future_faults,
    ratio_faults,
    register_faults,
    role_faults,
    stock_faults,
)
from urja.usecases.register_reads import read_faults
from urja.usecases.service_points import no_service_point_fault
from urja.usecases.side_effects import read_register
from urja.usecases.work_orders import close_finished_order, record_seals, seal_faults


class ExchangeMeter(meters.ExchangeMeter, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from _common_faults(execution, self.role, self.at, self.reason)
        yield from stock_faults(self.new_serial)
        yield from register_faults(self.new_register_wh)
        if (self.ratio_primary is None) != (self.ratio_secondary is None):
            yield say("a ratio has two numbers: give both, or neither")
        elif self.ratio_primary is not None and self.ratio_secondary is not None:
            yield from ratio_faults(self.ratio_primary, self.ratio_secondary)
        period = _current_installation(self.consumer_number, self.role)
        yield from _period_faults(period, self.consumer_number, self.role, self.at)
        if period is None:
            return
        if self.old_register_wh is not None:
            yield from read_faults(period.service_point_id, period.device, self.at, self.old_register_wh)
        new = Device.objects.filter(serial=self.new_serial).first()
        if new is not None:
            yield from seal_faults(new, self.seals)
        agreement = agreement_at(period.service_point, self.at)
        if new is not None and agreement is not None and period.role == DeviceRole.BILLING:
            yield from net_faults(new, period.service_point, agreement.terms_at(self.at).metering_mode)

    def carry_out(self, execution: Execution) -> None:
        old = _current_installation(self.consumer_number, self.role)
        assert old is not None, "its absence is a fault"
        service_point, new = old.service_point, Device.objects.get(serial=self.new_serial)
        self._take_away(execution, old)
        period = DevicePeriod.objects.create(
            id=next_id(bucket_of(service_point.id)),
            service_point=service_point,
            device=new,
            role=old.role,
            ratio_primary=self.ratio_primary or old.ratio_primary,
            ratio_secondary=self.ratio_secondary or old.ratio_secondary,
            valid_from=self.at,
            **execution.stamp,
        )
        execution.change(new, stock=Stock.INSTALLED, held_by="")
        read_register(execution, service_point, new, self.at, self.new_register_wh)
        record_seals(execution, new, self.at, self.seals)
        if period.role == DeviceRole.BILLING:
            close_finished_order(
                execution,
                service_point,
                WorkOrderKind.EXCHANGE,
                self.at,
                register_wh=self.new_register_wh,
                seals=self.seals,
            )
        execution.service_point_id = service_point.id
        execution.outcome |= {
            "service_point_id": service_point.id,
            "old_device_id": old.device_id,
            "device_id": new.id,
            "device_period_id": period.id,
        }

    def _take_away(self, execution: Execution, old: DevicePeriod) -> None:
        end_installation(execution, old, self.at)
        unread = self.old_register_wh is None
        record_last_read(execution, old, self.at, self.old_register_wh, estimated=unread)


class CorrectLastRead(meters.CorrectLastRead, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:  # noqa: ARG002 - the signature is shared
        yield from _reason_faults(self.reason)
        period = self._period()
        if period is None:
            when = (
                ""
                if self.removed_at is None
                else say(" at {removed_at}", removed_at=self.removed_at.isoformat())
            )
            yield say("no removal of meter {serial}{when} is recorded", serial=self.serial, when=when)
        else:
            assert period.valid_to is not None, "only periods that have ended are looked for"
            if self.register_wh is None and not self.estimated:
                yield say("give the register as it was read, or set estimated where it can no longer be read")
            yield from last_read_faults(period, period.valid_to, self.register_wh, estimated=self.estimated)

    def carry_out(self, execution: Execution) -> None:
        period = self._period()
        assert period is not None, "its absence is a fault"
        assert period.valid_to is not None, "only periods that have ended are looked for"
        record_last_read(execution, period, period.valid_to, self.register_wh, estimated=self.estimated)
        execution.service_point_id = period.service_point_id
        execution.outcome |= {"service_point_id": period.service_point_id, "device_id": period.device_id}

    def _period(self) -> DevicePeriod | None:
        ended = DevicePeriod.objects.filter(device__serial=self.serial, valid_to__isnull=False)
        if self.removed_at is not None:
            ended = ended.filter(valid_to=self.removed_at)
        return ended.select_related("device", "service_point").order_by("-valid_to").first()


class ChangeRatio(meters.ChangeRatio, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from _common_faults(execution, self.role, self.at, self.reason)
        yield from ratio_faults(self.primary, self.secondary)
        period = _current_installation(self.consumer_number, self.role)
        yield from _period_faults(period, self.consumer_number, self.role, self.at)
        if period is None:
            return
        yield from read_faults(period.service_point_id, period.device, self.at, self.register_wh)
        if (self.primary, self.secondary) == (period.ratio_primary, period.ratio_secondary):
            yield say(
                "the ratio is {primary} to {secondary} already",
                primary=self.primary,
                secondary=self.secondary,
            )

    def carry_out(self, execution: Execution) -> None:
        before = _current_installation(self.consumer_number, self.role)
        assert before is not None, "its absence is a fault"
        execution.change(before, valid_to=self.at)
        after = DevicePeriod.objects.create(
            id=next_id(bucket_of(before.service_point_id)),
            service_point=before.service_point,
            device=before.device,
            role=before.role,
            ratio_primary=self.primary,
            ratio_secondary=self.secondary,
            valid_from=self.at,
            commissioned_at=continued_service_at(before.commissioned_at, self.at),
            taken_over_at=continued_service_at(before.taken_over_at, self.at),
            **execution.stamp,
        )
        read_register(execution, before.service_point, before.device, self.at, self.register_wh)
        execution.service_point_id = before.service_point_id
        execution.outcome |= {
            "service_point_id": before.service_point_id,
            "device_id": before.device_id,
            "device_period_id": after.id,
        }


def first_billed_at(period: DevicePeriod, passed_at: datetime) -> datetime:
    """Return from when on a meter that has passed commissioning at `passed_at` bills.

    A meter that replaced another bills from its first read, so that no consumption between the two is lost; any other
    from that moment.
    """
    exchanged = DevicePeriod.objects.filter(
        service_point=period.service_point_id, role=period.role, valid_to=period.valid_from
    ).exclude(commissioned_at=None, taken_over_at=None)
    return period.valid_from if exchanged.exists() else passed_at


def continued_service_at(in_service_at: datetime | None, since: datetime) -> datetime | None:
    """Return since when a meter is in service, where its period at a service point begins again at `since`: not
    before that.
    """
    return None if in_service_at is None else max(in_service_at, since)


def _current_installation(consumer_number: str, role: str) -> DevicePeriod | None:
    """Return the installation of the meter at a service point in a role, or None."""
    known = DeviceRole.__members__.get(role.upper())
    if known is None:
        return None
    return (
        DevicePeriod.objects.filter(
            service_point__consumer_number=consumer_number,
            role=known,
            valid_to=None,
        )
        .select_related("device", "service_point")
        .first()
    )


def _common_faults(execution: Execution, role: str, at: datetime, reason: str) -> Iterator[str]:
    yield from role_faults(role)
    yield from _reason_faults(reason)
    yield from future_faults(execution, at)


def _reason_faults(reason: str) -> Iterator[str]:
    if not reason.strip():
        yield say("give a reason")


def _period_faults(period: DevicePeriod | None, number: str, role: str, at: datetime) -> Iterator[str]:
    if not ServicePoint.objects.filter(consumer_number=number).exists():
        yield no_service_point_fault(number)
    elif period is None:
        yield say("no {role} meter is installed at {number}", role=role, number=number)
    elif at <= period.valid_from:
        yield say(
            "the present installation of meter {device} began only on {valid_from}",
            device=period.device,
            valid_from=period.valid_from.isoformat(),
        )
