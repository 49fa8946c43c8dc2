"""A second rater, written from docs/money.md and docs/tariffs.md alone: slow, plain, without a line in common with `urja.core.rating`.

It reads the same documents, spreads energy over single days and considers each day. `urja verify` and the tests
compare the ledger with it. When the two disagree, one of them has misread the page: check both, and the page.
"""

from urja.laws.second_rater.bill import charges
from urja.laws.second_rater.unit_banks import set_off, settled_by

__all__ = ["charges", "set_off", "settled_by"]
