"""Rating: a tariff document, energy and local days in; an exact amount for each charge line out.

Pure and exact: no clock, no storage, no floats. `tariff` is the model of a document and `document` parses it.
`engine` calculates a billing period: `bills` splits its days, `parts` has the arithmetic of each kind of charge line.
`arithmetic` explains a single posting row by row.
"""

from urja.core.rating.bills import price_change_days
from urja.core.rating.document import TariffError, parse_tariff
from urja.core.rating.engine import rate_period
from urja.core.rating.inputs_and_results import (
    ROUNDING,
    EnergyUse,
    LinePart,
    RatedLine,
    RatedPeriod,
    RatingError,
    RatingTerms,
    uses_between,
)
from urja.core.rating.posting_rows import PostingRow, rated_state, rows_between
from urja.core.rating.tariff import ChargeLine, Percent, PerTime, Slabs, Tariff
from urja.core.table_reader import Fault

__all__ = [
    "ROUNDING",
    "ChargeLine",
    "EnergyUse",
    "Fault",
    "LinePart",
    "PerTime",
    "Percent",
    "PostingRow",
    "RatedLine",
    "RatedPeriod",
    "RatingError",
    "RatingTerms",
    "Slabs",
    "Tariff",
    "TariffError",
    "parse_tariff",
    "price_change_days",
    "rate_period",
    "rated_state",
    "rows_between",
    "uses_between",
]
