"""At which conditions the billed registers of gas meters count, by the types of the meters."""

from collections.abc import Collection
from functools import lru_cache

from urja.base.sql_cursor import Cursor
from urja.core.gas import RegisterConditions
from urja.cosem.companion import CompanionError, TypeFiles, build_device_type, device_types, load_device_type
from urja.cosem.companion.gas_types import GasRegister


def conditions_of(
    cursor: Cursor, meters: Collection[tuple[str, str]]
) -> dict[tuple[str, str], RegisterConditions]:
    """Return the conditions of registers by (name of the type, firmware); types of electricity meters are left out.

    Of a loaded type it is the newest version for the firmware, else the newest, as the head end reads the meter.
    """
    shipped = device_types()
    found = {}
    loaded = [(name, firmware) for name, firmware in meters if name not in shipped]
    for name, firmware in set(meters) - set(loaded):
        found[name, firmware] = load_device_type(name).gas
    if loaded:
        cursor.execute(
            "SELECT DISTINCT ON (m.name, m.firmware) m.name, m.firmware, v.sha256, v.text"
            " FROM unnest(%s::text[], %s::text[]) AS m (name, firmware) JOIN meter_types_version v ON v.name = m.name"
            " ORDER BY m.name, m.firmware, m.firmware = ANY (v.firmware) DESC, v.valid_from DESC, v.id DESC",
            [list(column) for column in zip(*loaded, strict=True)],
        )
        for name, firmware, sha256, text in cursor.fetchall():
            found[name, firmware] = _register_of(sha256, text)
    return {
        meter: RegisterConditions(gas.conditions, gas.temperature_dc, gas.pressure_pa)
        for meter, gas in found.items()
        if gas is not None
    }


@lru_cache(maxsize=256)
def _register_of(_sha256: str, text: str) -> GasRegister | None:
    try:
        return build_device_type(TypeFiles.from_text(text)).gas
    except CompanionError:
        # Loaded by an earlier release with weaker checks: `channel_sets` says so, and no meter is read by it.
        return None
