"""The pipeline's stage `post`: credits that were asked for, and the days that can be closed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from urja.pipeline import instalments
from urja.pipeline.close import CUTOFF, CloseResult, close_days
from urja.pipeline.credits import post_credits
from urja.pipeline.final_settlements import settle_ended_accounts
from urja.pipeline.stage import Report

log = structlog.get_logger()


@dataclass(slots=True)
class Posted:
    """What one run of the stage has posted."""

    credits: int
    closed: CloseResult
    dues: int = 0
    """Entries by which something else than a recharge has paid old dues."""

    @property
    def entries(self) -> int:
        """Entries that were posted."""
        return self.credits + self.closed.entries + self.dues


def run_once(now: datetime, cutoff: timedelta = CUTOFF) -> Report:
    """Post what is due at `now`; a second run at the same time posts nothing."""
    posted = post_due(now, cutoff)
    return Report(posted.entries, held=posted.closed.problems)


def post_due(now: datetime, cutoff: timedelta = CUTOFF) -> Posted:
    """Post what is due at `now`, and say what that was.

    `now` is business time. A process that dies meanwhile has posted whole buckets and days or nothing of them.
    """
    posted = Posted(post_credits(now), close_days(now, cutoff))
    posted.dues = instalments.post_due(now)
    settled = settle_ended_accounts(now)
    if settled.accounts:
        posted.credits += post_credits(now)
        posted.dues += settled.entries
    if posted.entries or posted.closed.days:
        log.info(
            "posted",
            credits=posted.credits,
            days_closed=posted.closed.days,
            provisional=posted.closed.provisional,
            dues=posted.dues,
            entries=posted.entries,
            waiting=posted.closed.waiting,
        )
    return posted
