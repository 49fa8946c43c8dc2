"""Rating: a tariff document, energy and local days in; an exact amount for each charge line out.

Pure and exact: no clock, no storage, no floats. `tariff` is the model of a document and `document` parses it.
`engine` calculates a billing period: `bills` splits its days, `parts` has the arithmetic of charge lines, `zone_parts` and
`demand_parts` that of zones, demand and power factor; `unit_bank` nets export. `uses_of_rows` takes rows of determinants.
`posting_rows` explains a single posting row by row, and `calculations` rates again what an entry names. `account_groups` rates
many accounts at once over arrays, the numbers of which `exact_columns` keeps exact.
"""

from urja.core.rating.account_groups import RatedAccounts, RatingInputs, rate_accounts
from urja.core.rating.accruals import Measure, Percent, PerTime, Slabs
from urja.core.rating.bills import first_shared_day, price_change_days
from urja.core.rating.calculations import (
    RATING_RULES,
    Calculation,
    NamedTerms,
    UnknownRulesError,
    calculation_of,
    inputs_of,
    past_from_json,
    recalculate,
    with_shared,
    without_shared,
)
from urja.core.rating.document import TariffError, parse_tariff
from urja.core.rating.engine import rate_period, reserve_so_far
from urja.core.rating.inputs_and_results import (
    ROUNDING,
    BankRow,
    EnergyUse,
    LinePart,
    Measured,
    PastDemand,
    QuantityUse,
    RatedLine,
    RatedPeriod,
    RatingError,
    RatingTerms,
    totals,
    uses_between,
    uses_of_rows,
)
from urja.core.rating.periods import period_of
from urja.core.rating.posting_rows import PostingRow, rated_state, rows_between
from urja.core.rating.tariff import ChargeLine, Commodity, Settles, Tariff
from urja.core.table_reader import Fault

__all__ = [
    "RATING_RULES",
    "ROUNDING",
    "BankRow",
    "Calculation",
    "ChargeLine",
    "Commodity",
    "EnergyUse",
    "Fault",
    "LinePart",
    "Measure",
    "Measured",
    "NamedTerms",
    "PastDemand",
    "PerTime",
    "Percent",
    "PostingRow",
    "QuantityUse",
    "RatedAccounts",
    "RatedLine",
    "RatedPeriod",
    "RatingError",
    "RatingInputs",
    "RatingTerms",
    "Settles",
    "Slabs",
    "Tariff",
    "TariffError",
    "UnknownRulesError",
    "calculation_of",
    "first_shared_day",
    "inputs_of",
    "parse_tariff",
    "past_from_json",
    "period_of",
    "price_change_days",
    "rate_accounts",
    "rate_period",
    "rated_state",
    "recalculate",
    "reserve_so_far",
    "rows_between",
    "totals",
    "uses_between",
    "uses_of_rows",
    "with_shared",
    "without_shared",
]
