"""The identity of a meter: serial, type, keys and load, as a fleet file states them."""

import hashlib
from functools import cache
from typing import Self

import msgspec

from urja.base.meter_address import GatewayLink, HdlcLinkAddress, parse_meter_address
from urja.cosem.companion import CompanionError, DeviceType
from urja.cosem.errors import LocalError
from urja.cosem.security import KEY_LENGTH, SYSTEM_TITLE_LENGTH, SuiteKeys
from urja.meter.device_types import find_device_type
from urja.meter.link import link_problems
from urja.meter.surroundings import Surroundings


class Identity(Surroundings, frozen=True, kw_only=True):
    """One meter and its surroundings. Byte strings are hexadecimal in files.

    `device_type` is the name of a shipped type, or the path of a type's folder (with a slash in it). `interval_s` is
    the length of a block where it differs from the type's. `listen` is the address of a meter whose type listens:
    "127.0.0.1:4059", "[::1]:4059", or its position on an HDLC bus behind a port, "tcp://127.0.0.1:4060?address=17". A
    meter that dials has none. `start_wh` is the register at installation.
    """

    serial: str
    system_title: str
    guek: str
    gak: str
    lls_secret: str
    master_key: str = ""
    """Wraps keys on their way to the meter (IEC 62056-5-3, key-encryption key); without it they cannot be changed."""
    device_type: str
    seed: int
    start_wh: int = 0
    listen: str | None = None
    hls_secret: str = ""
    interval_s: int | None = None

    @property
    def title(self) -> bytes:
        """The eight bytes of the system title."""
        return bytes.fromhex(self.system_title)

    @property
    def place(self) -> HdlcLinkAddress | None:
        """Its address on an HDLC bus, where it has one; raises ValueError for a text that is not such an address."""
        if self.listen is None or not self.listen.startswith(("tcp:", "serial:")):
            return None
        match parse_meter_address(self.listen):
            case HdlcLinkAddress(link=GatewayLink()) as place:
                return place
            case _:
                raise ValueError(
                    f"{self.listen!r}: a simulated HDLC bus needs a TCP port, as in tcp://127.0.0.1:4060?address=17"
                )

    @property
    def keys(self) -> SuiteKeys:
        """The global unicast encryption key and the authentication key set in the factory."""
        return SuiteKeys(bytes.fromhex(self.guek), bytes.fromhex(self.gak))

    @property
    def type(self) -> DeviceType:
        """The device type, shipped or from a folder, with the meter's own block length."""
        return _type(self.device_type, self.interval_s)

    @property
    def device_id(self) -> str:
        """The logical device name, which pushes carry as device id: manufacturer and serial."""
        manufacturer = self.type.manufacturer
        return self.serial if self.serial.startswith(manufacturer) else manufacturer + self.serial

    def check(self) -> Self:
        """Return the identity; raises ValueError with the serial and everything that is wrong."""
        try:
            known = self.type
        except CompanionError as error:
            raise ValueError(f"meter {self.serial!r}: {error}") from None
        problems = [
            f"{name} must be {size} bytes in hexadecimal"
            for name, size in (
                ("system_title", SYSTEM_TITLE_LENGTH),
                ("guek", KEY_LENGTH),
                ("gak", KEY_LENGTH),
            )
            if not _is_hex(getattr(self, name), size)
        ]
        if self.master_key and not _is_hex(self.master_key, KEY_LENGTH):
            problems.append(f"master_key must be {KEY_LENGTH} bytes in hexadecimal")
        if not _is_hex(self.lls_secret) or not self.lls_secret:
            problems.append("lls_secret must be bytes in hexadecimal")
        if not 1 <= len(self.device_id) <= 16 or not self.device_id.isascii():
            problems.append("serial must give a logical device name of at most 16 ASCII characters")
        if self.type.associations.needs_secret and not _is_hex(self.hls_secret, KEY_LENGTH):
            problems.append(
                f"type {self.device_type} needs an hls_secret of {KEY_LENGTH} bytes in hexadecimal"
            )
        if self.interval_s not in (None, 900, 1800, 3600):
            problems.append("interval_s must be 900, 1800 or 3600")
        if not 0 <= self.start_wh < 1 << 32:
            problems.append("start_wh must fit an unsigned 32-bit register")
        if (known.dials == "listen") != (self.listen is not None):
            problems.append(
                f"type {self.device_type} needs a listen address"
                if known.dials == "listen"
                else f"type {self.device_type} dials out and takes no listen address"
            )
        try:
            _ = self.place
        except ValueError as error:
            problems.append(str(error))
        problems += [*self.relay.problems(), *link_problems(self.link)]
        if problems:
            raise ValueError(f"meter {self.serial!r}: {'; '.join(problems)}")
        return self


@cache
def _type(name: str, interval_s: int | None) -> DeviceType:
    known = find_device_type(name)
    return known if interval_s is None else msgspec.structs.replace(known, interval_s=interval_s)


def _is_hex(text: str, size: int | None = None) -> bool:
    try:
        raw = bytes.fromhex(text)
    except ValueError:
        return False
    return size is None or len(raw) == size


def seeded_identity(
    serial: str, device_type: str, seed: int, *, start_wh: int = 0, listen: str | None = None
) -> Identity:
    """Return an identity with keys derived from the seed: for a bench or a test, never for a real meter.

    Raises LocalError for an empty serial and CompanionError for an unknown type.
    """

    def derive(purpose: str, size: int) -> str:
        return hashlib.sha256(f"urja meter {seed} {serial} {purpose}".encode()).digest()[:size].hex()

    known = find_device_type(device_type)
    manufacturer = known.manufacturer.encode()
    if not serial:
        raise LocalError("a meter needs a serial")
    return Identity(
        serial=serial,
        system_title=(manufacturer.hex() + derive("title", 5)),
        guek=derive("guek", 16),
        gak=derive("gak", 16),
        master_key=derive("master", 16),
        lls_secret=derive("lls", 4).encode("ascii").hex(),  # a password that can be typed
        hls_secret=derive("hls", KEY_LENGTH) if known.associations.needs_secret else "",
        device_type=device_type,
        seed=seed,
        start_wh=start_wh,
        listen=listen,
    ).check()
