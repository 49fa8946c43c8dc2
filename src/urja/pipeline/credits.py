"""Posting of the credits and debits that were asked for."""

from datetime import datetime

from urja.apps.billing import posting as operations, usage
from urja.apps.billing.arrears_rules import arrears_rules
from urja.apps.books.models import CreditRequest, DebitRequest
from urja.base.ids import bucket_of
from urja.core.calendar import local_day


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
