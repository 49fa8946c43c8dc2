"""Meters are put in and taken away, each with the register as read at that moment."""

from collections.abc import Iterator
from datetime import datetime

from urja.apps.registry.models import Device, DevicePeriod, DeviceRole, ServicePoint, Stock
from urja.apps.registry.operations.doing import Doing, Operation, next_id
from urja.apps.registry.operations.outside import read_register
from urja.base.ids import bucket_of


class InstallMeter(Operation, kw_only=True):
    """Put a meter that hangs nowhere at a service point. Nothing is billed before it is commissioned."""

    consumer_number: str
    serial: str
    installed_at: datetime
    register_wh: int
    """The import register as read at that moment."""
    role: str = "billing"
    """`billing`, `check`, `generation` or `source`."""

    def faults(self, doing: Doing) -> Iterator[str]:  # noqa: ARG002
        if self.register_wh < 0:
            yield f"a register does not read {self.register_wh} Wh"
        if self.role.upper() not in DeviceRole.__members__:
            yield f"a meter is for {', '.join(name.lower() for name in DeviceRole.__members__)}, not {self.role!r}"
        if not ServicePoint.objects.filter(consumer_number=self.consumer_number).exists():
            yield f"there is no connection {self.consumer_number}"
        device = Device.objects.filter(serial=self.serial).first()
        if device is None:
            yield f"there is no meter {self.serial} in stock"
        elif device.stock == Stock.SCRAPPED:
            yield f"meter {self.serial} is scrapped"
        else:
            here = (
                DevicePeriod.objects.filter(device=device, valid_to=None)
                .select_related("service_point")
                .first()
            )
            if here is not None:
                yield f"meter {self.serial} hangs at {here.service_point}: take it away there first"

    def carry_out(self, doing: Doing) -> None:
        place = ServicePoint.objects.get(consumer_number=self.consumer_number)
        device = Device.objects.get(serial=self.serial)
        period = DevicePeriod.objects.create(
            id=next_id(bucket_of(place.id)),
            service_point=place,
            device=device,
            role=DeviceRole[self.role.upper()],
            valid_from=self.installed_at,
            **doing.stamp,
        )
        doing.change(device, stock=Stock.INSTALLED, held_by="")
        read_register(doing, place, device, self.installed_at, self.register_wh)
        doing.service_point_id = place.id
        doing.outcome |= {"service_point_id": place.id, "device_id": device.id, "device_period_id": period.id}


class RemoveMeter(Operation, kw_only=True):
    """Take a meter away from where it hangs."""

    serial: str
    removed_at: datetime
    register_wh: int | None = None
    """The import register as read at that moment; none where it could not be read."""

    def faults(self, doing: Doing) -> Iterator[str]:  # noqa: ARG002
        period = self._period()
        if period is None:
            yield f"meter {self.serial} hangs nowhere"
        elif self.removed_at <= period.valid_from:
            yield f"meter {self.serial} hangs there only since {period.valid_from.isoformat()}"

    def carry_out(self, doing: Doing) -> None:
        period = self._period()
        assert period is not None, "its absence is a fault"
        doing.change(period, valid_to=self.removed_at)
        doing.change(period.device, stock=Stock.REMOVED)
        if self.register_wh is not None:
            read_register(doing, period.service_point, period.device, self.removed_at, self.register_wh)
        doing.service_point_id = period.service_point_id
        doing.outcome |= {"service_point_id": period.service_point_id, "device_id": period.device_id}

    def _period(self) -> DevicePeriod | None:
        return (
            DevicePeriod.objects.filter(device__serial=self.serial, valid_to=None)
            .select_related("device", "service_point")
            .first()
        )
