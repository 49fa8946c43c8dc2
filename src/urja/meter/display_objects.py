"""Objects that the utility writes for the display: prepayment (IS 15959-2), a text. They control nothing."""

from typing import Final

from urja.cosem import axdr
from urja.cosem.apdu import AccessResult
from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import TextDisplay
from urja.cosem.obis import Obis
from urja.meter.data_objects import STATUS_FILTER, data_object, stored_object
from urja.meter.events import EventCode
from urja.meter.object_model import CosemObject, MeterState, RefusedError
from urja.meter.object_values import NEVER

METERING_MODE: Final = "0.0.94.96.19.255"
PAYMENT_MODE: Final = "0.0.94.96.20.255"
RECHARGE_AMOUNT: Final = "0.0.94.96.21.255"
RECHARGE_TIME: Final = "0.0.94.96.22.255"
RECHARGE_TOTAL: Final = "0.0.94.96.23.255"
BALANCE_AMOUNT: Final = "0.0.94.96.24.255"
BALANCE_TIME: Final = "0.0.94.96.25.255"

SETTING_EVENTS: Final = {
    (PAYMENT_MODE, 0): EventCode.POSTPAID,
    (PAYMENT_MODE, 1): EventCode.PREPAID,
    (METERING_MODE, 0): EventCode.FORWARD_ONLY,
    (METERING_MODE, 1): EventCode.IMPORT_EXPORT,
    (str(STATUS_FILTER), None): EventCode.STATUS_FILTER_SET,
}
"""The event logged when a setting gets a new value; None where it does not depend on the value."""

# Values before the first write. Amounts are in minor units of the currency.
DISPLAY_OBJECTS: Final = {
    METERING_MODE: axdr.uint8(0),
    PAYMENT_MODE: axdr.uint8(1),
    RECHARGE_AMOUNT: axdr.int32(0),
    RECHARGE_TIME: NEVER,
    RECHARGE_TOTAL: axdr.int32(0),
    BALANCE_AMOUNT: axdr.int32(0),
    BALANCE_TIME: NEVER,
}


def prepayment_objects() -> list[CosemObject]:
    """Return the prepayment objects (IS 15959-2): the utility writes them for the display; they control nothing."""
    return [stored_object(obis, initial) for obis, initial in DISPLAY_OBJECTS.items()]


def text_object(display: TextDisplay) -> CosemObject:
    """Return the object of the utility's display text: printable ASCII, at most as long as the display."""
    name = Obis.parse(display.obis)

    def write(meter: MeterState, data: Data) -> None:
        fits = data.tag is Tag.OCTET_STRING and len(data.value) <= display.characters
        if not fits or not all(0x20 <= byte < 0x7F for byte in data.value):
            raise RefusedError(AccessResult.TYPE_UNMATCHED)
        meter.store(name, data)

    return data_object(display.obis, lambda meter: meter.settings.get(name, axdr.octets(b"")), write=write)
