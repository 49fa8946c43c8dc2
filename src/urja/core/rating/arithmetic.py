"""How one posting came about: the difference of two results, row by row.

A row shows a quantity, a rate and their product; the rows of a charge sum to it, if need be with a last row that
names what rounding carried over from the days before. On an account a charge is negative: `Row.to_json` gives the
amount with that sign, so that the rows kept with an entry sum to the entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from urja.core.rating.shapes import ROUNDING, LineTarget
from urja.core.units import exact, to_minor


@dataclass(frozen=True, slots=True)
class Row:
    """A line of arithmetic: `quantity` in `unit`, times `rate` in minor units per unit, is `amount_minor`.

    The product is rounded half-up to the minor unit; the row of unit `rounding` has what that leaves.
    """

    key: str
    label: str
    quantity: Fraction
    unit: str
    rate: Fraction
    amount_minor: int

    def to_json(self) -> dict[str, object]:
        """As kept with an entry: exact numbers as text, the amount as it moves the account."""
        return {
            "key": self.key,
            "label": self.label,
            "quantity": exact(self.quantity),
            "unit": self.unit,
            "rate_minor": exact(self.rate),
            "amount_minor": -self.amount_minor,
        }


def rows_between(before: Mapping[str, Mapping[str, str]], after: LineTarget, amount_minor: int) -> list[Row]:
    """The rows of a posting of `amount_minor` that takes a line from what was rated before to `after`.

    `before` is what `standing` gave for the posting before this one (empty for the first of a period).
    """
    rows = []
    for part in after.parts:
        old = before.get(part.key)
        grown = part.quantity - (Fraction(old["quantity"]) if old else 0)
        if old and Fraction(old["rate"]) != part.rate:
            rows += [_undone(part.key, old), _row(part.key, part.label, part.quantity, part.unit, part.rate)]
        elif grown:
            rows.append(_row(part.key, part.label, grown, part.unit, part.rate))
    kept = {part.key for part in after.parts}
    rows += [
        _undone(key, old) for key, old in before.items() if key not in kept and Fraction(old["quantity"])
    ]
    left = amount_minor - sum(row.amount_minor for row in rows)
    if left:
        rows.append(
            Row(ROUNDING, "rounding carried from before", Fraction(left), ROUNDING, Fraction(1), left)
        )
    return rows


def standing(line: LineTarget) -> dict[str, dict[str, str]]:
    """What a line was rated from so far, to be kept with the posting and given to the next one."""
    return {
        part.key: {
            "label": part.label,
            "quantity": exact(part.quantity),
            "unit": part.unit,
            "rate": exact(part.rate),
        }
        for part in line.parts
    }


def _row(key: str, label: str, quantity: Fraction, unit: str, rate: Fraction) -> Row:
    return Row(key, label, quantity, unit, rate, to_minor(quantity * rate))


def _undone(key: str, old: Mapping[str, str]) -> Row:
    label = f"taken back: {old['label']}"
    return _row(key, label, -Fraction(old["quantity"]), old["unit"], Fraction(old["rate"]))
