"""Meter exchange and change of ratio: consumption continues exactly, to the Wh, across the instant of the change.

The old meter's last read and the new meter's first read are taken at the same instant, so that registers bill the
whole day and no interval has to be divided. The agreement, its balance and its progress through the slabs are not
affected.
"""

from collections.abc import Iterator
from datetime import datetime
from fractions import Fraction

from django.db.models import QuerySet

from urja.apps.assets.kinds import DeviceRole
from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.meter_types.queries import own_ratio
from urja.apps.network.models import ServicePoint
from urja.apps.work.kinds import WorkOrderKind
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.usecases.agreements_in_force import agreement_at, net_faults
from urja.usecases.kinds import meters
from urja.usecases.kinds.registers import one_of, register_of
from urja.usecases.last_reads import last_read_faults, record_last_read
from urja.usecases.meter_installation import (
    begin_installation,
    commodity_faults,
    end_installation,
    future_faults,
    ratio_faults,
    role_faults,
    stock_faults,
)
from urja.usecases.register_reads import read_faults, register_faults, unit_faults
from urja.usecases.service_points import no_service_point_fault
from urja.usecases.side_effects import read_register
from urja.usecases.work_orders import seal_faults


class ExchangeMeter(meters.ExchangeMeter, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from _common_faults(execution, self.role, self.at, self.reason)
        yield from stock_faults(self.new_serial)
        if (self.ratio_primary is None) != (self.ratio_secondary is None):
            yield say("a ratio has two numbers: give both, or neither")
        elif self.ratio_primary is not None and self.ratio_secondary is not None:
            yield from ratio_faults(self.ratio_primary, self.ratio_secondary)
        period = _current_installation(self.consumer_number, self.role)
        yield from _period_faults(period, self.consumer_number, self.role, self.at)
        if period is None:
            return
        supplied = period.service_point.commodity
        yield from unit_faults(supplied, self.old_register_wh, self.old_register_l, name="old_register")
        yield from unit_faults(
            supplied, self.new_register_wh, self.new_register_l, name="new_register", needed=True
        )
        yield from register_faults(supplied, self._first() or 0)
        last = one_of(self.old_register_wh, self.old_register_l)
        if last is not None:
            yield from read_faults(period.service_point_id, period.device, self.at, last)
        new = Device.objects.filter(serial=self.new_serial).first()
        if new is not None and self.ratio_primary is None:
            yield from _removed_transformers_faults(period, new)
        if new is not None:
            yield from commodity_faults(new.serial, new.commodity, period.service_point)
            yield from seal_faults(new, self.seals)
        agreement = agreement_at(period.service_point, self.at)
        if new is not None and agreement is not None and period.role == DeviceRole.BILLING:
            yield from net_faults(new, period.service_point, agreement.terms_at(self.at).metering_mode)

    def carry_out(self, execution: Execution) -> None:
        old = _current_installation(self.consumer_number, self.role)
        assert old is not None, "its absence is a fault"
        service_point, new = old.service_point, Device.objects.get(serial=self.new_serial)
        first = self._first()
        assert first is not None, "its absence is a fault"
        self._take_away(execution, old)
        primary, secondary = (
            continued_ratio(old, new)
            if self.ratio_primary is None or self.ratio_secondary is None
            else (self.ratio_primary, self.ratio_secondary)
        )
        period = begin_installation(
            execution,
            DevicePeriod(
                id=next_id(bucket_of(service_point.id)),
                service_point=service_point,
                device=new,
                role=old.role,
                ratio_primary=primary,
                ratio_secondary=secondary,
                valid_from=self.at,
                **execution.stamp,
            ),
            WorkOrderKind.EXCHANGE,
            register=first,
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
        last = one_of(self.old_register_wh, self.old_register_l)
        record_last_read(execution, old, self.at, last, estimated=last is None)

    def _first(self) -> int | None:
        """Return the first register of the new meter, in Wh or litres; None where it is not given."""
        return one_of(self.new_register_wh, self.new_register_l)


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
            yield from unit_faults(period.service_point.commodity, self.register_wh, self.register_l)
            if register_of(self) is None and not self.estimated:
                yield say("give the register as it was read, or set estimated where it can no longer be read")
            yield from last_read_faults(period, period.valid_to, register_of(self), estimated=self.estimated)

    def carry_out(self, execution: Execution) -> None:
        period = self._period()
        assert period is not None, "its absence is a fault"
        assert period.valid_to is not None, "only periods that have ended are looked for"
        record_last_read(execution, period, period.valid_to, register_of(self), estimated=self.estimated)
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
        period = self._installation()
        if period is not None and self.at == period.valid_from:
            if self.register_wh is not None:
                yield say(
                    "the register at the installation is known: leave it out to correct the ratio since then"
                )
        else:
            yield from _period_faults(period, self.consumer_number, self.role, self.at)
            if self.register_wh is None:
                yield say(
                    "give the register at that instant: the old ratio applies before it, the new one after it"
                )
            elif period is not None:
                yield from read_faults(period.service_point_id, period.device, self.at, self.register_wh)
        if period is None:
            return
        if (self.primary, self.secondary) == (period.ratio_primary, period.ratio_secondary):
            yield say(
                "the ratio is {primary} to {secondary} already",
                primary=self.primary,
                secondary=self.secondary,
            )

    def _installation(self) -> DevicePeriod | None:
        """Return the installation that began at the stated instant, which may have ended since, or the present one."""
        begun = _installations(self.consumer_number, self.role).filter(valid_from=self.at).first()
        return begun or _current_installation(self.consumer_number, self.role)

    def carry_out(self, execution: Execution) -> None:
        before = self._installation()
        assert before is not None, "its absence is a fault"
        after = before
        if self.register_wh is None:
            execution.change(before, ratio_primary=self.primary, ratio_secondary=self.secondary)
        else:
            after = self._begin_again(execution, before, self.register_wh)
        execution.service_point_id = before.service_point_id
        execution.outcome |= {
            "service_point_id": before.service_point_id,
            "device_id": before.device_id,
            "device_period_id": after.id,
        }

    def _begin_again(self, execution: Execution, before: DevicePeriod, register_wh: int) -> DevicePeriod:
        """End an installation and begin it with the other ratio, with a register (Wh) at that instant."""
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
        read_register(execution, before.service_point, before.device, self.at, register_wh)
        return after


def continued_ratio(before: DevicePeriod, device: Device) -> tuple[int, int]:
    """Return the ratio, primary to secondary, that a meter does not apply itself in the place of another one: the
    transformers stay, and each type may have multiplied its registers by their ratio already.
    """
    own, new_own = own_ratio(before.device.device_type), own_ratio(device.device_type)
    if own == new_own:
        return before.ratio_primary, before.ratio_secondary
    transformers = Fraction(before.ratio_primary, before.ratio_secondary) * own
    if transformers == 1:
        # Before a whole-current meter there were none: those of a meter that includes their ratio come with it.
        return 1, 1
    return (transformers / new_own).as_integer_ratio()


def _removed_transformers_faults(before: DevicePeriod, new: Device) -> Iterator[str]:
    """Yield why the ratio before a new meter has to be stated: one with a load switch is never behind current
    transformers, so that those of the old meter are removed.
    """
    primary, secondary = continued_ratio(before, new)
    if new.load_switch and not before.device.load_switch and primary != secondary:
        yield say(
            "meter {old} was behind transformers, and meter {new} has a load switch: give the ratio before it, 1 to 1 where the transformers are removed",
            old=before.device,
            new=new,
        )


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
    """Return since when a meter is in service, where its period at a service point begins again at `since` (UTC): not
    before that.
    """
    return None if in_service_at is None else max(in_service_at, since)


def _current_installation(consumer_number: str, role: str) -> DevicePeriod | None:
    """Return the installation of the meter at a service point in a role, or None."""
    return _installations(consumer_number, role).filter(valid_to=None).first()


def _installations(consumer_number: str, role: str) -> QuerySet[DevicePeriod]:
    """Return the installations of meters at a service point in a role, present and past."""
    known = DeviceRole.__members__.get(role.upper())
    if known is None:
        return DevicePeriod.objects.none()
    there = DevicePeriod.objects.filter(service_point__consumer_number=consumer_number, role=known)
    return there.select_related("device", "service_point")


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
