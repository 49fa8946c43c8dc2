"""Which service points and meters a search is narrowed to: by commodity, phases and type of meter."""

from dataclasses import dataclass
from typing import Final

from django.db.models import Exists, OuterRef, Q

from urja.apps.assets.models import Device, DevicePeriod
from urja.apps.meter_types.queries import known_types
from urja.apps.overviews.queries.paging import given


@dataclass(frozen=True, slots=True)
class MeterFilter:
    """What is asked for; None means any."""

    commodity: str | None = None
    """`electricity` or `gas`."""
    phases: int | None = None
    """1 or 3, of electricity meters."""
    device_type: str | None = None
    """Name of a meter type."""

    def __bool__(self) -> bool:
        return (self.commodity, self.phases, self.device_type) != (None, None, None)

    def devices(self) -> Q:
        """Return the condition on a device."""
        found = given(commodity=self.commodity, device_type=self.device_type)
        if self.phases is not None:
            found &= Q(
                device_type__in=[
                    name
                    for name, known in known_types().items()
                    if known.commodity == "electricity" and known.phases == self.phases
                ]
            )
        return found

    def service_points(self) -> Q:
        """Return the condition on a service point: what it supplies, and a meter that is installed there now."""
        found = given(commodity=self.commodity)
        if self.phases is not None or self.device_type is not None:
            meters = Device.objects.filter(self.devices())
            installed = DevicePeriod.objects.filter(service_point_id=OuterRef("pk"), valid_to=None)
            found &= Q(Exists(installed.filter(device_id__in=meters.values("id"))))
        return found


ANY_METER: Final = MeterFilter()
"""Narrows nothing."""
