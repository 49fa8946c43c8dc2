"""UPI payment links, as NPCI's linking specification has them, and their QR codes."""

from io import BytesIO
from typing import Final
from urllib.parse import quote, urlencode

import segno

CURRENCY: Final = "INR"
"""The only currency of UPI."""


def intent(
    address: str, payee: str, amount_minor: int | None, *, note: str, reference: str, category: str = ""
) -> str:
    """Return the `upi://` link of a payment to a UPI address; the amount in paise, None where the payer chooses.

    `note` (`tn`) is shown to the payer and stands in the payee's statement, `reference` (`tr`) names this payment;
    `category` (`mc`) is a merchant's category code, for addresses that an acquirer has registered as a merchant's.
    """
    fields = {"pa": address, "pn": payee, "mc": category, "tr": reference, "tn": note}
    if amount_minor is not None:
        fields["am"] = f"{amount_minor // 100}.{amount_minor % 100:02d}"
    given = {name: value for name, value in fields.items() if value} | {"cu": CURRENCY}
    # Apps compare the address as it stands in the link: its @ is not escaped, as in the specification's examples.
    return "upi://pay?" + urlencode(given, quote_via=quote, safe="@")


def qr_inline(link: str, title: str) -> str:
    """Return the QR code of a link as an SVG element with a title, black on white on any page."""
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
    """Return the QR code of a link as an SVG file."""
    out = BytesIO()
    segno.make(link, error="m").save(out, kind="svg", scale=8, border=4, dark="#000", light="#fff")
    return out.getvalue()
