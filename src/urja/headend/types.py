"""Device types compiled for the head end: how each push becomes records."""

from dataclasses import dataclass
from functools import cache

from urja.cosem.companion import DeviceType, load_device_type
from urja.cosem.layout import LayoutSet


@dataclass(frozen=True, eq=False)
class CompiledType:
    """A device type, its push layouts, and which push each layout is."""

    device_type: DeviceType
    layouts: LayoutSet

    def push_key(self, layout_name: str) -> str:
        """`block`, `instantaneous` or `alert` for a layout of this type."""
        return layout_name.rsplit("/", 1)[1]


@cache
def compiled_type(name: str) -> CompiledType:
    """The compiled type of a companion data file; raises CompanionError. Shared: layouts compare by identity."""
    device_type = load_device_type(name)
    return CompiledType(device_type, LayoutSet.of(device_type))
