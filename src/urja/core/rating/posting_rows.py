"""The rows that explain one posting: the difference between two results of rating.

A row shows a quantity, a rate and their product. The rows of a posting sum to its amount, if need be with a last row
for the rounding of these rows and of earlier days. On an account a charge is negative: `Row.to_json` has the amount with
that sign, so that the rows stored with an entry sum to the entry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from urja.core.rating.inputs_and_results import ROUNDING, RatedLine
from urja.core.units import exact_text, to_minor


@dataclass(frozen=True, slots=True)
class PostingRow:
    """One row: `quantity` in `unit`, times `rate` in minor units per unit, is `amount_minor`.

    The product is rounded half-up to the minor unit; the row of unit `rounding` has the difference to the posted
    amount.
    """

    key: str
    label: str
    quantity: Fraction
    unit: str
    rate: Fraction
    amount_minor: int

    def to_json(self) -> dict[str, object]:
        """Return the row as stored with an entry: exact numbers as text, the amount in minor units with the account's
        sign.
        """
        return {
            "key": self.key,
            "label": self.label,
            "quantity": exact_text(self.quantity),
            "unit": self.unit,
            "rate_minor": exact_text(self.rate),
            "amount_minor": -self.amount_minor,
        }


def rows_between(
    before: Mapping[str, Mapping[str, str]], after: RatedLine, amount_minor: int
) -> list[PostingRow]:
    """Return the rows of a posting of `amount_minor`, which takes a charge line from `before` to `after`.

    `before` is what `standing` returned for the posting before this one; empty for the first posting of a period. A
    part whose rate has changed is reversed at the old rate and charged again at the new one.
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
    # Rows are rounded one by one, the posted amount is the difference of two rounded totals: they may differ by a few
    # minor units, which a row of its own shows, so that the rows always sum to the entry.
    left = amount_minor - sum(row.amount_minor for row in rows)
    if left:
        rows.append(
            PostingRow(ROUNDING, "rounding carried from before", Fraction(left), ROUNDING, Fraction(1), left)
        )
    return rows


def rated_state(line: RatedLine) -> dict[str, dict[str, str]]:
    """Return the quantities and rates a line was rated from so far, by the keys of its parts.

    It is stored with a posting and given to the next. Numbers are exact text: energy in kWh, gas in m³, time in days, rates in
    minor units.
    """
    return {
        part.key: {
            "label": part.label,
            "quantity": exact_text(part.quantity),
            "unit": part.unit,
            "rate": exact_text(part.rate),
        }
        for part in line.parts
    }


def _row(key: str, label: str, quantity: Fraction, unit: str, rate: Fraction) -> PostingRow:
    return PostingRow(key, label, quantity, unit, rate, to_minor(quantity * rate))


def _undone(key: str, old: Mapping[str, str]) -> PostingRow:
    label = f"taken back: {old['label']}"
    return _row(key, label, -Fraction(old["quantity"]), old["unit"], Fraction(old["rate"]))
