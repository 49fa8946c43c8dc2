"""Meters that only push: known keys, counters of their own, sockets on demand."""

import datetime as dt
from dataclasses import dataclass

from urja.base.ids import compose_id
from urja.cosem import axdr
from urja.cosem.apdu import DataNotification, GeneralGloCiphered
from urja.cosem.companion import Column, load_device_type
from urja.cosem.obis import Obis
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, SecurityControl, SuiteKeys, wrap_key
from urja.cosem.time import CosemDateTime, DeviationSign
from urja.cosem.wrapper import Frame
from urja.stream.messages import DeviceEntry

KEK = bytes(range(16))
TYPE = load_device_type("urja-d1")
IST = dt.timedelta(minutes=330)
NINE = dt.datetime(2026, 3, 2, 3, 30, tzinfo=dt.UTC)
"""09:00 in India, where the stepped clock of the tests stands."""


def meter_clock(at: dt.datetime) -> bytes:
    """Twelve bytes as an Indian meter writes them: local time, deviation +330."""
    local = at + IST
    return (
        local.year.to_bytes(2)
        + bytes([local.month, local.day, local.isoweekday(), local.hour, local.minute, local.second, 0])
        + (330).to_bytes(2)
        + b"\0"
    )


def element(column: Column, value: int | bytes) -> axdr.Data:
    tag = axdr.Tag(column.tag)
    if tag is axdr.Tag.BIT_STRING:
        return axdr.bits(value, column.length)
    return axdr.Data(tag, value)


@dataclass
class PushMeter:
    """One meter's pushing side. `wrong_key` makes it seal under an unknown key, `new_keys` under those; it pushes
    to `sap`."""

    number: int
    bucket: int = 0
    counter: int = 0
    wrong_key: bool = False
    sap: int = 64
    new_keys: SuiteKeys | None = None
    control: SecurityControl = AUTHENTICATED_ENCRYPTED

    @property
    def title(self) -> bytes:
        return b"URJ\0" + self.number.to_bytes(4)

    @property
    def keys(self) -> SuiteKeys:
        return SuiteKeys(self.number.to_bytes(16), (self.number + 1).to_bytes(16))

    @property
    def device_id(self) -> int:
        return compose_id(self.bucket, self.number)

    def entry(self, **changes: object) -> DeviceEntry:
        fields = {
            "device_id": self.device_id,
            "bucket": self.bucket,
            "system_title": self.title,
            "serial": f"URJ{self.number:08}",
            "device_type": TYPE.name,
            "wrapped_guek": wrap_key(KEK, self.keys.guek),
            "wrapped_gak": wrap_key(KEK, self.keys.gak),
        }
        return DeviceEntry(**(fields | changes))

    def block(self, end_at: dt.datetime = NINE, import_wh: int = 250) -> bytes:
        """A block push, wrapped; the counter moves on."""
        values = {"voltage": 23012, "import_wh": import_wh, "import_vah": import_wh + 5, "current": 123}
        return self.push("block", end_at, values)

    def instantaneous(self, at: dt.datetime = NINE, import_wh: int = 1_000_000) -> bytes:
        return self.push("instantaneous", at, {"import_wh": import_wh, "import_vah": import_wh + 9})

    def alert(self, at: dt.datetime, *bits: int) -> bytes:
        word = sum(1 << (127 - bit) for bit in bits)
        return self.push("alert", at, {"esw": word.to_bytes(16)})

    def push(self, key: str, at: dt.datetime, values: dict[str, int | bytes]) -> bytes:
        layout = TYPE.pushes[key]
        payload = [element(column, values.get(column.key, _nothing(column, at))) for column in layout.columns]
        body = axdr.structure(
            axdr.octets(f"URJ{self.number:08}".encode()),
            axdr.octets(bytes(Obis.parse(layout.obis))),
            axdr.octets(meter_clock(at)),
            *payload,
        )
        return self.seal(DataNotification(self.counter, None, body).encode())

    def seal(self, plaintext: bytes) -> bytes:
        """Any plaintext as a wrapped push under the next counter."""
        self.counter += 1
        keys = SuiteKeys(bytes(16), bytes(16)) if self.wrong_key else self.new_keys or self.keys
        apdu = GeneralGloCiphered.protect(keys, self.title, self.counter, self.control, plaintext)
        return Frame(1, self.sap, apdu.encode()).encode()


def _nothing(column: Column, at: dt.datetime) -> int | bytes | bool:
    if column.tag == axdr.Tag.BOOLEAN:
        return True
    return meter_clock(at) if column.tag == axdr.Tag.OCTET_STRING else 0


assert TYPE.deviation_sign is DeviationSign.INDIAN
assert CosemDateTime.from_bytes(meter_clock(NINE)).to_utc(TYPE.deviation_sign, 330) == NINE
