"""Number of parts of a text: 160 characters of GSM's alphabet fit one, 70 of any other script (3GPP TS 23.038)."""

from typing import Final

_BASIC: Final = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿"
    "abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENDED: Final = frozenset("\f^{}\\[~]|€")


def parts_of(text: str) -> int:
    """Return the number of parts that a text is sent in; each part of a longer text has a header and holds less."""
    if all(character in _BASIC or character in _EXTENDED for character in text):
        units = sum(2 if character in _EXTENDED else 1 for character in text)
        whole, part = 160, 153
    else:
        units = len(text.encode("utf-16-be")) // 2
        whole, part = 70, 67
    return 1 if units <= whole else -(-units // part)
