"""The pipeline's stage `post`: requested credits, days that can be closed, instalments, final settlements and statements."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from urja.apps.billing import reviews
from urja.apps.billing.queries import charge_reviews
from urja.apps.journal.queries import failures
from urja.apps.statements.queries import refused_statements
from urja.pipeline import instalments, statements
from urja.pipeline.close import CUTOFF, CloseResult, close_days
from urja.pipeline.credits import post_credits
from urja.pipeline.final_settlements import settle_ended_accounts
from urja.pipeline.savepoints import Savepoints
from urja.pipeline.stage import Report
from urja.usecases import review_messages

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
    refused: list[str] = field(default_factory=list)
    """For each account for which a step fails, or whose statement the database refuses: why."""

    @property
    def entries(self) -> int:
        """All entries that were posted."""
        return self.credits + self.closed.entries + self.dues


def run_once(now: datetime, cutoff: timedelta = CUTOFF) -> Report:
    """Post all that is due at `now`; a second run at the same time posts nothing."""
    posted = post_due(now, cutoff)
    held = [*posted.closed.problems, *posted.refused]
    return Report(posted.entries, detail=_overdue(charge_reviews.overdue_reviews(now)), held=held)


def _overdue(count: int) -> str:
    if not count:
        return ""
    return (
        f"{count} {'review' if count == 1 else 'reviews'} of abnormal charges should have been decided: see Charge reviews "
        "on the console"
    )


def post_due(now: datetime, cutoff: timedelta = CUTOFF) -> Posted:
    """Post all that is due at `now` (business time) and return the numbers.

    If the process dies meanwhile, each bucket and day is posted whole or not at all.
    """
    # Before the credits: what an undecided review gives back is posted in the same run.
    reviews_ended = _end_reviews(now)
    posted = Posted(post_credits(now), close_days(now, cutoff))
    posted.dues = instalments.post_due(now)
    settled = settle_ended_accounts(now)
    if settled.accounts:
        # Its refunds and transfers are credit and debit requests: they are posted in this run, not in the next one.
        posted.credits += post_credits(now)
        posted.dues += settled.entries
    # Last: what is posted for days that are closed by now is stated.
    posted.statements = statements.make_due(now).statements
    posted.refused = [one.problem for one in refused_statements()] + list(map(str, failures("post")))
    if posted.entries or posted.closed.days or posted.statements or reviews_ended:
        log.info(
            "posted",
            credits=posted.credits,
            days_closed=posted.closed.days,
            provisional=posted.closed.provisional,
            dues=posted.dues,
            statements=posted.statements,
            entries=posted.entries,
            rated_by_arrays=posted.closed.by_arrays,
            rated_by_engine=posted.closed.by_engine,
            waiting=posted.closed.waiting,
            reviews_ended=reviews_ended,
        )
    return posted


def _end_reviews(now: datetime) -> int:
    """End the reviews whose time is over, and request the messages of it; return how many ended."""
    apart = Savepoints.of("post", "the end of a review", now)

    def end(review_ids: list[int]) -> int:
        ended = [one for one in review_ids if reviews.end_undecided(one, now)]
        review_messages.request_ended(ended, now)
        return len(ended)

    ended = sum(apart.run(reviews.over(now), lambda one: ("review", one), end))
    apart.remove_idle()
    return ended
