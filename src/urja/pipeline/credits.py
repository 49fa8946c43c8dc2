"""Posting of requested credits and debits."""

from collections.abc import Callable
from datetime import datetime

from urja.apps.billing import posting as operations, usage
from urja.apps.billing.arrears_rules import arrears_rules
from urja.apps.books import locking, posting as books
from urja.apps.books.operations import CreditRow, DebitRow
from urja.apps.journal.queries import Subject
from urja.core.calendar import local_day
from urja.pipeline.savepoints import Savepoints


def post_credits(now: datetime, *, wait: bool = True) -> int:
    """Post credits that wait, and debits of reversed credits, with the local day of `now` as their day; return how
    many.

    The share of a recharge that goes to dues, or comes back from them, is posted with it. An account whose request is
    refused is held back, and the others are posted. Without `wait`, buckets that another transaction has locked are left
    to a later run: no recharge waits for the close of other accounts' day.
    """
    day = local_day(now, usage.zone())
    choose = list if wait else locking.idle_buckets
    posted = 0
    if buckets := choose(books.buckets_with_credits()):
        rules, apart = arrears_rules(now), _apart("credits", now)
        posted += sum(
            operations.post_credit_requests(bucket, day, now, rules, apart=apart) for bucket in buckets
        )
    if buckets := choose(books.buckets_with_debits()):
        apart = _apart("debits", now)
        posted += sum(operations.post_debit_requests(bucket, day, now, apart=apart) for bucket in buckets)
    return posted


def _apart(step: str, now: datetime) -> operations.Apart:
    steps = Savepoints.of("post", step, now)

    def apart[Request: (CreditRow, DebitRow)](
        requests: list[Request], post: Callable[[list[Request]], int], /
    ) -> int:
        return sum(steps.run(requests, _account, post))

    return apart


def _account(request: CreditRow | DebitRow) -> Subject:
    return "account", request.account_id
