"""Device types compiled for the head end: how each push becomes records."""

from dataclasses import dataclass
from functools import cache

from urja.cosem.companion import DeviceType, load_device_type
from urja.cosem.layout import LayoutSet
from urja.cosem.pushlist import PushList


@dataclass(frozen=True, eq=False)
class CompiledType:
    """A device type, its push layouts, and which push each layout is."""

    device_type: DeviceType
    layouts: LayoutSet
    pushes: tuple[PushList, ...] = ()
    """What the meter has told of its pushes; those that it has not are as the type says."""

    def push_key(self, layout_name: str) -> str:
        """`block`, `instantaneous` or `alert` for a layout of this type."""
        return layout_name.rsplit("/", 1)[1]


@cache
def compiled_type(name: str, pushes: tuple[PushList, ...] = ()) -> CompiledType:
    """The compiled type of a companion data file, with the pushes that a meter has told of.

    Raises CompanionError, and LocalError for pushes that cannot be decoded so. One for all meters that say the same:
    layouts compare by identity, and what is decoded together shares one.
    """
    device_type = load_device_type(name)
    return CompiledType(device_type, LayoutSet.of(device_type, pushes), pushes)
