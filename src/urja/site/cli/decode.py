"""`urja decode`: any DLMS frame as a readable tree, or as JSON. Imports nothing of Django."""

import json
import math
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from urja.base.untyped_values import JsonObject
from urja.cosem.apdu import GeneralCiphered
from urja.cosem.axdr import Data, Tag
from urja.cosem.capture import CaptureReader, DecodedPacket, Keys, Protection
from urja.cosem.companion import DeviceType, name_object, unit_symbol
from urja.cosem.describe import describe
from urja.cosem.description import Description, Fact, clock_text, octets_text, utc_text
from urja.cosem.errors import LocalError
from urja.cosem.obis import CosemAttribute
from urja.cosem.readings import Reading, as_definition, as_obis, find_readings, plain
from urja.cosem.telegram import is_telegram
from urja.cosem.time import CosemDateTime
from urja.site.cli.type_option import TypeParam

_MAX_INPUT: Final = 16 << 20
_HEX_DIGITS: Final = frozenset(string.hexdigits)
_SEPARATORS: Final = frozenset(string.whitespace + ":-,;")
_NOT_BYTES: Final = re.compile(r"(?://|#)[^\n]*|\b[TR]X\b:?|<[-=<]+|[-=>]+>", re.IGNORECASE)
"""Remarks and direction marks that people and tools write beside the bytes of a trace."""
_LABEL: Final = 18
_TYPES: Final = {Tag.STRUCTURE: "structure", Tag.ARRAY: "array", Tag.COMPACT_ARRAY: "compact array"}


class KeyParam(click.ParamType[bytes]):
    """A click type: bytes in hexadecimal, of one of the allowed lengths."""

    name = "hex"

    def __init__(self, *sizes: int) -> None:
        self.sizes = sizes

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> bytes:
        """Return the bytes. Raises click.BadParameter with the number of digits needed."""
        if isinstance(value, bytes):
            return value
        try:
            raw = from_hex(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if len(raw) not in self.sizes:
            size, *others = self.sizes
            or_else = "".join(f", or {other}" for other in others)
            self.fail(
                f"{size} bytes are needed ({size * 2} hex digits){or_else}, these are {len(raw)}", param, ctx
            )
        return raw


@click.command("decode")
@click.argument("source", metavar="[HEX|-|FILE]", nargs=-1)
@click.option("--guek", type=KeyParam(16, 32), help="Global unicast encryption key (32 bytes for suite 2).")
@click.option(
    "--gak",
    type=KeyParam(16, 32),
    help="Global authentication key; without it authentication tags are not verified.",
)
@click.option(
    "--system-title", type=KeyParam(8), help="System title of the sender, where the frame does not carry it."
)
@click.option(
    "--dedicated",
    type=KeyParam(16, 32),
    help="Dedicated key, where the association that set it is not in the capture.",
)
@click.option(
    "--type",
    "device_type",
    type=TypeParam(),
    help="Meter type (a shipped name such as urja-d1, or a folder): names and scales pushes and profile rows.",
)
@click.option("--json", "as_json", is_flag=True, help="Print JSON instead of text.")
def decode(
    source: tuple[str, ...],
    guek: bytes | None,
    gak: bytes | None,
    system_title: bytes | None,
    dedicated: bytes | None,
    device_type: DeviceType | None,
    as_json: bool,
) -> None:
    """Show a DLMS frame (wrapper, HDLC, M-Bus or bare APDU; several in a row) as a readable tree.

    Give the frame in hexadecimal, - for standard input, or a file, hexadecimal or binary. Spaces, newlines, colons, 0x,
    the marks TX:, RX:, <- and -> of a trace, and remarks after // or # are ignored. A telegram of a consumer port (P1)
    is text. Exits with 1 if the frame has a fault.
    """
    try:
        capture = read_source(source)
    except ValueError as error:
        raise click.ClickException(str(error)) from error
    try:
        opener = CaptureReader(Keys(guek, gak, system_title, dedicated))
    except LocalError as error:
        raise click.ClickException(str(error)) from error
    opened = list(opener.open(capture))
    if as_json:
        documents = [as_document(one, device_type) for one in opened]
        click.echo(
            json.dumps(documents[0] if len(documents) == 1 else documents, indent=2, ensure_ascii=False)
        )
    else:
        click.echo("\n\n".join("\n".join(as_tree(one, device_type)) for one in opened))
    failed = [fault for one in opened for fault in _faults(one)]
    for one in failed:
        click.echo(f"error in {one.where}: {one.error}{_in_input(one)}", err=True)
    sys.exit(1 if failed else 0)


def _faults(opened: DecodedPacket) -> Iterator[DecodedPacket]:
    """Yield the APDUs with a fault: this one, or those inside it."""
    if opened.error is not None:
        yield opened
    if opened.inside is not None:
        yield from _faults(opened.inside)


def read_source(source: tuple[str, ...]) -> bytes:
    """Return the bytes that the arguments name. Raises ValueError for a bad file or bad hexadecimal."""
    if source in {(), ("-",)}:
        return _from_content(sys.stdin.buffer.read(_MAX_INPUT + 1), "standard input")
    text = " ".join(source)
    path = Path(text)
    try:
        is_file = path.is_file()
    except OSError:
        is_file = False  # a long frame is no file name
    if not is_file:
        if is_telegram(text.encode()):
            return text.encode()
        try:
            return from_hex(text)
        except ValueError as error:
            raise ValueError(f"neither a file of this name nor a frame: {error}") from error
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_INPUT + 1)
    except OSError as error:
        raise ValueError(f"{text} cannot be read: {error.strerror}") from error
    return _from_content(content, text)


