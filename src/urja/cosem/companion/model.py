"""The content of companion data as frozen types. `loader` and `type_builder` build and check them."""

from datetime import date, datetime
from types import MappingProxyType
from typing import Final, Literal

import msgspec

from urja.cosem.acse import Mechanism
from urja.cosem.companion.battery_meters import AwakePlan, Battery
from urja.cosem.companion.gas_types import GasRegister
from urja.cosem.obis import Obis
from urja.cosem.security import AUTHENTICATED_ENCRYPTED, ENCRYPTED
from urja.cosem.time import DeviationSign

Dials = Literal["out", "listen"]
"""Which side opens the connection: the meter (`out`) or the head end (`listen`)."""
CommodityName = Literal["electricity", "gas"]
OutageRows = Literal["zero", "skip"]
"""Rows of the block profile for an outage: with zeros, or none."""

CLOCK_KEY: Final = "clock"
ESW_KEY: Final = "esw"
BILLING_DATE: Final = "0.0.0.1.2.255"
"""OBIS code of the end of a billing period: an instant, a register (class 3) by the standard."""
PROFILE_KEYS: Final = ("nameplate", "instantaneous", "block", "daily")
"""Profiles that every type must have; a type may have more."""


class ObjectInfo(msgspec.Struct, frozen=True):
    """One COSEM object of a companion standard; `unit` is a Blue Book code, None where it has none."""

    obis: str
    name: str
    class_id: int
    unit: int | None = None


class Column(msgspec.Struct, frozen=True):
    """One captured attribute and its form on the wire; its quantity is `value * 10**scaler` in `unit`.

    `tag` is the A-XDR type tag. `length` is the bytes of an octet-string or the bits of a bit-string, None
    where it varies. `unit` is a Blue Book code, 255 for a plain count. `quantity` is the name in
    `urja.quantities` where the OBIS code does not say it.
    """

    key: str
    class_id: int
    obis: str
    attribute: int
    tag: int
    length: int | None = None
    scaler: int = 0
    unit: int = 255
    quantity: str | None = None

    @property
    def obis_bytes(self) -> bytes:
        """The six value groups A to F as they are on the wire."""
        return bytes(Obis.parse(self.obis))


class Profile(msgspec.Struct, frozen=True):
    """A profile-generic object (class 7): its columns in order, and the OBIS code of its scaler profile."""

    key: str
    obis: str
    scaler_obis: str | None
    columns: tuple[Column, ...]

    def column(self, key: str) -> Column:
        """Return the column named `key`; KeyError where the profile does not capture it."""
        for column in self.columns:
            if column.key == key:
                return column
        raise KeyError(key)


class PushLayout(msgspec.Struct, frozen=True):
    """The payload of a push: the columns after device id, push OBIS and clock.

    `obis` is the push setup's name.
    """

    key: str
    obis: str
    columns: tuple[Column, ...]


class EventCode(msgspec.Struct, frozen=True):
    """One event code.

    `state` says whether it begins or ends an event, `counterpart` is the code of the other end.
    """

    code: int
    name: str
    log: str
    log_number: int
    state: Literal["occurred", "restored", "instant"]
    counterpart: int | None = None


class EswBit(msgspec.Struct, frozen=True):
    """One bit of the event status word (0.0.94.91.18.255); bit 0 is the first bit on the wire."""

    bit: int
    name: str
    event: int | None = None


class Associations(msgspec.Struct, frozen=True):
    """The client and server SAPs (wrapper ports), and the HLS mechanism of the utility association."""

    server_sap: int
    public_sap: int
    reader_sap: int
    utility_sap: int
    push_sap: int
    hls_mechanism: int
    push_security: int = AUTHENTICATED_ENCRYPTED.to_byte()
    """Security control of pushes: 0x30, or 0x20 where the meter sends no tag with them."""

    @property
    def pushes_are_authenticated(self) -> bool:
        """Whether a push without a tag is refused."""
        return self.push_security != ENCRYPTED.to_byte()

    @property
    def needs_secret(self) -> bool:
        """Whether the utility association is opened by a secret of the meter, beside its keys."""
        return self.hls_mechanism != Mechanism.HLS_GMAC


