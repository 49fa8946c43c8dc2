"""The lines of a bill with their arithmetic, as commands print them."""

from collections.abc import Sequence
from fractions import Fraction

from urja.core.calendar import ONE_DAY, Period
from urja.core.rating import ROUNDING, RatedLine
from urja.core.units import exact_text, major_text


def lines_as_json(lines: Sequence[RatedLine]) -> list[dict[str, object]]:
    """Return charge lines for JSON: amounts in minor units, quantities and rates as exact text.

    `to` of a row is the day after its last.
    """
    return [
        {
            "name": line.name,
            "title": line.title,
            "amount_minor": line.amount_minor,
            "rows": [
                {
                    "key": part.key,
                    "label": part.label,
                    "from": part.days and part.days.first.isoformat(),
                    "to": part.days and part.days.end.isoformat(),
                    "quantity": exact_text(part.quantity),
                    "unit": part.unit,
                    "rate_minor": exact_text(part.rate),
                    "amount_minor": exact_text(part.amount),
                }
                for part in line.parts
            ],
        }
        for line in lines
    ]


def lines_as_text(lines: Sequence[RatedLine], exponent: int) -> list[str]:
    """Return the rows of charge lines, each with its arithmetic below it; a currency has `exponent` decimals.

    A row of a line that another version of the tariff splits names its days.
    """
    out = []
    for line in lines:
        out.append(amount_as_text(line.title, line.amount_minor, exponent))
        for part in line.parts:
            days = _days(part.days) if line.is_split and part.days else ""
            product = _product(part.quantity, part.unit, part.rate, exponent)
            out.append(f"    {part.label}{days}: {product} = {exact_text(part.amount / 10**exponent)}")
    return out


def _days(days: Period) -> str:
    return f", {days.first} to {days.end - ONE_DAY}"


def amount_as_text(title: str, amount_minor: int, exponent: int) -> str:
    """Return one row of a bill: a title, and an amount in major units."""
    return f"{title:<56} {major_text(amount_minor, exponent):>14}"


def _product(quantity: Fraction, unit: str, rate: Fraction, exponent: int) -> str:
    scale = 10**exponent
    if unit == ROUNDING:
        return exact_text(quantity / scale)
    if unit == "minor":
        return f"{exact_text(quantity / scale)} x {exact_text(rate * 100)} %"
    return f"{exact_text(quantity)} {unit} x {exact_text(rate / scale)}"
