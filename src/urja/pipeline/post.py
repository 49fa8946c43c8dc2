"""The pipeline's stage `post`: requested credits, days that can be closed, instalments, final settlements and statements."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from urja.pipeline import instalments, statements
from urja.pipeline.close import CUTOFF, CloseResult, close_days
from urja.pipeline.credits import post_credits
from urja.pipeline.final_settlements import settle_ended_accounts
from urja.pipeline.stage import Report

log = structlog.get_logger()


@dataclass(slots=True)
class Posted:
    """Numbers of entries that one run of the stage has posted."""

    credits: int
    closed: CloseResult
    dues: int = 0
    """Entries by which something other than a recharge has paid old dues."""
    statements: int = 0
    """Statements of account that were made."""

    @property
    def entries(self) -> int:
        """All entries that were posted."""
        return self.credits + self.closed.entries + self.dues


def run_once(now: datetime, cutoff: timedelta = CUTOFF) -> Report:
    """Post all that is due at `now`; a second run at the same time posts nothing."""
    posted = post_due(now, cutoff)
    return Report(posted.entries, held=posted.closed.problems)


def post_due(now: datetime, cutoff: timedelta = CUTOFF) -> Posted:
    """Post all that is due at `now` (business time) and return the numbers.

    If the process dies meanwhile, each bucket and day is posted whole or not at all.
    """
    posted = Posted(post_credits(now), close_days(now, cutoff))
    posted.dues = instalments.post_due(now)
    settled = settle_ended_accounts(now)
    if settled.accounts:
        # Its refunds and transfers are credit and debit requests: they are posted in this run, not in the next one.
        posted.credits += post_credits(now)
        posted.dues += settled.entries
    # Last: what is posted for days that are closed by now is stated.
    posted.statements = statements.make_due(now)
    if posted.entries or posted.closed.days or posted.statements:
        log.info(
            "posted",
            credits=posted.credits,
            days_closed=posted.closed.days,
            provisional=posted.closed.provisional,
            dues=posted.dues,
            statements=posted.statements,
            entries=posted.entries,
            waiting=posted.closed.waiting,
        )
    return posted
