"""The meter's display: the pages it cycles through, as a person at the meter reads them.

Balance and recharges are what the utility last wrote (IS 15959-2, prepayment objects); the other values are the
meter's.
"""

from typing import Any, Final, NamedTuple

from urja.cosem.axdr import Data
from urja.cosem.obis import Obis
from urja.cosem.time import CosemDateTime
from urja.meter.object_model import MeterState
from urja.meter.objects import (
    BALANCE_AMOUNT,
    BALANCE_TIME,
    DISPLAY_OBJECTS,
    PAYMENT_MODE,
    RECHARGE_AMOUNT,
    RECHARGE_TIME,
)
from urja.meter.relay import ControlState

_RELAY: Final = {
    ControlState.CONNECTED: "ON",
    ControlState.DISCONNECTED: "OFF",
    ControlState.READY: "PRESS",
}


class Page(NamedTuple):
    """One page: seven-segment text, a short label beside it, the unit or nothing."""

    label: str
    value: str
    unit: str


def pages(meter: MeterState) -> list[Page]:
    """Return the pages in order; none while the meter has no power.

    Amounts are stored in minor units of the currency and shown with two decimals.
    """
    if not meter.engine.powered:
        return []
    engine = meter.engine
    registers, line = engine.metrology.registers(), engine.metrology.line()
    shown = [
        *_prepaid_pages(meter),
        Page("KWH", f"{registers['1.0.1.8.0.255'] // 100_000 / 10:.1f}", "kWh"),
        Page("KW", f"{line['1.0.1.7.0.255'] / 1_000_000:.2f}", "kW"),
        Page("V", f"{line['1.0.12.7.0.255'] / 1000:.0f}", "V"),
    ]
    if registers["1.0.2.8.0.255"]:
        shown.append(Page("KWH EXP", f"{registers['1.0.2.8.0.255'] // 100_000 / 10:.1f}", "kWh"))
    if meter.identity.type.relay:
        shown.append(Page("RELAY", _RELAY[engine.switch.state], ""))
    tampers = " ".join(sorted(engine.tampers)).upper()
    shown.append(Page("TAMPER", tampers or "NONE", ""))
    return [*shown, Page("TIME", _local(engine.shown_s + engine.clock.utc_offset_s), "")]


def _prepaid_pages(meter: MeterState) -> list[Page]:
    if not _written(meter, PAYMENT_MODE):
        return []
    found = [Page("BALANCE", _amount(_written(meter, BALANCE_AMOUNT)), "Rs")]
    if as_of := _moment(_written(meter, BALANCE_TIME)):
        found.append(Page("BAL AT", as_of, ""))
    if recharged := _moment(_written(meter, RECHARGE_TIME)):
        found.append(Page("LAST RCHG", _amount(_written(meter, RECHARGE_AMOUNT)), "Rs"))
        found.append(Page("RCHG AT", recharged, ""))
    return found


def _written(meter: MeterState, obis: str) -> Any:
    data: Data = meter.settings.get(Obis.parse(obis), DISPLAY_OBJECTS[obis])
    return data.value


def _amount(minor: int) -> str:
    sign = "-" if minor < 0 else ""
    return f"{sign}{abs(minor) // 100}.{abs(minor) % 100:02d}"


def _moment(octets: bytes) -> str:
    """Return day, month, hour and minute as written; nothing where the time is not specified."""
    moment = CosemDateTime.from_bytes(octets)
    if moment.year == 0xFFFF:
        return ""
    return f"{moment.day:02d}-{moment.month:02d} {moment.hour:02d}:{moment.minute:02d}"


def _local(local_s: int) -> str:
    day_s = local_s % 86_400
    return f"{day_s // 3600:02d}:{day_s // 60 % 60:02d}"
