"""Addresses of meters that do not dial in: the text in a device's `address`, and its parts.

`10.20.0.5:4059` is a meter that listens with the wrapper (IEC 62056-47). Meters on an HDLC bus have the link and
their own address on it: `tcp://10.20.0.9:4060?address=17` behind a serial gateway,
`serial:/dev/ttyUSB0?baud=9600&address=17` at a serial port of the head end.
"""

from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import parse_qsl, urlsplit

Parity = Literal["none", "even", "odd"]

_BAUDS: Final = (300, 600, 1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)
_PARITIES: Final[tuple[Parity, ...]] = ("none", "even", "odd")
_ADDRESS_PARTS: Final = ("address", "bytes")
_SERIAL_PARTS: Final = ("baud", "parity")
_FIRST_PHYSICAL, _LAST_PHYSICAL = 16, 0x3FFD
"""IEC 62056-46, 6.4.2.3 leaves these to single devices: below are reserved addresses, above *calling* and *all-station*."""
_LAST_OF_TWO_BYTES: Final = 0x7D


@dataclass(frozen=True, slots=True)
class WrapperAddress:
    """A meter that listens on a TCP port with the wrapper."""

    host: str
    port: int


@dataclass(frozen=True, slots=True)
class GatewayLink:
    """A TCP port of a gateway that passes bytes on to an HDLC bus."""

    host: str
    port: int

    @property
    def name(self) -> str:
        """The part that all meters behind it share."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"tcp://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class SerialLink:
    """A serial port with eight data bits and one stop bit."""

    device: str
    baud: int = 9600
    parity: Parity = "none"

    @property
    def name(self) -> str:
        """The part that all meters behind it share."""
        return f"serial:{self.device}"


Link = GatewayLink | SerialLink


@dataclass(frozen=True, slots=True)
class HdlcLinkAddress:
    """A meter on an HDLC bus. `physical` is None where it is the only one and has none; `size` of the address is in
    bytes.
    """

    link: Link
    physical: int | None
    size: int


MeterAddress = WrapperAddress | HdlcLinkAddress


def parse_meter_address(text: str) -> MeterAddress:
    """Return the parts of an address. Raises ValueError with a sentence that says what would be right."""
    if not text.startswith(("tcp:", "serial:")):
        return WrapperAddress(*_host_and_port(text, text))
    head, _, query = text.partition("?")
    parts = _parts(text, query)
    link = _link(text, head, parts)
    size = int(parts["bytes"]) if parts.get("bytes") in ("1", "2", "4") else None
    if size is None and "bytes" in parts:
        raise ValueError(f"{text!r}: an HDLC address has bytes=1, 2 or 4")
    if size == 1:
        if "address" in parts:
            raise ValueError(f"{text!r}: with bytes=1 there is no physical address")
        return HdlcLinkAddress(link, None, 1)
    physical = _number(text, parts, "address", _FIRST_PHYSICAL, _LAST_PHYSICAL)
    # IEC 62056-46, 6.4.2: seven bits of each byte are address. Two bytes have one for the physical half, four have two.
    shortest = 2 if physical <= _LAST_OF_TWO_BYTES else 4
    if size is not None and size < shortest:
        raise ValueError(f"{text!r}: address={physical} needs bytes=4")
    return HdlcLinkAddress(link, physical, size or shortest)


def parse_serial_link(text: str) -> SerialLink:
    """Return the parts of a serial port such as `serial:/dev/ttyUSB0?baud=9600`. Raises ValueError with what would be
    right.
    """
    head, _, query = text.partition("?")
    parts = _parts(text, query)
    if not head.startswith("serial:") or "address" in parts or "bytes" in parts:
        raise ValueError(f"{text!r} is no serial port, such as serial:/dev/ttyUSB0?baud=9600")
    link = _link(text, head, parts)
    assert isinstance(link, SerialLink)
    return link


def hdlc_link_address(link: str, physical: int | None) -> str:
    """Return the address of a meter at a physical address of a link such as `serial:/dev/ttyUSB0?baud=9600`.

    Raises ValueError as `parse_meter_address` does.
    """
    if not link.startswith(("tcp:", "serial:")):
        raise ValueError(
            f"{link!r} is no link, such as tcp://10.20.0.9:4060 or serial:/dev/ttyUSB0?baud=9600"
        )
    place = "" if physical is None else f"{'&' if '?' in link else '?'}address={physical}"
    parse_meter_address(link + place)
    return link + place


def _link(text: str, head: str, parts: dict[str, str]) -> Link:
    allowed = _ADDRESS_PARTS + (_SERIAL_PARTS if head.startswith("serial:") else ())
    if unknown := [name for name in parts if name not in allowed]:
        raise ValueError(f"{text!r}: {unknown[0]} is not one of {', '.join(allowed)}")
    if head.startswith("serial:"):
        device = head.removeprefix("serial:")
        if not device.startswith("/dev/") or ".." in device:
            raise ValueError(f"{text!r}: a serial port is a path such as /dev/ttyUSB0")
        baud = int(parts.get("baud", "9600")) if parts.get("baud", "9600").isdecimal() else 0
        if baud not in _BAUDS:
            raise ValueError(f"{text!r}: baud is one of {', '.join(map(str, _BAUDS))}")
        for parity in _PARITIES:
            if parts.get("parity", "none") == parity:
                return SerialLink(device, baud, parity)
        raise ValueError(f"{text!r}: parity is one of {', '.join(_PARITIES)}")
    split = urlsplit(head)
    if split.path or split.fragment:
        raise ValueError(f"{text!r}: behind host and port nothing but ?address=17 is expected")
    return GatewayLink(*_host_and_port(split.netloc, text))


def _parts(text: str, query: str) -> dict[str, str]:
    pairs = parse_qsl(query, keep_blank_values=True)
    parts = dict(pairs)
    if len(parts) < len(pairs):
        raise ValueError(f"{text!r}: something is said twice")
    return parts


def _number(text: str, parts: dict[str, str], name: str, least: int, most: int) -> int:
    given = parts.get(name, "")
    if not (given.isascii() and given.isdecimal()) or not least <= int(given) <= most:
        raise ValueError(f"{text!r}: the meter's physical address, {name}={least} to {most}, is needed")
    return int(given)


def _host_and_port(text: str, whole: str) -> tuple[str, int]:
    host, separator, port = text.rpartition(":")
    well = separator and host and port.isascii() and port.isdecimal() and 0 < int(port) < 65_536
    if not well or "/" in host or ("[" in host) != (":" in host) or "@" in host:
        raise ValueError(
            f"{whole!r} is not host:port, such as 10.20.0.5:4059, nor a place on a line, "
            "such as tcp://10.20.0.9:4060?address=17"
        )
    return host.removeprefix("[").removesuffix("]"), int(port)
