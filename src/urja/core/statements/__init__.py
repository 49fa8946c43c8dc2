"""A bank's statement: CSV, MT940 or camt.053 in, one structure with checked balances out. Pure.

`parse` finds the format by the bytes. Every fault is a `StatementError` that names the line and what to do. The three
parsers are our own: a library for MT940 exists (mt-940, BSD), but it skips what it does not know, names no line,
and gives RC (the reversal of a credit) the sign of a credit: a door to money has to refuse and to know the sign.
"""

from urja.core.statements.chain import Covered, Gap, adjoins, gaps, new_entries
from urja.core.statements.csv_rows import FirstRows
from urja.core.statements.parsing import LARGEST_BYTES, MOST_ENTRIES, first_rows_unknown, parse
from urja.core.statements.references import normalised_utr, utr_in, without_references
from urja.core.statements.statement import BankStatement, StatementEntry, StatementError

__all__ = [
    "LARGEST_BYTES",
    "MOST_ENTRIES",
    "BankStatement",
    "Covered",
    "FirstRows",
    "Gap",
    "StatementEntry",
    "StatementError",
    "adjoins",
    "first_rows_unknown",
    "gaps",
    "new_entries",
    "normalised_utr",
    "parse",
    "utr_in",
    "without_references",
]
