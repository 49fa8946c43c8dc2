"""How statements of one account follow each other: which entries are new, and where a statement is missing.

Exports overlap: the entries of a day stand in two files. An entry is the same as a stored one where day, amount and
reference are the same; of several such entries in one file as many are new as there are more than stored. Whether that
was right the balances say: from the opening balance of one of the statements, the entries come to the closing balance.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from urja.core.statements.statement import BankStatement, EntryKey, StatementEntry, StatementError
from urja.core.units import major_text

type NewEntry = tuple[StatementEntry, int]
"""An entry with its number among those of the same key, from 1."""


@dataclass(frozen=True, slots=True)
class Covered:
    """The days of a stored statement and its balances in minor units."""

    from_on: date
    through_on: date
    opening_minor: int
    closing_minor: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Days without a statement between two whose balances differ."""

    after_on: date
    """Last day of the statement before."""
    before_on: date
    """First day of the statement after."""
    difference_minor: int
    """What the missing entries come to."""


def new_entries(
    statement: BankStatement, known: Sequence[Covered], stored: Mapping[EntryKey, int]
) -> list[NewEntry]:
    """Return the entries of a statement that are not stored yet.

    `known` are the stored statements of the account, `stored` counts their entries by key. Raises StatementError where
    the statement covers days of others and contradicts them.
    """
    fresh = _beyond(statement.entries, stored)
    overlapping = [
        one for one in known if one.from_on <= statement.through_on and statement.from_on <= one.through_on
    ]
    if not overlapping:
        return fresh
    own = Covered(statement.from_on, statement.through_on, statement.opening_minor, statement.closing_minor)
    # A statement that began before, or on the same day, has the balance from which entries are summed.
    earlier = [one for one in overlapping if one.from_on <= own.from_on]
    anchors = [one for one in known if one.from_on <= own.from_on] if earlier else [own]
    if any(_difference(anchor, own, fresh, stored) == 0 for anchor in anchors):
        return fresh
    # It begins in the middle of the day on which another one ends: what is alike in both is not the same.
    appended = [(entry, stored.get(entry.key, 0) + nth) for entry, nth in _beyond(statement.entries, {})]
    if any(
        one.closing_minor == statement.opening_minor and _difference(one, own, appended, stored) == 0
        for one in overlapping
    ):
        return appended
    difference = _difference((earlier or [own])[0], own, fresh, stored)
    # It was exported before the last entries of its last day, which another file has: nothing in it is new.
    if not fresh and difference == -_beyond_minor(statement, stored):
        return []
    raise StatementError(
        f"it contradicts statements that are loaded for the same days, by {major_text(difference, 2)}: export the days "
        f"{statement.from_on} to {statement.through_on} in the format of the earlier files"
    )


def adjoins(statement: BankStatement, known: Sequence[Covered]) -> bool:
    """Return whether the balance that a statement begins with is one of a stored statement of its account.

    Either its first day is one of a stored statement, from whose balance `new_entries` sums, or it begins with the
    balance with which the last stored statement before it ends.
    """
    if any(one.from_on <= statement.from_on <= one.through_on for one in known):
        return True
    before = [one for one in known if one.through_on < statement.from_on]
    latest = max((one.through_on for one in before), default=None)
    return any(one.through_on == latest and one.closing_minor == statement.opening_minor for one in before)


def gaps(statements: Iterable[Covered]) -> list[Gap]:
    """Return where statements of an account are missing, in the order of their days."""
    found: list[Gap] = []
    latest: list[Covered] = []
    for one in sorted(statements, key=lambda each: (each.from_on, each.through_on)):
        if latest and one.from_on > latest[0].through_on:
            if all(one.opening_minor != before.closing_minor for before in latest):
                last = latest[-1]
                found.append(Gap(last.through_on, one.from_on, one.opening_minor - last.closing_minor))
            latest = [one]
        elif not latest or one.through_on > latest[0].through_on:
            latest = [one]
        elif one.through_on == latest[0].through_on:
            latest.append(one)
    return found


def _beyond(entries: Iterable[StatementEntry], stored: Mapping[EntryKey, int]) -> list[NewEntry]:
    seen: Counter[EntryKey] = Counter()
    new = []
    for entry in entries:
        seen[entry.key] += 1
        if seen[entry.key] > stored.get(entry.key, 0):
            new.append((entry, seen[entry.key]))
    return new


def _beyond_minor(statement: BankStatement, stored: Mapping[EntryKey, int]) -> int:
    """Return what the stored entries of a statement's last day come to that the statement does not have."""
    own = Counter(entry.key for entry in statement.entries)
    return sum(key[1] * (count - own[key]) for key, count in stored.items() if key[0] == statement.through_on)


def _difference(
    anchor: Covered, statement: Covered, fresh: Iterable[NewEntry], stored: Mapping[EntryKey, int]
) -> int:
    """Return by how much a closing balance differs from an earlier opening balance and all entries since."""
    moved: defaultdict[date, int] = defaultdict(int)
    for (day, amount, _reference), count in stored.items():
        moved[day] += amount * count
    for entry, _nth in fresh:
        moved[entry.booked_on] += entry.amount_minor
    since = sum(minor for day, minor in moved.items() if anchor.from_on <= day <= statement.through_on)
    return statement.closing_minor - anchor.opening_minor - since
