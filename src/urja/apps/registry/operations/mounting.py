"""Meters are put in and taken away, each with the register as read at that moment."""

from collections.abc import Iterator
from datetime import datetime
from typing import Final

from urja.apps.registry.models import Device, DevicePeriod, DeviceRole, ServicePoint, Stock
from urja.apps.registry.operations.doing import Doing, Operation, next_id
from urja.apps.registry.operations.outside import read_register
from urja.base.ids import bucket_of

HIGHEST_RATIO: Final = 1_000_000
"""No transformers make more of it; the registers of a century times so much are still whole numbers of eight bytes."""


def register_faults(register_wh: int) -> Iterator[str]:
    """Why a register cannot read so."""
    if register_wh < 0:
        yield f"a register does not read {register_wh} Wh"


def role_faults(role: str) -> Iterator[str]:
    """Why no meter is for that."""
    if role.upper() not in DeviceRole.__members__:
        yield f"a meter is for {', '.join(name.lower() for name in DeviceRole.__members__)}, not {role!r}"


def ratio_faults(primary: int, secondary: int) -> Iterator[str]:
    """Why it is no transformer's ratio."""
    for number in (primary, secondary):
        if not 0 < number <= HIGHEST_RATIO:
            yield f"a ratio is of numbers from 1 to {HIGHEST_RATIO}, such as 200 to 5; {number} is none"


def stock_faults(serial: str) -> Iterator[str]:
    """Why a meter cannot be hung up."""
    device = Device.objects.filter(serial=serial).first()
    if device is None:
        yield f"there is no meter {serial} in stock"
    elif device.stock == Stock.SCRAPPED:
        yield f"meter {serial} is scrapped"
    else:
        here = (
            DevicePeriod.objects.filter(device=device, valid_to=None).select_related("service_point").first()
        )
        if here is not None:
            yield f"meter {serial} hangs at {here.service_point}: take it away there first"


class InstallMeter(Operation, kw_only=True):
    """Put a meter that hangs nowhere at a service point. Nothing is billed before it is commissioned."""

    consumer_number: str
    serial: str
    installed_at: datetime
    register_wh: int
    """The import register as read at that moment."""
    role: str = "billing"
    """`billing`, `check`, `generation` or `source`."""

    ratio_primary: int = 1
    ratio_secondary: int = 1
    """Of current and voltage transformers before it that the meter does not reckon in."""

    def faults(self, doing: Doing) -> Iterator[str]:  # noqa: ARG002
        yield from register_faults(self.register_wh)
        yield from role_faults(self.role)
        yield from ratio_faults(self.ratio_primary, self.ratio_secondary)
        if not ServicePoint.objects.filter(consumer_number=self.consumer_number).exists():
            yield f"there is no connection {self.consumer_number}"
        yield from stock_faults(self.serial)

    def carry_out(self, doing: Doing) -> None:
        place = ServicePoint.objects.get(consumer_number=self.consumer_number)
        device = Device.objects.get(serial=self.serial)
        period = DevicePeriod.objects.create(
            id=next_id(bucket_of(place.id)),
            service_point=place,
            device=device,
            role=DeviceRole[self.role.upper()],
            ratio_primary=self.ratio_primary,
            ratio_secondary=self.ratio_secondary,
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
