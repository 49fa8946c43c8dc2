"""Posting of credits, debits, shares of dues and instalments, and the record of what periods were rated from."""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Protocol

from django.db import connection, transaction

from urja.apps.billing import arrears, look_back
from urja.apps.billing.models import Instalment
from urja.apps.books import locking
from urja.apps.books.chain import plain_json
from urja.apps.books.operations import CreditRow, DebitRow
from urja.apps.books.posting import (
    Draft,
    clearing_account,
    lock_credits,
    lock_debits,
    mark_posted,
    post_entries,
)
from urja.core.calendar import Period
from urja.core.rating import PastDemand, totals


class Apart(Protocol):
    """Posts requests so that what is refused of one account does not refuse the others; returns how many were posted."""

    @property
    def left_out(self) -> Collection[int]:
        """Accounts whose requests are not to be posted yet."""

    def __call__[Request: (CreditRow, DebitRow)](
        self, requests: list[Request], post: Callable[[list[Request]], int], /
    ) -> int: ...


class Together:
    """Posts requests of all accounts, all or none."""

    left_out: Collection[int] = ()

    def __call__[Request: (CreditRow, DebitRow)](
        self, requests: list[Request], post: Callable[[list[Request]], int], /
    ) -> int:
        """Post requests; return how many."""
        return post(requests)


TOGETHER: Final = Together()
AT_ONCE: Final = 5000
"""Requests of a bucket that are posted together."""


def post_credit_requests(
    bucket: int,
    day: date,
    posted_at: datetime,
    rules: arrears.Rules = arrears.no_rules,
    apart: Apart = TOGETHER,
    *,
    wait: bool = True,
) -> int:
    """Post the oldest unposted credit requests of a bucket on a local day; return how many were posted.

    The share of recharges that `rules` name pays the account's dues by an entry of its own. Several processes may do
    this at once: requests that another one is posting are skipped.

    Raises BusyBucketError without `wait` where another transaction has locked the bucket; then nothing is posted.
    """

    def post(waiting: list[CreditRow]) -> int:
        shares = arrears.recharge_shares(waiting, rules)
        if not wait:
            _lock_idle(bucket)
        return _post_requests(bucket, waiting, shares, _credit_draft, day, posted_at)

    with transaction.atomic():
        return apart(lock_credits(bucket, AT_ONCE, apart.left_out), post)


def post_debit_requests(
    bucket: int, day: date, posted_at: datetime, apart: Apart = TOGETHER, *, wait: bool = True
) -> int:
    """Post the oldest unposted debit requests of a bucket on a local day; return how many were posted.

    Like `post_credit_requests`; what the reversed credits had paid of dues is taken back. A debit waits until its
    credit is posted.
    """

    def post(waiting: list[DebitRow]) -> int:
        shares = arrears.reversal_shares(waiting)
        if not wait:
            _lock_idle(bucket)
        return _post_requests(bucket, waiting, shares, _debit_draft, day, posted_at)

    with transaction.atomic():
        return apart(lock_debits(bucket, AT_ONCE, apart.left_out), post)


def _lock_idle(bucket: int) -> None:
    """Lock an opened bucket; after the bills, as the order of locks is."""
    if not locking.lock_idle_bucket(bucket):
        raise locking.BusyBucketError(bucket)


def _post_requests[Request: (CreditRow, DebitRow)](
    bucket: int,
    waiting: Sequence[Request],
    shares: Mapping[int, arrears.Share],
    draft: Callable[[Request, date], Draft],
    day: date,
    posted_at: datetime,
) -> int:
    """Post requests, each followed by the entry that pays dues with it or takes such a payment back."""
    if not waiting:
        return 0
    drafts, keys = [], []
    for request in waiting:
        own = draft(request, day)
        keys.append(own.idempotency_key)
        drafts.append(own)
        if request.id in shares:
            drafts.append(_share_draft(shares[request.id], day))
    posted = {each.idempotency_key: each for each in post_entries(bucket, drafts, posted_at)}
    mark_posted(waiting, [posted[key].seq for key in keys], posted_at)
    arrears.record_payments([(posted[share.idempotency_key].seq, share) for share in shares.values()])
    return len(waiting)


def post_shares(bucket: int, shares: Sequence[tuple[date, arrears.Share]], posted_at: datetime) -> list[int]:
    """Post shares that do not belong to a credit, each on its local day; return the entries' sequence numbers.

    In a transaction that has locked the bills (`arrears.lock_dues`).
    """
    drafts = [_share_draft(share, day) for day, share in shares]
    seqs = [posted.seq for posted in post_entries(bucket, drafts, posted_at)]
    arrears.record_payments([(seq, share) for seq, (_, share) in zip(seqs, shares, strict=True)])
    return seqs


def post_instalments(
    bucket: int, due: Sequence[tuple[arrears.Plan, Sequence[date]]], posted_at: datetime
) -> list[list[date]]:
    """Post what plans of a bucket pay on their due days, the oldest first, until nothing is owed.

    Returns the posted days of each plan. The caller has locked the plans until the transaction ends and passes only
    days that are not posted yet.
    """
    dues = arrears.lock_dues(plan.account_id for plan, _ in due)
    shares = [arrears.instalments(plan, days, dues.get(plan.account_id, ())) for plan, days in due]
    seqs = iter(post_shares(bucket, [share for of_plan in shares for share in of_plan], posted_at))
    Instalment.objects.bulk_create(
        Instalment(plan_id=plan.id, account_id=plan.account_id, seq=next(seqs), due_on=day)
        for (plan, _), of_plan in zip(due, shares, strict=True)
        for day, _ in of_plan
    )
    return [[day for day, _ in of_plan] for of_plan in shares]


