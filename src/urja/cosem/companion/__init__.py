"""Companion standards as data: what an IS 15959 meter's objects, columns, events and bits mean.

`load_device_type("urja-d1")` gives a `DeviceType` with its profiles and pushes; `load_companion()` the
object map; `name_object(obis)` words for any electricity, gas or abstract code.
"""

from urja.cosem.companion.lists import push_list
from urja.cosem.companion.loader import (
    CompanionError,
    device_types,
    load_companion,
    load_device_type,
    load_device_type_text,
)
from urja.cosem.companion.model import (
    Associations,
    Column,
    Companion,
    DeviceType,
    EswBit,
    EventCode,
    ObjectInfo,
    OverloadHabit,
    Profile,
    PushLayout,
)
from urja.cosem.companion.naming import generic_name, name_object
from urja.cosem.companion.units import TYPE_TAGS, UNIT_CODES, UNITS, unit_symbol

__all__ = [
    "TYPE_TAGS",
    "UNITS",
    "UNIT_CODES",
    "Associations",
    "Column",
    "Companion",
    "CompanionError",
    "DeviceType",
    "EswBit",
    "EventCode",
    "ObjectInfo",
    "OverloadHabit",
    "Profile",
    "PushLayout",
    "device_types",
    "generic_name",
    "load_companion",
    "load_device_type",
    "load_device_type_text",
    "name_object",
    "push_list",
    "unit_symbol",
]
