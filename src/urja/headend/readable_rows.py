"""Rows of a profile in readable form: names, exact numbers in their units, instants in ISO 8601."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import BILLING_DATE, Column, DeviceType, name_object, unit_symbol
from urja.cosem.companion.column_quantities import quantity_of
from urja.cosem.errors import CosemError
from urja.cosem.readings import plain
from urja.cosem.time import CosemDateTime
from urja.cosem.xdlms.selection import CaptureObject
from urja.headend.profiles import ProfileShape


@dataclass(frozen=True, slots=True)
class Buffer:
    """Rows of one profile in the meter's order."""

    shape: ProfileShape
    rows: Sequence[Sequence[Data]]


def readable_rows(buffer: Buffer, device_type: DeviceType, most: int) -> dict[str, object]:
    """The newest rows of a profile in readable form, at most `most`, with the number of all rows; values as decimal
    strings in the column's unit, instants in ISO 8601 (UTC).

    The meter's own scaler and unit are used; companion data fills in where the meter gives none.
    """
    known = {
        (column.obis, column.attribute): column
        for profile in device_type.profiles.values()
        for column in profile.columns
        if profile.obis == buffer.shape.obis
    }
    columns = [
        _Shown.of(
            captured, scaler, unit, known.get((str(captured.attribute.obis), captured.attribute.attribute))
        )
        for captured, scaler, unit in zip(
            buffer.shape.columns, buffer.shape.scalers, buffer.shape.units, strict=True
        )
    ]
    newest = buffer.rows[max(0, len(buffer.rows) - most) :]
    return {
        "profile": buffer.shape.obis,
        "columns": [column.head(device_type) for column in columns],
        "rows": [
            [column.cell(cell, device_type) for column, cell in zip(columns, row, strict=True)]
            for row in newest
        ],
        "of": len(buffer.rows),
    }


@dataclass(frozen=True, slots=True)
class _Shown:
    """A column with scaler and unit of its numbers."""

    captured: CaptureObject
    scaler: int | None
    unit: int | None
    quantity: str | None

    @classmethod
    def of(
        cls, captured: CaptureObject, scaler: int | None, unit: int | None, known: Column | None
    ) -> "_Shown":
        found = quantity_of(_column(captured) if known is None else known)
        quantity = None if found is None else found.name
        if scaler is None and known is not None:
            return cls(captured, known.scaler, known.unit, quantity)
        return cls(captured, scaler, unit, quantity)

    @property
    def is_instant(self) -> bool:
        attribute = self.captured.attribute
        if (str(attribute.obis), attribute.attribute) == (BILLING_DATE, 2):
            return True
        return attribute.class_id == 8 or (attribute.class_id, attribute.attribute) in {(4, 5), (5, 6)}

    def head(self, device_type: DeviceType) -> dict[str, object]:
        attribute = self.captured.attribute
        name = name_object(attribute.obis, device_type.companion)
        return {
            "obis": str(attribute.obis),
            "attribute": attribute.attribute,
            "name": f"{name}, time" if attribute.class_id in (4, 5) and self.is_instant else name,
            "unit": "" if self.unit is None else unit_symbol(self.unit),
            "scaler": self.scaler,
            "instant": self.is_instant,
            "quantity": self.quantity,
        }

    def cell(self, data: Data, device_type: DeviceType) -> object:
        if data.tag is Tag.NULL:
            return None
        if self.is_instant:
            return _instant(data, device_type)
        if isinstance(data.value, bool) or not isinstance(data.value, int):
            return _text(data)
        return str(Decimal(data.value).scaleb(self.scaler or 0))


def _column(captured: CaptureObject) -> Column:
    """Return what a meter captures as a column that its type does not know: its code says the quantity, or nothing."""
    attribute = captured.attribute
    return Column("", attribute.class_id, str(attribute.obis), attribute.attribute, 0)


def _instant(data: Data, device_type: DeviceType) -> object:
    """The instant in ISO 8601; the plain value where it is none, such as the time of a demand that has not occurred."""
    try:
        value = CosemDateTime.from_bytes(data.value) if data.tag is Tag.OCTET_STRING else data.value
        if isinstance(value, CosemDateTime):
            return value.to_utc(device_type.deviation_sign, device_type.default_deviation_min).isoformat()
    except CosemError:
        return plain(data)
    return plain(data)


def _text(data: Data) -> object:
    """Printable octets as text (serials, manufacturers); other values in plain form."""
    if isinstance(data.value, bytes) and data.value and all(0x20 <= byte < 0x7F for byte in data.value):
        return data.value.decode("ascii")
    return plain(data)
