"""Pushes of D1 meters for tests of the push path: plaintexts from columns, frames under keys."""

from urja.cosem import axdr
from urja.cosem.axdr import BitString, Data, Tag
from urja.cosem.companion import Column, load_device_type
from urja.cosem.layout import Layout, LayoutSet
from urja.cosem.obis import Obis
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, SecurityControl, SuiteKeys, seal

D1 = load_device_type("urja-d1")
BLOCK = Layout.for_push(D1, D1.pushes["block"])
INSTANTANEOUS = Layout.for_push(D1, D1.pushes["instantaneous"])
ALERT = Layout.for_push(D1, D1.pushes["alert"])
PUSHES = LayoutSet.of(D1)

CLOCK = bytes.fromhex("07ea0818020a1e000001 4a00".replace(" ", ""))
"""2026-08-24 10:30:00 IST, clock status 0."""


def sample(column: Column, number: int = 1) -> Data:
    """Return a value that fits the column."""
    if column.key in {"clock", "max_demand_w_at", "max_demand_va_at"}:
        return axdr.octets(CLOCK)
    if column.tag == Tag.OCTET_STRING:
        return axdr.octets(b"URJ%08d" % number)
    if column.tag == Tag.BIT_STRING:
        return Data(Tag.BIT_STRING, BitString(bytes(11) + b"\x10" + bytes(4), 128))
    return Data(Tag(column.tag), bool(number % 2) if column.tag == Tag.BOOLEAN else number % 128)


def elements(layout: Layout, number: int = 1) -> list[Data]:
    obis = layout.constants["push_obis"]
    return [axdr.octets(obis) if c.key == "push_obis" else sample(c, number) for c in layout.columns]


def notification(body: Data, *, date_time: bytes = b"", invoke: int = 7) -> bytes:
    return b"\x0f" + invoke.to_bytes(4) + bytes([len(date_time)]) + date_time + axdr.encode(body)


def plaintext(layout: Layout, number: int = 1, *, date_time: bytes = b"") -> bytes:
    return notification(axdr.structure(*elements(layout, number)), date_time=date_time)


def ciphered(
    keys: SuiteKeys,
    title: bytes,
    counter: int,
    plain: bytes,
    control: SecurityControl = AUTHENTICATED_ENCRYPTED,
) -> bytes:
    content = bytes([control.to_byte()]) + counter.to_bytes(4) + seal(keys, title, counter, control, plain)
    return b"\xdb\x08" + title + axdr.encode_length(len(content)) + content


def obis_bytes(text: str) -> bytes:
    return bytes(Obis.parse(text))