def _from_content(content: bytes, origin: str) -> bytes:
    """Return the bytes of hexadecimal text; a text telegram and binary content are returned unchanged."""
    if len(content) > _MAX_INPUT:
        raise ValueError(f"{origin} has more than {_MAX_INPUT >> 20} MiB")
    if is_telegram(content):
        return content
    if content and all(byte in b"\t\n\r" or 0x20 <= byte < 0x7F for byte in content):
        return from_hex(content.decode("ascii"))
    return content


def from_hex(text: str) -> bytes:
    """Return the bytes of hexadecimal with separators as people and loggers write them.

    Raises ValueError with the position of the first other character.
    """
    digits: list[str] = []
    text = _NOT_BYTES.sub(lambda found: " " * len(found[0]), text)
    position = 0
    while position < len(text):
        character = text[position]
        if text[position : position + 2] in {"0x", "0X"}:
            position += 2
            continue
        if character in _HEX_DIGITS:
            digits.append(character)
        elif character not in _SEPARATORS:
            raise ValueError(f"character {position + 1} is {character!r}, which is not hexadecimal")
        position += 1
    if len(digits) % 2:
        raise ValueError(
            f"{len(digits)} hexadecimal digits are not whole bytes: one digit is missing or too many"
        )
    return bytes.fromhex("".join(digits))


def _in_input(opened: DecodedPacket) -> str:
    offset = _input_offset(opened)
    told = offset is None or opened.packet is None or opened.where == "the input"
    return "" if told else f", byte {offset} of the input"


def _input_offset(opened: DecodedPacket) -> int | None:
    """Return the offset of the fault in the input, in bytes; None where its layer is not a part of the input."""
    error, packet = opened.error, opened.packet
    if error is None or error.offset is None:
        return None
    if packet is None or opened.where == "the input":
        return error.offset
    contiguous = opened.where == "the APDU" and packet.transport in ("wrapper", "raw")
    return packet.start + error.offset if contiguous else None


# --- JSON -----------------------------------------------------------------------------------------------


def as_document(opened: DecodedPacket, device_type: DeviceType | None = None) -> JsonObject:
    """Return one APDU as JSON values."""
    document: JsonObject = {}
    packet = opened.packet
    if packet is not None:
        document |= {"transport": packet.transport, **packet.addresses}
        if packet.frames > 1:
            document["frames"] = packet.frames
        if packet.link_service:
            document["link_service"] = packet.link_service
    document |= _protection_fields(opened)
    if opened.plain is not None:
        document["plain_apdu"] = opened.plain.hex()
    if opened.apdu is not None and (opened.missing is None or isinstance(opened.apdu, GeneralCiphered)):
        description = describe(opened.apdu)
        document["service"] = description.service
        document |= {fact.key: fact.plain for fact in description.facts}
        document["consumed_all"] = opened.missing is None
        readings = [
            _reading_fields(one) for fact in description.facts for one in _readings(fact, device_type)
        ]
        if readings:
            document["readings"] = readings
    if opened.text is not None:
        document |= {"service": "text telegram", "text": opened.text}
    if opened.inside is not None:
        inside = as_document(opened.inside, device_type)
        document |= {key: value for key, value in inside.items() if key not in document}
    if opened.missing is not None:
        document["missing"] = opened.missing
    if opened.error is not None:
        document["error"] = {
            "message": str(opened.error),
            "kind": type(opened.error).__name__,
            "where": opened.where,
            "offset": opened.error.offset,
            "input_offset": _input_offset(opened),
        }
    finite: JsonObject = _finite(document)
    return finite


