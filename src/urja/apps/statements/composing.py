"""The content of a statement, from the ledger's entries and the period as one bill. It reads nothing."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date
from typing import Final

import msgspec

from urja.apps.books.kinds import RECHARGE_KINDS
from urja.apps.statements.kinds import (
    AccountMovement,
    LateCharge,
    PeriodCorrection,
    RevisedStatement,
    StatementContent,
)
from urja.apps.statements.ledger import Entry, Stated

PAYMENTS: Final = (*RECHARGE_KINDS, "reversal")
"""Lines of entries by which a consumer pays, and by which that goes back; all other credits and debits are adjustments."""


def compose(
    draft: StatementContent,
    posted: Sequence[Entry],
    moved: Sequence[Entry],
    stated: Stated | None,
    cause_of: Callable[[int], str],
) -> StatementContent:
    """Return the content of a statement, or of the revision of `stated`, whose account and days stay as they are.

    `posted` are all charges of the period, of a final statement none; `moved` is what moved the account in its time. `cause_of` returns why an
    entry, by its number, changes what was charged.
    """
    late = late_entries(posted, stated, draft.period_to)
    if stated is None:
        own = {entry.seq for entry in posted}
        others = [entry for entry in moved if entry.seq not in own]
        credits_ = [entry for entry in others if entry.charges is None]
        return msgspec.structs.replace(
            draft,
            payments=_movements(entry for entry in credits_ if entry.line in PAYMENTS),
            adjustments=_movements(entry for entry in credits_ if entry.line not in PAYMENTS),
            corrections=_corrections(others),
            late=_late(late, cause_of),
        )
    known = {one.seq: one for one in stated.content.late}
    former = stated.content
    return msgspec.structs.replace(
        draft,
        opening_minor=former.opening_minor,
        closing_minor=former.closing_minor,
        payments=former.payments,
        adjustments=former.adjustments,
        corrections=former.corrections,
        late=(*known.values(), *_late(late, cause_of)),
        revises=RevisedStatement(
            number=stated.number, sha256=stated.sha256.hex(), total_minor=former.total_minor
        ),
    )


def late_entries(posted: Sequence[Entry], stated: Stated | None, period_to: date) -> list[Entry]:
    """Return the charges of a period that were posted after it; of one that is stated, after its newest statement."""
    if stated is None:
        return [entry for entry in posted if entry.day >= period_to]
    return [entry for entry in posted if entry.seq > stated.through_seq]


def _movements(entries: Iterable[Entry]) -> tuple[AccountMovement, ...]:
    return tuple(
        AccountMovement(
            seq=entry.seq,
            day=entry.day,
            line=entry.line,
            title=entry.title,
            amount_minor=entry.amount_minor,
            reference=entry.reference,
        )
        for entry in entries
    )


def _corrections(entries: Iterable[Entry]) -> tuple[PeriodCorrection, ...]:
    """Return what was charged for other periods, by period and line."""
    found: dict[tuple[date, str], list[Entry]] = {}
    for entry in entries:
        if entry.charges is not None:
            found.setdefault((entry.charges[1], entry.line), []).append(entry)
    return tuple(
        PeriodCorrection(
            period_from=start,
            line=line,
            title=of_line[-1].title,
            charged_minor=-sum(entry.amount_minor for entry in of_line),
        )
        for (start, line), of_line in sorted(found.items(), key=lambda one: one[0])
    )


def _late(entries: Iterable[Entry], cause_of: Callable[[int], str]) -> tuple[LateCharge, ...]:
    return tuple(
        LateCharge(
            seq=entry.seq,
            day=entry.day,
            line=entry.line,
            title=entry.title,
            charged_minor=-entry.amount_minor,
            one_bill=entry.one_bill,
            cause=cause_of(entry.seq),
        )
        for entry in entries
    )
