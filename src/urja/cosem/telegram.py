"""Telegrams in the text form of IEC 62056-21, mode D: what a customer port (P1) sends, ciphered or not."""

import re
from typing import Final

from urja.cosem.errors import DecodeError

_CHECKED: Final = re.compile(rb"!([0-9A-Fa-f]{4})\s*$")
"""The end of a telegram with a checksum (DSMR 4.0 and later, 5.12)."""
_POLYNOMIAL: Final = 0xA001
"""x16 + x15 + x2 + 1, the lowest bit first."""


def is_telegram(text: bytes) -> bool:
    """Whether bytes are one: a slash before the identification, an exclamation mark at the end, printable lines."""
    return text[:1] == b"/" and b"!" in text and all(0x20 <= byte < 0x7F or byte in b"\r\n" for byte in text)


def check_telegram(text: bytes) -> None:
    """Raise DecodeError where a telegram carries a checksum and another one belongs to it.

    It is over the bytes from the slash to the exclamation mark. Line ends are part of it, and a copy may have lost them:
    a telegram is right as it is, or with the line ends that meters send.
    """
    told = _CHECKED.search(text)
    if told is None:
        return
    body = text[: told.start() + 1]
    as_sent = re.sub(rb"\r?\n", b"\r\n", body)
    if int(told[1], 16) not in (_checksum(body), _checksum(as_sent)):
        raise DecodeError(
            f"the telegram says checksum {told[1].decode().upper()}, its bytes have {_checksum(as_sent):04X}",
            offset=told.start(1),
        )


def _checksum(body: bytes) -> int:
    crc = 0
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc
