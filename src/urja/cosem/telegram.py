"""Telegrams in the text form of IEC 62056-21, mode D, of a consumer interface (P1), ciphered or not."""

import re
from typing import Final

from urja.cosem.errors import DecodeError

_CHECKED: Final = re.compile(rb"!([0-9A-Fa-f]{4})\s*$")
"""The end of a telegram with a checksum (DSMR 4.0 and later, 5.12)."""
_POLYNOMIAL: Final = 0xA001
"""x16 + x15 + x2 + 1, the lowest bit first."""


def is_telegram(text: bytes) -> bool:
    """Whether bytes are a telegram: a slash, an identification, an exclamation mark, printable lines."""
    return text[:1] == b"/" and b"!" in text and all(0x20 <= byte < 0x7F or byte in b"\r\n" for byte in text)


def check_telegram(text: bytes) -> None:
    """Raise DecodeError where a telegram carries a checksum that does not fit its bytes.

    The checksum covers the bytes from the slash to the exclamation mark, line ends included. A copied text
    may have lost those: a telegram is accepted as it is, or with the line ends that meters send.
    """
    checksum = _CHECKED.search(text)
    if checksum is None:
        return
    body = text[: checksum.start() + 1]
    as_sent = re.sub(rb"\r?\n", b"\r\n", body)
    if int(checksum[1], 16) not in (_checksum(body), _checksum(as_sent)):
        raise DecodeError(
            f"the telegram has checksum {checksum[1].decode().upper()}, its bytes give {_checksum(as_sent):04X}",
            offset=checksum.start(1),
        )


def _checksum(body: bytes) -> int:
    crc = 0
    for byte in body:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (_POLYNOMIAL if crc & 1 else 0)
    return crc
