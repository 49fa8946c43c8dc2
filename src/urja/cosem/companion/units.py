"""Units of the Blue Book (class Register, attribute scaler_unit), and names of A-XDR types."""

from typing import Final

UNITS: Final[dict[int, str]] = {
    1: "a",
    2: "mo",
    3: "wk",
    4: "d",
    5: "h",
    6: "min",
    7: "s",
    8: "°",
    9: "°C",
    10: "currency",
    11: "m",
    12: "m/s",
    13: "m³",
    14: "m³ (corrected)",
    15: "m³/h",
    16: "m³/h (corrected)",
    17: "m³/d",
    18: "m³/d (corrected)",
    19: "l",
    20: "kg",
    21: "N",
    22: "Nm",
    23: "Pa",
    24: "bar",
    25: "J",
    26: "J/h",
    27: "W",
    28: "VA",
    29: "var",
    30: "Wh",
    31: "VAh",
    32: "varh",
    33: "A",
    34: "C",
    35: "V",
    36: "V/m",
    37: "F",
    38: "Ω",
    39: "Ωm²/m",
    40: "Wb",
    41: "T",
    42: "A/m",
    43: "H",
    44: "Hz",
    45: "1/(Wh)",
    46: "1/(varh)",
    47: "1/(VAh)",
    48: "V²h",
    49: "A²h",
    50: "kg/s",
    51: "S",
    52: "K",
    53: "1/(V²h)",
    54: "1/(A²h)",
    55: "1/m³",
    56: "%",
    57: "Ah",
    60: "Wh/m³",
    61: "J/m³",
    62: "mol%",
    63: "g/m³",
    64: "Pa·s",
    65: "J/kg",
    70: "dBm",
    71: "dBµV",
    72: "dB",
    253: "reserved",
    254: "other",
    255: "count",
}
"""Symbol of each unit code; 255 is a plain count."""

UNIT_CODES: Final[dict[str, int]] = {symbol: code for code, symbol in UNITS.items()}
"""Code of each unit symbol."""
COUNT: Final = 255
"""Unit code of a plain count."""

TYPE_TAGS: Final[dict[str, int]] = {
    "null-data": 0,
    "boolean": 3,
    "bit-string": 4,
    "double-long": 5,
    "double-long-unsigned": 6,
    "octet-string": 9,
    "visible-string": 10,
    "utf8-string": 12,
    "integer": 15,
    "long": 16,
    "unsigned": 17,
    "long-unsigned": 18,
    "long64": 20,
    "long64-unsigned": 21,
    "enum": 22,
}
"""Tag byte that precedes a value of each type (Blue Book 4.1.5)."""


def unit_symbol(code: int) -> str:
    """Return the symbol of a unit code.

    A plain count is "", a code that the Blue Book does not list `unit N`.
    """
    if code == COUNT:
        return ""
    return UNITS.get(code, f"unit {code}")