def _share_draft(share: arrears.Share, day: date) -> Draft:
    return Draft(
        account_id=share.account_id,
        contra=clearing_account(arrears.ARREARS_LINE),
        amount_minor=-share.amount_minor,
        origin="credit",
        line=arrears.ARREARS_LINE,
        service_date=day,
        accounting_month=day.replace(day=1),
        idempotency_key=share.idempotency_key,
        inputs=share.inputs,
    )


def _credit_draft(request: CreditRow, day: date) -> Draft:
    return Draft(
        account_id=request.account_id,
        contra=clearing_account(request.kind),
        amount_minor=request.amount_minor,
        origin="credit",
        line=request.kind,
        service_date=day,
        accounting_month=day.replace(day=1),
        idempotency_key=f"credit:{request.id}",
        inputs={
            "request": request.id,
            "reference": request.reference,
            "requested_at": request.requested_at,
            "correlation": request.correlation,
        },
    )


def _debit_draft(request: DebitRow, day: date) -> Draft:
    return Draft(
        account_id=request.account_id,
        contra=clearing_account(request.reverses),
        amount_minor=-request.amount_minor,
        origin="credit",
        line=request.kind,
        service_date=day,
        accounting_month=day.replace(day=1),
        idempotency_key=f"debit:{request.id}",
        inputs={
            "debit": request.id,
            "reference": request.reference,
            "requested_at": request.requested_at,
            "correlation": request.correlation,
        },
    )


@dataclass(frozen=True, slots=True)
class Rated:
    """What the postings of an agreement's period were calculated from."""

    agreement_id: int
    period_start: date
    period_end: date
    """The day after its last one."""
    billed: tuple[date, date]
    """The first billed day of the agreement in the period, and the day after the last."""
    through: date
    """The day after the last one that is charged."""
    uses: tuple[tuple[date, date, int], ...]
    """Energy in Wh by parts of the period: first day, day after the last, Wh."""
    versions: str
    """Fingerprint of the terms (`Basis.fingerprint`)."""
    measured: tuple[tuple[date, date, Mapping[str, int]], ...] = ()
    """Determinants that the tariffs need, by parts of the period: first day, day after the last, values by name."""
    past_demands: tuple[PastDemand, ...] = ()
    """Maximum demands of earlier periods that ratchets went by."""

    @property
    def counted_from(self) -> date:
        """The local day by which the look-back limit counts the period."""
        return look_back.counted_from(Period(self.period_start, self.period_end))

    @property
    def billed_value(self) -> int:
        """Energy of all parts, in Wh."""
        return sum(energy for _, _, energy in self.uses)

    @property
    def measured_totals(self) -> dict[str, int]:
        """Determinants of all parts by name, in the units of their quantities (Wh, VAh, varh, litres, W, VA): sums, and the highest of maxima."""
        return totals(values for _, _, values in self.measured)


def record_rated(rated: Iterable[Rated]) -> None:
    """Store what periods were rated from, in the transaction that posts them."""
    # Of a period that was rated twice, the last.
    newest = {(r.agreement_id, r.period_start): r for r in rated}.values()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_rated (agreement_id, period_start, period_end, billed_first, billed_end, through, billed_value, uses, "
            "versions, measured, past_demands) SELECT * FROM unnest(%s::bigint[], %s::date[], %s::date[], %s::date[], %s::date[], "
            "%s::date[], %s::bigint[], %s::jsonb[], %s::text[], %s::jsonb[], %s::jsonb[]) ON CONFLICT (agreement_id, period_start) "
            "DO UPDATE SET period_end = excluded.period_end, billed_first = excluded.billed_first, billed_end = excluded.billed_end, "
            "through = excluded.through, billed_value = excluded.billed_value, uses = excluded.uses, "
            "versions = excluded.versions, measured = excluded.measured, past_demands = excluded.past_demands",
            [
                [r.agreement_id for r in newest],
                [r.period_start for r in newest],
                [r.period_end for r in newest],
                [r.billed[0] for r in newest],
                [r.billed[1] for r in newest],
                [r.through for r in newest],
                [r.billed_value for r in newest],
                [json.dumps(plain_json(r.uses)) for r in newest],
                [r.versions for r in newest],
                [json.dumps(plain_json(r.measured)) if r.measured else None for r in newest],
                [
                    json.dumps(plain_json([past.to_json() for past in r.past_demands]))
                    if r.past_demands
                    else None
                    for r in newest
                ],
            ],
        )


@dataclass(frozen=True, slots=True)
class Close:
    """How far an agreement is closed."""

    agreement_id: int
    through: date
    """The last closed local day."""
    provisional: bool
    """Whether the register read at its end is missing."""
    ended_at: datetime | None
    """End of the agreement, where this is its last day."""


def record_closes(closes: Iterable[Close], closed_at: datetime) -> None:
    """Store the last closed local day of agreements."""
    stored = list(closes)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO billing_close (agreement_id, closed_through, closed_at, provisional, ended_at) "
            "SELECT id, through, %s, provisional, ended_at "
            "FROM unnest(%s::bigint[], %s::date[], %s::boolean[], %s::timestamptz[]) AS c (id, through, provisional, ended_at) "
            "ON CONFLICT (agreement_id) DO UPDATE SET "
            "closed_through = excluded.closed_through, closed_at = excluded.closed_at, "
            "provisional = excluded.provisional, ended_at = excluded.ended_at",
            [
                closed_at,
                [close.agreement_id for close in stored],
                [close.through for close in stored],
                [close.provisional for close in stored],
                [close.ended_at for close in stored],
            ],
        )