def _protection_fields(opened: DecodedPacket) -> JsonObject:
    if not opened.protections:
        return {}
    protection = opened.protections[0]
    return {
        "system_title": None if protection.system_title is None else protection.system_title.hex(),
        "security_control": f"{protection.control.to_byte():02x}",
        "invocation_counter": protection.counter,
        "verified": protection.verified,
    }


def _readings(fact: Fact, device_type: DeviceType | None) -> list[Reading]:
    values = [fact.data, *(member for _, member in fact.members)]
    return [
        reading
        for value in values
        if isinstance(value, Data)
        for reading in find_readings(value, device_type)
    ]


def _reading_fields(reading: Reading) -> dict[str, object]:
    fields: JsonObject = {"obis": str(reading.obis), "name": reading.name, "value": plain(reading.value)}
    if reading.scaler is not None and reading.unit is not None:
        fields |= {"scaler": reading.scaler, "unit_code": reading.unit, "unit": unit_symbol(reading.unit)}
    if reading.scaled is not None:
        fields["scaled"] = f"{reading.scaled:f}"
    return fields


def _finite(value: Any) -> Any:
    """Return a value with infinities and NaN as text: JSON has no numbers for them."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


# --- the tree -------------------------------------------------------------------------------------------


def as_tree(opened: DecodedPacket, device_type: DeviceType | None = None) -> Iterator[str]:
    """Yield the text lines of one APDU."""
    packet = opened.packet
    if packet is not None:
        ends = ", ".join(f"{key} {value}" for key, value in packet.addresses.items())
        count = f", {packet.frames} frames" if packet.frames > 1 else ""
        service = f" {packet.link_service}" if packet.link_service else ""
        yield f"{packet.transport}{service}{f': {ends}' if ends else ''}{count} (byte {packet.start})"
    if opened.blocks:
        yield f"general-block-transfer: {opened.blocks} blocks"
    for protection in opened.protections:
        yield from _protection_lines(protection, opened.plain is not None and opened.error is None)
    if opened.missing is not None:
        if isinstance(opened.apdu, GeneralCiphered):
            yield from _description_lines(describe(opened.apdu), device_type)
        yield f"  not readable without {opened.missing}"
        return
    if opened.text is not None:
        yield "text telegram (IEC 62056-21)"
        yield from (f"  {line}" for line in opened.text.splitlines() if line)
    elif opened.apdu is not None:
        yield from _description_lines(describe(opened.apdu), device_type)
    elif opened.plain:
        yield f"{opened.where}: {octets_text(opened.plain)}"
    if opened.inside is not None:
        yield from (f"  {line}" for line in as_tree(opened.inside, device_type))


def _protection_lines(protection: Protection, opened: bool) -> Iterator[str]:
    control = protection.control
    applied = [
        word
        for word, on in (("authenticated", control.authenticated), ("encrypted", control.encrypted))
        if on
    ]
    title = protection.system_title
    yield "ciphered"
    yield _line(
        "system title", "not known" if title is None else f"{octets_text(title)} ({_printable(title[:3])})"
    )
    yield _line(
        "security",
        f"0x{control.to_byte():02x}: suite {control.suite}, {' and '.join(applied) or 'no protection'}",
    )
    yield _line("invocation counter", str(protection.counter))
    if protection.verified:
        yield _line("authentication", "verified")
    elif control.authenticated and opened:
        yield _line("authentication", "NOT verified: no authentication key")


def _description_lines(description: Description, device_type: DeviceType | None) -> Iterator[str]:
    yield description.service
    for fact in description.facts:
        if fact.members:
            for label, member in fact.members:
                yield from (
                    _value_lines(label, member, device_type)
                    if isinstance(member, Data)
                    else [_line(label, member)]
                )
        elif fact.data is not None:
            yield from _value_lines(fact.key.replace("_", " "), fact.data, device_type)
        elif isinstance(fact.plain, list) and not fact.text:
            for position, item in enumerate(fact.plain):
                yield _line(f"{fact.key.replace('_', ' ')} {position}", str(item))
        else:
            yield _line(fact.key.replace("_", " "), fact.text)


def _line(label: str, text: str) -> str:
    return f"  {label:<{_LABEL}}  {text}".rstrip()


def _value_lines(label: str, data: Data, device_type: DeviceType | None) -> Iterator[str]:
    readings = find_readings(data, device_type)
    tree = _Tree(readings)
    if data.tag in _TYPES:
        yield _line(label, f"{_TYPES[data.tag]} of {len(tree.members(data))}")
        yield from tree.lines(data, (), 4)
    else:
        yield _line(label, value_text(data))


class _Tree:
    """The lines of a value; a reading takes one line for all the nodes that it explains."""

    def __init__(self, readings: list[Reading]) -> None:
        self._starts = {reading.covers[0]: reading for reading in readings}
        self._covered = {path for reading in readings for path in reading.covers}
        self._width = max((len(_caption(reading)) for reading in readings), default=0)

    @staticmethod
    def members(data: Data) -> tuple[Data, ...]:
        members: tuple[Data, ...] = data.value.elements if data.tag is Tag.COMPACT_ARRAY else data.value
        return members

    def lines(self, data: Data, path: tuple[int, ...], indent: int) -> Iterator[str]:
        for position, member in enumerate(self.members(data)):
            here = (*path, position)
            reading = self._starts.get(here)
            if reading is not None:
                yield from self._reading(reading, indent)
            elif here in self._covered:
                continue
            elif member.tag not in _TYPES:
                yield f"{' ' * indent}{value_text(member)}"
            elif (definition := as_definition(member)) is not None:
                yield f"{' ' * indent}{definition_text(definition, member)}"
            elif self._is_one_reading(member, here):
                yield from self._reading(self._starts[(*here, 0)], indent)
            else:
                yield f"{' ' * indent}{_TYPES[member.tag]} of {len(self.members(member))}"
                yield from self.lines(member, here, indent + 2)

    def _is_one_reading(self, member: Data, path: tuple[int, ...]) -> bool:
        reading = self._starts.get((*path, 0))
        return reading is not None and len(reading.covers) == len(self.members(member))

    def _reading(self, reading: Reading, indent: int) -> Iterator[str]:
        caption = f"{_caption(reading):<{self._width}}"
        yield f"{' ' * indent}{caption}  {reading_text(reading)}".rstrip()
        if reading.value.tag in _TYPES:
            yield from _Tree([]).lines(reading.value, (), indent + 2)


def _caption(reading: Reading) -> str:
    return f"{reading.obis!s:<15}  {reading.name}"


def reading_text(reading: Reading) -> str:
    """Return the scaled value with its unit where both are known, else the raw value."""
    scaled = reading.scaled
    if scaled is None or reading.unit is None:
        return value_text(reading.value)
    return f"{scaled:f} {unit_symbol(reading.unit)}".rstrip()


def definition_text(named: CosemAttribute, data: Data) -> str:
    """Return one line for an element of a capture or push object list."""
    index = data.value[3].value
    name = name_object(named.obis)
    text = f"class {named.class_id}, {named.obis!s:<15}  attribute {named.attribute}"
    return f"{text}{f', index {index}' if index else ''}{f'  {name}' if name else ''}"


def value_text(data: Data) -> str:
    """Return the text of one value; texts and clocks beside their bytes."""
    value = data.value
    if data.tag in _TYPES:
        return f"{_TYPES[data.tag]} of {len(_Tree.members(data))}"
    if data.tag is Tag.OCTET_STRING:
        return _octets_text(value)
    if data.tag in (Tag.VISIBLE_STRING, Tag.UTF8_STRING):
        return json.dumps(value.rstrip("\0"), ensure_ascii=False)
    if data.tag is Tag.NULL:
        return "null"
    if data.tag is Tag.DONT_CARE:
        return "don't care"
    if data.tag is Tag.BOOLEAN:
        return "true" if value else "false"
    if data.tag is Tag.DATE_TIME:
        return _clock(value)
    if data.tag is Tag.DESCRIPTOR:
        return f"class {value.class_id}, {value.obis}, attribute {value.attribute}"
    return str(value)


def _octets_text(raw: bytes) -> str:
    obis = as_obis(Data(Tag.OCTET_STRING, raw))
    if obis is not None:
        return f"{obis}  {name_object(obis)}".rstrip()
    if len(raw) == 12:
        clock = CosemDateTime.from_bytes(raw)
        if 1990 <= clock.year <= 2100 and 1 <= clock.month <= 12 and clock.hour <= 24:
            return _clock(clock)
    text = raw.rstrip(b"\0")  # some meters pad their names with zero bytes
    if text and all(0x20 <= byte < 0x7F for byte in text):
        return f'"{text.decode("ascii")}"'
    return octets_text(raw)


def _clock(clock: CosemDateTime) -> str:
    utc = utc_text(clock)
    return f"{clock_text(clock)}{f' = {utc}' if utc else ''}"


def _printable(raw: bytes) -> str:
    return "".join(chr(byte) if 0x20 <= byte < 0x7F else "." for byte in raw)
