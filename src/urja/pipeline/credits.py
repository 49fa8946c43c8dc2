"""Posting of requested credits and debits."""

from datetime import datetime

from urja.apps.billing import posting as operations, usage
from urja.apps.billing.arrears_rules import arrears_rules
from urja.apps.books import posting as books
from urja.core.calendar import local_day


def post_credits(now: datetime) -> int:
    """Post credits that wait, and debits of reversed credits, with the local day of `now` as their day; return how
    many.

    The share of a recharge that goes to dues, or comes back from them, is posted with it.
    """
    day = local_day(now, usage.zone())
    rules = arrears_rules(now)
    return sum(
        operations.post_credit_requests(bucket, day, now, rules) for bucket in books.buckets_with_credits()
    ) + sum(operations.post_debit_requests(bucket, day, now) for bucket in books.buckets_with_debits())
