"""What `urja headend read` prints: a value, or a profile's rows, as text and as JSON."""

import json
import string

from urja.cosem.axdr import Data, Tag
from urja.cosem.companion import unit_symbol
from urja.cosem.errors import DecodeError
from urja.cosem.readings import plain
from urja.cosem.time import CosemDateTime
from urja.headend.object_reading import Quantity, SingleValue, Table


def _facts(quantity: Quantity) -> dict[str, object]:
    attribute = quantity.attribute
    return {
        "obis": str(attribute.obis),
        "class_id": attribute.class_id,
        "attribute": attribute.attribute,
        "name": quantity.name,
        "scaler": quantity.scaler,
        "unit": None if quantity.unit is None else unit_symbol(quantity.unit),
    }


def _cell(quantity: Quantity, value: Data) -> object:
    """Return a JSON value: scaled where a scaler is known, clocks in ISO 8601, else as `urja decode` prints it."""
    scaled = quantity.scaled(value)
    if scaled is not None:
        return int(scaled) if scaled == scaled.to_integral_value() else float(scaled)
    clock = _clock(value)
    return plain(value) if clock is None else _clock_text(clock, "T")


def as_json_document(result: SingleValue | Table) -> str:
    """Return a result as a JSON document: values scaled where a scaler is known, rows by column."""
    if isinstance(result, SingleValue):
        document = _facts(result.quantity) | {
            "value": _cell(result.quantity, result.value),
            "raw": plain(result.value),
            "type": result.value.tag.name.lower(),
        }
    else:
        document = _facts(result.profile) | {
            "columns": [_facts(column) for column in result.columns],
            "rows": [
                [_cell(column, value) for column, value in zip(result.columns, row, strict=True)]
                for row in result.rows
            ],
        }
    return json.dumps(document, indent=2, ensure_ascii=False)


def as_text(result: SingleValue | Table) -> str:
    """Return a result as text: a value with its unit, or a table with three lines of heading for each column."""
    if isinstance(result, SingleValue):
        quantity = result.quantity
        unit = "" if quantity.unit is None else f" {unit_symbol(quantity.unit)}"
        head = f"{quantity.attribute.obis} class {quantity.attribute.class_id} attribute {quantity.attribute.attribute}"
        name = f"  {quantity.name}" if quantity.name else ""
        return f"{head}{name}\n  {_shown(quantity, result.value)}{unit}"
    title = f"{result.profile.attribute.obis}  {result.profile.name}".rstrip()
    if len(result.rows) == 1:
        # A single row with many columns is more readable as a list.
        pairs = zip(result.columns, result.rows[0], strict=True)
        return "\n".join([title, *(_line_of(column, value) for column, value in pairs)])
    heads = [_heading(column) for column in result.columns]
    body = [
        [_shown(column, value) for column, value in zip(result.columns, row, strict=True)]
        for row in result.rows
    ]
    rows = [[head[line] for head in heads] for line in range(3)] + body
    widths = [max(len(row[index]) for row in rows) for index in range(len(heads))]
    lines = ["  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)) for row in rows]
    lines.insert(3, "  ".join("-" * width for width in widths))
    count = f"{len(body)} row{'' if len(body) == 1 else 's'}"
    return "\n".join([f"{title}: {count}", *lines])


def _line_of(quantity: Quantity, value: Data) -> str:
    name, obis, unit = _heading(quantity)
    return f"  {obis:<16} {_shown(quantity, value):>20} {unit.strip('[]'):<5} {name}".rstrip()


def _heading(quantity: Quantity) -> tuple[str, str, str]:
    """Return name, OBIS code and unit, for three lines of a column's head."""
    unit = "" if quantity.unit is None else unit_symbol(quantity.unit)
    obis = str(quantity.attribute.obis).removesuffix(".255")
    if quantity.attribute.attribute != 2:
        obis = f"{obis}#{quantity.attribute.attribute}"
    return quantity.name, obis, f"[{unit}]" if unit else ""


def _shown(quantity: Quantity, value: Data) -> str:
    scaled = quantity.scaled(value)
    if scaled is not None:
        return str(scaled)
    clock = _clock(value)
    if clock is not None:
        return _clock_text(clock, " ")
    if value.tag is Tag.OCTET_STRING:
        return _octets(value.value)
    if value.tag is Tag.NULL:
        return "-"
    shown = plain(value)
    return json.dumps(shown, ensure_ascii=False) if isinstance(shown, (list, dict)) else str(shown)


def _octets(raw: bytes) -> str:
    text = raw.decode("ascii", "replace")
    return text if raw and set(text) <= set(string.printable[:95]) else raw.hex()


def _clock(value: Data) -> CosemDateTime | None:
    """Return the date-time of a value, given as such or as twelve octets (IEC 62056-6-2); None for other values."""
    if isinstance(value.value, CosemDateTime):
        return value.value
    if value.tag is not Tag.OCTET_STRING or len(value.value) != 12:
        return None
    clock = CosemDateTime.from_bytes(value.value)
    try:
        clock.to_utc(default_deviation_min=0)
    except DecodeError:
        return None
    return clock


def _clock_text(clock: CosemDateTime, separator: str) -> str:
    """Return the local time as the meter shows it, without its deviation from UTC."""
    return str(clock).replace(" ", separator)
