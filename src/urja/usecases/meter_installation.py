"""Installation and removal of meters, each with the register read at that instant."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from urja.apps.assets.kinds import DeviceRole, Stock
from urja.apps.assets.models import Device, DevicePeriod, Seal
from urja.apps.journal.operation import Execution, UseCase, next_id
from urja.apps.meter_types.queries import known_types
from urja.apps.network.models import ServicePoint
from urja.apps.work import queries as orders
from urja.apps.work.kinds import WorkOrderKind
from urja.base.ids import bucket_of
from urja.base.sentences import say
from urja.core.rating import Commodity
from urja.usecases.kinds import meters
from urja.usecases.kinds.registers import known_register, register_of
from urja.usecases.last_reads import last_read_faults, record_last_read
from urja.usecases.register_reads import register_faults, unit_faults
from urja.usecases.service_points import no_service_point_fault, service_points_of
from urja.usecases.side_effects import read_register
from urja.usecases.work_orders import close_finished_order, photo_faults, record_seals, seal_faults

HIGHEST_RATIO: Final = 1_000_000
"""No transformers make more of it; registers of a hundred years times this ratio still fit eight bytes."""


def relay_faults(device_type: str, *, load_switch: bool) -> Iterator[str]:
    """Yield why a meter of a type cannot have a load switch.

    A command to a switch that does not exist would fail for ever, where a person is to be sent instead.
    """
    known = known_types().get(device_type)
    if load_switch and known is not None and not known.relay:
        yield say(
            "meters of type {type} have no relay: this one cannot have a load switch either", type=device_type
        )


def commodity_faults(serial: str, measured: str, service_point: ServicePoint) -> Iterator[str]:
    """Yield why a meter that measures a commodity cannot be installed at a service point."""
    if measured != service_point.commodity:
        yield say(
            "meter {serial} measures {measured}, and service point {service_point} supplies {supplied}: choose a meter for {supplied}",
            serial=serial,
            measured=measured,
            service_point=service_point,
            supplied=service_point.commodity,
        )


def role_faults(role: str) -> Iterator[str]:
    """Yield why a meter cannot have a role."""
    if role.upper() not in DeviceRole.__members__:
        yield say(
            "the role of a meter is {choices}, not {role}",
            choices=", ".join(name.lower() for name in DeviceRole.__members__),
            role=repr(role),
        )


def ratio_faults(primary: int, secondary: int) -> Iterator[str]:
    """Yield why two numbers are not the ratio of transformers."""
    for number in (primary, secondary):
        if not 0 < number <= HIGHEST_RATIO:
            yield say(
                "a ratio has numbers from 1 to {most}, such as 200 to 5, not {number}",
                most=HIGHEST_RATIO,
                number=number,
            )


def future_faults(execution: Execution, at: datetime) -> Iterator[str]:
    """Yield why an instant (UTC) is not in the past."""
    if at > execution.recorded_at:
        yield say("{at} is in the future: record it after it has happened", at=at.isoformat())


def stock_faults(serial: str) -> Iterator[str]:
    """Yield why a meter cannot be installed."""
    device = Device.objects.filter(serial=serial).first()
    if device is None:
        yield say("there is no meter {serial} in stock", serial=serial)
    elif device.stock == Stock.SCRAPPED:
        yield say("meter {serial} is scrapped", serial=serial)
    else:
        here = (
            DevicePeriod.objects.filter(device=device, valid_to=None).select_related("service_point").first()
        )
        if here is not None:
            yield say(
                "meter {serial} is installed at {service_point}: remove it there first",
                serial=serial,
                service_point=here.service_point,
            )


class InstallMeter(meters.InstallMeter, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from self.service_point_faults(execution)
        yield from self.device_faults()
        service_point = execution.find(service_points_of, self.consumer_number)
        if service_point is not None:
            yield from unit_faults(service_point.commodity, self.register_wh, self.register_l, needed=True)
        device = Device.objects.filter(serial=self.serial).first()
        if device is not None:
            yield from self.commodity_faults(execution, device.commodity)

    def commodity_faults(self, execution: Execution, measured: str) -> Iterator[str]:
        """Yield why a meter that measures a commodity cannot be installed at this service point."""
        service_point = execution.find(service_points_of, self.consumer_number)
        if service_point is not None:
            yield from commodity_faults(self.serial, measured, service_point)

    def service_point_faults(self, execution: Execution) -> Iterator[str]:
        """Yield why no meter can be installed at this service point."""
        service_point = execution.find(service_points_of, self.consumer_number)
        supplied = Commodity.ELECTRICITY if service_point is None else service_point.commodity
        yield from register_faults(supplied, register_of(self) or 0)
        yield from role_faults(self.role)
        yield from ratio_faults(self.ratio_primary, self.ratio_secondary)
        yield from future_faults(execution, self.installed_at)
        if service_point is None:
            yield no_service_point_fault(self.consumer_number)
        else:
            if service_point.disconnected_at is not None:
                yield say(
                    "service point {service_point} is permanently disconnected: reopen_service_point first",
                    service_point=service_point,
                )
            yield from photo_faults(
                orders.unfinished_at(service_point.id, WorkOrderKind.INSTALL), self.photos
            )

    def device_faults(self) -> Iterator[str]:
        """Yield why this meter cannot be installed."""
        yield from stock_faults(self.serial)
        device = Device.objects.filter(serial=self.serial).first()
        if device is not None:
            yield from seal_faults(device, self.seals)

    def carry_out(self, execution: Execution) -> None:
        service_point = ServicePoint.objects.get(consumer_number=self.consumer_number)
        device = Device.objects.get(serial=self.serial)
        period = begin_installation(
            execution,
            DevicePeriod(
                id=next_id(bucket_of(service_point.id)),
                service_point=service_point,
                device=device,
                role=DeviceRole[self.role.upper()],
                ratio_primary=self.ratio_primary,
                ratio_secondary=self.ratio_secondary,
                valid_from=self.installed_at,
                **execution.stamp,
            ),
            WorkOrderKind.INSTALL,
            register=known_register(self),
            seals=self.seals,
            photos=self.photos,
        )
        execution.service_point_id = service_point.id
        execution.outcome |= {
            "service_point_id": service_point.id,
            "device_id": device.id,
            "device_period_id": period.id,
        }


def record_installation(
    execution: Execution,
    service_point: ServicePoint,
    device: Device,
    role: DeviceRole,
    since: datetime,
    register: int,
    **more: object,
) -> None:
    """Store an installation and its first register, in Wh or litres, as an older system reports it: in service, but not
    commissioned here.
    """
    DevicePeriod.objects.create(
        id=next_id(bucket_of(service_point.id)),
        service_point=service_point,
        device=device,
        role=role,
        valid_from=since,
        taken_over_at=since,
        **more,
        **execution.stamp,
    )
    read_register(execution, service_point, device, since, register)


class RemoveMeter(meters.RemoveMeter, UseCase):
    def faults(self, execution: Execution) -> Iterator[str]:
        yield from future_faults(execution, self.removed_at)
        period = self._period()
        if period is None:
            yield say("meter {serial} is not installed", serial=self.serial)
        elif self.removed_at <= period.valid_from:
            yield say(
                "meter {serial} was installed there only on {valid_from}",
                serial=self.serial,
                valid_from=period.valid_from.isoformat(),
            )
        else:
            yield from unit_faults(period.service_point.commodity, self.register_wh, self.register_l)
            yield from last_read_faults(period, self.removed_at, register_of(self), estimated=self.estimated)

    def carry_out(self, execution: Execution) -> None:
        period = self._period()
        assert period is not None, "its absence is a fault"
        end_installation(execution, period, self.removed_at)
        record_last_read(execution, period, self.removed_at, register_of(self), estimated=self.estimated)
        close_finished_order(
            execution,
            period.service_point,
            WorkOrderKind.DISCONNECT_BY_HAND,
            self.removed_at,
            register=register_of(self),
        )
        execution.service_point_id = period.service_point_id
        execution.outcome |= {"service_point_id": period.service_point_id, "device_id": period.device_id}

    def _period(self) -> DevicePeriod | None:
        return (
            DevicePeriod.objects.filter(device__serial=self.serial, valid_to=None)
            .select_related("device", "service_point")
            .first()
        )


def begin_installation(
    execution: Execution,
    period: DevicePeriod,
    closes: WorkOrderKind,
    *,
    register: int,
    seals: tuple[str, ...],
    photos: tuple[int, ...] = (),
) -> DevicePeriod:
    """Store an installation with its first register (Wh or litres) and seals; a billing meter's closes the work order."""
    service_point, device, at = period.service_point, period.device, period.valid_from
    period.save(force_insert=True)
    execution.change(device, stock=Stock.INSTALLED, held_by="")
    read_register(execution, service_point, device, at, register)
    record_seals(execution, device, at, seals)
    if period.role == DeviceRole.BILLING:
        close_finished_order(
            execution, service_point, closes, at, register=register, seals=seals, photos=photos
        )
    return period


def end_installation(execution: Execution, period: DevicePeriod, at: datetime) -> None:
    """End the installation of a meter; the seals on it count as removed."""
    execution.change(period, valid_to=at)
    execution.change(period.device, stock=Stock.REMOVED)
    # A seal put on after `at` belongs to a later visit and stays.
    for seal in Seal.objects.filter(device=period.device, removed_at=None, applied_at__lte=at):
        execution.change(seal, removed_at=at)