class OverloadBehaviour(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The meter's own reaction to a load above its limit; all times are in seconds.

    It opens the relay after `trip_after_s` of overload and closes it after `retry_after_s`, up to `retries`
    times. Then it stays open for `lockout_s`, and the sequence begins again. With `in_any_mode` it closes by
    itself whatever the control mode; by the Blue Book only modes 5 and 6 do (class 70).
    """

    trip_after_s: int
    retry_after_s: int
    retries: int
    lockout_s: int
    in_any_mode: bool = False


class TextDisplay(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The object that takes a text for the display (class 1.

    IS 15959: consumer message), and its longest text.
    """

    characters: int
    """Characters of the longest text."""
    obis: str = "0.0.96.13.0.255"


class Companion(msgspec.Struct, frozen=True):
    """A companion standard: objects by OBIS code, event codes by number, status bits by position."""

    name: str
    title: str
    objects: MappingProxyType[str, ObjectInfo]
    events: MappingProxyType[int, EventCode]
    esw_length: int
    esw: MappingProxyType[int, EswBit]


class Quantity(msgspec.Struct, frozen=True):
    """One element of a list that a push names; without a unit it is text or a clock."""

    obis: Obis
    scaler: int = 0
    unit: int | None = None


type NamedLists = MappingProxyType[tuple[bytes, int], tuple[Quantity, ...]]
"""Lists by their name and the number of elements, the name included."""

PUSH_KEYS: Final = ("block", "instantaneous", "alert")
"""Pushes that a head end can process: it stores their intervals, their registers, or their events."""


class DeviceType(msgspec.Struct, frozen=True):
    """One version of a meter type, in force from `valid_from`: what differs between types, as data.

    `companion` is the companion standard with the type's own event codes and status bits in it. `written`
    gives the codes that the meter writes in place of the standard's, by the standard's; `meant` is its
    inverse, and has the codes of Urja's own meanings (`urja.base.event_meanings`) too. `interval_s` is the length of a block in seconds. `deviation_sign` is the meaning of the clock's
    deviation; `default_deviation_min`, in minutes, is used where the clock says 0x8000, and all year by a meter whose
    clock has no summer time (`standard_time`). `profiles` are by key
    ("nameplate", "instantaneous", "block", "daily"), `pushes` too ("instantaneous", "alert", "block").
    `overload` is None where the meter never moves its relay by itself, `display` where it shows no text.
    `phases` is 1 or 3. `zones` is the number of tariff zones that the meter counts by its activity calendar, 0
    without one. `demand_period_s` is the demand integration period, None for the length of a block. `generator`
    is whether it counts a generator's energy apart from the grid's. `ct_ratio` and `pt_ratio` are what its
    registers are already multiplied by.
    """

    name: str
    version: str
    valid_from: date
    title: str
    manufacturer: str
    firmware: tuple[str, ...]
    category: str
    companion: Companion
    dials: Dials
    relay: bool
    interval_s: int
    outage_rows: OutageRows
    deviation_sign: DeviationSign
    default_deviation_min: int
    standard_time: bool
    associations: Associations
    profiles: MappingProxyType[str, Profile]
    pushes: MappingProxyType[str, PushLayout]
    written: MappingProxyType[int, int]
    meant: MappingProxyType[int, int]
    lists: NamedLists
    overload: OverloadBehaviour | None = None
    display: TextDisplay | None = None
    commodity: CommodityName = "electricity"
    gas: GasRegister | None = None
    """What its register counts; for gas alone."""
    awake: AwakePlan | None = None
    """When its module can be reached; None where it always can."""
    battery: Battery | None = None
    phases: int = 1
    zones: int = 0
    demand_period_s: int | None = None
    generator: bool = False
    ct_ratio: int = 1
    pt_ratio: int = 1
    registers: tuple[Column, ...] = ()
    """Registers that no profile captures, each read alone."""

    @property
    def clock_offset_s(self) -> int | None:
        """Offset of the clock from UTC all year, in seconds east; None where the clock follows local time."""
        return self.standard_offset_min * 60 if self.standard_time else None

    def last_awake_at(self, now: datetime) -> datetime | None:
        """Return the last planned wake-up up to `now`; None for a meter that is always reachable."""
        return None if self.awake is None else self.awake.last_wake_up(now, self.standard_offset_min)

    @property
    def standard_offset_min(self) -> int:
        """Offset of the meter's standard time from UTC, in minutes east."""
        return self.default_deviation_min * (1 if self.deviation_sign is DeviationSign.INDIAN else -1)

    def awake_at(self, now: datetime) -> datetime | None:
        """Return from when a meter can carry out an order by its plan; None for one that is always reachable.

        Within a planned wake-up that is `now`, else the next one. An event at the meter may wake it earlier.
        """
        if self.awake is None:
            return None
        if self.awake.is_planned_awake(now, self.standard_offset_min):
            return now
        return self.awake.next_wake_up(now, self.standard_offset_min)

    @property
    def block_push(self) -> bool:
        """Whether the meter pushes its block load (a vendor option); otherwise blocks are pulled."""
        return "block" in self.pushes

    def push_by_obis(self, obis: str) -> PushLayout | None:
        """Return the push layout whose setup object is `obis`, None where this type has no such push."""
        for push in self.pushes.values():
            if push.obis == obis:
                return push
        return None
