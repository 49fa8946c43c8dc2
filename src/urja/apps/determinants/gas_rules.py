"""By which heat values an agreement's gas is converted, day by day, as a row of determinants says it."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Final
from zoneinfo import ZoneInfo

from urja.apps.meter_types.gas_registers import conditions_of
from urja.apps.network.dated_areas import DatedAreas
from urja.base.sql_cursor import Cursor
from urja.core.calendar import ONE_DAY, Period, midnight
from urja.core.determinants import GasDay
from urja.core.gas import RegisterConditions, conditions_text
from urja.core.heat_values import HeatValues, HeatZone, in_force

_EVERYWHERE: Final = "everywhere"
_SPAN: Final = re.compile(
    rf"(\d{{4}}-\d\d-\d\d) (?:none|\S+ \S+:([0-9a-f]{{16}}) ({_EVERYWHERE}|\w+ [^\s,;]+))"
)

type Decided = tuple[HeatValues, HeatZone] | None
"""What decides on a local day; None where no document covers it."""


@dataclass(frozen=True, slots=True)
class GasRules:
    """The heat values of an agreement's gas from the first day of a period on."""

    spans: tuple[tuple[date, Decided], ...]
    """(first local day, what decides from it on), in their order."""

    @property
    def text(self) -> str:
        """Which document, by version and hash, and which of its zones decides from which day on."""
        return "heat " + ", ".join(f"{first} {_name(decided)}" for first, decided in self.spans)

    def on(self, day: date) -> GasDay | None:
        """Return what the gas of a local day is converted by; None without a heat value."""
        decided = [decided for first, decided in self.spans if first <= day][-1]
        if decided is None:
            return None
        _, zone = decided
        return GasDay(zone.supply, zone.on(day))


def _name(decided: Decided) -> str:
    if decided is None:
        return "none"
    document, zone = decided
    return f"{document.code} {document.version}:{document.sha256[:16]} {zone.area or _EVERYWHERE}"


def gas_rules_from_text(text: str, documents: Mapping[str, HeatValues]) -> GasRules | None:
    """Return the rules that a row names by `GasRules.text`, from documents by the first 16 digits of their hashes.

    None where a document, or its zone, is not there.
    """
    spans: list[tuple[date, Decided]] = []
    for first, sha256, area in _SPAN.findall(text):
        decided: Decided = None
        if sha256:
            document = documents.get(sha256)
            named = "" if area == _EVERYWHERE else area
            zone = next((one for one in document.zones if one.area == named), None) if document else None
            if document is None or zone is None:
                return None
            decided = document, zone
        spans.append((date.fromisoformat(first), decided))
    return GasRules(tuple(spans))


_REGISTER: Final = re.compile(r"; register (\d+) ")


def registers_from_text(text: str) -> list[int]:
    """Return the ids of the devices whose registers a row names by `register_text`."""
    return [int(device_id) for device_id in _REGISTER.findall(text)]


class GasSupplies:
    """The rules of gas agreements; read once for a run, as all documents and areas are."""

    def __init__(
        self,
        cursor: Cursor,
        documents: Sequence[HeatValues],
        service_points: Mapping[int, int],
        zone: ZoneInfo,
    ) -> None:
        """Prepare for the gas agreements in `service_points`, which has their service points by their numbers."""
        self._documents, self._service_points, self._zone = documents, service_points, zone
        by_area = any(one.area for document in documents for one in document.zones)
        self._areas = DatedAreas(cursor, service_points.values()) if by_area and service_points else None
        self._decided: dict[tuple[date, tuple[str, ...]], Decided] = {}

    def rules(self, agreement_id: int, days: Period) -> GasRules | None:
        """Return the rules of an agreement's gas on the local days of a period; None for an agreement of another commodity."""
        service_point_id = self._service_points.get(agreement_id)
        if service_point_id is None:
            return None
        by_day = [(day, self._on(day, service_point_id)) for day in days]
        return GasRules(tuple(next(group) for _, group in groupby(by_day, key=lambda one: _name(one[1]))))

    def _on(self, day: date, service_point_id: int) -> Decided:
        areas = (
            ()
            if self._areas is None
            else self._areas.before(service_point_id, midnight(day + ONE_DAY, self._zone))
        )
        key = day, areas
        if key not in self._decided:
            self._decided[key] = in_force(self._documents, day, areas)
        return self._decided[key]


def registers_of(cursor: Cursor, device_ids: Iterable[int]) -> dict[int, RegisterConditions]:
    """Return the conditions of the registers of gas meters by device id; a meter whose type is not known is left out."""
    cursor.execute(
        "SELECT id, device_type, firmware FROM assets.device WHERE id = ANY(%s)", [sorted(set(device_ids))]
    )
    devices = {id_: (device_type, firmware) for id_, device_type, firmware in cursor.fetchall()}
    known = conditions_of(cursor, set(devices.values()))
    return {id_: known[meter] for id_, meter in devices.items() if meter in known}


def register_text(device_id: int, register: RegisterConditions | None) -> str:
    """Return what a row says of a meter's register: its conditions, and those it refers to."""
    if register is None:
        return f"register {device_id} of unknown conditions"
    refers_to = conditions_text(register.temperature_dc, register.pressure_pa)
    return f"register {device_id} {register.conditions}{f' at {refers_to}' if refers_to else ''}"
