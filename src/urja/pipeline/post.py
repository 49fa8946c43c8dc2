"""The pipeline's stage `post`: credits that were asked for, and the days that can be closed."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from urja.apps.billing import posting as operations, usage
from urja.apps.billing.arrears_rules import arrears_rules
from urja.apps.books.models import CreditRequest, DebitRequest
from urja.base.ids import bucket_of
from urja.core.calendar import local_day
from urja.pipeline import instalments
from urja.pipeline.close import CUTOFF, Closed, close_days
from urja.pipeline.leaving import settle_left

log = structlog.get_logger()


@dataclass(slots=True)
class Report:
    """What one run of the stage has done."""

    credits: int
    closed: Closed
    dues: int = 0
    """Entries by which something else than a recharge has paid old dues."""

    @property
    def entries(self) -> int:
        """Entries that were posted."""
        return self.credits + self.closed.entries + self.dues


def run_once(now: datetime, cutoff: timedelta = CUTOFF) -> Report:
    """Post what is due at `now`; a second run at the same time posts nothing.

    `now` is business time. A process that dies meanwhile has posted whole buckets and days or nothing of them.
    """
    report = Report(post_credits(now), close_days(now, cutoff))
    report.dues = instalments.post_due(now)
    settled = settle_left(now)
    if settled.accounts:
        report.credits += post_credits(now)
        report.dues += settled.entries
    if report.entries or report.closed.days:
        log.info(
            "posted",
            credits=report.credits,
            days_closed=report.closed.days,
            provisional=report.closed.provisional,
            dues=report.dues,
            entries=report.entries,
            waiting=report.closed.waiting,
        )
    return report


def post_credits(now: datetime) -> int:
    """Post the credits that wait, and what is taken back of them; how many there were.

    What goes to arrears of a recharge, or comes back from them, is posted with it.
    """
    day = local_day(now, usage.zone())
    rules = arrears_rules(now)
    return sum(
        operations.post_credit_requests(bucket, day, now, rules) for bucket in _waiting(CreditRequest)
    ) + sum(operations.post_debit_requests(bucket, day, now) for bucket in _waiting(DebitRequest))


def _waiting(kind: type[CreditRequest] | type[DebitRequest]) -> list[int]:
    """The buckets with unposted requests."""
    waiting = kind.objects.filter(posted_at=None).values_list("id", flat=True)
    return sorted({bucket_of(id_) for id_ in waiting})
