"""Rating: a tariff document, energy and local days in; an exact amount for each charge line out.

Pure and exact: no clock, no storage, no floats. `tariff` is the model of a document and `document` parses it.
`engine` calculates a billing period: `bills` splits its days, `parts` has the arithmetic of each kind of charge line.
`arithmetic` explains a single posting row by row.
"""

from urja.core.rating.arithmetic import Row, rows_between, standing
from urja.core.rating.bills import cut_days
from urja.core.rating.document import TariffError, parse_tariff
from urja.core.rating.engine import target
from urja.core.rating.shapes import ROUNDING, LineTarget, Part, RatingError, Target, Terms, Use, uses_between
from urja.core.rating.tariff import Line, Percent, PerTime, Slabs, Tariff
from urja.core.reading import Fault

__all__ = [
    "ROUNDING",
    "Fault",
    "Line",
    "LineTarget",
    "Part",
    "PerTime",
    "Percent",
    "RatingError",
    "Row",
    "Slabs",
    "Target",
    "Tariff",
    "TariffError",
    "Terms",
    "Use",
    "cut_days",
    "parse_tariff",
    "rows_between",
    "standing",
    "target",
    "uses_between",
]
