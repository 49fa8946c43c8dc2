"""The meter's display: the pages it cycles through, as a person at the meter reads them.

Balance and recharges are what the utility last wrote (IS 15959-2, prepayment objects); the other values are the
meter's.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from urja.cosem.axdr import Data
from urja.cosem.obis import Obis
from urja.cosem.time import CosemDateTime
from urja.meter.display_objects import (
    BALANCE_AMOUNT,
    BALANCE_TIME,
    DISPLAY_OBJECTS,
    PAYMENT_MODE,
    RECHARGE_AMOUNT,
    RECHARGE_TIME,
)
from urja.meter.engine import Engine
from urja.meter.gas_engine import GasEngine
from urja.meter.gas_metrology import FLOW
from urja.meter.object_model import MeterState
from urja.meter.relay import ControlState

_RELAY: Final = {
    ControlState.CONNECTED: "ON",
    ControlState.DISCONNECTED: "OFF",
    ControlState.READY: "PRESS",
}

_VALVE: Final = {
    ControlState.CONNECTED: "OPEN",
    ControlState.DISCONNECTED: "CLOSED",
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
    measured = _gas_pages(engine) if isinstance(engine, GasEngine) else _electricity_pages(engine)
    shown = [*_prepaid_pages(meter), *measured]
    if meter.identity.type.relay and not isinstance(engine, GasEngine):
        shown.append(Page("RELAY", _RELAY[engine.switch.state], ""))
    tampers = " ".join(sorted(engine.tampers)).upper()
    shown.append(Page("TAMPER", tampers or "NONE", ""))
    return [*shown, Page("TIME", _local(engine.shown_s + engine.clock.utc_offset_s), "")]


def _electricity_pages(engine: Engine) -> list[Page]:
    registers, line = engine.metrology.registers(), engine.metrology.line()
    one_phase = engine.device_type.phases == 1
    measured = _single_phase_pages(line) if one_phase else _three_phase_pages(engine, registers, line)
    shown = [_energy_page("KWH", registers["1.0.1.8.0.255"], "kWh"), *measured]
    if registers["1.0.2.8.0.255"]:
        shown.append(_energy_page("KWH EXP", registers["1.0.2.8.0.255"], "kWh"))
    return shown


def _gas_pages(engine: GasEngine) -> list[Page]:
    """Return the pages of a gas meter: volume, flow, valve, battery.

    The valve says PRESS where it needs a hand, and TEST while the meter tests for escaping gas.
    """
    litres = engine.metrology.line_litres()
    shown = [
        Page("M3", f"{litres // 1000}.{litres % 1000:03d}", "m³"),
        Page("FLOW", f"{engine.metrology.line()[FLOW] / 1000:.2f}", "m³/h"),
        Page("BATTERY", str(engine.module.left_percent(engine.true_s)), "%"),
    ]
    if engine.valve is not None:
        testing = engine.test_ends_s is not None
        shown.insert(2, Page("VALVE", "TEST" if testing else _VALVE[engine.switch.state], ""))
    return shown


def _energy_page(label: str, milli: int, unit: str) -> Page:
    """Return a register cut downwards to a tenth of a thousand units."""
    return Page(label, f"{milli // 100_000 / 10:.1f}", unit)


def _single_phase_pages(line: Mapping[str, int]) -> list[Page]:
    return [
        Page("KW", f"{line['1.0.1.7.0.255'] / 1_000_000:.2f}", "kW"),
        Page("V", f"{line['1.0.12.7.0.255'] / 1000:.0f}", "V"),
    ]


def _three_phase_pages(engine: Engine, registers: Mapping[str, int], line: Mapping[str, int]) -> list[Page]:
    """Return the pages of IS 15959-2 for D2: energies, zones, demands and their times, power, each phase."""
    found = [
        _energy_page("KVAH", registers["1.0.9.8.0.255"], "kVAh"),
        _energy_page("KVARH LAG", registers["1.0.5.8.0.255"], "kvarh"),
        _energy_page("KVARH LEAD", registers["1.0.8.8.0.255"], "kvarh"),
    ]
    by_zone = {zone: registers[f"1.0.1.8.{zone}.255"] for zone in range(1, engine.device_type.zones + 1)}
    found += [_energy_page(f"KWH TZ{zone}", milli, "kWh") for zone, milli in by_zone.items() if milli]
    for label, code, unit in (("MD KW", "1.0.1.6.0.255", "kW"), ("MD KVA", "1.0.9.6.0.255", "kVA")):
        if at_s := engine.demand_at(code):
            found.append(Page(label, f"{registers[code] / 1_000_000:.2f}", unit))
            found.append(Page(f"{label} AT", _local(at_s + engine.clock.utc_offset_s), ""))
    if engine.device_type.generator:
        found.append(_energy_page("KWH DG", registers["1.2.1.8.0.255"], "kWh"))
    found += [
        Page("KW", f"{line['1.0.1.7.0.255'] / 1_000_000:.2f}", "kW"),
        Page("KVA", f"{line['1.0.9.7.0.255'] / 1_000_000:.2f}", "kVA"),
        Page("PF", f"{line['1.0.13.7.0.255'] / 1000:.3f}", ""),
    ]
    # R, Y and B, as the phases are called in Indian service.
    for above, name in zip((20, 40, 60), "RYB", strict=True):
        found.append(Page(f"V {name}", f"{line.get(f'1.0.{above + 12}.7.0.255', 0) / 1000:.0f}", "V"))
        found.append(Page(f"A {name}", f"{line.get(f'1.0.{above + 11}.7.0.255', 0) / 1000:.1f}", "A"))
    return [*found, Page("MD RESETS", str(engine.billing_count), "")]


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
