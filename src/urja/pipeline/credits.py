"""Posting of requested credits and debits."""

from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import datetime

from urja.apps.billing import posting as operations
from urja.apps.billing.arrears_rules import arrears_rules
from urja.apps.books import locking, posting as books
from urja.apps.books.operations import CreditRow, DebitRow
from urja.apps.journal.queries import Subject
from urja.apps.local_zone import local_zone
from urja.core.calendar import local_day
from urja.pipeline.savepoints import Savepoints


def post_credits(now: datetime, *, wait: bool = True) -> int:
    """Post credits that wait, and debits of reversed credits, with the local day of `now` as their day; return how
    many.

    The share of a recharge that goes to dues, or comes back from them, is posted with it. An account whose request is
    refused is held back, and the others are posted. Without `wait`, buckets that another transaction has locked are left
    to a later run: no recharge waits for the close of other accounts' day.
    """
    day = local_day(now, local_zone())
    posted = 0
    credits_apart, debits_apart = _Apart("credits", now), _Apart("debits", now)
    if buckets := books.buckets_with_credits():
        rules = arrears_rules(now)
        posted += _each(
            buckets,
            lambda bucket: operations.post_credit_requests(
                bucket, day, now, rules, apart=credits_apart, wait=wait
            ),
        )
    if buckets := books.buckets_with_debits():
        posted += _each(
            buckets,
            lambda bucket: operations.post_debit_requests(bucket, day, now, apart=debits_apart, wait=wait),
        )
    if wait:
        for apart in (credits_apart, debits_apart):
            apart.end()
    return posted


def _each(buckets: list[int], post: Callable[[int], int]) -> int:
    """Post in each bucket in turn, those left out that another transaction has; return how many requests were posted."""
    locking.open_buckets(buckets)
    posted = 0
    for bucket in buckets:
        with suppress(locking.BusyBucketError):
            posted += post(bucket)
    return posted


class _Apart:
    """Posts requests of each account in a savepoint; those of accounts that are held back are left out."""

    def __init__(self, step: str, now: datetime) -> None:
        self._steps, self._all = Savepoints.of("post", step, now), True

    @property
    def left_out(self) -> Collection[int]:
        """Accounts that are not to be tried again yet."""
        return self._steps.waiting()

    def __call__[Request: (CreditRow, DebitRow)](
        self, requests: list[Request], post: Callable[[list[Request]], int], /
    ) -> int:
        """Post requests of a bucket; return how many were posted."""
        self._all &= len(requests) < operations.AT_ONCE
        return sum(self._steps.run(requests, _account, post))

    def end(self) -> None:
        """Remove failures of accounts that have no request any more; to be called after all buckets."""
        if self._all:
            self._steps.remove_idle()


def _account(request: CreditRow | DebitRow) -> Subject:
    return "account", request.account_id
