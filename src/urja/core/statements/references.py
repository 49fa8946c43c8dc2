"""References of transfers in a bank's narration: UTR of NEFT and RTGS, retrieval reference number of IMPS and UPI.

A UTR has 22 characters (RTGS, and NEFT of most banks) or 16 (NEFT): four letters of the bank, then letters and digits.
A retrieval reference number has 12 digits. Narrations differ by bank: `UPI/CR/412345678901/NAME/...`,
`NEFT CR-HDFCN52026010112345678-NAME`, `IMPS-412345678901-NAME`, `MMT/IMPS/412345678901/...`.
"""

import re
from typing import Final

_TOKEN: Final = re.compile(r"[A-Z0-9]+")
_LONG: Final = re.compile(r"[A-Z]{4}[A-Z0-9]{18}")
_SHORT: Final = re.compile(r"[A-Z]{4}[A-Z0-9]{12}")
_RRN: Final = re.compile(r"\d{12}")
_CHEQUE: Final = re.compile(r"0{5}\d{7}")
"""A cheque number that an export has filled with zeros. A retrieval reference number begins with the year's last digit
and the day of the year, so that it has three zeros at most.
"""
_PADDED: Final = re.compile(r"0+(\d{12})")
"""Some exports fill the reference with zeros from the left."""
_INSTANT: Final = re.compile(r"(?i)\b(?:UPI|IMPS|MMT|RRN|P2A|P2M|P2P|BHIM|MPAY|UPAY)")
_LONG_DIGITS: Final = 12
_SHORT_DIGITS: Final = 8
_WORD: Final = re.compile(r"[A-Za-z0-9]+")
_NUMBER: Final = re.compile(r"[0-9]{4}")
_MASK: Final = "…"


def utr_in(narration: str, reference: str = "") -> str:
    """Return the reference of a transfer in a bank's text, or "".

    `reference` is a column or field of its own, which is believed before the narration. Twelve digits in a narration
    are a reference only where it names UPI or IMPS: account numbers have as many. A cheque number that is filled with
    zeros is none.
    """
    return _found(narration, reference, cheques=False)


def key_in(narration: str, reference: str = "") -> str:
    """Return what an entry is known by in another statement: as `utr_in`, and cheque numbers that are filled with zeros.

    Hashes of stored entries are of these: another rule would make entries of stored files new ones.
    """
    return _found(narration, reference, cheques=True)


def _found(narration: str, reference: str, *, cheques: bool) -> str:
    own = _normal(reference)
    if own and (cheques or not _CHEQUE.fullmatch(own)):
        return own
    tokens: list[str] = _TOKEN.findall(f"{reference} {narration}".upper())
    for shape, least in ((_LONG, _LONG_DIGITS), (_SHORT, _SHORT_DIGITS)):
        for token in tokens:
            if shape.fullmatch(token) and sum(map(str.isdigit, token)) >= least:
                return token
    if _INSTANT.search(narration) or _INSTANT.search(reference):
        for token in tokens:
            if _RRN.fullmatch(token) and (cheques or not _CHEQUE.fullmatch(token)):
                return token
    return ""


def normalised_utr(text: str) -> str:
    """Return a reference as people copy it, without spaces and hyphens; raises ValueError where it is none."""
    found = _normal(text)
    if not found or _CHEQUE.fullmatch(found):
        raise ValueError(
            f"{text.strip()[:40]!r} is not a reference: a UTR has 16 or 22 letters and digits, that of UPI or IMPS 12 digits"
        )
    return found


def without_references(narration: str) -> str:
    """Return a narration without its references, account and telephone numbers: what pages may show."""
    return _WORD.sub(lambda found: _MASK if _NUMBER.search(found[0]) else found[0], narration)


def _normal(text: str) -> str:
    bare = re.sub(r"[\s-]", "", text.upper())
    if not bare.isascii():
        return ""
    padded = _PADDED.fullmatch(bare)
    if padded:
        bare = padded[1]
    digits = sum(map(str.isdigit, bare))
    long = _LONG.fullmatch(bare) and digits >= _LONG_DIGITS
    short = _SHORT.fullmatch(bare) and digits >= _SHORT_DIGITS
    return bare if long or short or (_RRN.fullmatch(bare) and int(bare)) else ""
