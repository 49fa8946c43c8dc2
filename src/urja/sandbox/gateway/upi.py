"""UPI linking: the address that a payment app opens, and its QR code."""

from io import BytesIO
from urllib.parse import quote, urlencode

import segno

ADDRESS = "urja@sandbox"
"""A virtual payment address whose handle no bank has: a real app that scans the code finds no payee."""

_UTILITIES = "4900"
"""Merchant category code: electricity, gas, water."""


def intent(merchant: str, reference: str, amount: int | None) -> str:
    """Return the `upi://` link of a payment; `amount` in paise, None where the payer chooses."""
    fields = {"pa": ADDRESS, "pn": merchant, "mc": _UTILITIES, "tr": reference, "tn": reference}
    if amount is not None:
        fields["am"] = f"{amount // 100}.{amount % 100:02d}"
    return "upi://pay?" + urlencode(fields | {"cu": "INR"}, quote_via=quote)


def qr_inline(link: str, title: str) -> str:
    """Return the code as an SVG element, black on white on any page."""
    return segno.make(link, error="m").svg_inline(
        scale=4,
        border=2,
        title=title,
        omitsize=True,
        dark="#000",
        light="#fff",
        svgclass=None,
        lineclass=None,
    )


def qr_svg(link: str) -> bytes:
    """Return the code as an SVG file."""
    out = BytesIO()
    segno.make(link, error="m").save(out, kind="svg", scale=8, border=4, dark="#000", light="#fff")
    return out.getvalue()
