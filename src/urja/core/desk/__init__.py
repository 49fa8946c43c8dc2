"""Bills on a desk: usage from CSV, tariff and calendar documents in; bills out. No server, database or clock.

`usage` reads the CSV, `bills` puts it through the determinants and the engine, which are those of the pipeline. `comparison` has two tariffs over the same usage,
`explanation` a document in sentences.
"""

from urja.core.desk.bills import Bill, BillingError, Contract, bills
from urja.core.desk.comparison import Compared, compare
from urja.core.desk.explanation import explain
from urja.core.desk.past_demands import StatedDemand
from urja.core.desk.usage import Usage, UsageError, read_usage

__all__ = [
    "Bill",
    "BillingError",
    "Compared",
    "Contract",
    "StatedDemand",
    "Usage",
    "UsageError",
    "bills",
    "compare",
    "explain",
    "read_usage",
]
