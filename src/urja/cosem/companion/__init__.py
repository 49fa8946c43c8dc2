"""Companion standards as data: the meaning of an IS 15959 meter's objects, columns, events and status bits.

`load_device_type("urja-d1")` returns a shipped `DeviceType` with its profiles and pushes, `build_device_type`
one from other files; `load_companion()` returns the object map; `name_object(obis)` names an OBIS code in
words.
"""

from urja.cosem.companion.battery_meters import AwakePlan, Battery
from urja.cosem.companion.gas_types import MANUAL_MODES, GasRegister, GasValve
from urja.cosem.companion.loader import CompanionError, load_companion
from urja.cosem.companion.model import (
    BILLING_DATE,
    ESW_KEY,
    Associations,
    Column,
    Companion,
    DeviceType,
    EswBit,
    EventCode,
    ObjectInfo,
    OverloadBehaviour,
    Profile,
    PushLayout,
    TextDisplay,
)
from urja.cosem.companion.named_lists import named_list
from urja.cosem.companion.naming import generic_name, name_object
from urja.cosem.companion.type_builder import (
    build_device_type,
    device_types,
    load_device_type,
    read_type_folder,
)
from urja.cosem.companion.type_files import TypeFiles
from urja.cosem.companion.units import TYPE_TAGS, UNIT_CODES, UNITS, unit_symbol

__all__ = [
    "BILLING_DATE",
    "ESW_KEY",
    "MANUAL_MODES",
    "TYPE_TAGS",
    "UNITS",
    "UNIT_CODES",
    "Associations",
    "AwakePlan",
    "Battery",
    "Column",
    "Companion",
    "CompanionError",
    "DeviceType",
    "EswBit",
    "EventCode",
    "GasRegister",
    "GasValve",
    "ObjectInfo",
    "OverloadBehaviour",
    "Profile",
    "PushLayout",
    "TextDisplay",
    "TypeFiles",
    "build_device_type",
    "device_types",
    "generic_name",
    "load_companion",
    "load_device_type",
    "name_object",
    "named_list",
    "read_type_folder",
    "unit_symbol",
]
