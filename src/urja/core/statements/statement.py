"""What a statement of a bank says, whatever its format, and the check that its balances add up."""

import hashlib
from dataclasses import dataclass
from datetime import date
from typing import Final

from urja.core.units import major_text

type EntryKey = tuple[date, int, bytes]
"""Day, amount and hash of the reference: entries with the same key are told apart by how many there are."""


class StatementError(ValueError):
    """A file that is no statement, or one that does not add up; the message names the line and what to do."""


LONGEST_NARRATION: Final = 1_000
"""Characters of an entry's text that are read; banks write a few hundred at most."""


def one_line(*parts: str) -> str:
    """Return texts of the bank as one line without repeated spaces, cut to what is read."""
    return " ".join(" ".join(parts).split())[:LONGEST_NARRATION]


def refused_at(line: int, why: str) -> StatementError:
    """Return an error of a line, counted from 1."""
    return StatementError(f"line {line}: {why}")


@dataclass(frozen=True, slots=True)
class StatementEntry:
    """An entry of a statement. Credits to the account are positive; amounts are in minor units."""

    booked_on: date
    value_on: date
    amount_minor: int
    narration: str
    """All texts and references of the bank, in one line."""
    utr: str = ""
    """UTR (NEFT, RTGS) or retrieval reference number (IMPS, UPI), where one was found."""
    reversal: bool = False
    """Whether the bank calls it a reversal."""
    known_by: str = ""
    """Its UTR, or a cheque number in the place of one."""

    @property
    def reference_sha256(self) -> bytes:
        """Hash by which the entry is known in another statement: of its reference, else of its text."""
        known = self.known_by or self.utr or " ".join(self.narration.upper().split())
        return hashlib.sha256(known.encode()).digest()

    @property
    def key(self) -> EntryKey:
        return self.booked_on, self.amount_minor, self.reference_sha256


@dataclass(frozen=True, slots=True)
class BankStatement:
    """A statement of one account whose balances add up. Amounts are in minor units."""

    format: str
    """`csv`, `mt940` or `camt053`."""
    account: str
    """Number or IBAN as the file has it; empty where a CSV file names none."""
    currency: str
    """Empty where a CSV file names none."""
    from_on: date
    through_on: date
    opening_minor: int
    closing_minor: int
    entries: tuple[StatementEntry, ...]
    opening_stated: bool = True
    """Whether the file names its opening balance; else it is calculated from the first entry and the balance after it."""

    def __post_init__(self) -> None:
        total = sum(entry.amount_minor for entry in self.entries)
        difference = self.closing_minor - self.opening_minor - total
        if difference:
            raise StatementError(
                f"the balances do not add up: the opening balance of {major_text(self.opening_minor, 2)} and the "
                f"entries come to {major_text(self.opening_minor + total, 2)}, the closing balance is "
                f"{major_text(self.closing_minor, 2)}, a difference of {major_text(difference, 2)}: "
                "export the whole period again"
            )
        if self.from_on > self.through_on:
            raise StatementError(f"it begins on {self.from_on}, after its end on {self.through_on}")
        for entry in self.entries:
            if not self.from_on <= entry.booked_on <= self.through_on:
                raise StatementError(
                    f"the entry of {entry.booked_on} is not within its days {self.from_on} to {self.through_on}"
                )
